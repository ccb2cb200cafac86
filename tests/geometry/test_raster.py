"""Areas of painted shapes against their formulas."""

from __future__ import annotations

import dataclasses
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
from qiqa.geometry.raster import expected_signal, inside
from qiqa.io.definitions import load_phantom

STEP = 0.15
AXIS = np.arange(-100, 100, STEP) + STEP / 2
JITTER = np.random.default_rng(1).uniform(-STEP / 2, STEP / 2, (2, AXIS.size, AXIS.size))
"""One random point a cell: borders parallel to the raster are then no special case."""
X, Y = np.meshgrid(AXIS, AXIS) + JITTER


def area(shape, z):
    return float(inside(shape, X, Y, z).sum()) * STEP**2


def border(length_mm):
    """Return what one random point a cell may miss along a border: five standard deviations."""
    return 5 * 0.5 * STEP**2 * math.sqrt(2 * length_mm / STEP)


DIAMETERS = (7.0, 6.39, 5.78, 5.17, 4.56, 3.94, 3.33, 2.72, 2.11, 1.5)
BOX = Box(kind="box", x_mm=(-20, 33), y_mm=(5, 9), z_mm=(0, 1))
DISK = Disk(kind="disk", center_mm=(3, -4), diameter_mm=40, z_mm=(0, 1))
TUBE = Tube(
    kind="tube",
    center_mm=(-45, -45),
    outer_diameter_mm=37.6,
    inner_diameter_mm=24.6,
    z_mm=(0, 1),
)
SLOT = Slot(kind="slot", x_mm=(-86, 86), y_mm=(-5, -0.2), z0_mm=0, slope=0.1, thickness_z_mm=1)
BARS = Bars(
    kind="bars",
    x_mm=(-6, -0.2),
    y_top_mm=-93,
    y0_mm=-63,
    z0_mm=0,
    slope=1,
    z_mm=(-50, 50),
    y_limit_mm=(-80, -41.5),
)
PLATE = PerforatedPlate(
    kind="perforated_plate",
    center_mm=(0, 0),
    half_width_mm=67.45,
    corner_cut_mm=6.35,
    holes_per_side=3,
    hole_pitch_mm=60,
    hole_diameter_mm=1.75,
    z_mm=(0, 1),
)
HOLES = HoleArray(
    kind="hole_array",
    first_mm=(0.03, 0.05),
    column_step_mm=(2.237, 0),
    row_step_mm=(0.213, 2.251),
    rows=4,
    columns=4,
    diameter_mm=1.1,
    z_mm=(0, 1),
)
GRID = LineGrid(
    kind="line_grid",
    center_mm=(0.04, -0.02),
    pitch_mm=15.02,
    line_width_mm=1.1,
    cells_per_row=(4, 4, 4, 4),
    z_mm=(0, 1),
)
SPOKES = Spokes(
    kind="spokes",
    center_mm=(0, 6),
    sheet_radius_mm=44,
    z_mm=0.5,
    sheet_thickness_mm=0.2,
    first_angle_deg=9,
    radii_mm=(12.75, 25.5, 38.25),
    diameters_mm=DIAMETERS,
)
CASES = [
    (BOX, 0.5, 53 * 4, 114),
    (DISK, 0.5, math.pi * 400, 126),
    (TUBE, 0.5, math.pi / 4 * (37.6**2 - 24.6**2), 195),
    # at z = 2 the slot of slope 1:10 and 1 mm is lit over 10 mm about x = 20
    (SLOT, 2.0, 10 * 4.8, 30),
    (BARS, 7.0, 5.8 * (93 - 56), 86),
    # a square less four cut corners (legs of 6.35) less nine holes
    (PLATE, 0.5, 134.9**2 - 4 * 6.35**2 / 2 - 9 * math.pi / 4 * 1.75**2, 590),
    (HOLES, 0.5, 16 * math.pi / 4 * 1.1**2, 55),
    # 5 + 5 lines of 4 pitches and their width, crossings counted once
    (GRID, 0.5, 10 * 1.1 * (4 * 15.02 + 1.1) - 25 * 1.1**2, 1240),
    (SPOKES, 0.5, math.pi * (44**2 - 3 / 4 * sum(d**2 for d in DIAMETERS)), 680),
]


@pytest.mark.parametrize(
    ("shape", "z", "truth", "length"), CASES, ids=lambda v: getattr(v, "kind", "")
)
def test_area_is_that_of_the_formula(shape, z, truth, length):
    assert area(shape, z) == pytest.approx(truth, abs=border(length))


def test_bars_end_where_their_limits_are():
    for z, low in ((0, -63.0), (30, -41.5), (-30, -80.0)):
        assert area(BARS, z) == pytest.approx(5.8 * (low + 93), abs=border(90))


def test_corners_of_the_grid_have_no_cells():
    shape = dataclasses.replace(
        GRID, center_mm=(0.0, 0.0), pitch_mm=10.0, cells_per_row=(2, 4, 4, 2)
    )
    corner, side = np.array([20.0, -20.0]), np.array([20.0, 0.0])
    assert not inside(shape, corner[:1], corner[1:], 0.5).any()
    assert inside(shape, side[:1], side[1:], 0.5).all()


def test_a_slice_averages_its_planes():
    phantom = load_phantom("acr_large")
    x, y = np.array([50.0, 0.0, 96.0]), np.array([70.0, 0.0, 0.0])
    # bath; the ramp box on slices 1 to 4 only (z to 35.5); outside of the body
    assert expected_signal(phantom, "plate", x, y, (60.0,)) == pytest.approx([1.0, 1.0, 0.0])
    half = expected_signal(phantom, "plate", x, np.array([70.0, 3.0, 0.0]), (30.0, 60.0))
    assert half == pytest.approx([1.0, 0.5, 0.0])
    assert expected_signal(phantom, "plate", x, y, (500.0,)) == pytest.approx([0.0, 0.0, 0.0])
