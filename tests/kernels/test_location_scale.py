"""Sums within groups against plain array arithmetic, with more columns than a block has."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.kernels.location_scale import correct, group_sums, squares_in_groups

COLUMNS = (1, 7, 1023, 1025, 2100)


@pytest.fixture
def held():
    def make(p):
        rng = np.random.default_rng(p)
        group = np.array([0, 1, 1, 0, 2, 1, 2, 0, 1])
        return rng, group.astype(np.int64), rng.normal(size=(9, p)), rng.normal(size=(9, 2))

    return make


@pytest.mark.parametrize("p", COLUMNS)
def test_sums_and_spans(held, p):
    _, group, values, weights = held(p)
    first = values[[0, 1, 4]]
    sums, cross, span = group_sums(values, group, first, weights)
    off = values - first[group]
    for g in range(3):
        assert np.allclose(sums[g], off[group == g].sum(axis=0), atol=1e-13)
        assert np.allclose(span[g], np.abs(off[group == g]).max(axis=0), atol=1e-13)
    assert np.allclose(cross, weights.T @ off, atol=1e-13)


def test_what_is_not_finite_makes_its_own_sums_so(held):
    _, group, values, weights = held(5)
    for bad, column in ((np.nan, 1), (np.inf, 3)):
        spoiled = values.copy()
        spoiled[5, column] = bad
        sums, cross, _ = group_sums(spoiled, group, values[[0, 1, 4]], weights)
        assert np.array_equal(np.isfinite(sums), ~np.eye(3, 5, k=column - 1, dtype=bool) | (
            np.arange(3)[:, None] != 1))  # fmt: skip
        assert np.array_equal(np.isfinite(cross).all(axis=0), np.arange(5) != column)


@pytest.mark.parametrize("p", COLUMNS)
def test_squares(held, p):
    rng, group, values, design = held(p)
    level, slopes = rng.normal(size=(3, p)), rng.normal(size=(2, p))
    rest = (values - level[group] - design @ slopes) ** 2
    found = squares_in_groups(values, group, level, design, slopes)
    for g in range(3):
        assert np.allclose(found[g], rest[group == g].sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("p", COLUMNS)
def test_correction_leaves_a_marked_group_and_gaps_alone(held, p):
    rng, group, values, design = held(p)
    level, slopes = rng.normal(size=p), rng.normal(size=(2, p))
    shift, scale = rng.normal(size=(3, p)), rng.uniform(0.5, 2, (3, p))
    values[3, 0] = np.nan
    group[group == 2] = -1
    expected = level + design @ slopes
    moved = (values - expected - shift[group]) * scale[group] + expected
    moved[group < 0] = values[group < 0]
    found = correct(values, group, level, design, slopes, shift, scale)
    assert np.allclose(found, moved, atol=1e-12, equal_nan=True)
    assert np.array_equal(found[group < 0], values[group < 0])
    assert np.isnan(found[3, 0])
