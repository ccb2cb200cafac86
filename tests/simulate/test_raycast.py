"""The ray caster against point-by-point membership in the shapes as the definition words them."""

import math

import numpy as np
import pytest

from qiqa.core.cylinder import (
    Bars,
    Box,
    Disk,
    HoleArray,
    LineGrid,
    PerforatedPlate,
    Slot,
    Spokes,
    Tube,
)
from qiqa.io.definitions import load_phantom
from qiqa.simulate.primitives import cut
from qiqa.simulate.profile import slice_profile
from qiqa.simulate.raycast import Grid, render

PHANTOM = load_phantom("acr_large")


def between(value, span):
    return (value >= span[0]) & (value <= span[1])


def disk_at(x, y, center, diameter):
    return np.hypot(x - center[0], y - center[1]) <= diameter / 2


def painted(shape, x, y, z):
    """Return what a shape paints: list of (mask, signal or None for the insert's own)."""
    if isinstance(shape, Box):
        return [(between(x, shape.x_mm) & between(y, shape.y_mm) & between(z, shape.z_mm), None)]
    if isinstance(shape, Tube):
        inner = disk_at(x, y, shape.center_mm, shape.inner_diameter_mm)
        outer = disk_at(x, y, shape.center_mm, shape.outer_diameter_mm)
        keep = outer & ~inner if shape.inner_diameter_mm else outer
        return [(keep & between(z, shape.z_mm), None)]
    if isinstance(shape, Disk):
        return [(disk_at(x, y, shape.center_mm, shape.diameter_mm) & between(z, shape.z_mm), None)]
    if isinstance(shape, Slot):
        middle = shape.z0_mm + shape.slope * x
        near = np.abs(z - middle) <= shape.thickness_z_mm / 2
        return [(near & between(x, shape.x_mm) & between(y, shape.y_mm), None)]
    if isinstance(shape, Bars):
        end = np.clip(shape.y0_mm + shape.slope * (z - shape.z0_mm), *shape.y_limit_mm)
        inside = (y >= shape.y_top_mm) & (y <= end) & (end > shape.y_top_mm)
        return [(inside & between(x, shape.x_mm) & between(z, shape.z_mm), None)]
    if isinstance(shape, LineGrid):
        return [(on_grid_line(shape, x, y) & between(z, shape.z_mm), None)]
    if isinstance(shape, PerforatedPlate):
        return plate(shape, x, y, z)
    if isinstance(shape, HoleArray):
        first, column, row = shape.first_mm, shape.column_step_mm, shape.row_step_mm
        mask = np.zeros(x.shape, bool)
        for r in range(shape.rows):
            for c in range(shape.columns):
                at = (first[0] + c * column[0] + r * row[0], first[1] + c * column[1] + r * row[1])
                mask |= disk_at(x, y, at, shape.diameter_mm)
        return [(mask & between(z, shape.z_mm), None)]
    assert isinstance(shape, Spokes)
    level = np.abs(z - shape.z_mm) <= shape.sheet_thickness_mm / 2
    sheet = disk_at(x, y, shape.center_mm, 2 * shape.sheet_radius_mm) & level
    holes = np.zeros(x.shape, bool)
    for number, diameter in enumerate(shape.diameters_mm):
        angle = math.radians(shape.first_angle_deg + 36 * number)
        for radius in shape.radii_mm:
            at = (
                shape.center_mm[0] + radius * math.sin(angle),
                shape.center_mm[1] - radius * math.cos(angle),
            )
            holes |= disk_at(x, y, at, diameter)
    return [(sheet, None), (holes & level, 1.0)]


