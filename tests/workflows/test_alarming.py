"""Findings and alarms: the same thing is raised once, and what a person said holds."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.drift import (
    Alarm,
    AlarmDecision,
    AlarmState,
    DriftFinding,
    Kind,
    ScannerState,
    SeriesState,
    TimeSeries,
)
from qiqa.workflows.alarming import alarm_of, new_alarms, with_alarms

DAY = dt.datetime(2024, 6, 3, 8)
NONE = np.empty(0)


def day(number):
    return DAY + dt.timedelta(days=number)


def finding(kind=Kind.STEP, begins=0, signalled=21, **fields):
    given = {"scanner": "A", "name": "snr", "series_key": "key", "verdict": "tolerance",
             "date_interval": None}  # fmt: skip
    return DriftFinding(
        quantity="snr", kind=kind, rule="rule", date=day(begins),
        signalled=day(signalled), **{**given, **fields},
    )  # fmt: skip


def alarm(found, number=7, *states):
    decisions = tuple(
        AlarmDecision(alarm_id=number, at=DAY, by="x", state=state, comment="y") for state in states
    )
    return Alarm(record_id=number, raised_at=DAY, finding=found, decisions=decisions)


def state_of(*found, verdict="tolerance"):
    series = TimeSeries(
        scanner="A", name="snr", quantity="snr", unit="1", at=np.empty(0, "datetime64[us]"),
        value=NONE, standard_uncertainty=NONE, epoch=NONE.astype(str), exam=NONE.astype(str),
    )  # fmt: skip
    one = SeriesState(
        series=series, kind="continuous", adjusted=NONE, score=NONE, expected=NONE, low=NONE,
        high=NONE, left_out=NONE.astype(str), findings=found, verdict=verdict,
    )  # fmt: skip
    return ScannerState(scanner="A", series=(one,), findings=found, verdict=verdict)


# --- which alarm is of which finding ---------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        finding(),
        finding(begins=7, signalled=28),  # dated anew from more exams
        finding(Kind.TREND, begins=-30),  # named otherwise
        finding(Kind.SPIKE, begins=21),  # its first exam alone
        finding(begins=21, signalled=60),  # meets it in one exam
        finding(verdict="action", size=9.0),
    ],
)
def test_a_change_told_anew_keeps_its_alarm(changed):
    assert alarm_of(changed, [alarm(finding())]).record_id == 7


@pytest.mark.parametrize(
    "other",
    [
        finding(begins=22, signalled=40),
        finding(begins=-40, signalled=-1),
        finding(Kind.VARIANCE),
        finding(Kind.MISSING),
        finding(scanner="B"),
        finding(name="piu"),
        finding(series_key="other"),
    ],
)
def test_another_thing_is_another_alarm(other):
    assert alarm_of(other, [alarm(finding())]) is None


def test_a_bias_is_one_alarm_for_as_long_as_it_lasts():
    first, later = finding(Kind.BIAS, 0, 10), finding(Kind.BIAS, 700, 800)
    assert alarm_of(later, [alarm(first)]).record_id == 7


def test_a_bias_that_was_closed_does_not_silence_one_that_begins_later():
    decision = AlarmDecision(
        alarm_id=7, at=day(100).replace(tzinfo=dt.UTC), by="x", state=AlarmState.CLOSED, comment="y"
    )
    closed = dataclasses.replace(alarm(finding(Kind.BIAS, 0, 10)), decisions=(decision,))
    assert alarm_of(finding(Kind.BIAS, 0, 200), [closed]) is closed
    assert alarm_of(finding(Kind.BIAS, 150, 200), [closed]) is None


def closed_spike(day_closed):
    decision = AlarmDecision(
        alarm_id=7, at=day(day_closed).replace(tzinfo=dt.UTC), by="x", state=AlarmState.CLOSED,
        comment="a slip",
    )  # fmt: skip
    return dataclasses.replace(alarm(finding(Kind.SPIKE, 7, 7)), decisions=(decision,))


def test_one_exam_closed_as_a_slip_does_not_silence_what_later_exams_show():
    later = finding(Kind.STEP, 7, 21), finding(Kind.TREND, -90, 40)
    assert new_alarms(state_of(*later), [closed_spike(8)]) == later
    # whoever closed it later knew of the step
    assert new_alarms(state_of(later[0]), [closed_spike(30)]) == ()
    assert new_alarms(state_of(finding(Kind.SPIKE, 7, 7)), [closed_spike(-3)]) == ()


def test_the_second_exam_off_in_a_row_is_the_alarm_of_the_first():
    second = finding(Kind.SPIKE, 14, 14, date_interval=(day(7), day(14)))
    assert alarm_of(second, [alarm(finding(Kind.SPIKE, 7, 7))]).record_id == 7
    alone = finding(Kind.SPIKE, 14, 14, date_interval=(day(14), day(14)))
    assert alarm_of(alone, [alarm(finding(Kind.SPIKE, 7, 7))]) is None


def test_an_overdue_exam_is_one_alarm_until_the_exam_and_the_next_gap_another():
    gap = {"name": "", "series_key": ""}
    raised = alarm(finding(Kind.MISSING, 7, 14, **gap))
    assert alarm_of(finding(Kind.MISSING, 7, 30, **gap), [raised]) is raised
    assert alarm_of(finding(Kind.MISSING, 60, 90, **gap), [raised]) is None


def test_of_several_alarms_the_latest_counts():
    raised = [alarm(finding(), n) for n in (3, 9, 5)]
    assert alarm_of(finding(), raised).record_id == 9


# --- raising ---------------------------------------------------------------------------------


def test_only_what_calls_for_a_person_is_raised_and_only_once():
    calls = [finding(verdict="tolerance"), finding(Kind.VARIANCE, verdict="action")]
    others = [finding(Kind.BIAS, verdict="pass"), finding(Kind.MISSING, verdict="not_evaluated")]
    state = state_of(*calls, *others)
    assert new_alarms(state, ()) == tuple(calls)
    assert new_alarms(state, [alarm(calls[0], 1)]) == (calls[1],)
    assert new_alarms(state, [alarm(found, i) for i, found in enumerate(calls)]) == ()


@pytest.mark.parametrize("said", list(AlarmState))
def test_what_was_said_does_not_raise_it_again(said):
    assert new_alarms(state_of(finding()), [alarm(finding(), 7, said)]) == ()


# --- marking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decisions", "state", "verdict"),
    [
        ((), "open", "tolerance"),
        ((AlarmState.ACKNOWLEDGED,), "acknowledged", "tolerance"),
        ((AlarmState.ACKNOWLEDGED, AlarmState.CLOSED), "closed", "pass"),
        ((AlarmState.CLOSED, AlarmState.OPEN), "open", "tolerance"),
    ],
)
def test_the_last_decision_holds(decisions, state, verdict):
    (marked,) = with_alarms([state_of(finding())], [alarm(finding(), 7, *decisions)])
    for found in (marked.findings[0], marked.series[0].findings[0]):
        assert (found.alarm_id, found.state, found.verdict) == (7, state, verdict)
    assert marked.verdict == marked.series[0].verdict == verdict


def test_closing_one_leaves_the_other():
    other = finding(Kind.VARIANCE, verdict="action")
    (marked,) = with_alarms([state_of(finding(), other)], [alarm(finding(), 7, AlarmState.CLOSED)])
    assert [f.verdict for f in marked.findings] == ["pass", "action"]
    assert marked.verdict == "action"


def test_a_scanner_of_which_nothing_is_known_stays_so():
    state = state_of(finding(verdict="pass"), verdict="not_evaluated")
    (marked,) = with_alarms([state], [alarm(finding(), 7, AlarmState.CLOSED)])
    assert marked.verdict == "not_evaluated"


def test_alarms_of_others_change_nothing():
    state = state_of(finding())
    theirs = alarm(dataclasses.replace(finding(), scanner="B"))
    assert with_alarms([state], [theirs])[0] is state
    assert with_alarms([state], [])[0] is state
