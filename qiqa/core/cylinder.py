"""A cylinder with inserts: the geometry of the ACR phantoms.

All coordinates are millimetres in the phantom frame that the definition describes. The parts
are painted in the order they stand: a later part replaces what an earlier one put there.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, TypeVar

from qiqa.core.phantom import Phantom

__all__ = [
    "Bars",
    "Body",
    "Box",
    "CylinderPhantom",
    "Disk",
    "HoleArray",
    "Insert",
    "LineGrid",
    "PerforatedPlate",
    "Slot",
    "Span",
    "Spokes",
    "Stack",
    "Tube",
]

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The cylinder that holds the bath; its axis is z through the origin."""

    inner_diameter_mm: float
    inner_length_mm: float
    z_mm: Span
    """Inner faces of the end walls."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The slices the phantom is made to be imaged with."""

    n_slices: int
    spacing_mm: float
    thickness_mm: float
    first_z_mm: float = 0.0

    def z_mm(self, number: int) -> float:
        """Return the design center of slice `number` (from 1) [mm]."""
        return self.first_z_mm + (number - 1) * self.spacing_mm


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Rectangular block."""

    kind: Literal["box"]
    x_mm: Span
    y_mm: Span
    z_mm: Span


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """Cylinder along z, hollow where `inner_diameter_mm` is above 0."""

    kind: Literal["tube"]
    center_mm: tuple[float, float]
    outer_diameter_mm: float
    z_mm: Span
    inner_diameter_mm: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Thin inclined slot (ramp): z of its middle is `z0_mm + slope * x`."""

    kind: Literal["slot"]
    x_mm: Span
    y_mm: Span
    z0_mm: float
    slope: float
    thickness_z_mm: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A bar whose lower end lies at `y0_mm + slope * (z - z0_mm)`, its upper end at `y_top_mm`.

    Two of them with opposite slopes are a pair of crossed 45 degree wedges. `y_limit_mm` bounds
    the lower end on either side.
    """

    kind: Literal["bars"]
    x_mm: Span
    y_top_mm: float
    y0_mm: float
    z0_mm: float
    slope: float
    z_mm: Span
    y_limit_mm: Span


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineGrid:
    """Square lattice of lines around a center; `cells_per_row` says which cells exist."""

    kind: Literal["line_grid"]
    center_mm: tuple[float, float]
    pitch_mm: float
    line_width_mm: float
    cells_per_row: tuple[int, ...]
    z_mm: Span


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PerforatedPlate:
    """Square plate with cut corners and a square lattice of round holes filled with the bath."""

    kind: Literal["perforated_plate"]
    center_mm: tuple[float, float]
    half_width_mm: float
    corner_cut_mm: float
    holes_per_side: int
    hole_pitch_mm: float
    hole_diameter_mm: float
    z_mm: Span


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HoleArray:
    """Round holes filled with the bath in a skewed lattice, deep over `z_mm`.

    Hole (row, column) lies at `first_mm + column * column_step_mm + row * row_step_mm`.
    """

    kind: Literal["hole_array"]
    first_mm: tuple[float, float]
    column_step_mm: tuple[float, float]
    row_step_mm: tuple[float, float]
    rows: int
    columns: int
    diameter_mm: float
    z_mm: Span


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spokes:
    """A thin sheet with round holes on spokes: partial volume makes them low-contrast disks.

    Spoke s (from 0) points `first_angle_deg + 360 / n * s` clockwise from 12 o'clock and holds
    disks of `diameters_mm[s]` at `radii_mm` around `center_mm`.
    """

    kind: Literal["spokes"]
    center_mm: tuple[float, float]
    sheet_radius_mm: float
    z_mm: float
    sheet_thickness_mm: float
    first_angle_deg: float
    radii_mm: tuple[float, ...]
    diameters_mm: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Thin round disk of `thickness_mm` around z; a hole where its signal is the bath's."""

    kind: Literal["disk"]
    center_mm: tuple[float, float]
    diameter_mm: float
    z_mm: Span


_Shape = TypeVar("_Shape")

ShapeOf = Box | Tube | Slot | Bars | LineGrid | PerforatedPlate | HoleArray | Spokes | Disk


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """One object in the phantom."""

    name: str
    shape: ShapeOf
    signal: float
    """Signal relative to the bath, 0 for plastic."""
    variant: str | None = None
    """Only in this variant of the phantom; None: in all."""
    uncertainty_mm: float = 0.3
    note: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CylinderPhantom(Phantom):
    """A cylinder full of liquid with solid parts, imaged as a stack of slices across its axis."""

    body: Body
    stack: Stack
    insert: tuple[Insert, ...]
    variants: tuple[str, ...] = ()

    def find(self, name: str) -> Insert:
        """Return the insert called `name`.

        Raises
        ------
        KeyError
            Naming what there is.
        """
        for item in self.insert:
            if item.name == name:
                return item
        raise KeyError(f"{self.id} has no insert {name!r}; it has {[i.name for i in self.insert]}")

    def shape(self, name: str, kind: type[_Shape]) -> _Shape:
        """Return the shape of the insert called `name`.

        Raises
        ------
        KeyError
            If there is no such insert.
        TypeError
            If it has another kind of shape: the definition does not fit its family.
        """
        found = self.find(name).shape
        if not isinstance(found, kind):
            raise TypeError(f"{self.id}: insert {name!r} is a {found.kind}, not a {kind.__name__}")
        return found

    def inserts(self, variant: str | None) -> tuple[Insert, ...]:
        """Return the inserts of one variant, in painting order."""
        return tuple(i for i in self.insert if i.variant is None or i.variant == variant)

    def within_body(self, x_mm: float, y_mm: float) -> bool:
        """Say whether a point lies inside the bath's cylinder."""
        return math.hypot(x_mm, y_mm) < self.body.inner_diameter_mm / 2
