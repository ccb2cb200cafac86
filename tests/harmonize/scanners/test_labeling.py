"""Errors of labeling are found by exam and named; what is only biased or noisy is not."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.trial import Readings
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.labeling import Labeling, labeling_errors

TODAY = dt.date(2026, 6, 1)


def look(readings: Readings) -> Labeling:
    return labeling_errors(differences(readings), TODAY)


def changed(readings: Readings, **columns: np.ndarray) -> Readings:
    return dataclasses.replace(readings, **columns)


def exchange(readings: Readings, exam: str, one: str, other: str) -> Readings:
    insert = readings.insert.copy()
    own = readings.exam == exam
    insert[own & (readings.insert == one)], insert[own & (readings.insert == other)] = other, one
    reference = np.array([readings.reference[readings.insert == i][0] for i in insert])
    return changed(readings, insert=insert, reference=reference)


def scaled(readings: Readings, exam: str, factor: float) -> Readings:
    own = readings.exam == exam
    return changed(readings, value=np.where(own, readings.value * factor, readings.value))


@pytest.fixture
def clean(rounds, rng):
    return rounds(rng)


def test_nothing_is_wrong(clean):
    found = look(clean)
    assert found.flags == ()
    assert not found.suspect.any()


def test_exchanged_inserts(clean):
    found = look(exchange(clean, "S03 visit 2", "B", "D"))
    assert [f.kind for f in found.flags] == ["swapped_inserts"]
    assert "S03 visit 2" in found.flags[0].where
    assert found.flags[0].reason == "B reads as D, D reads as B"
    assert set(clean.exam[found.suspect]) == {"S03 visit 2"}


def test_all_inserts_turned_round(clean):
    found = look(exchange(exchange(clean, "S03 visit 2", "A", "E"), "S03 visit 2", "B", "D"))
    assert [f.kind for f in found.flags] == ["swapped_inserts"]
    assert found.flags[0].reason.count("reads as") == 4


def test_inserts_that_are_alike_are_not_told_apart(rounds, rng):
    alike = {"A": 0.4, "B": 0.80, "C": 0.81, "D": 1.6, "E": 2.0}
    found = look(exchange(rounds(rng, references=alike, noise=0.002), "S03 visit 2", "B", "C"))
    assert found.flags == ()


@pytest.mark.parametrize("power", [3, 6, -3])
def test_another_unit(clean, power):
    found = look(scaled(clean, "S01 visit 0", 10.0**power))
    assert [f.kind for f in found.flags] == ["wrong_unit"]
    assert f"1e{power}" in found.flags[0].reason


def test_a_biased_scanner_is_no_error_of_labeling(rounds, rng):
    assert look(rounds(rng, bias={2: 0.15})).flags == ()


def test_a_scanner_far_off_in_every_exam_is_the_scanner(rounds, rng):
    assert look(rounds(rng, bias={2: 0.5})).flags == ()


def test_a_wrong_phantom(clean):
    value = clean.value.copy()
    own = clean.exam == "S05 visit 1"
    value[own] = [2.9, 0.2, 3.4, 0.3, 4.1]
    found = look(changed(clean, value=value))
    assert [f.kind for f in found.flags] == ["wrong_phantom"]


def test_another_unit_of_the_phantom(rounds, rng):
    clean = rounds(rng, own_units=True, noise=0.002, exam_sd=0.001)
    odd = clean.phantom_unit == "U06"  # a batch with other contents
    factor = np.array([1.0, 1.25, 1.0, 1.2, 1.15])[np.searchsorted(list("ABCDE"), clean.insert)]
    reference = np.where(odd, clean.reference * factor, clean.reference)
    value = np.where(odd, clean.value * factor, clean.value)
    unit = clean.phantom_unit.copy()
    wrong = clean.exam == "S06 visit 3"
    unit[wrong], reference[wrong] = "U01", clean.reference[wrong]
    found = look(changed(clean, value=value, reference=reference, phantom_unit=unit))
    assert [f.kind for f in found.flags] == ["wrong_phantom_unit"]
    assert "U06" in found.flags[0].reason


@pytest.mark.parametrize("days", [365, -365])
def test_one_wrong_year_among_many_visits_names_no_other(rounds, rng, days):
    clean = rounds(rng, scanners=4, visits=30)
    at = clean.at.copy()
    at[clean.exam == "S02 visit 15"] += np.timedelta64(days, "D")
    found = labeling_errors(differences(changed(clean, at=at)), dt.date(2040, 1, 1))
    assert [f.where for f in found.flags] == ["S02, exam S02 visit 15"]


def test_a_visit_dated_after_the_next(clean):
    at = clean.at.copy()
    own = clean.exam == "S04 visit 0"
    at[own] = clean.at[clean.exam == "S04 visit 1"][0] + np.timedelta64(36, "D")
    found = look(changed(clean, at=at))
    assert [f.kind for f in found.flags] == ["dates_out_of_order"]
    assert "visit 0 is dated" in found.flags[0].reason
    assert not found.suspect.any()  # the values are what they are


def test_a_date_to_come(clean):
    at = np.where(clean.exam == "S07 visit 3", np.datetime64("2030-01-01", "us"), clean.at)
    found = look(changed(clean, at=at))
    assert [f.kind for f in found.flags] == ["dates_out_of_order"]
    assert "after today" in found.flags[0].reason


def test_a_copied_exam(clean):
    value = clean.value.copy()
    value[clean.exam == "S02 visit 2"] = value[clean.exam == "S02 visit 1"]
    found = look(changed(clean, value=value))
    assert [f.kind for f in found.flags] == ["copied_values"]
    assert set(clean.exam[found.suspect]) == {"S02 visit 2"}


def test_one_unit_at_two_sites(rounds, rng):
    clean = rounds(rng, own_units=True)
    at = clean.at.copy()
    at[clean.exam == "S02 visit 0"] = clean.at[clean.exam == "S01 visit 0"][0]
    unit = np.where(clean.scanner == "S02", "U01", clean.phantom_unit)
    found = look(changed(clean, at=at, phantom_unit=unit))
    assert [f.kind for f in found.flags] == ["unit_in_two_places"]


def test_by_consensus_where_no_reference_is_stated(rounds, rng):
    clean = rounds(rng, stated=False)
    broken = exchange(rounds(rng, stated=True), "S03 visit 2", "B", "D")
    found = look(changed(broken, reference=clean.reference))
    assert [f.kind for f in found.flags] == ["swapped_inserts"]


def test_no_flags_on_clean_rounds(rounds):
    flags = [look(rounds(np.random.default_rng(seed), noise=0.02)).flags for seed in range(40)]
    assert sum(map(len, flags)) == 0


def test_a_unit_that_was_at_home_elsewhere(rounds, rng):
    clean = rounds(rng, own_units=True, visits=6)
    unit = np.where(clean.exam == "S02 visit 3", "U05", clean.phantom_unit)
    found = look(changed(clean, phantom_unit=unit))
    assert [f.kind for f in found.flags] == ["odd_phantom_unit"]
    assert "U05" in found.flags[0].reason
    assert not found.suspect.any()


def test_a_unit_that_travels_is_not_odd(rounds, rng):
    clean = rounds(rng, own_units=True, visits=6)
    unit = np.where(clean.visit == 3, "T", clean.phantom_unit)
    assert look(changed(clean, phantom_unit=unit)).flags == ()


def test_a_reference_that_is_the_reading(clean):
    own = clean.exam == "S02 visit 1"
    found = look(changed(clean, value=np.where(own, clean.reference, clean.value)))
    assert [f.kind for f in found.flags] == ["reference_is_reading"]
    assert set(clean.exam[found.suspect]) == {"S02 visit 1"}
