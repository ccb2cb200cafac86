"""Order statistics of groups: against numpy, group by group."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.kernels.segments import (
    segment_moments,
    segment_quantiles,
    segment_spreads,
    squared_distances,
)


@pytest.fixture(scope="module")
def grouped():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 50)).astype(np.float32)
    values[0, ::7] = np.nan
    order = rng.permutation(50)
    return values, order, np.array([0, 20, 21, 50])


def test_quantiles_are_those_of_numpy(grouped):
    values, order, starts = grouped
    chances = np.array([0.1, 0.5, 0.9])
    found = segment_quantiles(values, order, starts, np.zeros(0), chances)
    for g in (0, 2):
        for j in range(3):
            x = values[j, order[starts[g] : starts[g + 1]]].astype(float)
            expected = np.quantile(x[~np.isnan(x)], chances, method="hazen")
            assert found[g, j] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(found[1]).all()


def test_a_weight_of_two_is_that_of_two_rows():
    values = np.array([[1.0, 2.0, 4.0, 8.0]], dtype=np.float32)
    twice = np.array([[1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0]], dtype=np.float32)
    for n, x, w in ((4, values, np.full(4, 2.0)), (8, twice, np.ones(8))):
        arguments = (x, np.arange(n), np.array([0, n]), w)
        assert segment_quantiles(*arguments, np.array([0.5]))[0, 0, 0] == pytest.approx(
            3.0, abs=1.1
        )
    heavy = segment_quantiles(values, np.arange(4), np.array([0, 4]),
                              np.array([1.0, 1.0, 1.0, 97.0]), np.array([0.5]))  # fmt: skip
    assert heavy[0, 0, 0] > 7.5


def test_equal_weights_give_what_no_weights_give(grouped):
    values, order, starts = grouped
    chances = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    plain = segment_quantiles(values, order, starts, np.zeros(0), chances)
    weighted = segment_quantiles(values, order, starts, np.full(50, 3.0), chances)
    assert weighted == pytest.approx(plain, abs=1e-6, nan_ok=True)


def test_spreads_are_median_distances(grouped):
    values, order, starts = grouped
    centers = np.zeros((3, 3))
    found = segment_spreads(values, order, starts, np.zeros(0), centers)
    for j in range(3):
        x = np.abs(values[j, order[21:50]].astype(float))
        assert found[2, j] == pytest.approx(np.nanmedian(x), abs=1e-6)


def test_distances_are_quadratic_forms(grouped):
    values, order, _ = grouped
    scores = values[1:]
    moments = segment_moments(scores, order, np.array([0, 50]), 100.0)
    assert moments[0] == pytest.approx(scores.astype(float) @ scores.T / 50, abs=1e-6)
    inverse = np.linalg.inv(moments)
    found = squared_distances(scores, np.zeros(50, dtype=np.intp), inverse, 2)
    expected = np.einsum("in,ij,jn->n", scores, inverse[0], scores) / 2
    assert found == pytest.approx(expected, rel=1e-5)
    none = squared_distances(values, np.full(50, -1, dtype=np.intp), np.eye(3)[None], 2)
    assert np.isnan(none).all()
