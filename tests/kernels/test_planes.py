"""Loops over one small image, against scipy's."""

import numpy as np
import pytest
from scipy import ndimage, stats

from qiqa.kernels.planes import (
    averaged_plane,
    background,
    extremes,
    largest_piece,
    piece_boxes,
    ranked,
    smoothed,
    steps_of,
)


@pytest.fixture
def rng():
    return np.random.default_rng(12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_an_averaged_plane_is_the_weighted_mean_of_blocks(rng, axis, side):
    volume = rng.normal(100, 20, (9, 14, 11)).astype(np.float32)
    weights = np.array([0.2, 1.0, 0.5])
    plane = np.average(np.take(volume, range(3, 6), axis=axis), axis=axis, weights=weights)
    down, across = (n // side for n in plane.shape)
    blocks = plane[: down * side, : across * side].reshape(down, side, across, side)
    found = averaged_plane(volume, axis, 3, weights, side)
    assert found == pytest.approx(blocks.mean(axis=(1, 3)), rel=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (31, 17)])
def test_smoothing_is_that_of_scipy(rng, shape):
    image = rng.normal(size=shape)
    half = np.exp(-0.5 * np.arange(5.0) ** 2)
    half /= 2 * half.sum() - half[0]
    expected = ndimage.gaussian_filter(image, 1.0, mode="nearest", truncate=4.0)
    assert smoothed(image, half) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (40, 30)])
def test_the_background_is_what_the_border_reaches(rng, shape):
    image = rng.normal(size=shape)
    near = np.abs(image - 0.2) <= 0.8
    names, _ = ndimage.label(near)
    edge = np.ones(shape, dtype=bool)
    edge[1:-1, 1:-1] = False
    expected = np.isin(names, np.setdiff1d(names[edge], [0]))
    assert np.array_equal(background(image, 0.2, 0.8), expected)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 1.0])
def test_the_largest_piece_is_that_of_scipy(rng, share):
    mask = rng.random((40, 33)) < share
    names, count = ndimage.label(mask)
    found = largest_piece(mask)
    if count == 0:
        assert not found.any()
        return
    sizes = np.bincount(names.ravel())[1:]
    assert np.array_equal(found, names == 1 + np.argmax(sizes))


def test_boxes_and_areas_are_those_of_scipy(rng):
    names, count = ndimage.label(rng.random((40, 33)) < 0.4, np.ones((3, 3)))
    boxes, area = piece_boxes(names, count)
    expected = [(a.start, a.stop, b.start, b.stop) for a, b in ndimage.find_objects(names)]
    assert np.array_equal(boxes, expected)
    assert np.array_equal(area, np.bincount(names.ravel())[1:])


@pytest.mark.parametrize(
    "values",
    [
        lambda rng: rng.normal(size=(30, 20)),
        lambda rng: rng.integers(-3, 4, (30, 20)).astype(float),
        lambda rng: np.where(rng.random((30, 20)) < 0.5, -0.0, 0.0),
        lambda rng: rng.normal(size=(30, 20)) * 10.0 ** rng.integers(-30, 30, (30, 20)),
    ],
)
def test_ranks_are_those_of_scipy_within_the_window(rng, values):
    image, inside = values(rng).astype(np.float32).astype(float), rng.random((30, 20)) < 0.8
    window = np.zeros((30, 20), dtype=bool)
    window[4:28, 2:19] = True
    rank = stats.rankdata(image[inside & window])
    expected = np.zeros((30, 20))
    expected[inside & window] = 2 * (rank - 0.5) / rank.size - 1
    assert ranked(image, inside, 4, 28, 2, 19) == pytest.approx(expected, abs=1e-12)
    assert not ranked(image, np.zeros((30, 20), dtype=bool), 4, 28, 2, 19).any()


def test_extremes_are_those_of_a_maximum_filter(rng):
    response = ndimage.gaussian_filter(rng.normal(size=(9, 30, 25)), 1.2)
    expected = (ndimage.maximum_filter(response, 3) == response) & (response > 0)
    expected[[0, -1]] = expected[:, [0, -1]] = expected[:, :, [0, -1]] = False
    assert np.array_equal(extremes(response), np.argwhere(expected))
    assert extremes(np.zeros((3, 3, 3))).shape == (0, 3)


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_steps_are_counted_and_what_lies_between_is_told(rng, kind):
    steps = rng.integers(0, 60_000, 1000)
    values = (0.37 * steps + 12.5).astype(np.float32)
    counts = np.empty(1000, kind)
    assert steps_of(values, 12.5, 0.37, counts) == 0
    assert np.array_equal(counts, steps)
    values[[3, 700]] += np.float32(0.1)
    assert steps_of(values, 12.5, 0.37, counts) == 2
