"""What a phantom looks like at given points: the definition painted part by part."""

from __future__ import annotations

import math

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
    ShapeOf,
    Slot,
    Spokes,
    Tube,
)

__all__ = ["expected_signal", "inside"]

_Points = NDArray[np.float64]


def expected_signal(
    phantom: CylinderPhantom, variant: str | None, x: _Points, y: _Points, z_mm: tuple[float, ...]
) -> _Points:
    """Return the signal relative to the bath at points, averaged over planes at `z_mm`.

    Parameters
    ----------
    phantom, variant
        What to paint.
    x, y : any shape
        CylinderPhantom coordinates [mm].
    z_mm
        Planes to average over: a coarse slice profile.
    """
    x, y = np.broadcast_arrays(x, y)
    total = np.zeros(x.shape)
    for z in z_mm:
        layer = np.zeros_like(total)
        if phantom.body.z_mm[0] <= z <= phantom.body.z_mm[1]:
            layer[np.hypot(x, y) <= phantom.body.inner_diameter_mm / 2] = 1.0
            for insert in phantom.inserts(variant):
                _paint(layer, insert, x, y, z)
        total += layer
    return total / len(z_mm)


def _paint(layer: _Points, insert: Insert, x: _Points, y: _Points, z: float) -> None:
    low, high = _z_span(insert.shape)
    if not low <= z <= high:
        return
    x_span, y_span = _xy_span(insert.shape)
    near = _between(x, x_span) & _between(y, y_span)
    if near.any():
        values = layer[near]
        values[inside(insert.shape, x[near], y[near], z)] = insert.signal
        layer[near] = values


