"""Scatter of repeats, against hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest

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
