"""One image plane as its header describes it, before planes are put together to stacks."""

from __future__ import annotations

import dataclasses

from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import FrameSource

__all__ = ["Origin", "Plane", "Reading", "Vector"]

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a vendor module makes of a header: what differs between vendors' ways of saying it."""

    acquisition: Acquisition
    b_value: float | None = None
    """[s/mm²]"""
    direction: Vector | None = None
    """Diffusion gradient direction, unit vector in DICOM patient axes (LPS)."""
    component: str = "magnitude"
    """`magnitude`, `phase`, `real`, `imaginary` or another kind of image that stays apart."""
    isotropic: bool = False
    """True for diffusion images without a direction (trace-weighted)."""
    derived: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all planes of one file share."""

    series_uid: str
    study_uid: str | None
    frame_of_reference_uid: str | None
    description: str | None
    modality: str | None
    scanner: Scanner
    dialect: str
    series_number: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One plane: source, geometry in DICOM patient axes (LPS, mm), and what encodes it."""

    source: FrameSource
    origin: Origin
    reading: Reading
    position: Vector
    """Center of the first voxel."""
    row: Vector
    """Unit vector along a row (rising column index)."""
    column: Vector
    """Unit vector down a column (rising row index)."""
    spacing: tuple[float, float]
    """Distance between rows, distance between columns, as DICOM orders them."""
    rows: int
    columns: int
    stack: str | None = None
    order: tuple[float, ...] = ()
    """Temporal position, acquisition number, instance number: order among repeats."""

    @property
    def normal(self) -> Vector:
        """Cross product of row and column."""
        (a, b, c), (d, e, f) = self.row, self.column
        return (b * f - c * e, c * d - a * f, a * e - b * d)

    @property
    def height(self) -> float:
        """Position along the slice normal [mm]."""
        return sum(n * p for n, p in zip(self.normal, self.position, strict=True))
