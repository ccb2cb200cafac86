"""NIfTI files with their BIDS sidecars: one series each."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import math
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.core.series import Encoding, FrameSource, SeriesHeader
from qiqa.io.bids import BidsName, bids_modality, bids_name, stem_of
from qiqa.io.dialects import Scale
from qiqa.io.sidecar import Sidecar, read_sidecar
from qiqa.io.sources import Archives, Blob, blob_at, gunzip

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

__all__ = [
    "NiftiFile",
    "is_nifti",
    "nifti_header",
    "nifti_header_and_affine",
    "open_nifti",
    "siblings",
]

_HEAD = 64 << 10
_GZIP = b"\x1f\x8b"
_FIXED_HEADER = 544
"""Bytes of the longest fixed header (NIfTI-2) and the four that announce extensions."""


def is_nifti(blob: Blob, archives: Archives) -> bool:
    """Say whether a file holds a NIfTI image, by its content."""
    head = blob.read(archives, _HEAD)
    if head[:2] == _GZIP:
        try:
            head = gunzip(head, blob.name, 512)
        except ReadError:
            return False
    return head[344:348] == b"n+1\x00" or head[4:8] == b"n+2\x00"


def _image(data: bytes, name: str) -> Nifti1Image:
    """Return header and affine; pixels are never taken from what this returns."""
    from nibabel import Nifti1Image, Nifti2Image
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    kind = Nifti2Image if data[4:8] == b"n+2\x00" else Nifti1Image
    try:
        return kind.from_stream(io.BytesIO(data))
    except (ImageFileError, HeaderDataError, ValueError, OSError) as error:
        raise ReadError(f"not a readable NIfTI image: {error}", where=name) from error


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How the pixels of a NIfTI file are stored."""

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    offset: int
    scale: Scale
    affine: NDArray[np.float64]

    @property
    def end(self) -> int:
        """Bytes that the unpacked file must have."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def _form(data: bytes, name: str) -> _Form:
    """Return how pixels are stored, from the first bytes of an unpacked file."""
    image = _image(data, name)
    proxy: Any = image.dataobj
    dtype = np.dtype(proxy.dtype)
    if not 2 <= len(image.shape) <= 4 or dtype.kind not in "iuf" or min(image.shape) < 1:
        text = f"shape {image.shape} of {dtype} is no image or stack of images"
        raise ReadError(text, where=name)
    columns, rows, slices, volumes = (*image.shape, 1, 1)[:4]
    return _Form(
        shape=(columns, rows, slices, volumes),
        dtype=dtype,
        offset=int(proxy.offset),
        scale=Scale(slope=float(proxy.slope), intercept=float(proxy.inter)),
        affine=np.asarray(image.affine, dtype=np.float64),
    )


def _check_length(form: _Form, there: int, name: str) -> None:
    if there < form.end:
        needed = form.end - form.offset
        text = f"{needed} bytes announced, {max(there - form.offset, 0)} there"
        raise ReadError(text, where=name, hint="copy or convert the file again")


def _unpacked_size(blob: Blob, archives: Archives, expected: int) -> int:
    """Return the size after gzip is undone: the one stated at the end, if it is as expected."""
    if blob.member is None and blob.size > 18:
        with Path(blob.path).open("rb") as file:
            file.seek(-4, io.SEEK_END)
            if int.from_bytes(file.read(4), "little") == expected % (1 << 32):
                return expected
    return len(gunzip(blob.read(archives), blob.name))


def _rows_down(affine: NDArray[np.float64]) -> bool:
    """Say whether axes are right-handed as in DICOM: slices run along row x column."""
    return float(np.linalg.det(affine[:3, :3])) > 0


def turned(affine: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return the affine of a series: that of the image, turned over along j if left-handed."""
    result = affine.copy()
    if not _rows_down(affine):
        result[:3, 3] += result[:3, 1] * (rows - 1)
        result[:3, 1] *= -1.0
    return result


def nifti_header(blob: Blob, archives: Archives) -> SeriesHeader:
    """Return the header of a NIfTI file; all else as `nifti_header_and_affine`."""
    return nifti_header_and_affine(blob, archives)[0]


