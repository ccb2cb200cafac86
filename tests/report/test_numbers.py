"""Rounding against the examples printed in the GUM (JCGM 100:2008)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.measurement import Interval, Measurement
from qiqa.report.numbers import (
    DASH,
    decimals,
    fixed,
    plain_number,
    quantity_text,
    span_text,
)


def value(number, unit="mm", **fields):
    return Measurement(name="x", quantity="x", unit=unit, value=number, **fields)


def test_gum_7_2_6_resistance():
    """The printed text rounds 10.05762 ohm with u = 27 mohm to 10.058 ohm."""
    m = value(10.05762, "ohm", standard_uncertainty=0.027)
    assert quantity_text(m) == ("10.058", "ohm", "u = 0.027")


def test_gum_h_1_7_end_gauge():
    """The printed result is 50.000 838 mm with U = 0.000 093 mm at 99 %."""
    ends = Interval(low=50.000838 - 93e-6, high=50.000838 + 93e-6, coverage=0.99)
    m = value(50.000838, standard_uncertainty=32e-6, degrees_of_freedom=16, interval=ends)
    assert quantity_text(m) == ("50.000838", "mm", "± 0.000093 (99 %)")


def test_no_interval_is_made_up_from_a_standard_uncertainty():
    assert quantity_text(value(10.0, standard_uncertainty=0.1))[2] == "u = 0.10"


def test_asymmetric_interval_shows_both_ends():
    m = value(86.1, "%", interval=Interval(low=84.9, high=89.0))
    assert quantity_text(m) == ("86.1", "%", "[84.9, 89.0]")


def test_one_sided_intervals():
    upper = value(0.31, "%", interval=Interval(low=-math.inf, high=0.49))
    lower = value(40.0, "%", interval=Interval(low=36.5, high=math.inf))
    assert quantity_text(upper)[2] == "at most 0.49"
    assert quantity_text(lower)[2] == "at least 36.5"


def test_discrete_interval_is_never_rounded_to_plus_minus():
    m = value(34.0, "1", interval=Interval(low=32, high=36, kind="discrete"))
    assert quantity_text(m) == ("34", "", "[32, 36]")


def test_frequency_in_megahertz_to_one_hertz():
    near = Interval(low=63_863_020.83, high=63_863_021.97)
    m = value(63_863_021.4, "Hz", interval=near)
    assert quantity_text(m) == ("63.863021", "MHz", "± 1 Hz")
    far = Interval(low=63_863_021.4 - 123.5, high=63_863_021.4 + 123.5)
    wide = value(63_863_021.4, "Hz", interval=far)
    assert quantity_text(wide)[2] == "± 120 Hz"


def test_nothing_measured_is_a_dash_even_with_an_uncertainty():
    m = value(math.nan, standard_uncertainty=0.1, degrees_of_freedom=10.0)
    assert quantity_text(m) == (DASH, "mm", DASH)


@pytest.mark.parametrize(
    ("number", "u", "shown"),
    [
        (1234.5678, 0.0996, "1234.57"),
        (45678.0, 123.0, "45680"),
        (-0.0004, 0.012, "0.000"),
        (9.999, 0.99, "10.00"),
    ],
)
def test_value_ends_where_its_uncertainty_ends(number, u, shown):
    assert fixed(number, decimals(u)) == shown


@given(st.floats(1e-9, 1e9), st.floats(-1e6, 1e6))
def test_rounding_loses_at_most_a_twentieth_of_the_uncertainty(u, number):
    places = decimals(u)
    assert abs(float(fixed(u, places)) - u) <= 0.0501 * u
    assert abs(float(fixed(number, places)) - number) <= 0.0501 * u + 1e-9 * abs(number)


def test_ranges_in_words():
    assert span_text((187.0, 193.0)) == "187 to 193"
    assert span_text((-math.inf, 3.0)) == "at most 3"
    assert span_text((-math.inf, math.inf)) == "any value"
    assert span_text((63_863_000.0, 63_864_000.0), "Hz") == "63.863 to 63.864"


def test_numbers_without_uncertainty_stay_exact():
    assert [plain_number(x) for x in (0.9766, 250.0, 130.0, 1e20, math.nan)] == [
        "0.9766", "250", "130", "1e+20", DASH,
    ]  # fmt: skip
