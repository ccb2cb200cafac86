"""Circles through wall points that rails, bubbles and structures interrupt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.geometry.circle import fit_circle, search_circle


def ring(x, y, radius, n=360, arc=(0.0, 2 * np.pi)):
    theta = np.linspace(*arc, n, endpoint=False)
    return x + radius * np.cos(theta), y + radius * np.sin(theta)


@given(
    x=st.floats(-200, 200),
    y=st.floats(-200, 200),
    radius=st.floats(20, 150),
    start=st.floats(0, 6.28),
    width=st.floats(1.5, 6.28),
)
@settings(max_examples=60, deadline=None)
def test_points_of_any_arc_give_their_circle_back(x, y, radius, start, width):
    circle = fit_circle(*ring(x, y, radius, arc=(start, start + width)), tolerance=0.5)
    assert circle is not None
    assert (circle.x, circle.y, circle.radius) == pytest.approx((x, y, radius), abs=1e-6)
    assert circle.rms < 1e-6
    assert circle.inliers.all()


def test_outliers_and_gaps_do_not_pull_the_circle():
    rng = np.random.default_rng(1)
    u, v = ring(12.0, -7.0, 95.0)
    u, v = u + rng.normal(0, 0.1, u.size), v + rng.normal(0, 0.1, v.size)
    v[250:290] += 6.0  # a bubble
    u[:20] = np.nan  # cut off
    circle = fit_circle(u, v, tolerance=1.2, start=(12.0, -7.0, 95.0))
    assert (circle.x, circle.y, circle.radius) == pytest.approx((12.0, -7.0, 95.0), abs=0.05)
    assert not circle.inliers[:20].any()
    # at its two ends the bubble's chord may cross the wall; its middle never counts
    assert not circle.inliers[260:280].any()
    # 0.1 mm in both directions is 0.1 mm across the wall
    assert circle.rms == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_search_finds_the_circle_that_most_points_agree_on(share):
    rng = np.random.default_rng(2)
    n = 400
    stray = int(share * n)
    u, v = ring(5.0, 9.0, 95.0, n)
    u[:stray], v[:stray] = rng.uniform(-120, 120, stray), rng.uniform(-120, 120, stray)
    order = rng.permutation(n)
    circle = search_circle(u[order], v[order], tolerance=2.0)
    assert (circle.x, circle.y, circle.radius) == pytest.approx((5.0, 9.0, 95.0), abs=0.3)
    again = search_circle(u[order], v[order], tolerance=2.0)
    assert (again.x, again.radius) == (circle.x, circle.radius)


def test_too_few_points_are_no_circle():
    assert fit_circle(*ring(0, 0, 10, 9), tolerance=1.0) is None
    assert search_circle(*ring(0, 0, 10, 9), tolerance=1.0) is None
    u, v = ring(0, 0, 10, 40)
    assert fit_circle(np.full(40, np.nan), v, tolerance=1.0) is None
    assert fit_circle(u, v, tolerance=1.0, start=(0.0, 0.0, 60.0)) is None
