"""Cut a phantom into convex pieces that a ray enters and leaves once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import (
    Bars,
    Box,
    CylinderPhantom,
    Disk,
    HoleArray,
    Insert,
    LineGrid,
    PerforatedPlate,
    Slot,
    Span,
    Spokes,
    Tube,
)

__all__ = ["Pieces", "cut"]

_FAR_MM = 1e6
BATH = 1.0

Plane = tuple[float, float, float, float]
"""A half-space a x + b y + c z <= d, as (a, b, c, d)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Piece:
    """Where all half-spaces and a cylinder along z overlap, less an inner cylinder."""

    signal: float
    planes: tuple[Plane, ...]
    box_mm: tuple[Span, Span, Span]
    axis_mm: tuple[float, float] = (0.0, 0.0)
    outer_mm: float = _FAR_MM
    inner_mm: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """All pieces as arrays, in painting order; the first one is the body that clips the rest."""

    signal: NDArray[np.float64]
    first_plane: NDArray[np.int64]
    """Piece n owns the planes from first_plane[n] to first_plane[n + 1]."""
    planes: NDArray[np.float64]
    cylinder: NDArray[np.float64]
    """Axis x, axis y, outer radius, inner radius [mm]."""
    box: NDArray[np.float64]
    """Bounds x0, x1, y0, y1, z0, z1 [mm]."""


def _slabs(x: Span | None, y: Span | None, z: Span) -> tuple[Plane, ...]:
    planes: list[Plane] = [(0.0, 0.0, 1.0, z[1]), (0.0, 0.0, -1.0, -z[0])]
    if x is not None:
        planes += [(1.0, 0.0, 0.0, x[1]), (-1.0, 0.0, 0.0, -x[0])]
    if y is not None:
        planes += [(0.0, 1.0, 0.0, y[1]), (0.0, -1.0, 0.0, -y[0])]
    return tuple(planes)


def _block(signal: float, x: Span, y: Span, z: Span) -> _Piece:
    return _Piece(signal, _slabs(x, y, z), (x, y, z))


def _cylinder(
    signal: float, center: tuple[float, float], diameter: float, z: Span, inner: float = 0.0
) -> _Piece:
    radius = diameter / 2
    x = (center[0] - radius, center[0] + radius)
    y = (center[1] - radius, center[1] + radius)
    return _Piece(signal, _slabs(None, None, z), (x, y, z), center, radius, inner / 2)


def _slot(signal: float, shape: Slot) -> _Piece:
    half = shape.thickness_z_mm / 2
    ends = [shape.z0_mm + shape.slope * x for x in shape.x_mm]
    z = (min(ends) - half, max(ends) + half)
    inclined: tuple[Plane, ...] = (
        (-shape.slope, 0.0, 1.0, shape.z0_mm + half),
        (shape.slope, 0.0, -1.0, half - shape.z0_mm),
    )
    return _Piece(signal, _slabs(shape.x_mm, shape.y_mm, z) + inclined, (shape.x_mm, shape.y_mm, z))


def _bars(signal: float, shape: Bars) -> Iterator[_Piece]:
    """Yield the wedge, and the part that is always there where `y_limit_mm` leaves one."""
    least, most = shape.y_limit_mm
    if least > shape.y_top_mm:
        yield _block(signal, shape.x_mm, (shape.y_top_mm, least), shape.z_mm)
    y = (shape.y_top_mm, most)
    edge: Plane = (0.0, 1.0, -shape.slope, shape.y0_mm - shape.slope * shape.z0_mm)
    yield _Piece(signal, (*_slabs(shape.x_mm, y, shape.z_mm), edge), (shape.x_mm, y, shape.z_mm))


