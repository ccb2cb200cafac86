"""Voxels counted as inside a body are inside with every point of theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.geometry.inside import Body, Grid, across, touching, wholly_inside


def points_of(index, grid: Grid, body: Body) -> np.ndarray:
    """Return points all over each voxel (voxels, points, 3), in mm from the center of the body."""
    sub = np.linspace(-0.5, 0.5, 5)
    inside = np.stack(np.meshgrid(sub, sub, sub, indexing="ij"), -1).reshape(-1, 3) * grid.voxel_mm
    at = (np.stack(index, -1) - body.center_voxel) * grid.spacing_mm
    return at[:, None] + inside[None]


sizes = st.tuples(*[st.floats(0.8, 6.0)] * 3)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(spacing=sizes, seed=st.integers(0, 10**6), tube=st.booleans())
def test_no_point_of_a_voxel_is_outside(spacing, seed, tube):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    spacing = np.array(spacing)
    grid = Grid((40, 40, 40), spacing, spacing * rng.uniform(0.7, 1.0))
    center = np.array([20.0, 19.0, 21.0]) + rng.uniform(-0.5, 0.5, 3)
    body = Body(center, 13.5, axis if tube else None, 20.0)
    points = points_of(wholly_inside(grid, body), grid, body)
    if tube:
        along = points @ axis
        assert np.all(np.abs(along) <= 20.0 + 1e-9)
        points = points - along[..., None] * axis
    assert np.all(np.linalg.norm(points, axis=-1) <= 13.5 + 1e-9)


def test_across_even_voxels_it_is_the_disk_one_voxel_smaller():
    """So that tubes are read alike whether slices lie across them or a volume holds them."""
    grid = Grid((50, 50, 9), np.array([1.2, 1.2, 4.0]), np.array([1.2, 1.2, 4.0]))
    body = Body(np.array([24.3, 25.1, 4.0]), 12.0, np.array([0.0, 0.0, 1.0]), 7.0)
    i, j, k = wholly_inside(grid, body)
    assert set(k) == {3, 4, 5}  # ends of the piece lie 7 mm off: 1.25 voxels and half a voxel
    x, y = np.meshgrid(np.arange(50), np.arange(50), indexing="ij")
    disk = np.hypot(x - 24.3, y - 25.1) * 1.2 <= 12.0 - 1.2
    assert set(zip(i[k == 4], j[k == 4], strict=True)) == set(zip(*np.nonzero(disk), strict=True))


def test_a_long_voxel_needs_more_room_along_its_length():
    grid = Grid((60, 60, 60), np.array([1.0, 1.0, 5.0]), np.array([1.0, 1.0, 5.0]))
    body = Body(np.array([30.0, 30.0, 30.0]), 13.5, np.array([0.0, 1.0, 0.0]), 10.0)
    i, _, k = wholly_inside(grid, body)
    assert set(k) == {29, 30, 31}  # at 10 mm, 12.5 mm and more would be needed
    assert set(i[k == 30]) == set(range(18, 43))


def test_what_touches_holds_the_wall_and_ends():
    grid = Grid((30, 30, 30), np.ones(3), np.ones(3))
    body = Body(np.array([15.0, 15.0, 15.0]), 5.0, np.array([1.0, 0.0, 0.0]), 8.0)
    i, j, _ = touching(grid, body)
    assert (i.min(), i.max(), j.min(), j.max()) == (7, 23, 10, 20)
    assert len(i) == 17 * 81  # 81 points of a square grid lie within 5 of one of them


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (0.6, 0.0, 0.8), (0.48, 0.6, 0.64)])
def test_directions_across_an_axis(axis):
    one, two = across(np.array(axis, dtype=float))
    frame = np.column_stack([one, two, axis])
    assert np.allclose(frame.T @ frame, np.eye(3))
