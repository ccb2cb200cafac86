"""Bins: names as people write them, and where a number falls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.vetting.sets.bins import as_bins, fifths, in_bins


def test_names_are_read_as_people_write_them():
    made = as_bins(["65+", "<18", "18-39", "40 to 64"])
    assert [(b.name, b.low, b.high) for b in made] == [
        ("<18", -math.inf, 18), ("18-39", 18, 39), ("40 to 64", 40, 64), ("65+", 65, math.inf),
    ]  # fmt: skip
    assert as_bins([">=90"])[0].low == 90
    assert as_bins(["F", "M"]) == ()
    assert as_bins(["-10--5"])[0].high == -5


@pytest.mark.parametrize(
    ("value", "name"),
    [(17.99, "<18"), (18, "18-39"), (39.9, "18-39"), (40, "40-64"), (64.5, "40-64"), (200, "65+")],
)
def test_whole_years_hold_their_fractions(value, name):
    found = in_bins(np.array([value]), as_bins(["<18", "18-39", "40-64", "65+"]))
    assert found.names[found.codes[0]] == name


def test_gaps_ends_and_unknown_numbers_lie_in_none():
    found = in_bins(np.array([5, 10.5, 11, 20, 25.5, 26, np.nan, -1]), as_bins(["0-10", "20-25"]))
    assert found.codes.tolist() == [0, 0, -1, 1, 1, -1, -1, -1]
    fractions = in_bins(np.array([0.5, 1.0, 1.5, 1.6]), as_bins(["0.5-1.0", "1.0-1.5"]))
    assert fractions.codes.tolist() == [0, 1, 1, -1]


def test_fifths_hold_a_fifth_each():
    found = fifths(np.arange(100.0))
    assert found.counts.tolist() == pytest.approx([20] * 5, abs=1)
    assert fifths(np.full(5, np.nan)).names == ()
    assert fifths(np.array([3.0, 3.0, np.nan])).codes.tolist()[2] == -1
