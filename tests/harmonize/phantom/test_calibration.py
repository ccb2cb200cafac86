"""Corrections by phantom: what was put in is taken out, as sure as is said, and no further."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest

from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet
from qiqa.core.errors import UsageError
from qiqa.core.trial import Readings
from qiqa.harmonize.phantom.calibrated import Use, apply, correct
from qiqa.harmonize.phantom.calibrating import calibrate
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.preparing import prepare

INSERTS = {f"I{i}": r for i, r in enumerate(np.linspace(0.3, 2.2, 9).round(3))}


def made(readings: Readings) -> CalibrationSet:
    calibrations, _ = calibrate(differences(readings))
    return CalibrationSet(
        schema=CALIBRATION_SCHEMA,
        made_at=dt.datetime(2026, 1, 1),
        source="test",
        valid_days=90.0,
        calibrations=calibrations,
    )


def use(scanner: str, **more) -> Use:
    fields = {
        "scanner": scanner,
        "epoch": "",
        "name": "adc",
        "quantity": "",
        "unit": "µm²/s",
        "at": dt.datetime(2025, 6, 1),
        "distance_mm": 0.0,
    }
    return Use(**(fields | more))


def bent(readings: Readings, scanner: str, of_reference) -> Readings:
    factor = np.where(readings.scanner == scanner, 1 + of_reference(readings.reference), 1.0)
    return dataclasses.replace(readings, value=readings.value * factor)


def test_a_constant_bias_is_taken_out(rounds, rng):
    readings = rounds(rng, references=INSERTS, bias={3: 0.05}, noise=0.002, exam_sd=0.001)
    found = apply(made(readings), use("S03"), 1.05 * 1.2, 0.01)
    assert found.refused == ""
    assert found.value == pytest.approx(1.2, rel=0.004)
    assert found.standard_uncertainty > 0.01 / 1.05


def test_no_coefficients_where_none_is_needed(rounds, rng):
    one = made(rounds(rng, references=INSERTS, noise=0.01, exam_sd=0.0)).calibrations
    assert np.mean([len(c.coefficients) == 0 for c in one]) > 0.5
    bare = dataclasses.replace(one[0], coefficients=(), covariance=())
    value, u = correct(bare, np.ones(3), np.ones(3))
    assert value == pytest.approx(1.0)
    assert (u > 0).all()


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        (lambda r: 0.03 + 0 * r, 1),
        (lambda r: 0.06 * (r - 1), 2),
        (lambda r: 0.08 * (r - 1.2) ** 2, 3),
    ],
)
def test_order_is_chosen_by_evidence(rounds, rng, shape, count):
    readings = rounds(rng, references=INSERTS, noise=0.002, exam_sd=0.001)
    chosen = made(bent(readings, "S02", shape)).calibrations[2]
    assert len(chosen.coefficients) == count
    corrected, _ = correct(chosen, np.array([1.5 * (1 + shape(1.5))]), np.zeros(1))
    assert corrected[0] == pytest.approx(1.5, rel=0.006)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scanner": "S99"}, "no phantom was measured"),
        ({"name": "t1", "quantity": "t1"}, "no phantom was measured"),
        ({"epoch": "VA30"}, "no phantom of S03 since"),
        ({"at": dt.datetime(2027, 1, 1)}, "more than 90 days"),
        ({"at": dt.datetime(2023, 1, 1)}, "more than 90 days"),
        ({"distance_mm": 80.0}, "80 mm from isocenter"),
        ({"distance_mm": math.nan}, "not stated how far"),
        ({"unit": "mm²/s"}, "the calibration in"),
    ],
)
def test_no_extrapolation(rounds, rng, change, said):
    calibrations = made(rounds(rng, references=INSERTS, bias={3: 0.05}))
    found = apply(calibrations, dataclasses.replace(use("S03"), **change), 1.2, 0.01)
    assert math.isnan(found.value)
    assert said in found.refused


@pytest.mark.parametrize("value", [0.1, 3.0])
def test_no_value_outside_the_phantom(rounds, rng, value):
    found = apply(made(rounds(rng, references=INSERTS)), use("S03"), value, 0.01)
    assert math.isnan(found.value)
    assert "outside what the phantom covers" in found.refused


def test_a_value_takes_the_calibration_of_its_side_of_a_move(rounds, rng):
    readings = rounds(rng, references=INSERTS, visits=12, noise=0.002, exam_sd=0.001)
    later = (readings.scanner == "S03") & (readings.visit >= 6)
    value = np.where(later, 0.94 * readings.value, readings.value)
    prepared = prepare(dataclasses.replace(readings, value=value), today=dt.date(2030, 1, 1))
    assert [flag.kind for flag in prepared.flags] == ["moved"]
    calibrations = dataclasses.replace(
        made(readings), calibrations=calibrate(prepared.found)[0], valid_days=400.0
    )
    days = readings.at[later].astype("datetime64[us]")
    since = days.min().astype(dt.datetime)
    before = readings.at[(readings.scanner == "S03") & ~later].max().astype("datetime64[us]")
    found = apply(calibrations, use("S03", at=since + dt.timedelta(days=5)), 0.94 * 1.2, 0.01)
    assert found.value == pytest.approx(1.2, rel=0.005)
    earlier = use("S03", at=before.astype(dt.datetime) - dt.timedelta(days=5))
    assert apply(calibrations, earlier, 1.2, 0.01).value == pytest.approx(1.2, rel=0.005)
    between = apply(calibrations, use("S03", at=since - dt.timedelta(days=5)), 1.2, 0.01)
    assert "moved between" in between.refused


def test_a_map_keeps_its_shape_and_loses_what_lies_outside(rounds, rng):
    one = made(rounds(rng, references=INSERTS, bias={3: 0.05})).calibrations[3]
    value, u = correct(one, np.array([[0.1, 1.0], [2.0, 9.0]]), np.full((2, 2), 0.01))
    assert np.isnan(value).tolist() == [[True, False], [False, True]]
    assert np.isnan(u).tolist() == np.isnan(value).tolist()


def test_what_patients_do_not_share_is_refused(rounds, rng):
    readings = dataclasses.replace(rounds(rng), name="t1_vfa", quantity="t1")
    with pytest.raises(UsageError, match="B1"):
        calibrate(differences(readings))


def test_within_reach_of_the_inserts(rounds, rng):
    readings = rounds(rng, references=INSERTS)
    readings = dataclasses.replace(readings, distance_mm=np.full(len(readings), 60.0))
    assert apply(made(readings), use("S03", distance_mm=50.0), 1.2, 0.01).refused == ""


def test_propagation_is_that_of_a_simulation(rounds, rng):
    readings = bent(rounds(rng, references=INSERTS, noise=0.01), "S02", lambda r: 0.05 * r)
    one = made(readings).calibrations[2]
    assert len(one.coefficients) > 1
    covariance = np.array(one.covariance)
    drawn = rng.multivariate_normal(one.coefficients, covariance, 4000)
    value = 1.6 + 0.02 * rng.standard_normal(4000)
    x = (value - one.center) / one.half_width
    bias = (np.vander(x, drawn.shape[1], increasing=True) * drawn).sum(axis=1)
    extra = math.sqrt(one.misfit_sd**2 + one.exam_sd**2 + one.reference_u**2)
    bias = bias + extra * rng.standard_normal(4000)
    _, u = correct(one, np.array([1.6]), np.array([0.02]))
    assert u[0] == pytest.approx(np.std(value / (1 + bias / 100)), rel=0.05)


def test_one_exam_is_flagged(rounds, rng):
    _, flags = calibrate(differences(rounds(rng, references=INSERTS, visits=1)))
    assert {f.kind for f in flags} == {"one_exam"}


def test_a_tumor_is_corrected_by_the_quantity_of_the_phantom(rounds, rng):
    calibrations = made(rounds(rng, references=INSERTS, bias={3: 0.05}))
    found = apply(calibrations, use("S03", name="adc_tumor", quantity="adc"), 1.2, 0.01)
    assert found.refused == ""


def test_where_a_scanner_moved_the_day_decides(rounds, rng):
    readings = rounds(rng, references=INSERTS, visits=12, noise=0.002, exam_sd=0.001)
    late = (readings.scanner == "S04") & (readings.visit >= 6)
    moved = dataclasses.replace(readings, value=readings.value * np.where(late, 1.06, 1.0))
    calibrations, _ = calibrate(prepare(moved, today=dt.date(2036, 1, 1)).found)
    both = dataclasses.replace(made(readings), calibrations=calibrations)
    days = [readings.at[readings.exam == f"S04 visit {v}"][0].astype(dt.datetime) for v in (2, 9)]
    before, after = (apply(both, use("S04", at=day), 1.2, 0.01) for day in days)
    assert before.correction == pytest.approx(0.0, abs=0.01)
    assert after.correction == pytest.approx(1.2 / 1.06 - 1.2, abs=0.01)


def test_inserts_that_read_alike_have_no_slope(rounds, rng):
    """Three inserts of one value: a curve through one place would be any curve."""
    readings = rounds(rng, references={"A": 1.0, "B": 1.0, "C": 1.0}, noise=0.0, exam_sd=0.0)
    for one in made(readings).calibrations:
        assert len(one.coefficients) <= 1


@pytest.mark.parametrize("stated", [1e-30, math.nan, 0.0])
def test_an_uncertainty_that_nobody_could_state_does_not_decide_alone(rounds, rng, stated):
    readings = rounds(rng, references=INSERTS, bias={3: 0.05}, noise=0.002, u=0.01)
    u = np.where(readings.insert == "I0", stated, readings.standard_uncertainty)
    one = made(dataclasses.replace(readings, standard_uncertainty=u))
    (own,) = [c for c in one.calibrations if c.scanner == "S03"]
    assert np.isfinite(own.coefficients).all()
    assert own.coefficients[0] == pytest.approx(5.0, abs=0.5)


def test_uncertainty_of_references_is_that_of_the_value(rounds, rng):
    """Each known to 0.02 units: so is each corrected value, where nothing else is unsure."""
    readings = rounds(rng, references=INSERTS, noise=1e-5, exam_sd=1e-5)
    u = np.full(len(readings), 0.02)
    one = made(dataclasses.replace(readings, reference_standard_uncertainty=u)).calibrations[0]
    _, got = correct(one, np.array([0.301, 0.42, 1.25, 2.19]), np.zeros(4))
    assert got == pytest.approx(0.02, rel=0.01)


def test_units_weigh_by_certificate_and_exams(rounds, rng):
    """Ten exams of unit A, one of B that is off by 4 %, certificates of 1 % each: half way."""
    readings = rounds(rng, references=INSERTS, visits=11, noise=1e-4, exam_sd=1e-4)
    last = readings.visit == 10
    readings = dataclasses.replace(
        readings,
        value=readings.value * np.where(last, 1.04, 1.0),
        phantom_unit=np.where(last, "B", "A"),
        reference_standard_uncertainty=0.01 * readings.reference,
    )
    one = made(readings).calibrations[0]
    assert one.coefficients[0] == pytest.approx(2.0, abs=0.1)
    assert one.reference_u == pytest.approx(1.0)  # what they have in common is not averaged away
    none = dataclasses.replace(
        readings, reference_standard_uncertainty=np.full(len(readings), math.nan)
    )
    assert made(none).calibrations[0].coefficients[0] == pytest.approx(4.0 / 11.0, abs=0.05)


def test_no_value_in_a_gap_between_exams(rounds, rng):
    """Exams every 90 days, four of them missed."""
    readings = rounds(rng, references=INSERTS, visits=8)
    readings = readings.take((readings.visit < 2) | (readings.visit > 5))
    calibrations = made(readings)
    own = readings.scanner == "S03"
    before, after = (
        readings.at[own & (readings.visit == v)][0].astype(dt.datetime) for v in (1, 6)
    )
    middle = before + (after - before) / 2
    assert "more than 90 days away" in apply(calibrations, use("S03", at=middle), 1.2, 0.01).refused
    for day in (before + dt.timedelta(days=80), after - dt.timedelta(days=80)):
        assert apply(calibrations, use("S03", at=day), 1.2, 0.01).refused == ""