def _grid_lines(signal: float, shape: LineGrid) -> Iterator[_Piece]:
    """Yield one block for each straight run of cell borders, horizontal and vertical."""
    half, pitch, rows = shape.line_width_mm / 2, shape.pitch_mm, shape.cells_per_row
    (cx, cy), count = shape.center_mm, len(shape.cells_per_row)
    widest = max(rows)
    filled = np.zeros((count + 2, widest + 2), dtype=bool)
    for row, cells in enumerate(rows):
        start = (widest - cells) // 2
        filled[row + 1, start + 1 : start + 1 + cells] = True
    x_of = [cx + (i - widest / 2) * pitch for i in range(widest + 1)]
    y_of = [cy + (i - count / 2) * pitch for i in range(count + 1)]
    for i, y in enumerate(y_of):
        for a, b in _runs(filled[i, 1:-1] | filled[i + 1, 1:-1]):
            x_span = (x_of[a] - half, x_of[b] + half)
            yield _block(signal, x_span, (y - half, y + half), shape.z_mm)
    for i, x in enumerate(x_of):
        for a, b in _runs(filled[1:-1, i] | filled[1:-1, i + 1]):
            y_span = (y_of[a] - half, y_of[b] + half)
            yield _block(signal, (x - half, x + half), y_span, shape.z_mm)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and stop of each run of True."""
    steps = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]


def _plate(signal: float, shape: PerforatedPlate) -> Iterator[_Piece]:
    (cx, cy), half = shape.center_mm, shape.half_width_mm
    x, y = (cx - half, cx + half), (cy - half, cy + half)
    reach = 2 * half - shape.corner_cut_mm
    corners: tuple[Plane, ...] = tuple(
        (a, b, 0.0, reach + a * cx + b * cy) for a in (-1.0, 1.0) for b in (-1.0, 1.0)
    )
    yield _Piece(signal, _slabs(x, y, shape.z_mm) + corners, (x, y, shape.z_mm))
    middle = (shape.holes_per_side - 1) / 2
    for row in range(shape.holes_per_side):
        for column in range(shape.holes_per_side):
            at = (
                cx + (column - middle) * shape.hole_pitch_mm,
                cy + (row - middle) * shape.hole_pitch_mm,
            )
            yield _cylinder(BATH, at, shape.hole_diameter_mm, shape.z_mm)


def _holes(signal: float, shape: HoleArray) -> Iterator[_Piece]:
    for row in range(shape.rows):
        for column in range(shape.columns):
            at = (
                shape.first_mm[0] + column * shape.column_step_mm[0] + row * shape.row_step_mm[0],
                shape.first_mm[1] + column * shape.column_step_mm[1] + row * shape.row_step_mm[1],
            )
            yield _cylinder(signal, at, shape.diameter_mm, shape.z_mm)


def _spokes(signal: float, shape: Spokes) -> Iterator[_Piece]:
    (cx, cy), half = shape.center_mm, shape.sheet_thickness_mm / 2
    z = (shape.z_mm - half, shape.z_mm + half)
    yield _cylinder(signal, shape.center_mm, 2 * shape.sheet_radius_mm, z)
    for spoke, diameter in enumerate(shape.diameters_mm):
        angle = math.radians(shape.first_angle_deg + 360 / len(shape.diameters_mm) * spoke)
        for radius in shape.radii_mm:
            at = (cx + radius * math.sin(angle), cy - radius * math.cos(angle))
            yield _cylinder(BATH, at, diameter, z)


def _pieces_of(insert: Insert, signal: float) -> Iterator[_Piece]:
    shape = insert.shape
    if isinstance(shape, Box):
        yield _block(signal, shape.x_mm, shape.y_mm, shape.z_mm)
    elif isinstance(shape, Tube):
        yield _cylinder(
            signal, shape.center_mm, shape.outer_diameter_mm, shape.z_mm, shape.inner_diameter_mm
        )
    elif isinstance(shape, Disk):
        yield _cylinder(signal, shape.center_mm, shape.diameter_mm, shape.z_mm)
    elif isinstance(shape, Slot):
        yield _slot(signal, shape)
    elif isinstance(shape, Bars):
        yield from _bars(signal, shape)
    elif isinstance(shape, LineGrid):
        yield from _grid_lines(signal, shape)
    elif isinstance(shape, PerforatedPlate):
        yield from _plate(signal, shape)
    elif isinstance(shape, HoleArray):
        yield from _holes(signal, shape)
    else:
        yield from _spokes(signal, shape)


def cut(
    phantom: CylinderPhantom,
    variant: str,
    *,
    bubble_deg: float = 0.0,
    signals: dict[str, float] | None = None,
) -> Pieces:
    """Return the pieces of one variant of a phantom.

    Parameters
    ----------
    bubble_deg
        Half of the arc at 12 o'clock above the level of the fluid [degree].
    signals
        Signals by name of insert that replace those of the definition.
    """
    body, given = phantom.body, signals or {}
    pieces = [_cylinder(BATH, (0.0, 0.0), body.inner_diameter_mm, body.z_mm)]
    for insert in phantom.inserts(variant):
        pieces += _pieces_of(insert, given.get(insert.name, insert.signal))
    if bubble_deg > 0:
        radius = body.inner_diameter_mm / 2
        level = -radius * math.cos(math.radians(bubble_deg))
        pieces.append(_block(0.0, (-radius, radius), (-radius, level), body.z_mm))
    counts = [len(piece.planes) for piece in pieces]
    return Pieces(
        signal=np.array([piece.signal for piece in pieces]),
        first_plane=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        planes=np.array([plane for piece in pieces for plane in piece.planes]),
        cylinder=np.array([(*p.axis_mm, p.outer_mm, p.inner_mm) for p in pieces]),
        box=np.array([[*p.box_mm[0], *p.box_mm[1], *p.box_mm[2]] for p in pieces]),
    )
