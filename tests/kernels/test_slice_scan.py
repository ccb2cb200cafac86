"""The passes over all voxels against plain numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve

from qiqa.kernels.slice_scan import COUNTS, LEVELS, block_sums, count_values, scan_levels

KERNEL = np.array([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]])
SHAPES = [(3, 17, 300), (2, 300, 5), (1, 64, 64), (2, 3, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_levels_are_those_of_numpy(shape):
    stack = np.random.default_rng(3).integers(-500, 4000, shape).astype(np.float32)
    found = scan_levels(stack, 1500.0)
    assert found.shape == (shape[0], len(LEVELS))
    for image, (finite, total, least, most, fine, jumps) in zip(stack, found, strict=True):
        double = image.astype(np.float64)
        assert finite == image.size
        assert total == pytest.approx(double.sum(), rel=1e-5)
        assert (least, most) == (image.min(), image.max())
        second = np.abs(convolve(double, KERNEL))[1:-1, 1:-1]
        assert fine == pytest.approx(second.mean(), rel=1e-5)
        assert jumps == (np.abs(np.diff(double[1:-1, 1:], axis=1)) > 1500).sum()


def test_values_that_are_not_finite_are_left_out_of_levels():
    stack = np.ones((2, 20, 20), np.float32)
    stack[0, 3, 4], stack[0, 5, 6], stack[0, 0, 0] = np.nan, np.inf, 7.0
    stack[1] = np.nan
    first, second = scan_levels(stack, 10.0)
    assert first[0] == 398
    assert first[1] == 397 + 7
    assert (first[2], first[3]) == (1, 7)
    assert np.isnan(first[4])
    assert second[0] == 0
    assert np.isnan(second[2:4]).all()


def test_a_slice_too_small_for_second_differences_has_none():
    found = scan_levels(np.ones((1, 2, 9), np.float32), 1.0)
    assert np.isnan(found[0, 4])
    assert found[0, 1] == 18


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_are_those_of_numpy(shape):
    rng = np.random.default_rng(4)
    stack = rng.normal(0, 3, shape).astype(np.float32)
    stack[rng.random(shape) < 0.5] = np.rint(stack[0, 0, 0])
    stack[0, :2, :2] = [[np.nan, np.inf], [-np.inf, 5.0]]
    found = dict(zip(COUNTS, count_values(stack, -4.0, 4.0, 5.0).T, strict=True))
    finite = np.isfinite(stack)
    whole = np.equal(np.mod(stack, 1, where=finite, out=np.zeros_like(stack)), 0)
    expected = {
        "nan": np.isnan(stack),
        "infinite": np.isinf(stack),
        "low": stack <= -4,
        "high": stack >= 4,
        "negative": finite & (stack < 0),
        "fractional": finite & ~whole,
        "top": stack == 5,
    }
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask.sum(axis=(1, 2)), err_msg=name)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7])
def test_blocks_are_those_of_numpy(side):
    stack = np.random.default_rng(5).integers(0, 9, (2, 23, 30)).astype(np.float32)
    mean, spread, zeros = block_sums(stack, side)
    step = 2 if side >= 4 else 1
    for s, r, c in np.ndindex(mean.shape):
        rows = slice(r * side, min(r * side + side, 23), step)
        block = stack[s, rows, c * side : c * side + side].astype(np.float64)
        assert mean[s, r, c] == pytest.approx(block.mean(), abs=1e-5)
        assert spread[s, r, c] == pytest.approx(block.std(), abs=1e-4)
        assert zeros[s, r, c] == pytest.approx((block == 0).mean(), abs=1e-6)


def test_the_same_bits_for_a_slice_alone_and_among_others():
    stack = np.random.default_rng(6).normal(100, 30, (5, 70, 90)).astype(np.float32)
    together = scan_levels(stack, 50.0)
    alone = np.concatenate([scan_levels(one[None], 50.0) for one in stack])
    np.testing.assert_array_equal(together, alone)
