"""Deming lines against total least squares, least squares, refitting by hand and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.deming import deming, weighted_deming
from qiqa.metrology.york import york

# Bland & Altman, Lancet 1986;1:307: peak flow by two meters, first readings.
LARGE = np.array(
    (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427), float
)
MINI = np.array(
    (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451), float
)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 1.21, 9.0])
@pytest.mark.parametrize("turn", [1, -1])
def test_the_line_is_the_direction_of_largest_spread(ratio, turn):
    """Total least squares: the first singular vector, y stretched to the same error as x."""
    x, y = LARGE, turn * MINI
    stretch = math.sqrt(ratio)
    points = np.stack([x - x.mean(), stretch * (y - y.mean())])
    first = np.linalg.svd(points)[0][:, 0]
    line = deming(x, y, ratio)
    assert line.slope.value == pytest.approx(first[1] / first[0] / stretch)
    assert line.intercept.value == pytest.approx(y.mean() - line.slope.value * x.mean())


def test_the_ends_of_the_ratio_are_both_regressions():
    """All error in y: y on x; all error in x: x on y, turned over."""
    assert deming(LARGE, MINI, 1e-12).slope.value == pytest.approx(
        stats.linregress(LARGE, MINI).slope
    )
    assert deming(LARGE, MINI, 1e12).slope.value == pytest.approx(
        1 / stats.linregress(MINI, LARGE).slope
    )


def levels(line, x, y):
    """Return the values that Linnet's weights are the inverse squares of."""
    ratio, slope = line.variance_ratio, line.slope.value
    rest = (y - line.intercept.value - slope * x) / (1 + ratio * slope**2)
    return (x + ratio * slope * rest + ratio * (y - rest)) / (1 + ratio)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.21])
def test_the_weighted_line_is_yorks_with_errors_in_proportion(ratio):
    line = weighted_deming(LARGE, MINI, ratio)
    level = levels(line, LARGE, MINI)
    judge = york(LARGE, MINI, math.sqrt(ratio) * level, level)
    assert line.slope.value == pytest.approx(judge.slope.value, rel=1e-8)
    assert line.intercept.value == pytest.approx(judge.intercept.value, rel=1e-6)


@pytest.mark.parametrize("fit", [deming, weighted_deming])
def test_errors_are_those_of_leaving_each_pair_out(fit):
    """Tukey's pseudo-values, each pair taken out and the line fitted anew."""
    n = LARGE.size
    line = fit(LARGE, MINI, 1.21)
    for name in ("slope", "intercept"):
        whole = getattr(line, name)
        left = [
            getattr(fit(np.delete(LARGE, i), np.delete(MINI, i), 1.21), name).value
            for i in range(n)
        ]
        pseudo = n * whole.value - (n - 1) * np.array(left)
        error = pseudo.std(ddof=1) / math.sqrt(n)
        reach = stats.t.ppf(0.975, n - 2) * error
        assert whole.standard_error == pytest.approx(error, rel=1e-6)
        assert whole.interval == pytest.approx((whole.value - reach, whole.value + reach))
        assert whole.degrees_of_freedom == n - 2


def test_model_errors_come_near_to_those_of_least_squares_where_x_is_exact():
    line, judge = deming(LARGE, MINI, 1e-10, jackknife=False), stats.linregress(LARGE, MINI)
    assert line.slope.standard_error == pytest.approx(judge.stderr, rel=1e-6)
    assert line.intercept.standard_error == pytest.approx(judge.intercept_stderr, rel=1e-6)
    assert not line.jackknife


@pytest.mark.parametrize("jackknife", [True, False])
@pytest.mark.parametrize("n", [10, 30])
def test_intervals_cover(n, jackknife):
    rng = np.random.default_rng(41)
    true = np.linspace(10, 50, n)
    inside = np.zeros(2)
    for _ in range(400):
        x = true + math.sqrt(2) * 2 * rng.normal(size=n)
        y = 2 + 1.1 * true + 2 * rng.normal(size=n)
        line = deming(x, y, 2.0, jackknife=jackknife)
        for i, (one, truth) in enumerate(((line.slope, 1.1), (line.intercept, 2.0))):
            inside[i] += one.interval[0] <= truth <= one.interval[1]
    # one standard deviation of a share of 95 % is 1.1 %
    assert inside / 400 == pytest.approx([0.95] * 2, abs=4 * 0.011)


