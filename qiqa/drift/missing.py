"""Exams that should have been and were not, and values that stopped being measured."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import DriftFinding, Kind, TimeSeries
from qiqa.drift.policy import Policy

__all__ = ["Calendar", "calendar_of", "missed", "stopped"]

Times = NDArray[np.datetime64]
_DAY = np.timedelta64(1, "D")
_EVEN = 0.5
_MOST = 0.8
"""There is a schedule where this part of the gaps is within half of their median."""
_FEWEST_GAPS = 8
_SILENT = 3
"""Exams without a value after which a measurement counts as stopped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Calendar:
    """When a scanner was examined."""

    days: Times
    """Days with an exam, ascending."""
    every_days: float
    """Days from exam to exam; NaN: no schedule can be told."""


def calendar_of(series: Sequence[TimeSeries], policy: Policy) -> Calendar:
    """Return when a scanner was examined and how often that is.

    The schedule is the policy's, or the median gap where four of five gaps are like it.
    """
    stamps = {s.at.tobytes(): s.at for s in series}  # most series share their exams
    days = np.unique(np.concatenate([at.astype("datetime64[D]") for at in stamps.values()]))
    if policy.every_days is not None:
        return Calendar(days, policy.every_days)
    gaps = np.diff(days) / _DAY
    if gaps.size < _FEWEST_GAPS:
        return Calendar(days, math.nan)
    usual = float(np.median(gaps))
    like = float(np.mean(np.abs(gaps - usual) <= _EVEN * usual))
    return Calendar(days, usual if like >= _MOST else math.nan)


def missed(
    scanner: str, calendar: Calendar, policy: Policy, now: dt.datetime
) -> tuple[DriftFinding, ...]:
    """Return one finding for each gap with missed exams; the last one if an exam is overdue now."""
    every = calendar.every_days
    if math.isnan(every) or calendar.days.size == 0:
        return ()
    today = np.datetime64(now, "D")
    ends = np.concatenate((calendar.days[1:], [max(today, calendar.days[-1])]))
    made = []
    gaps = (ends - calendar.days) / _DAY
    for i in np.flatnonzero(gaps >= policy.late_by * every).tolist():
        start, end, gap = calendar.days[i], ends[i], float(gaps[i])
        overdue = i == calendar.days.size - 1
        # of an open gap those that were due before today; of a closed one those that fit into it
        count = math.ceil(gap / every) - 1 if overdue else int(gap / every + 0.5) - 1
        due = _moment(start) + dt.timedelta(days=every)
        made.append(
            DriftFinding(
                scanner=scanner,
                name="",
                quantity="",
                kind=Kind.MISSING,
                rule="calendar",
                date=due,
                date_interval=(due, _moment(end)),
                signalled=_moment(end),
                size=float(max(count, 1)),
                size_interval=None,
                unit="exams",
                verdict="tolerance" if overdue else "pass",
                hint=(
                    "scan the phantom: nothing is known of the scanner since then"
                    if overdue
                    else "a change in this gap can only be dated to the gap"
                ),
            )
        )
    return tuple(made)


def stopped(series: Sequence[TimeSeries]) -> tuple[DriftFinding, ...]:
    """Return a finding for each value that the last exams of a scanner no longer give.

    Whether the exams say that it could not be measured or do not speak of it any more is the same.
    What is measured in some exams only has stopped when it is missing for twice as long as ever.

    Parameters
    ----------
    series
        All series of one scanner.
    """
    if series:
        newest = max(s.at[-1] for s in series)
        if all(s.at[-1] == newest and np.isfinite(s.value[-1]) for s in series):
            return ()  # the newest exam gives all of them
    by_key: dict[tuple[str, str, int, str], list[TimeSeries]] = {}
    for s in series:
        by_key.setdefault((s.name, s.insert, s.slice, s.role), []).append(s)
    stamps = {s.at.tobytes(): s.at for s in series}  # most series share their exams
    exams = np.unique(np.concatenate([np.empty(0, "datetime64[us]"), *stamps.values()]))
    made = []
    for own in by_key.values():
        given = np.unique(np.concatenate([s.at[np.isfinite(s.value)] for s in own]))
        if given.size == 0:
            continue
        place = np.searchsorted(exams, given)
        silent = exams.size - 1 - int(place[-1])
        longest = int(np.diff(place).max(initial=1)) - 1
        if silent >= max(_SILENT, 2 * longest):
            made.append(_silent(own[-1], given[-1], exams[place[-1] + 1 :]))
    return tuple(made)


def _silent(s: TimeSeries, last: np.datetime64, without: Times) -> DriftFinding:
    """Return the finding of a value; `without` are the exams since its last one, at least one."""
    first = without[0]
    return DriftFinding(
        scanner=s.scanner,
        name=s.name,
        quantity=s.quantity,
        insert=s.insert,
        slice=s.slice,
        role=s.role,
        kind=Kind.MISSING,
        rule="calendar",
        date=_moment(first),
        date_interval=(_moment(last), _moment(first)),
        signalled=_moment(without[-1]),
        size=float(without.size),
        size_interval=None,
        unit="exams",
        verdict="tolerance",
        hint="it is no longer measured: the reports of these exams say why",
        series_key=s.series_key,
    )


def _moment(day: np.datetime64) -> dt.datetime:
    moment: dt.datetime = day.astype("datetime64[us]").astype(dt.datetime)
    return moment
