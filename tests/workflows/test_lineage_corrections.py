"""Which calibration holds on which day, and what it is said to do."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import pytest

from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet, ScannerCalibration
from qiqa.core.drift import DriftFinding, Kind, ServiceEvent
from qiqa.harmonize.phantom.calibrated import Use, find
from qiqa.workflows.lineage_corrections import corrections_of, level_changes

NINE = dt.time(9)


def at(text):
    return dt.datetime.combine(dt.date.fromisoformat(text), NINE)


def calibration(*days, epoch="VA30", name="adc"):
    """Return a bias of 5 %, known to 0.1 % (curve), 0.3 % (inserts) and 0.4 % (day)."""
    moments = tuple(at(day) for day in days)
    return ScannerCalibration(
        scanner="MR 1", epoch=epoch, name=name, quantity=name, unit="mm²/s", bias_unit="%",
        basis="stated", coefficients=(5.0,), covariance=((0.01,),), degrees_of_freedom=9.0,
        evidence=((1, 0.0),), center=0.001, half_width=0.0005, low=0.0005, high=0.0015,
        misfit_sd=0.3, exam_sd=0.4, reference_u=math.nan, reach_mm=60.0, first=moments[0],
        last=moments[-1], exams=len(days), phantom_units=("1",), exam_days=moments,
    )  # fmt: skip


def made(*calibrations, findings=(), events=(), valid_days=30.0):
    """Return the set and what is told of it."""
    given = CalibrationSet(
        schema=CALIBRATION_SCHEMA, made_at=at("2026-01-05"), source="", valid_days=valid_days,
        calibrations=calibrations,
    )  # fmt: skip
    levels = {("adc", insert, 0): 0.001 for insert in "ab"}
    words = "c.json (0123, made 2026-01-05)"
    return given, corrections_of(given, words, "MR 1", findings, events, levels)


def change(kind, first, last, insert="a"):
    return DriftFinding(
        scanner="MR 1", name="adc", quantity="adc", insert=insert, kind=kind, rule="step",
        date=at(last), date_interval=(at(first), at(last)), size=1.0, verdict="tolerance",
    )  # fmt: skip


def test_what_it_does_by_hand():
    """1/1.05 - 1 is -4.76 %; the root of 0.01 + 0.09 + 0.16 is 0.51 %, over 1.05² 0.46 %."""
    (one,) = made(calibration("2025-06-02", "2025-06-30"))[1]
    assert one.what == (
        "calibration c.json (0123, made 2026-01-05): adc from 0.0005 to 0.0015 mm²/s changes by "
        "-4.76 % with standard uncertainty 0.46 %, up to 60 mm from isocenter, 2 phantom exams"
    )
    assert one.exams == (dt.date(2025, 6, 2), dt.date(2025, 6, 30))
    whole = dataclasses.replace(calibration("2025-06-02"), bias_unit="unit", coefficients=(2e-5,))
    (one,) = made(dataclasses.replace(whole, covariance=((0.0,),), misfit_sd=3e-6, exam_sd=4e-6))[1]
    assert "changes by -2e-05 mm²/s with standard uncertainty 5e-06 mm²/s" in one.what


def test_days_are_those_on_which_the_command_would_correct():
    """Two stretches of exams with a gap in the first, a move between them, another measurement."""
    first = calibration("2025-01-10", "2025-01-17", "2025-05-02", "2025-05-09")
    second = calibration("2025-06-06", "2025-06-13", epoch="VA30; moved 2025-06-06")
    given, corrections = made(first, second, calibration("2025-02-01", name="t1"))
    by_exams = {first.first.date(): first, second.first.date(): second}
    held = 0
    for number in range(365):
        day = dt.date(2024, 11, 1) + dt.timedelta(days=number)
        use = Use(scanner="MR 1", epoch="VA30", name="adc", quantity="", unit="mm²/s",
                  at=dt.datetime.combine(day, NINE), distance_mm=0.0)  # fmt: skip
        found = find(given, use)
        there = [c for c in corrections if c.name == "adc" and c.is_valid(day)]
        there = [by_exams[c.exams[0]] for c in there if c.is_of_level(day)]
        assert there == ([] if isinstance(found, str) else [found]), day
        held += len(there)
    assert held > 100


@pytest.mark.parametrize(
    ("found", "held"),
    [
        # day before the exams, between, after them: whether it holds
        ((), (True, True, True)),
        ((change(Kind.STEP, "2025-05-20", "2025-05-27"),), (False, True, True)),
        ((change(Kind.STEP, "2025-07-08", "2025-07-15"),), (True, True, False)),
        ((change(Kind.STEP, "2025-06-10", "2025-06-17"),), (False, False, False)),
        ((change(Kind.STEP, "2025-05-20", "2025-06-17"),), (False, False, False)),
        ((change(Kind.TREND, "2025-05-20", "2025-05-27"),), (False, False, False)),
        ((change(Kind.TREND, "2025-05-01", "2025-05-02"), change(Kind.STEP, "2025-05-20",
          "2025-05-27")), (False, True, True)),
        ((change(Kind.SPIKE, "2025-06-10", "2025-06-17"),), (True, True, True)),
    ],
)  # fmt: skip
def test_exams_and_day_lie_on_one_side_of_every_change(found, held):
    given = calibration("2025-06-02", "2025-06-09", "2025-06-23", "2025-06-30")
    (one,) = made(given, findings=found)[1]
    days = ("2025-05-15", "2025-06-12", "2025-07-20")
    assert tuple(one.is_of_level(dt.date.fromisoformat(day)) for day in days) == held


@pytest.mark.parametrize(
    ("kind", "size", "divided"),
    # 0.46 % of 0.001, and a tenth of it in the 36 days from first exam to last
    [(Kind.STEP, 4.5e-6, False), (Kind.STEP, 4.8e-6, True),
     (Kind.TREND, 4.5e-5, False), (Kind.TREND, 4.9e-5, True)],
)  # fmt: skip
def test_a_change_within_the_uncertainty_divides_nothing(kind, size, divided):
    found = dataclasses.replace(change(kind, "2025-06-10", "2025-06-17"), size=-size)
    (one,) = made(calibration("2025-06-02", "2025-07-08"), findings=(found,))[1]
    assert (one.level is None) == divided


def test_a_step_may_begin_on_the_day_of_the_last_exam():
    """Its interval is from one exam to the next: the day of the first is on neither side."""
    found = (change(Kind.STEP, "2025-06-30", "2025-07-07"),)
    before, since = calibration("2025-06-02", "2025-06-30"), calibration("2025-07-07", "2025-07-28")
    for given in ((before,), (before, since)):
        one = made(*given, findings=found)[1][0]
        assert one.level == (dt.date.min, dt.date(2025, 6, 29))
    one = made(since, findings=found)[1][0]
    assert one.level == (dt.date(2025, 7, 7), dt.date.max)


def test_the_log_divides_too():
    event = ServiceEvent(at=at("2025-07-10"), scanner="MR 1", kind="coil", text="new coil")
    (one,) = made(calibration("2025-06-02", "2025-06-30"), events=(event,))[1]
    assert one.level == (dt.date.min, dt.date(2025, 7, 9))


def test_a_move_that_both_found_is_one_move():
    """Drift may date it by an interval into the exams since; the division of exams is sharper."""
    before = calibration("2025-05-05", "2025-05-26")
    since = calibration("2025-06-02", "2025-06-30", epoch="VA30; moved 2025-06-02")
    early, late = made(before, since, findings=(change(Kind.STEP, "2025-05-20", "2025-06-09"),))[1]
    assert early.level == (dt.date.min, dt.date(2025, 5, 26))
    assert late.level == (dt.date(2025, 6, 2), dt.date.max)


def test_changes_of_another_measurement_are_none():
    step = dataclasses.replace(change(Kind.STEP, "2025-06-10", "2025-06-17"), name="t1")
    assert level_changes([step], (), "adc") == ()
    assert len(level_changes([step], (), "t1")) == 1


def test_calibrations_of_other_scanners_are_left_out():
    other = dataclasses.replace(calibration("2025-06-02"), scanner="MR 2")
    assert made(other)[1] == ()