def nifti_header_and_affine(
    blob: Blob, archives: Archives
) -> tuple[SeriesHeader, NDArray[np.float64]]:
    """Return the header of a NIfTI file, with what its sidecar says, and its affine as it has it.

    Left-handed images (as most converters write them) are turned over along j in the header, so
    that slices run in the direction of row x column, as in DICOM.

    Raises
    ------
    ReadError
        If it cannot be read, or is no stack of scalar images.
    """
    stored = blob.read(archives, _HEAD)
    packed = stored[:2] == _GZIP
    try:
        form = _form(gunzip(stored, blob.name, _FIXED_HEADER) if packed else stored, blob.name)
    except ReadError:
        # extensions may be longer than the first bytes
        whole = blob.read(archives)
        form = _form(gunzip(whole, blob.name) if packed else whole, blob.name)
    size = _unpacked_size(blob, archives, form.end) if packed else blob.size
    _check_length(form, size, blob.name)
    shape, affine = form.shape, form.affine
    if not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        raise ReadError("the affine is singular", where=blob.name)
    affine = turned(affine, shape[1])
    affine.flags.writeable = False
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    first, step = float(normal @ affine[:3, 3]), float(normal @ affine[:3, 2])
    sidecar = read_sidecar(siblings(blob, archives), form.affine)
    size_mm = np.linalg.norm(affine[:3, :3], axis=0)
    named = bids_name(blob.member or blob.path)
    fingerprint = hashlib.sha256(stored[:_HEAD] + str(blob.size).encode("ascii"))
    header = SeriesHeader(
        series_uid=f"nifti:{fingerprint.hexdigest()[:32]}",
        study_uid=sidecar.study_uid,
        description=sidecar.description or PurePath(blob.member or blob.path).name,
        modality=sidecar.modality or bids_modality(blob.member or blob.path),
        scanner=sidecar.scanner,
        acquisition=sidecar.acquisition(
            (shape[0], shape[1]),
            (float(size_mm[0]), float(size_mm[1]), float(size_mm[2])),
            shape[2],
        ),
        affine=affine,
        shape=shape,
        encoding=_encoding(sidecar, shape[3]),
        frames=_frames(blob, shape),
        slice_positions_mm=tuple(first + k * step for k in range(shape[2])),
        dialect="nifti",
        derived=sidecar.derived,
        component=_component(sidecar, named),
    )
    return header, form.affine


def _frames(blob: Blob, shape: tuple[int, int, int, int]) -> tuple[tuple[FrameSource, ...], ...]:
    return tuple(
        tuple(
            FrameSource(path=blob.path, member=blob.member, frame=n * shape[2] + k)
            for k in range(shape[2])
        )
        for n in range(shape[3])
    )


def _component(sidecar: Sidecar, named: BidsName | None) -> str:
    """Return the kind of image: what the name says (`part-phase`), else what the sidecar does."""
    part = None if named is None else named.entities.get("part")
    stated = {"mag": "magnitude", "phase": "phase", "real": "real", "imag": "imaginary"}
    return stated.get(part or "") or sidecar.component


def _encoding(sidecar: Sidecar, n_volumes: int) -> Encoding:
    for name, unit, values in sidecar.axes:
        if len(values) == n_volumes:
            directions = sidecar.directions if name == "b_value" else None
            tr_ms = sidecar.tr_ms
            differ = len(tr_ms) == n_volumes and len(set(tr_ms)) > 1
            return Encoding(
                name=name,
                values=values,
                unit=unit,
                directions=directions,
                tr_ms=tr_ms if differ else None,
            )
    if n_volumes == 1:
        return Encoding()
    return Encoding(name="repeat", values=tuple(map(float, range(n_volumes))), unit="1")


def siblings(blob: Blob, archives: Archives) -> dict[str, bytes]:
    """Return the contents of the files beside an image: json, bval, bvec."""
    stem = stem_of(blob.member or blob.path)
    found: dict[str, bytes] = {}
    if stem is None:
        return found
    for kind in ("json", "bval", "bvec"):
        path = f"{stem}.{kind}"
        try:
            beside = blob_at(blob.path, path, archives) if blob.member else blob_at(path)
            found[kind] = beside.read(archives, 16 << 20)
        except ReadError:
            continue  # sidecars are optional
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NiftiFile:
    """One NIfTI file read whole; planes are views of its unpacked bytes."""

    name: str
    planes: NDArray[Any]
    """(volumes times slices, j, i), as stored but turned over along j where left-handed."""
    shape: tuple[int, int, int, int]
    """(i, j, k, n)"""
    affine: NDArray[np.float64]
    """That of the planes as given here, (4, 4), right-handed."""
    scale: Scale
    sha256: str
    decoder: str = "none"

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """Smallest and largest stored value, None for floating point."""
        if self.planes.dtype.kind not in "iu":
            return None
        info = np.iinfo(self.planes.dtype)
        return float(info.min), float(info.max)

    def plane(self, index: int) -> tuple[NDArray[Any], Scale]:
        """Return the stored values (j, i) of one slice of one volume, and their scale.

        Raises
        ------
        ReadError
            If the file no longer holds it.
        """
        if not 0 <= index < len(self.planes):
            text = f"slice {index} of {len(self.planes)} asked for"
            raise ReadError(text, where=self.name)
        return self.planes[index], self.scale


def open_nifti(path: str, member: str | None, archives: Archives) -> NiftiFile:
    """Read a NIfTI file whole, its pixels as they are stored.

    Raises
    ------
    ReadError
        If it has gone, is cut short or is no stack of scalar images.
    """
    blob = blob_at(path, member, archives)
    data = blob.read(archives)
    sha256 = hashlib.sha256(data).hexdigest()
    if data[:2] == _GZIP:
        data = gunzip(data, blob.name)
    form = _form(data, blob.name)
    _check_length(form, len(data), blob.name)
    columns, rows, slices, volumes = form.shape
    count = columns * rows * slices * volumes
    values: NDArray[Any] = np.frombuffer(data, form.dtype, count, form.offset)
    planes = values.reshape(slices * volumes, rows, columns)
    return NiftiFile(
        name=blob.name,
        planes=planes if _rows_down(form.affine) else planes[:, ::-1],
        shape=form.shape,
        affine=turned(form.affine, rows),
        scale=form.scale,
        sha256=sha256,
    )
