"""Bias and its interval: hand calculation, a judge, and coverage where references are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.bias import bias, bias_by_level, mean_bias


def test_without_uncertainty_of_the_reference_it_is_the_t_interval():
    """Darwin's maize (Fisher 1935): mean difference 2.617, SD 4.718, 15 pairs; 0.00 to 5.23."""
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = bias(np.array(eighths) / 8, 0.0)
    assert found.bias == pytest.approx(2.617, abs=5e-4)
    assert found.standard_uncertainty == pytest.approx(4.718 / math.sqrt(15), abs=2e-4)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.0036, 5.2298), abs=2e-3)
    assert (found.degrees_of_freedom, found.n) == (pytest.approx(14), 15)


def test_more_readings_do_not_average_the_reference_away():
    rng = np.random.default_rng(2)
    for n in (10, 1000, 100_000):
        found = bias(rng.normal(102, 1, n), 100.0, 0.7)
        assert found.standard_uncertainty >= 0.7
    assert found.standard_uncertainty == pytest.approx(0.7, rel=1e-3)


def test_percent_by_hand():
    # ratio 1.02: the reference counts 1.02 times its relative uncertainty
    found = bias([50.5, 51.5], 50.0, 0.25, percent=True)
    assert found.bias == pytest.approx(2.0)
    assert found.scatter_standard_uncertainty == pytest.approx(1.0)
    assert found.reference_standard_uncertainty == pytest.approx(0.5 * 1.02)
    assert found.standard_uncertainty == pytest.approx(math.hypot(1.0, 0.51))
    assert found.percent


@pytest.mark.parametrize("percent", [False, True])
def test_intervals_cover_when_the_reference_is_wrong(percent):
    """The reference is off by its own uncertainty, the same for all readings."""
    rng = np.random.default_rng(3)
    inside, truth = 0, 3.0
    for _ in range(2000):
        stated = 100 + rng.normal(0, 0.8)
        found = bias(rng.normal(103, 1.5, 6), stated, 0.8, percent=percent)
        inside += found.interval.low <= truth <= found.interval.high
    assert 0.935 < inside / 2000 < 0.972


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_the_mean_over_levels_covers(shared):
    rng = np.random.default_rng([5, int(10 * shared)])
    truth = np.array([50.0, 100, 150, 200, 250, 300])
    u = 0.01 * truth
    runs = 1000
    inside = 0
    for _ in range(runs):
        error = math.sqrt(shared) * rng.normal() + math.sqrt(1 - shared) * rng.normal(size=6)
        stated = truth + u * error
        # levels differ by what the method does at each, with a mean of 2 %
        values = truth * (1.02 + rng.normal(0, 0.01, 6))
        x = (values + rng.normal(0, 0.5, (4, 6))).ravel()
        levels = bias_by_level(x, np.tile(stated, 4), np.tile(u, 4), percent=True)
        found = mean_bias(levels, shared=shared)
        inside += found.interval.low <= 2.0 <= found.interval.high
    assert 0.93 < inside / runs < 0.975


def test_shared_references_count_once_and_independent_ones_show_themselves():
    levels = bias_by_level([1.1, 1.2, 2.1, 2.3, 3.3, 3.2], [1, 1, 2, 2, 3, 3], 0.2)
    assert [level.bias for level in levels] == pytest.approx([0.15, 0.2, 0.25])
    together, apart = mean_bias(levels), mean_bias(levels, shared=0.0)
    assert together.bias == pytest.approx(0.2)
    assert apart.standard_uncertainty == pytest.approx(0.05 / math.sqrt(3))
    assert together.standard_uncertainty == pytest.approx(math.hypot(0.05 / math.sqrt(3), 0.2))
    assert (apart.degrees_of_freedom, apart.n) == (pytest.approx(2), 3)


@given(
    st.lists(st.floats(-10, 10), min_size=2, max_size=8).filter(lambda x: np.ptp(x) > 1e-3),
    st.floats(1, 100),
    st.floats(1e-3, 1e3),
)
def test_percent_is_free_of_the_unit(values, reference, factor):
    x = np.array(values)
    first = bias(x, reference, 0.1, percent=True)
    other = bias(x * factor, reference * factor, 0.1 * factor, percent=True)
    assert other.bias == pytest.approx(first.bias, rel=1e-6, abs=1e-9)
    assert other.standard_uncertainty == pytest.approx(first.standard_uncertainty, rel=1e-6)


def test_refusals():
    with pytest.raises(NotMeasurable, match="1 readings"):
        bias([1.0, math.nan], 1.0)
    with pytest.raises(NotMeasurable, match="identical"):
        bias([1.5, 1.5, 1.5], 1.0)
    with pytest.raises(NotMeasurable, match="zero"):
        bias([1.0, 2.0], 0.0, percent=True)
    with pytest.raises(UsageError):
        bias([1.0, 2.0], math.nan)
    with pytest.raises(UsageError, match="one reference has one"):
        bias_by_level([1.0, 2.0], [1.0, 1.0], [0.1, 0.2])
    with pytest.raises(UsageError, match="one for each"):
        bias_by_level([1.0, 2.0], [1.0])
    one = bias([1.0, 2.0], 1.0)
    with pytest.raises(NotMeasurable, match="at least two"):
        mean_bias([one])
    with pytest.raises(NotMeasurable, match="same at all"):
        mean_bias([one, one])
    with pytest.raises(UsageError, match="percent"):
        mean_bias([one, bias([1.0, 2.1], 1.0, percent=True)])
    with pytest.raises(UsageError, match="shared"):
        mean_bias([one, bias([1.0, 2.1], 1.0)], shared=1.5)
