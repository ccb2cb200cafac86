"""Passing-Bablok lines against the rule written out, Theil and Sen, and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qiqa.core.errors import NotMeasurable
from qiqa.metrology import passing_bablok as module
from qiqa.metrology.passing_bablok import passing_bablok

# Bland & Altman, Lancet 1986;1:307: peak flow by two meters, first readings.
LARGE = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


def written_out(x, y):
    """Return slope and interval by the rule as published, pair by pair."""
    slopes = []
    for (x1, y1), (x2, y2) in itertools.combinations(zip(x, y, strict=True), 2):
        if x1 == x2:
            slopes += [math.inf] * (y1 != y2)
        elif (y2 - y1) / (x2 - x1) != -1:
            slopes.append((y2 - y1) / (x2 - x1))
    slopes.sort()
    many, shift, n = len(slopes), sum(s < -1 for s in slopes), len(x)
    if many % 2:
        slope = slopes[(many + 1) // 2 + shift - 1]
    else:
        slope = (slopes[many // 2 + shift - 1] + slopes[many // 2 + shift]) / 2
    reach = stats.norm.ppf(0.975) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = round((many - reach) / 2)
    return slope, (slopes[first + shift - 1], slopes[many - first + 1 + shift - 1])


def rounded(n, seed, slope=1.0):
    rng = np.random.default_rng(seed)
    true = rng.uniform(5, 30, n)
    return np.round(true + rng.normal(0, 2, n)), np.round(slope * true + rng.normal(0, 2, n))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("slope", [0.4, 1.0, 3.0])
def test_the_rule_written_out_with_ties_and_slopes_of_minus_one(seed, slope):
    x, y = rounded(40, seed, slope)
    found = passing_bablok(x, y)
    value, ends = written_out(x.tolist(), y.tolist())
    assert found.slope.value == pytest.approx(value, rel=1e-14)
    assert found.slope.interval == pytest.approx(ends, rel=1e-14)
    assert found.intercept.value == pytest.approx(np.median(y - value * x))
    assert found.intercept.interval[0] == pytest.approx(np.median(y - ends[1] * x))
    assert found.intercept.interval[1] == pytest.approx(np.median(y - ends[0] * x))


def test_without_slopes_below_minus_one_it_is_theil_and_sen():
    rng = np.random.default_rng(2)
    x = np.arange(30.0)
    y = 3 + 1.2 * x + rng.uniform(-0.9, 0.9, 30)  # no step of y falls by as much as 1
    slope, _, low, high = stats.theilslopes(y, x)
    found = passing_bablok(x, y)
    assert found.slopes == 435
    assert found.slope.value == pytest.approx(slope)
    assert found.slope.interval == pytest.approx((low, high))


def test_peak_flow():
    value, ends = written_out(LARGE, MINI)
    found = passing_bablok(LARGE, MINI)
    assert found.n == 17
    assert found.slope.value == pytest.approx(value)
    assert found.slope.interval == pytest.approx(ends)
    assert found.slope.interval[0] < 1 < found.slope.interval[1]


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(-50, 50), st.floats(0.1, 10))
def test_shift_scale_and_changing_places(seed, shift, scale):
    x, y = rounded(25, seed)
    try:
        line = passing_bablok(x, y)
        turned = passing_bablok(y, x)
    except NotMeasurable:
        return
    low, high = line.slope.interval
    assert turned.slope.interval == pytest.approx((1 / high, 1 / low))
    if line.slopes % 2:
        assert turned.slope.value == pytest.approx(1 / line.slope.value)
    moved = passing_bablok(scale * (x + 2.0 ** shift.__trunc__().bit_length()), scale * y)
    assert moved.slope.value == pytest.approx(line.slope.value)


def test_decimal_steps_count_as_minus_one_as_whole_steps_do():
    x, y = rounded(25, 198)
    one, other = passing_bablok(x, y), passing_bablok(0.1 * x, 0.1 * y)
    assert one.slopes == other.slopes < 300
    assert other.slope.interval == pytest.approx(one.slope.interval)


@pytest.mark.parametrize("step", [0.0, 1.0, 5.0])
def test_many_points_take_the_same_ranks_without_holding_all_slopes(monkeypatch, step):
    """Rounded values: whole brackets of slopes are one value."""
    rng = np.random.default_rng(6)
    true = rng.uniform(10, 100, 500)
    x, y = true + rng.normal(0, 1, 500), 1 + 1.1 * true + rng.normal(0, 1, 500)
    if step:
        x, y = step * np.round(x / step), step * np.round(y / step)
    held = passing_bablok(x, y)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    monkeypatch.setattr(module, "_SAMPLE", 5000)
    assert passing_bablok(x, y) == held


def test_brackets_that_miss_are_widened(monkeypatch):
    rng = np.random.default_rng(7)
    true = np.sort(rng.uniform(10, 100, 300))
    # neighbors fall and the whole rises: a few slopes of near points mislead
    x, y = true, true + np.where(np.arange(300) % 2, 6.0, -6.0) + rng.normal(0, 0.1, 300)
    held = passing_bablok(x, y)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    monkeypatch.setattr(module, "_SAMPLE", 1)
    monkeypatch.setattr(module, "_bracket", misled(module._bracket))
    assert passing_bablok(x, y) == held


def misled(bracket):
    """Return brackets that are right only when they are wide."""
    return lambda sample, share, margin: bracket(sample, share - 0.2, margin)


def test_an_outlier_hardly_moves_the_line():
    x, y = np.array(LARGE, float), np.array(MINI, float)
    y[5] = 5000
    assert passing_bablok(x, y).slope.value == pytest.approx(
        passing_bablok(LARGE, MINI).slope.value, abs=0.2
    )


def test_intervals_cover_and_the_test_of_linearity_keeps_its_chance():
    rng = np.random.default_rng(51)
    true = np.linspace(10, 50, 40)
    inside = np.zeros(2)
    bent = straight = 0
    for _ in range(400):
        x = true + 2 * rng.normal(size=40)
        y = 2 + 1.1 * true + 2.2 * rng.normal(size=40)
        line = passing_bablok(x, y)
        for i, (one, truth) in enumerate(((line.slope, 1.1), (line.intercept, 2.0))):
            inside[i] += one.interval[0] <= truth <= one.interval[1]
        straight += line.linearity.chance < 0.05
        bent += passing_bablok(x, y + 0.04 * (true - 30) ** 2).linearity.chance < 0.05
    # one standard deviation of a share of 95 % is 1.1 %; the intercept is known to be narrow
    assert inside[0] / 400 == pytest.approx(0.95, abs=4 * 0.011)
    assert 0.88 < inside[1] / 400 < 0.96
    assert straight / 400 < 0.10
    assert bent / 400 > 0.9


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 5], "4 pairs, at least 5"),
        ([1, 2, 3, 4, 5], [5, 4.5, 3, 2, 1], "y does not rise with x"),
        ([1, 2, 3, 4, 5], [2, 2, 2, 2, 2], "all y are 2"),
        ([2, 2, 2, 2, 2], [1, 2, 3, 4, 5], "all x are 2"),
        ([1, 2, 3, 4, 5, 6], [1, 9, -7, 12, -9, 11], "not bounded"),
        ([1, 1, 1, 1, 1, 1, 2], [1, 2, 3, 4, 5, 6, 7], "too many points share one x"),
        (range(20_001), range(20_001), "at most 20000"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(x, y, says):
    with pytest.raises(NotMeasurable, match=says):
        passing_bablok(list(x), list(y))
