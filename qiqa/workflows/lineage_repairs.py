"""Whether what moved at a scanner was put right: a person says so, and exams agree."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np

from qiqa.core.drift import Alarm, AlarmState, DriftFinding, Kind, TimeSeries
from qiqa.workflows.alarming import alarm_of

__all__ = ["LEFT", "Repair", "repair_of", "shown_by"]

LEFT = 0.5
"""Part of a change: with less of it left the level is back."""
_FEW_EXAMS = 10
"""Whose median is the level before a change."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a person put on record of a finding, and whether exams agree."""

    day: dt.date | None = None
    """None: it was not put right, or nobody can say."""
    words: str = ""


def repair_of(finding: DriftFinding, alarms: Sequence[Alarm], series: TimeSeries | None) -> Repair:
    """Return when a finding was put right.

    A person closed its alarm with a corrective action, and the exams since are nearer to where the
    level was than to where it went. The day is that of closing: the repair was not later.

    Parameters
    ----------
    finding
        A step or a trend; of others nobody can see that they were put right.
    alarms
        Of the scanner.
    series
        Values that the finding is about.
    """
    if finding.kind not in (Kind.STEP, Kind.TREND):
        return Repair()
    alarm = alarm_of(finding, alarms)
    if alarm is None or alarm.state is not AlarmState.CLOSED:
        return Repair()
    if not any(decision.corrective_action.strip() for decision in alarm.decisions):
        return Repair()
    closed = alarm.decisions[-1].at.replace(tzinfo=None)
    left = _left_since(finding, series, closed)
    if left < LEFT:
        return Repair(day=closed.date(), words=f", repaired (alarm {alarm.record_id})")
    exams = "no exam since" if math.isnan(left) else "exams since are not back"
    return Repair(words=f", alarm {alarm.record_id} is closed as repaired but {exams}")


def _left_since(finding: DriftFinding, series: TimeSeries | None, closed: dt.datetime) -> float:
    """Return the part of a change that later exams still have; NaN where nobody can say."""
    if series is None or finding.date is None:
        return math.nan
    seen = np.isfinite(series.value)
    begin = (finding.date_interval or (finding.date, finding.date))[0]
    before = series.value[seen & (series.at < np.datetime64(begin))]
    since = series.value[seen & (series.at > np.datetime64(closed))]
    if not (before.size and since.size):
        return math.nan
    moved = finding.size
    if finding.kind is Kind.TREND:
        moved *= (closed - finding.date).days / 365.25
    level = float(np.median(since)) - float(np.median(before[-_FEW_EXAMS:]))
    return abs(level / moved) if moved else math.nan


def shown_by(repair: Repair, own: Sequence[DriftFinding], i: int) -> set[int]:
    """Return later findings that are the level coming back: the first exam of it looks odd.

    Parameters
    ----------
    repair
        Of finding `i`.
    own
        Findings of the series, oldest first.
    i
        Place of the finding.
    """
    if repair.day is None:
        return set()
    return {
        j
        for j in range(i + 1, len(own))
        if own[j].kind in (Kind.STEP, Kind.SPIKE)
        and (own[j].signalled or own[j].date or dt.datetime.min).date() >= repair.day
        and abs(own[i].size + own[j].size) < LEFT * abs(own[i].size)
    }
