"""Scatter of repeats and lines through points, against hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.metrology.linearity import weighted_line
from qiqa.metrology.repeatability import repeatability


def test_two_repeats_have_one_degree_of_freedom_and_a_wide_interval():
    """The quantiles of chi square with 1 df are 0.000982 and 5.024 (any table)."""
    found = repeatability([100.0, 102.0])
    assert found.degrees_of_freedom == 1
    assert found.wsd == pytest.approx(math.sqrt(2.0))
    assert found.wcv_percent == pytest.approx(100 * math.sqrt(2.0) / 101)
    assert found.wsd_interval[0] / found.wsd == pytest.approx(math.sqrt(1 / 5.0239), rel=1e-3)
    assert found.wsd_interval[1] / found.wsd == pytest.approx(math.sqrt(1 / 0.00098207), rel=1e-3)
    assert found.repeatability_coefficient == pytest.approx(2.77 * math.sqrt(2.0))


def test_one_repeat_says_nothing():
    assert repeatability([3.0]) is None
    assert repeatability([3.0, math.nan]) is None


def test_intervals_cover_95_percent():
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(2000):
        found = repeatability(list(rng.normal(50, 2, 4)))
        inside += found.wsd_interval[0] <= 2 <= found.wsd_interval[1]
    assert 0.935 < inside / 2000 < 0.965


def test_a_line_and_its_standard_error():
    """Ordinary least squares of y = 2 x + 1 with residuals +1, -1, -1, +1: Sxx 5, s² = 4/2."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    y = 2 * x + 1 + np.array([1.0, -1.0, -1.0, 1.0])
    line = weighted_line(x, y, np.ones(4))
    assert line.slope == pytest.approx(2.0)
    assert line.intercept == pytest.approx(1.0)
    assert line.slope_u == pytest.approx(math.sqrt(2.0 / 5.0))
    assert line.intercept_u == pytest.approx(math.sqrt(2.0 * (1 / 4 + 2.5**2 / 5)))


def test_no_line_through_two_points_or_one_place():
    assert weighted_line(np.array([1.0, 2]), np.array([1.0, 2]), np.ones(2)) is None
    assert weighted_line(np.ones(4), np.arange(4.0), np.ones(4)) is None
