"""Hold findings against the alarms on record: raised once, acknowledged, closed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from qiqa.core.drift import Alarm, AlarmState, DriftFinding, Kind, ScannerState, SeriesState
from qiqa.drift.judging import worst

__all__ = ["alarm_of", "new_alarms", "series_with_alarms", "with_alarms"]

_ALARMING = ("tolerance", "action")
_LEVEL = (Kind.STEP, Kind.TREND, Kind.SPIKE)
_ZONES = dt.timedelta(days=1)
"""Scanners tell wall clock, decisions UTC."""


def alarm_of(finding: DriftFinding, alarms: Sequence[Alarm]) -> Alarm | None:
    """Return the alarm that was raised for a finding, the latest one, or None.

    What happened to a level (spike, step, trend) may be named otherwise as more exams come in: it
    is the same alarm where the times from the first possible exam to the signal overlap. A bias,
    and a value or exam that is missing, is one alarm for as long as it lasts. An alarm of one exam
    that was closed says nothing of what later exams show: closed as a slip, it must not silence the
    step that it turns out to be.
    """
    fitting = [
        alarm for alarm in alarms if _same(finding, alarm.finding) and not _outlived(finding, alarm)
    ]
    return max(fitting, key=lambda a: a.record_id, default=None)


def _same(one: DriftFinding, other: DriftFinding) -> bool:
    if (one.scanner, one.series_key, one.name) != (other.scanner, other.series_key, other.name):
        return False
    if one.kind in _LEVEL:
        if other.kind not in _LEVEL:
            return False
    elif one.kind is not other.kind:
        return False
    if one.kind is Kind.BIAS:
        return True
    (a, b), (c, d) = _span(one), _span(other)
    return a <= d and c <= b


def _outlived(finding: DriftFinding, alarm: Alarm) -> bool:
    """Say whether an alarm was closed before what a finding rests on.

    Of one exam off its place that is the exam; of a bias the level that is unlike the others.
    """
    if alarm.state is not AlarmState.CLOSED or alarm.finding.kind not in (Kind.SPIKE, Kind.BIAS):
        return False
    closed = alarm.decisions[-1].at.replace(tzinfo=None)
    if alarm.finding.kind is Kind.BIAS:
        return finding.date is not None and finding.date > closed + _ZONES
    seen = finding.signalled
    return seen is not None and seen > closed + _ZONES and seen != alarm.finding.signalled


def _span(finding: DriftFinding) -> tuple[dt.datetime, dt.datetime]:
    ends = [t for t in (finding.date, finding.signalled) if t is not None]
    if finding.kind is Kind.SPIKE and finding.date_interval is not None:
        ends.append(finding.date_interval[0])  # the first of those off in a row
    return min(ends), max(ends)


def new_alarms(state: ScannerState, alarms: Sequence[Alarm]) -> tuple[DriftFinding, ...]:
    """Return the findings of a scanner that call for an alarm that was not raised yet."""
    return tuple(
        f for f in state.findings if f.verdict in _ALARMING and alarm_of(f, alarms) is None
    )


def with_alarms(
    states: Sequence[ScannerState], alarms: Sequence[Alarm]
) -> tuple[ScannerState, ...]:
    """Return states whose findings carry number and state of their alarm.

    A finding whose alarm is closed asks for nothing more: its verdict becomes `pass`. One that is
    acknowledged stays as it is, with its state, until it is closed or a new baseline is approved.
    """
    if not alarms:
        return tuple(states)
    own: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        own.setdefault(alarm.finding.scanner, []).append(alarm)
    return tuple(_marked(state, tuple(own.get(state.scanner, ()))) for state in states)


def _marked(state: ScannerState, alarms: tuple[Alarm, ...]) -> ScannerState:
    if not alarms:
        return state
    findings = tuple(_with(f, alarms) for f in state.findings)
    series = tuple(series_with_alarms(s, alarms) for s in state.series)
    found = worst([f.verdict for f in findings])
    quiet = "pass" if state.verdict in _ALARMING else state.verdict
    return dataclasses.replace(
        state,
        findings=findings,
        series=series,
        alarms=alarms,
        verdict=found if found in _ALARMING else quiet,
    )


def series_with_alarms(state: SeriesState, alarms: Sequence[Alarm]) -> SeriesState:
    """Return one series whose findings carry number and state of their alarm."""
    findings = tuple(_with(f, alarms) for f in state.findings)
    found = worst([f.verdict for f in findings])
    quiet = "pass" if state.verdict in _ALARMING else state.verdict
    return dataclasses.replace(
        state, findings=findings, verdict=found if found in _ALARMING else quiet
    )


def _with(finding: DriftFinding, alarms: Sequence[Alarm]) -> DriftFinding:
    alarm = alarm_of(finding, alarms)
    if alarm is None:
        return finding
    closed = alarm.state is AlarmState.CLOSED
    return dataclasses.replace(
        finding,
        alarm_id=alarm.record_id,
        state=alarm.state.value,
        verdict="pass" if closed else finding.verdict,
    )
