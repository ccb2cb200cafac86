"""Readings of phantoms from the history, of each database, beside their references."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest


@pytest.fixture
def keep(history, make_result, now):
    """Return a function that keeps an exam of two vials with references on a scanner."""

    def make(number, scanner="1", *, reference=True, software="V1", values=(1.10, 0.40), **more):
        made = make_result(
            files=(f"{scanner} {number}",),
            acquired_at=dt.datetime(2025, 1, 1, 9) + dt.timedelta(days=30 * number),
            software=software,
            **more,
        )
        scanner_fields = dataclasses.replace(made.scanner, serial_number=scanner)
        first = made.assessments[0]
        own = tuple(
            dataclasses.replace(
                first,
                measurement=dataclasses.replace(
                    first.measurement,
                    name=f"adc_{insert}",
                    quantity="adc",
                    unit="µm²/s",
                    insert=insert,
                    slice=None,
                    value=value,
                    standard_uncertainty=0.01,
                    interval=None,
                    reference=_reference(stated) if reference else None,
                ),
            )
            for insert, value, stated in zip(("A", "B"), values, (1.08, 0.41), strict=True)
        )
        kept = dataclasses.replace(made, scanner=scanner_fields, assessments=own)
        history.save(kept, user="tester", now=now)

    def _reference(value):
        known = make_result().assessments[0].measurement.reference
        return dataclasses.replace(known, quantity="adc", value=value, standard_uncertainty=0.02)

    return make


def test_values_stand_beside_their_references(history, keep):
    for number in range(3):
        keep(number)
    keep(1, "2", software="V2")
    (found,) = history.readings()
    assert (found.name, found.quantity, found.unit) == ("adc", "adc", "µm²/s")
    assert len(found) == 8
    assert found.insert.tolist()[:2] == ["A", "B"]
    assert found.value.tolist()[:2] == [1.10, 0.40]
    assert found.reference.tolist()[:2] == [1.08, 0.41]
    assert set(found.reference_standard_uncertainty.tolist()) == {0.02}
    assert set(found.standard_uncertainty.tolist()) == {0.01}
    assert len(set(found.scanner.tolist())) == 2
    assert len(set(found.exam.tolist())) == 4
    assert set(found.phantom_unit.tolist()) == {"J1234"}
    assert set(found.manufacturer.tolist()) == {"SIEMENS"}
    assert (np.diff(found.at) >= np.timedelta64(0)).all()
    assert found.at[0] == np.datetime64("2025-01-01T09:00:00", "us")
    assert np.isnan(found.distance_mm).all()
    first = found.scanner == found.scanner[0]
    assert len(set(found.epoch[first].tolist())) == 1
    assert set(found.epoch[first]) & set(found.epoch[~first]) == set()


def test_values_without_a_reference_are_not_readings(history, keep):
    keep(0, reference=False)
    assert history.readings() == ()


def test_an_exam_that_was_corrected_counts_once(history, keep):
    keep(0)
    keep(0, values=(1.2, 0.5), algorithms=("other/2",))
    (found,) = history.readings()
    assert found.value.tolist() == [1.2, 0.5]


def test_what_was_not_measured_stays_with_its_place(history, keep):
    keep(0, values=(math.nan, 0.4))
    (found,) = history.readings()
    assert np.isnan(found.value).tolist() == [True, False]