def test_intervals_cover_where_errors_grow_with_the_value():
    rng = np.random.default_rng(42)
    true = np.geomspace(5, 100, 30)
    inside = np.zeros(2)
    width = np.zeros(2)
    for _ in range(400):
        x = true * (1 + 0.05 * rng.normal(size=30))
        y = (2 + 1.1 * true) * (1 + 0.05 * rng.normal(size=30))
        line, plain = weighted_deming(x, y), deming(x, y)
        for i, (one, truth) in enumerate(((line.slope, 1.1), (line.intercept, 2.0))):
            inside[i] += one.interval[0] <= truth <= one.interval[1]
        width += np.diff(line.intercept.interval)[0], np.diff(plain.intercept.interval)[0]
    assert inside / 400 == pytest.approx([0.95] * 2, abs=4 * 0.011)
    assert width[0] < 0.5 * width[1]  # what the weights are for


points = st.lists(st.tuples(st.integers(1, 60), st.integers(-10, 10)), min_size=6, max_size=25)


@given(points, st.floats(-50, 50), st.floats(0.05, 20), st.sampled_from([0.3, 1.0, 4.0]))
def test_shift_scale_and_changing_places(values, shift, scale, ratio):
    x = np.array([a for a, _ in values], float)
    y = x + np.array([b for _, b in values], float)
    assume(np.ptp(x) > 0 and np.ptp(y) > 0)
    assume(np.corrcoef(x, y)[0, 1] > 0.1)
    try:
        line = deming(x, y, ratio)
    except NotMeasurable:
        return
    moved = deming(x, scale * (y + shift), ratio / scale**2)
    turned = deming(y, x, 1 / ratio)
    assert moved.slope.value == pytest.approx(scale * line.slope.value, rel=1e-7)
    assert moved.intercept.value == pytest.approx(
        scale * (line.intercept.value + shift), rel=1e-6, abs=1e-6 * scale
    )
    assert turned.slope.value == pytest.approx(1 / line.slope.value, rel=1e-7)
    assert turned.intercept.value == pytest.approx(
        -line.intercept.value / line.slope.value, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize(
    ("fit", "x", "y", "ratio", "error", "says"),
    [
        (deming, [1, 2, 3], [1, 2, 4], 1, NotMeasurable, "3 pairs, at least 4"),
        (deming, [1, 2, 3, 4], [1, 2, 4, 4], 0, UsageError, "variance_ratio is 0"),
        (deming, [1, 2, 3, 4], [1, 2, 4, 4], math.inf, UsageError, "variance_ratio is inf"),
        (deming, [2, 2, 2, 2], [1, 2, 4, 4], 1, NotMeasurable, "all x or all y"),
        (deming, [1, 2, 1, 2], [1, 1, 2, 2], 1, NotMeasurable, "do not correlate"),
        (deming, [1, 2, 3, 4], [2.1, 4.1, 6.1, 8.1], 1, NotMeasurable, "lie on the line 0.1"),
        (weighted_deming, [1, 2, 3, 4], [2, 4, 6, 8], 1, NotMeasurable, "lie on the line"),
        (weighted_deming, [1, 2, 3, 0], [1, 2, 4, 4], 1, NotMeasurable, "smallest value is 0"),
        (
            weighted_deming,
            [7.6, 3.3, 1.6, 0.7, 9.0],
            [19.0, 15.0, 7.3, 1.8, 0.3],
            3,
            NotMeasurable,
            "do not settle",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(fit, x, y, ratio, error, says):
    with pytest.raises(error, match=says):
        fit(x, y, ratio)