def _xy_span(shape: ShapeOf) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a box around the shape, so that only points near it are tested."""
    match shape:
        case Box() | Slot():
            return shape.x_mm, shape.y_mm
        case Bars():
            return shape.x_mm, (shape.y_top_mm, shape.y_limit_mm[1])
        case Tube():
            return _around(shape.center_mm, shape.outer_diameter_mm / 2)
        case Disk():
            return _around(shape.center_mm, shape.diameter_mm / 2)
        case LineGrid():
            reach = max(len(shape.cells_per_row), *shape.cells_per_row) / 2 * shape.pitch_mm
            return _around(shape.center_mm, reach + shape.line_width_mm)
        case PerforatedPlate():
            return _around(shape.center_mm, shape.half_width_mm)
        case Spokes():
            return _around(shape.center_mm, shape.sheet_radius_mm)
        case HoleArray():
            first, column, row = shape.first_mm, shape.column_step_mm, shape.row_step_mm
            n, m, r = shape.columns - 1, shape.rows - 1, shape.diameter_mm / 2
            spans = [(first[a] - r, first[a] + n * column[a] + m * row[a] + r) for a in (0, 1)]
            return spans[0], spans[1]


def _around(
    center: tuple[float, float], reach: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    return (center[0] - reach, center[0] + reach), (center[1] - reach, center[1] + reach)


def _z_span(shape: ShapeOf) -> tuple[float, float]:
    match shape:
        case Slot():
            reach = abs(shape.slope) * max(abs(shape.x_mm[0]), abs(shape.x_mm[1]))
            half = shape.thickness_z_mm / 2
            return (shape.z0_mm - reach - half, shape.z0_mm + reach + half)
        case Spokes():
            half = shape.sheet_thickness_mm / 2
            return (shape.z_mm - half, shape.z_mm + half)
        case _:
            return shape.z_mm


def inside(shape: ShapeOf, x: _Points, y: _Points, z: float) -> NDArray[np.bool_]:
    """Say which points of the plane at `z` [mm] lie in a shape."""
    match shape:
        case Box():
            return _between(x, shape.x_mm) & _between(y, shape.y_mm)
        case Tube():
            r = np.hypot(x - shape.center_mm[0], y - shape.center_mm[1])
            return (r <= shape.outer_diameter_mm / 2) & (r >= shape.inner_diameter_mm / 2)
        case Disk():
            r = np.hypot(x - shape.center_mm[0], y - shape.center_mm[1])
            return np.asarray(r <= shape.diameter_mm / 2)
        case Slot():
            near = np.abs(z - shape.z0_mm - shape.slope * x) <= shape.thickness_z_mm / 2
            return _between(x, shape.x_mm) & _between(y, shape.y_mm) & near
        case Bars():
            low = shape.y0_mm + shape.slope * (z - shape.z0_mm)
            low = min(max(low, shape.y_limit_mm[0]), shape.y_limit_mm[1])
            return _between(x, shape.x_mm) & (y >= shape.y_top_mm) & (y <= low)
        case LineGrid():
            return _in_grid(shape, x, y)
        case PerforatedPlate():
            return _in_plate(shape, x, y)
        case HoleArray():
            return _in_holes(shape, x, y)
        case Spokes():
            return _in_sheet(shape, x, y)


def _between(values: _Points, span: tuple[float, float]) -> NDArray[np.bool_]:
    return (values >= span[0]) & (values <= span[1])


def _in_grid(shape: LineGrid, x: _Points, y: _Points) -> NDArray[np.bool_]:
    """Test points against the lines that border every cell that exists."""
    rows = shape.cells_per_row
    u, v = (x - shape.center_mm[0]) / shape.pitch_mm, (y - shape.center_mm[1]) / shape.pitch_mm
    half = shape.line_width_mm / 2 / shape.pitch_mm
    found = np.zeros(u.shape, dtype=bool)
    for index, count in enumerate(rows):
        top = index - len(rows) / 2
        in_row = (np.abs(u) <= count / 2 + half) & (v >= top - half) & (v <= top + 1 + half)
        offset = u - count / 2
        on_column = np.abs(offset - np.round(offset)) <= half
        on_row = (np.abs(v - top) <= half) | (np.abs(v - top - 1) <= half)
        found |= in_row & (on_column | on_row)
    return found


def _in_plate(shape: PerforatedPlate, x: _Points, y: _Points) -> NDArray[np.bool_]:
    u, v = x - shape.center_mm[0], y - shape.center_mm[1]
    h = shape.half_width_mm
    solid = (np.abs(u) <= h) & (np.abs(v) <= h)
    solid &= np.abs(u) + np.abs(v) <= 2 * h - shape.corner_cut_mm
    reach = (shape.holes_per_side - 1) / 2
    for row in range(shape.holes_per_side):
        for column in range(shape.holes_per_side):
            cx, cy = (column - reach) * shape.hole_pitch_mm, (row - reach) * shape.hole_pitch_mm
            solid &= np.hypot(u - cx, v - cy) > shape.hole_diameter_mm / 2
    return solid


def _in_holes(shape: HoleArray, x: _Points, y: _Points) -> NDArray[np.bool_]:
    found = np.zeros(np.broadcast(x, y).shape, dtype=bool)
    for row in range(shape.rows):
        for column in range(shape.columns):
            cx = shape.first_mm[0] + column * shape.column_step_mm[0] + row * shape.row_step_mm[0]
            cy = shape.first_mm[1] + column * shape.column_step_mm[1] + row * shape.row_step_mm[1]
            found |= np.hypot(x - cx, y - cy) <= shape.diameter_mm / 2
    return found


def _in_sheet(shape: Spokes, x: _Points, y: _Points) -> NDArray[np.bool_]:
    u, v = x - shape.center_mm[0], y - shape.center_mm[1]
    found = np.hypot(u, v) <= shape.sheet_radius_mm
    for spoke, diameter in enumerate(shape.diameters_mm):
        angle = math.radians(shape.first_angle_deg + 360 / len(shape.diameters_mm) * spoke)
        for radius in shape.radii_mm:
            cx, cy = radius * math.sin(angle), -radius * math.cos(angle)
            found &= np.hypot(u - cx, v - cy) > diameter / 2
    return found
