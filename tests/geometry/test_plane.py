"""A slice looks the same however its pixels are turned and flipped in the file."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.geometry.plane import SlicePlane, square_up

PIXEL = (0.8, 1.25)
TURNS = list(itertools.product((False, True), (False, True), (False, True)))


def turned(image, matrix, origin, transpose, flip_i, flip_j):
    """Return the same slice stored another way: (i, j) exchanged and or flipped."""
    matrix, origin, size = matrix.copy(), origin.copy(), PIXEL
    if transpose:
        image, matrix, origin, size = image.T, matrix[::-1].copy(), origin[::-1].copy(), PIXEL[::-1]
    for axis, flip in ((0, flip_i), (1, flip_j)):
        if flip:
            image = np.flip(image, axis)
            matrix[axis] *= -1
            origin[axis] = image.shape[axis] - 1 - origin[axis]
    return image, matrix, origin, size


@given(
    angle=st.floats(-40, 40),
    shift=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=12, deadline=None)
def test_all_turns_and_flips_give_the_same_plane(angle, shift, seed):
    a = math.radians(angle)
    image = np.random.default_rng(seed).random((24, 18)).astype(np.float32)
    matrix = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    matrix /= np.array(PIXEL)[:, None]
    origin = np.array([11.5 + shift[0], 8.5 + shift[1]])
    plain = SlicePlane.upright(image, matrix, origin, PIXEL)
    x, y = np.array([-3.0, 0.0, 4.0, 6.5]), np.array([2.0, 0.0, -5.0, 3.3])
    assert np.array_equal(plain.image, image.T)
    for way in TURNS:
        plane = SlicePlane.upright(*turned(image, matrix, origin, *way))
        assert np.array_equal(plane.image, plain.image), way
        assert plane.pixel_mm == plain.pixel_mm
        for mine, theirs in zip(plane.to_pixel(x, y), plain.to_pixel(x, y), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-12)
        for mine, theirs in zip(plane.grid_mm, plain.grid_mm, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-9)
        assert plane.sample(x, y) == pytest.approx(plain.sample(x, y), abs=1e-9, nan_ok=True)


@given(angle=st.floats(0, 360), mirror=st.booleans())
def test_square_up_leaves_less_than_half_a_quarter_turn(angle, mirror):
    a = math.radians(angle)
    matrix = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    if mirror:
        matrix = matrix @ np.diag([1.0, -1.0])
    steps = square_up(matrix)
    assert sorted(np.abs(steps).ravel()) == [0, 0, 1, 1]
    rest = steps.T @ matrix
    assert np.linalg.det(rest) > 0
    assert abs(math.degrees(math.atan2(rest[1, 0], rest[0, 0]))) <= 45 + 1e-6


def test_grid_and_pixels_are_inverse_maps():
    matrix, origin = np.array([[1.1, 0.2], [-0.2, 0.9]]), np.array([7.3, 9.1])
    plane = SlicePlane.upright(np.zeros((20, 30), np.float32), matrix, origin, PIXEL)
    column, row = plane.to_pixel(*plane.grid_mm)
    rows, columns = np.indices(plane.shape)
    assert column == pytest.approx(columns.astype(float), abs=1e-9)
    assert row == pytest.approx(rows.astype(float), abs=1e-9)


def test_sampling_is_exact_on_pixels_and_empty_outside():
    image = np.random.default_rng(3).random((30, 20)).astype(np.float32)
    plane = SlicePlane.upright(image, np.eye(2), np.array([15.0, 10.0]), (1.0, 1.0))
    assert plane.sample(*plane.grid_mm) == pytest.approx(plane.image, abs=1e-6)
    assert np.isnan(plane.sample(np.array([-15.1, 14.1]), np.array([0.0, 0.0]))).all()


def test_splines_follow_a_smooth_signal_between_pixels():
    i, j = np.meshgrid(np.arange(60.0), np.arange(60.0), indexing="ij")
    image = (np.sin(i / 6) * np.cos(j / 8)).astype(np.float32)
    plane = SlicePlane.upright(image, np.eye(2), np.array([30.0, 30.0]), (1.0, 1.0))
    x, y = np.random.default_rng(4).uniform(-20, 20, (2, 200))
    truth = np.sin((x + 30) / 6) * np.cos((y + 30) / 8)
    assert plane.sample(x, y) == pytest.approx(truth, abs=2e-5)
