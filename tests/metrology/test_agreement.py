"""Limits of agreement against the paper that brought them, tables of factors and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.agreement import DifferenceScale, agreement, quantile_factors, trend

# Bland & Altman, Lancet 1986;1:307, table 1: first readings of peak flow in l/min.
LARGE = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)

many = st.lists(
    st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=4, max_size=30
).filter(lambda pairs: len({x - y for x, y in pairs}) > 1)


def test_peak_flow_of_bland_and_altman():
    """As printed: -2.1, 38.8; interval of the bias -22.0 to 17.8; limits by 2 SD -79.7, 75.5."""
    found = agreement(LARGE, MINI)
    assert found.n == 17
    assert found.bias.value == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert found.bias.interval == pytest.approx((-22.0, 17.8), abs=0.05)
    assert found.bias.value - 2 * found.sd == pytest.approx(-79.7, abs=0.06)
    assert found.bias.value + 2 * found.sd == pytest.approx(75.5, abs=0.1)
    assert found.lower.value == pytest.approx(found.bias.value - 1.96 * found.sd)
    assert found.upper.value == pytest.approx(found.bias.value + 1.96 * found.sd)
    assert found.bias.degrees_of_freedom == found.upper.degrees_of_freedom == 16


def test_exact_limits_reach_farther_out_than_in():
    found = agreement(LARGE, MINI)
    low, high = found.upper.interval
    assert high - found.upper.value > 1.5 * (found.upper.value - low)
    # the approximation of 1986, t times the root of 3 / n, gives 110.1 - 75.5 = 34.6 on both sides
    assert high - found.upper.value > 40


# NIST/SEMATECH e-Handbook 7.2.6.3 (Natrella 1963): one-sided factors, 95 % content.
@pytest.mark.parametrize(("n", "factor"), [(10, 2.911), (20, 2.396), (30, 2.220)])
def test_factors_of_one_sided_tolerance_limits(n, factor):
    assert quantile_factors(n, stats.norm.ppf(0.95), 0.90)[1] == pytest.approx(factor, abs=6e-4)


@pytest.mark.parametrize("n", [2, 3, 17, 400, 100_000])
def test_factors_solve_the_noncentral_t(n):
    for factor, chance in zip(quantile_factors(n, 1.96), (0.025, 0.975), strict=True):
        back = stats.nct.cdf(factor * math.sqrt(n), n - 1, 1.96 * math.sqrt(n))
        assert back == pytest.approx(chance, abs=1e-7)


def test_intervals_of_bias_and_both_limits_cover():
    """2000 studies of 8 pairs: one standard deviation of a share of 95 % is 0.49 %."""
    rng = np.random.default_rng(3)
    truth = (3.0, 3 - 1.96 * math.sqrt(8), 3 + 1.96 * math.sqrt(8))
    inside = np.zeros(3)
    for _ in range(2000):
        true = rng.normal(100, 20, 8)
        found = agreement(true + 3 + rng.normal(0, 2, 8), true + rng.normal(0, 2, 8))
        for i, one in enumerate((found.bias, found.lower, found.upper)):
            inside[i] += one.interval[0] <= truth[i] <= one.interval[1]
    assert inside / 2000 == pytest.approx([0.95] * 3, abs=4 * 0.0049)


def test_a_trend_is_found_where_one_is_and_seldom_where_none_is():
    rng = np.random.default_rng(5)
    inside = found = 0
    for _ in range(1000):
        true = rng.normal(100, 20, 20)
        x, y = true + rng.normal(0, 2, 20), true + rng.normal(0, 2, 20)
        slope = agreement(x, y).trend.slope
        inside += slope.interval[0] <= 0 <= slope.interval[1]
        # a slope of 0.26 with a standard error of about 0.04
        found += agreement(1.3 * x, y).trend.chance < 0.05
    assert inside / 1000 == pytest.approx(0.95, abs=4 * 0.0069)
    assert found > 990


def test_the_trend_is_that_of_least_squares():
    linear_model = pytest.importorskip("statsmodels.api")
    x, y = np.array(LARGE, float), np.array(MINI, float)
    judge = linear_model.OLS(x - y, linear_model.add_constant((x + y) / 2)).fit()
    found = agreement(x, y).trend
    assert found.slope.value == pytest.approx(judge.params[1])
    assert found.slope.standard_error == pytest.approx(judge.bse[1])
    assert found.slope.interval == pytest.approx(tuple(judge.conf_int()[1]))
    assert found.chance == pytest.approx(judge.pvalues[1])


def test_no_trend_where_all_means_are_equal():
    assert trend(np.array([1.0, 2, 4]), np.array([5.0, 5, 5])) is None
    assert agreement([4.0, 5, 6], [6.0, 5, 4]).trend is None
    level = trend(np.array([2.0, 2, 2]), np.array([1.0, 2, 3]))
    assert (level.slope.value, level.chance) == (0.0, 1.0)


@given(many)
def test_ratios_are_differences_of_logarithms(pairs):
    x, y = np.array(pairs, float).T
    if len({a / b for a, b in pairs}) < 2 or np.ptp(np.log(x / y)) < 1e-9:
        return
    ratio, plain = agreement(x, y, "ratio"), agreement(np.log(x), np.log(y))
    for name in ("bias", "lower", "upper"):
        one, other = getattr(ratio, name), getattr(plain, name)
        assert math.log(one.value) == pytest.approx(other.value, abs=1e-9)
        assert np.log(one.interval) == pytest.approx(other.interval, abs=1e-8)
    assert ratio.sd == pytest.approx(plain.sd)


def test_percent_of_the_mean_of_both():
    """100 (x - y) / mean: 100 * 2 / 10 = 20, 100 * 1 / 10 = 10, 0."""
    found = agreement([11.0, 10.5, 10.0], [9.0, 9.5, 10.0], DifferenceScale.PERCENT)
    assert found.bias.value == pytest.approx(10.0)
    assert found.sd == pytest.approx(10.0)


@given(many, st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_and_scale_go_through(pairs, shift, scale):
    x, y = np.array(pairs, float).T
    plain, moved = agreement(x, y), agreement(scale * (x + shift), scale * (y + shift))
    assert moved.bias.value == pytest.approx(scale * plain.bias.value, abs=1e-9 * scale)
    assert moved.upper.interval == pytest.approx(
        [scale * end for end in plain.upper.interval], rel=1e-7, abs=1e-7 * scale
    )


@given(many)
def test_changing_places_turns_the_limits(pairs):
    x, y = np.array(pairs, float).T
    one, other = agreement(x, y), agreement(y, x)
    assert other.bias.value == pytest.approx(-one.bias.value)
    assert other.lower.value == pytest.approx(-one.upper.value)
    assert other.lower.interval == pytest.approx(tuple(-e for e in reversed(one.upper.interval)))


@pytest.mark.parametrize(
    ("x", "y", "scale", "error", "says"),
    [
        ([1, 2], [1, 3], "difference", NotMeasurable, "2 pairs, at least 3"),
        ([1, 2, 3], [1, 2], "difference", UsageError, "3 values and reference 2"),
        ([1, math.nan, 3], [1, 2, 4], "difference", NotMeasurable, "1 of 3 values of measured"),
        ([1, 2, 3], [1, 2, math.inf], "difference", NotMeasurable, "the first at place 2"),
        ([1.1, 2.1, 3.1], [1, 2, 3], "difference", NotMeasurable, "differences are the same"),
        ([1, 2, 0], [1, 3, 3], "ratio", NotMeasurable, "the smallest value is 0"),
        ([1, 2, -3], [1, 3, 3], "percent", NotMeasurable, "the smallest value is -3"),
        ([1, 2, 3], [1, 3, 3], "log", UsageError, "allowed are difference, percent, ratio"),
        ([[1, 2, 3]], [1, 3, 3], "ratio", UsageError, "one column is needed"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(x, y, scale, error, says):
    with pytest.raises(error, match=says):
        agreement(x, y, scale)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_that_is_none(confidence):
    with pytest.raises(UsageError, match="between 0 and 1"):
        agreement(LARGE, MINI, confidence=confidence)


def test_less_confidence_is_a_narrower_interval():
    wide, narrow = agreement(LARGE, MINI), agreement(LARGE, MINI, confidence=0.5)
    for name in ("bias", "lower", "upper"):
        one, other = getattr(wide, name).interval, getattr(narrow, name).interval
        assert one[0] < other[0] < other[1] < one[1]
