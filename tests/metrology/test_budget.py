"""Combination and coverage against the examples and tables of the GUM (JCGM 100:2008)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.measurement import BudgetLine
from qiqa.metrology.budget import combine, coverage_factor, student_interval


def lines(*pairs):
    return tuple(
        BudgetLine(name=str(n), standard_uncertainty=u, degrees_of_freedom=dof)
        for n, (u, dof) in enumerate(pairs)
    )


def test_end_gauge_of_gum_h1():
    difference = lines((5.8, 24.0), (3.9, 5.0), (6.7, 8.0))
    u_difference, dof_difference = combine(difference)
    assert u_difference == pytest.approx(9.7, abs=0.05)  # H.1.3.2
    assert dof_difference == pytest.approx(25.6, abs=1.0)  # H.1.6: from rounded parts
    u, dof = combine(lines((25.0, 18.0), (9.7, 25.6), (2.9, 50.0), (16.6, 2.0)))
    assert u == pytest.approx(32.0, abs=0.5)
    assert dof == pytest.approx(16.7, abs=0.1)
    assert coverage_factor(16.0, 0.99) == pytest.approx(2.92, abs=0.005)
    interval = student_interval(50_000_838.0, 32.0, 16.0, 0.99)
    assert interval.high - 50_000_838.0 == pytest.approx(93.0, abs=0.6)
    assert interval.coverage == 0.99


def test_product_of_three_of_gum_g4():
    # relative u of 0.25, 0.57, 0.82 % from 10, 5, 15 repeats
    u, dof = combine(lines((0.25, 9.0), (0.57, 4.0), (0.82, 14.0)))
    assert u == pytest.approx(1.03, abs=0.005)
    assert dof == pytest.approx(19.0, abs=0.1)
    assert coverage_factor(dof) * u == pytest.approx(2.2, abs=0.05)


@pytest.mark.parametrize(
    ("dof", "k95", "k99"),
    [
        (1, 12.71, 63.66),
        (2, 4.30, 9.92),
        (3, 3.18, 5.84),
        (4, 2.78, 4.60),
        (5, 2.57, 4.03),
        (8, 2.31, 3.36),
        (10, 2.23, 3.17),
        (20, 2.09, 2.85),
        (50, 2.01, 2.68),
        (100, 1.984, 2.626),
        (math.inf, 1.960, 2.576),
    ],
)
def test_factors_of_gum_table_g2(dof, k95, k99):
    assert coverage_factor(dof) == pytest.approx(k95, abs=0.005)
    assert coverage_factor(dof, 0.99) == pytest.approx(k99, abs=0.005)


def test_half_known_degrees_of_freedom_are_not_rounded_up():
    assert coverage_factor(4.5) == pytest.approx((2.78 + 2.57) / 2, abs=0.03)
    # fewer than one is taken as one: no table goes lower
    assert coverage_factor(0.3) == coverage_factor(1.0)


@given(
    st.lists(
        st.tuples(st.floats(1e-3, 10), st.one_of(st.floats(1, 100), st.just(math.inf))),
        min_size=1,
        max_size=6,
    )
)
def test_welch_satterthwaite_stays_between_the_parts_and_their_sum(pairs):
    u, dof = combine(lines(*pairs))
    assert u == pytest.approx(math.sqrt(sum(a**2 for a, _ in pairs)))
    known = [d for _, d in pairs]
    assert dof >= min(known) * (1 - 1e-9)
    if all(math.isfinite(d) for d in known):
        assert dof <= sum(known) * (1 + 1e-9)


def test_parts_of_no_size_change_nothing():
    u, dof = combine(lines((3.0, 5.0), (0.0, 1.0)))
    assert (u, dof) == (3.0, pytest.approx(5.0))
    assert combine(()) == (0.0, math.inf)
