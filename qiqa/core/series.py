"""Images: a header without pixels, and a series with them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import digest, plain
from qiqa.core.scanner import Acquisition, Scanner

__all__ = ["Encoding", "FrameSource", "Series", "SeriesHeader", "SourceFile"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrameSource:
    """Where one image plane is stored."""

    path: str
    """File, or zip archive."""
    member: str | None = None
    """Name inside the archive."""
    frame: int = 0
    """Frame of a multi-frame object, tile of a mosaic, or slice of a NIfTI volume, from 0."""
    sop_instance_uid: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that numbers came from, with the hash that proves which."""

    path: str
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What distinguishes the n volumes of a series.

    `name` is `none`, `echo_time`, `inversion_time`, `repetition_time`, `b_value`, `flip_angle` or
    `repeat`; `values` holds one number a volume in `unit` (ms, s/mm², degree; 1 for repeats).
    """

    name: str = "none"
    values: tuple[float, ...] = (0.0,)
    unit: str = ""
    directions: tuple[tuple[float, float, float], ...] | None = None
    """Diffusion directions, RAS unit vectors, (0, 0, 0) where none; only for `b_value`."""
    tr_ms: tuple[float, ...] | None = None
    """Repetition time of each volume [ms], where it differs from volume to volume."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHeader:
    """One stack of slices, n volumes deep, as the headers describe it; no pixels.

    `affine` maps (i, j, k) to RAS+ mm; i runs along a row, j down a column, k through the
    slices in the direction of the cross product of the row and column vectors in DICOM.
    """

    series_uid: str
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    description: str | None = None
    modality: str | None = None
    scanner: Scanner
    acquisition: Acquisition
    affine: NDArray[np.float64]
    shape: tuple[int, int, int, int]
    encoding: Encoding = Encoding()
    frames: tuple[tuple[FrameSource, ...], ...]
    """One tuple of k sources a volume: frames[n][k]."""
    slice_positions_mm: tuple[float, ...]
    """Positions along the slice normal, rising; equals what the affine says when regular."""
    dialect: str = "generic"
    """Which vendor module read it."""
    derived: bool = False
    """True for maps and other images computed by the scanner (ADC, trace, FA, ...)."""
    component: str = "magnitude"
    """`magnitude`, `phase`, `real`, `imaginary`, or the kind of map (`adc`, `fa`, ...)."""
    copy: str | None = None
    """Which of several conflicting copies of the same series; None where there is one."""

    @property
    def key(self) -> str:
        """Name that tells this stack from others that share its series UID.

        Says the positions in plain words, and the rest (orientation, kind of image, encoding,
        copy) as a short digest.
        """
        first, last = self.slice_positions_mm[0], self.slice_positions_mm[-1]
        a = self.acquisition
        encoding = plain(self.encoding)
        if self.encoding.tr_ms is None:
            del encoding["tr_ms"]  # keys made before this field existed stay valid
        rest = digest(
            [
                [round(float(x), 3) + 0.0 for x in self.affine.ravel()],
                [self.component, self.derived, self.copy, a.te_ms, a.ti_ms, a.flip_angle_deg],
                encoding,
            ]
        )
        return f"{self.series_uid}:{first:.2f}..{last:.2f}:{self.shape[2]}:{rest[:8]}"

    @property
    def voxel_size_mm(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k [mm]."""
        size = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(size[0]), float(size[1]), float(size[2]))

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file behind this stack, once, in order of first use."""
        return tuple(dict.fromkeys(source.path for volume in self.frames for source in volume))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """A series with pixels.

    `signal` has shape (i, j, k, n), float32, Fortran order, so that the view (n, voxels) costs
    nothing; it is in the scanner's units after rescaling and is read-only.
    """

    header: SeriesHeader
    signal: NDArray[np.float32]
    sources: tuple[SourceFile, ...] = ()
    stored_range: tuple[float, float] | None = None
    """Smallest and largest value that the stored pixel type can hold, after rescaling."""
    quantization: float = 1.0
    """Step between neighboring stored values, after rescaling; the largest of all slices."""
    decoder: str = "none"
    """Library and version that unpacked compressed pixels; `none` for plain ones."""
    scale: str = "rescaled"
    """What the values of `signal` are: `rescaled` (stored value times rescale slope plus
    intercept), or the vendor's name of another scale."""

    def volumes(self, index: NDArray[np.intp], description: str | None = None) -> Series:
        """Return some volumes of this series, with another description if one is given."""
        header, encoding = self.header, self.header.encoding

        def picked(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
            return None if values is None else tuple(values[n] for n in index)

        few = dataclasses.replace(
            encoding,
            values=tuple(encoding.values[n] for n in index),
            directions=picked(encoding.directions),
            tr_ms=picked(encoding.tr_ms),
        )
        new = dataclasses.replace(
            header,
            encoding=few,
            shape=(*header.shape[:3], len(index)),
            frames=tuple(header.frames[n] for n in index),
            description=header.description if description is None else description,
        )
        return dataclasses.replace(
            self, header=new, signal=np.asfortranarray(self.signal[..., index])
        )

    def __post_init__(self) -> None:
        if self.signal.shape != self.header.shape:
            raise ValueError(f"signal {self.signal.shape} does not fit header {self.header.shape}")
        self.signal.flags.writeable = False
