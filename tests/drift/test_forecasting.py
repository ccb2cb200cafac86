"""When a line meets a limit: the interval holds the day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from qiqa.drift.forecasting import crossing

NOW = dt.datetime(2026, 1, 5)
DAYS = 7.0 * np.arange(-29.0, 1.0)
"""Thirty weekly exams up to now."""


def covered(half_span):
    """Return in how many of 2000 lines with noise of SD 1 the 95 % interval holds the truth."""
    rng, slope, ahead = np.random.default_rng(3), 0.04, 120.0
    about = DAYS - DAYS.mean()
    slope_error = 1.0 / np.sqrt(about @ about)
    level_error = np.hypot(1.0 / np.sqrt(DAYS.size), slope_error * DAYS.mean())
    held, lines = 0, 2000
    for _ in range(lines):
        y = slope * DAYS + rng.standard_normal(DAYS.size)
        found = float(about @ y / (about @ about))
        level = float(y.mean()) - found * float(DAYS.mean())
        reach = 1.959964 * slope_error
        _, (first, last) = crossing(
            NOW,
            (level, level_error),
            (found, found - reach, found + reach),
            slope * ahead,
            1e5,
            half_span=half_span,
        )
        truth = NOW + dt.timedelta(days=ahead)
        held += (first is None or first <= truth) and (last is None or truth <= last)
    return held / lines


def test_the_interval_of_a_crossing_holds_the_day():
    assert covered(-float(DAYS.mean())) == pytest.approx(0.95, abs=0.015)


def test_level_and_slope_of_a_line_go_together():
    assert covered(0.0) < 0.93
