"""NIfTI files with their BIDS sidecars: one series each."""

from __future__ import annotations

import hashlib
import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader, SourceFile
from qiqa.io.sidecar import Sidecar, read_sidecar
from qiqa.io.sources import Archives, Blob, blob_at, gunzip

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

__all__ = ["is_nifti", "load_nifti", "nifti_header"]

_HEAD = 64 << 10
_SUFFIXES = (".nii.gz", ".nii")


def is_nifti(blob: Blob, archives: Archives) -> bool:
    """Say whether a file holds a NIfTI image, by its content."""
    head = blob.read(archives, _HEAD)
    if head[:2] == b"\x1f\x8b":
        try:
            head = gunzip(head, blob.name, 512)
        except ReadError:
            return False
    return head[344:348] == b"n+1\x00" or head[4:8] == b"n+2\x00"


def _image(data: bytes, name: str) -> Nifti1Image:
    from nibabel import Nifti1Image, Nifti2Image
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    kind = Nifti2Image if data[4:8] == b"n+2\x00" else Nifti1Image
    try:
        return kind.from_bytes(data)
    except (ImageFileError, HeaderDataError, ValueError, OSError) as error:
        raise ReadError(f"not a readable NIfTI image: {error}", where=name) from error


def _stored_type(image: Nifti1Image) -> np.dtype[Any]:
    untyped: Any = image
    found: np.dtype[Any] = np.dtype(untyped.get_data_dtype())
    return found


def _open(blob: Blob, archives: Archives) -> tuple[Nifti1Image, bytes]:
    stored = blob.read(archives)
    data = gunzip(stored, blob.name) if stored[:2] == b"\x1f\x8b" else stored
    image = _image(data, blob.name)
    shape, dtype = image.shape, _stored_type(image)
    if not 2 <= len(shape) <= 4 or dtype.kind not in "iuf" or min(shape) < 1:
        raise ReadError(f"shape {shape} of {dtype} is no image or stack of images", where=blob.name)
    needed = math.prod(shape) * dtype.itemsize
    if needed > len(data):
        raise ReadError(f"{needed} bytes announced, {len(data)} there", where=blob.name)
    return image, stored


def _rows_down(affine: NDArray[np.float64]) -> bool:
    """Say whether axes are right-handed as in DICOM: slices run along row x column."""
    return float(np.linalg.det(affine[:3, :3])) > 0


def nifti_header(blob: Blob, archives: Archives) -> SeriesHeader:
    """Return the header of a NIfTI file, with what its sidecar says.

    Left-handed images (as most converters write them) are turned over along j, so that slices
    run in the direction of row x column, as in DICOM.

    Raises
    ------
    ReadError
        If it cannot be read, or is no stack of scalar images.
    """
    image, stored = _open(blob, archives)
    shape = (*image.shape, 1, 1)[:4]
    affine = np.asarray(image.affine, dtype=np.float64).copy()
    if not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        raise ReadError("the affine is singular", where=blob.name)
    if not _rows_down(affine):
        affine[:3, 3] += affine[:3, 1] * (shape[1] - 1)
        affine[:3, 1] *= -1.0
    affine.flags.writeable = False
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    first, step = float(normal @ affine[:3, 3]), float(normal @ affine[:3, 2])
    sidecar = read_sidecar(_siblings(blob, archives), np.asarray(image.affine))
    size = np.linalg.norm(affine[:3, :3], axis=0)
    frames = tuple(
        tuple(
            FrameSource(path=blob.path, member=blob.member, frame=n * shape[2] + k)
            for k in range(shape[2])
        )
        for n in range(shape[3])
    )
    fingerprint = hashlib.sha256(stored[:_HEAD] + str(len(stored)).encode("ascii"))
    return SeriesHeader(
        series_uid=f"nifti:{fingerprint.hexdigest()[:32]}",
        study_uid=sidecar.study_uid,
        description=sidecar.description or PurePath(blob.member or blob.path).name,
        modality=sidecar.modality,
        scanner=sidecar.scanner,
        acquisition=sidecar.acquisition(
            (shape[0], shape[1]), (float(size[0]), float(size[1]), float(size[2])), shape[2]
        ),
        affine=affine,
        shape=(shape[0], shape[1], shape[2], shape[3]),
        encoding=_encoding(sidecar, shape[3]),
        frames=frames,
        slice_positions_mm=tuple(first + k * step for k in range(shape[2])),
        dialect="nifti",
    )


def _encoding(sidecar: Sidecar, n_volumes: int) -> Encoding:
    for name, unit, values in sidecar.axes:
        if len(values) == n_volumes:
            directions = sidecar.directions if name == "b_value" else None
            return Encoding(name=name, values=values, unit=unit, directions=directions)
    if n_volumes == 1:
        return Encoding()
    return Encoding(name="repeat", values=tuple(map(float, range(n_volumes))), unit="1")


def _siblings(blob: Blob, archives: Archives) -> dict[str, bytes]:
    """Return the contents of the files beside an image: json, bval, bvec."""
    name = blob.member or blob.path
    stem = next((name[: -len(s)] for s in _SUFFIXES if name.lower().endswith(s)), None)
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


def load_nifti(header: SeriesHeader) -> Series:
    """Return a NIfTI series with its pixels.

    Raises
    ------
    ReadError
        If the file has gone or changed its shape.
    """
    source = header.frames[0][0]
    with Archives() as archives:
        blob = blob_at(source.path, source.member, archives)
        image, stored = _open(blob, archives)
    if (*image.shape, 1, 1)[:4] != header.shape:
        raise ReadError(f"is {image.shape} now, was {header.shape}", where=blob.name)
    values: NDArray[Any] = np.asarray(image.dataobj, dtype=np.float32).reshape(header.shape)
    if not _rows_down(np.asarray(image.affine)):
        values = values[:, ::-1]
    proxy: Any = image.dataobj
    slope, intercept = float(proxy.slope), float(proxy.inter)
    dtype = _stored_type(image)
    limits = None
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        ends = sorted((info.min * slope + intercept, info.max * slope + intercept))
        limits = (ends[0], ends[1])
    return Series(
        header=header,
        signal=np.asfortranarray(values),
        sources=(SourceFile(path=blob.name, sha256=hashlib.sha256(stored).hexdigest()),),
        stored_range=limits,
        quantization=abs(slope) if limits else 0.0,
    )
