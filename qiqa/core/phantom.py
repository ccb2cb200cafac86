"""Phantoms as data: what is inside, where, how large, and which values are certified.

All coordinates are millimetres in the phantom frame that the definition describes. The parts
are painted in the order they stand: a later part replaces what an earlier one put there.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, TypeVar

__all__ = [
    "Bars",
    "Body",
    "Box",
    "Disk",
    "HoleArray",
    "Insert",
    "LineGrid",
    "PerforatedPlate",
    "Phantom",
    "ReferenceValue",
    "Slot",
    "Span",
    "Spokes",
    "Stack",
    "Tube",
]

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceValue:
    """A value that a measurement is compared with, and how well it is known."""

    quantity: str
    value: float
    unit: str
    standard_uncertainty: float
    confidence: str
    """`certified`, `design`, `measured` (on scans, stated where) or `secondary`."""
    source: str
    insert: str | None = None
    temperature_degc: float | None = None
    field_strength_t: float | None = None
    batch: str | None = None


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
class Phantom:
    """A type of phantom, read from one TOML."""

    schema: str
    id: str
    name: str
    family: str
    """Which module of qiqa.locate finds it."""
    frame: str
    """Words: what x, y and z mean."""
    source: str
    body: Body
    stack: Stack
    insert: tuple[Insert, ...]
    variants: tuple[str, ...] = ()
    reference: tuple[ReferenceValue, ...] = ()
    path: str = ""
    sha256: str = ""

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

    def reference_for(self, quantity: str, insert: str | None = None) -> ReferenceValue | None:
        """Return the reference value for a quantity, or None where none is stated."""
        for item in self.reference:
            if item.quantity == quantity and item.insert == insert:
                return item
        return None

    def inserts(self, variant: str | None) -> tuple[Insert, ...]:
        """Return the inserts of one variant, in painting order."""
        return tuple(i for i in self.insert if i.variant is None or i.variant == variant)

    def within_body(self, x_mm: float, y_mm: float) -> bool:
        """Say whether a point lies inside the bath's cylinder."""
        return math.hypot(x_mm, y_mm) < self.body.inner_diameter_mm / 2