def on_grid_line(shape, x, y):
    """Mark points on a line: a border of an existing cell is within half a line width."""
    rows, widest, half = len(shape.cells_per_row), max(shape.cells_per_row), shape.line_width_mm / 2
    mask = np.zeros(x.shape, bool)
    for row, cells in enumerate(shape.cells_per_row):
        for cell in range((widest - cells) // 2, (widest + cells) // 2):
            left = shape.center_mm[0] + (cell - widest / 2) * shape.pitch_mm
            top = shape.center_mm[1] + (row - rows / 2) * shape.pitch_mm
            dx, dy = x - left - shape.pitch_mm / 2, y - top - shape.pitch_mm / 2
            reach = np.maximum(np.abs(dx), np.abs(dy)) - shape.pitch_mm / 2
            mask |= np.abs(reach) <= half
    return mask


def plate(shape, x, y, z):
    u, v = np.abs(x - shape.center_mm[0]), np.abs(y - shape.center_mm[1])
    h = shape.half_width_mm
    body = (u <= h) & (v <= h) & (u + v <= 2 * h - shape.corner_cut_mm)
    holes = np.zeros(x.shape, bool)
    for a in (-1, 0, 1):
        for b in (-1, 0, 1):
            at = (
                shape.center_mm[0] + a * shape.hole_pitch_mm,
                shape.center_mm[1] + b * shape.hole_pitch_mm,
            )
            holes |= disk_at(x, y, at, shape.hole_diameter_mm)
    level = between(z, shape.z_mm)
    return [(body & level, None), (holes & level, 1.0)]


def signal_at(points, variant, bubble_deg):
    x, y, z = points
    body = PHANTOM.body
    inside = (np.hypot(x, y) <= body.inner_diameter_mm / 2) & between(z, body.z_mm)
    value = np.where(inside, 1.0, 0.0)
    for insert in PHANTOM.inserts(variant):
        for mask, signal in painted(insert.shape, x, y, z):
            value = np.where(mask & inside, insert.signal if signal is None else signal, value)
    if bubble_deg:
        level = -body.inner_diameter_mm / 2 * math.cos(math.radians(bubble_deg))
        value = np.where(y <= level, 0.0, value)
    return value


def integrate(start, direction, profile, variant, bubble_deg, steps=3000):
    """Return the profile's integral of the signal along a ray by the midpoint rule."""
    edges = np.linspace(-profile.half_mm, profile.half_mm, steps + 1)
    table_at = -profile.half_mm + profile.step_mm * np.arange(profile.cumulative.size)
    weights = np.diff(np.interp(edges, table_at, profile.cumulative))
    t = (edges[1:] + edges[:-1]) / 2
    return float(weights @ signal_at(start[:, None] + direction[:, None] * t, variant, bubble_deg))


def one_point(pieces, profile, start, direction):
    """Return the ray caster's answer in a spot of a micrometre around a point."""
    right = np.cross(direction, [0.0, 0.6, 0.8])
    right *= 1e-6 / np.linalg.norm(right)
    down = np.cross(direction, right)
    grid = Grid(corner=start, right=right, down=down, normal=direction, size=1)
    return float(render(pieces, profile, grid)[0, 0])


@pytest.mark.parametrize("variant", ["grid", "plate"])
@pytest.mark.parametrize("across", [False, True])
def test_rays_agree_with_membership(variant, across):
    rng = np.random.default_rng(7)
    pieces = cut(PHANTOM, variant, bubble_deg=14.0)
    profile = slice_profile("sinc", 10.0 if across else 5.0)
    for _ in range(30):
        z = rng.choice([0.0, 10.0, 30.0, 40.0, 70.0, 100.0]) + rng.uniform(-3, 3)
        start = np.array([rng.uniform(-95, 95), rng.uniform(-95, 95), z])
        if across:
            start[0] = rng.uniform(-5, 5)
        tilt = rng.normal(0, 0.02, 3)
        direction = np.array([1.0, 0, 0] if across else [0, 0, 1.0]) + tilt
        direction /= np.linalg.norm(direction)
        expected = integrate(start, direction, profile, variant, 14.0)
        assert one_point(pieces, profile, start, direction) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("variant", ["grid", "plate"])
def test_small_structures_agree_with_membership(variant):
    """Rays aimed at holes, lines, spokes, slots and wedges, where random ones seldom go."""
    rng = np.random.default_rng(11)
    pieces = cut(PHANTOM, variant)
    profile = slice_profile("rect", 5.0)
    direction = np.array([0.008, -0.005, 1.0])
    direction /= np.linalg.norm(direction)
    targets = {
        "holes": ((-22, 42), (31, 47), 0.0),
        "ramps": ((-88, 88), (-6, 6), 0.5),
        "wedges": ((-7, 6), (-82, -55), 0.0),
        "upper wedges": ((-7, 6), (-82, -55), 100.0),
        "slice 5": ((-80, 80), (-95, 80), 41.0),
        "spokes": ((-46, 46), (-40, 52), 99.0),
        "vial": ((-65, -25), (-65, -25), 30.0),
    }
    for x, y, z in targets.values():
        for _ in range(10):
            start = np.array([rng.uniform(*x), rng.uniform(*y), z + rng.uniform(-1, 1)])
            expected = integrate(start, direction, profile, variant, 0.0)
            found = one_point(pieces, profile, start, direction)
            assert found == pytest.approx(expected, abs=2e-3)


def test_area_of_the_bath_is_that_of_the_circle():
    """Edge pixels hold the covered area: the sum over a slice is the area of the parts."""
    pieces = cut(PHANTOM, "plate")
    profile = slice_profile("rect", 5.0)
    step = 250 / 1024
    turn = math.radians(3.0)
    right = np.array([math.cos(turn), math.sin(turn), 0.0]) * step
    down = np.array([-math.sin(turn), math.cos(turn), 0.0]) * step
    corner = np.array([1.3, 0.7, 60.0]) - (right + down) * 512
    grid = Grid(corner=corner, right=right, down=down, normal=np.array([0, 0, 1.0]), size=1024)
    image = render(pieces, profile, grid)
    rail = (5.6 + 6.1) * (93.2 - 79.0)
    expected = math.pi * 95**2 - rail
    assert float(image.sum(dtype=float)) * step**2 == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("shift_px", [0.0, 0.13, 0.37, 0.5, 0.81])
def test_straight_edges_lie_where_they_are_to_a_hundredth_of_a_millimetre(shift_px):
    """The worst case for sampling: edges along the pixel grid, at any place in a pixel."""
    pieces = cut(PHANTOM, "plate")
    step = 250 / 1024
    right, down = np.array([step, 0, 0]), np.array([0, step, 0])
    corner = np.array([-125 + shift_px * step, -125 + shift_px * step, 40.0])
    grid = Grid(corner=corner, right=right, down=down, normal=np.array([0, 0, 1.0]), size=1024)
    image = render(pieces, slice_profile("rect", 5.0), grid)
    row = image[round((20.0 - corner[1]) / step)]
    middle = row[round((-75 - corner[0]) / step) : round((75 - corner[0]) / step)]
    plate_width = (1 - middle).sum() * step
    assert plate_width == pytest.approx(134.9, abs=0.02)
