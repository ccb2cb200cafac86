"""Crossings of a level, on edges whose place is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from qiqa.geometry.edges import crossing, first_crossing

X = np.arange(0.0, 40.0, 0.5)


@given(at=st.floats(5, 34), slope=st.floats(0.05, 5), level=st.floats(-3, 3))
def test_a_straight_flank_is_crossed_exactly(at, slope, level):
    assert crossing(level + slope * (X - at), X, level) == pytest.approx(at, abs=1e-6)


@given(at=st.floats(8, 30), width=st.floats(0.6, 3))
def test_half_height_of_a_blurred_edge_is_the_edge(at, width):
    profile = 0.5 * (1 + erf((X - at) / (width * math.sqrt(2))))
    # linear between samples half a pixel apart: at most an eighth of step² times curvature / slope
    assert crossing(profile, X, 0.5) == pytest.approx(at, abs=0.5**2 / 8 / width + 1e-9)


@given(at=st.floats(5, 34))
def test_direction_of_search_does_not_move_a_straight_crossing(at):
    profile = 10.0 * (X - at)
    there, back = crossing(profile, X, 0.0), crossing(-profile[::-1], X[::-1], 0.0)
    assert there == pytest.approx(back, abs=1e-9)


def test_the_first_of_several_crossings_counts():
    profile = np.sin(X / 3)
    assert crossing(profile, X, 0.5) == pytest.approx(3 * math.asin(0.5), abs=0.01)
    assert crossing(profile, X[::-1], 0.5) == pytest.approx(X[-1] - 3 * math.asin(0.5), abs=0.01)


def test_there_is_no_crossing_where_none_can_be_seen():
    rising = X - 20
    assert math.isnan(crossing(rising, X, 100.0))  # never reached
    assert math.isnan(crossing(rising, X, -50.0))  # begins above
    hidden = rising.copy()
    hidden[39] = np.nan  # the sample just before the crossing at index 40
    assert math.isnan(crossing(hidden, X, 0.0))


def test_each_profile_has_its_own_level():
    profiles = np.stack([X, X, X])
    found = first_crossing(profiles, X, np.array([3.25, 10.0, 99.0]))
    assert found[:2] == pytest.approx([3.25, 10.0])
    assert math.isnan(found[2])
