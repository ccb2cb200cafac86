"""Watch scanners: series of many scanners in, the state of each and of the fleet out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from qiqa.core.drift import (
    Alarm,
    ApprovedBaseline,
    DriftFinding,
    FleetState,
    ScannerState,
    ScannerSummary,
    SeriesState,
    ServiceEvent,
    TimeSeries,
)
from qiqa.drift.charting import chart
from qiqa.drift.judging import WORST_FIRST, worst
from qiqa.drift.missing import Calendar, calendar_of, missed, stopped
from qiqa.drift.peers import Level, biased, level_of
from qiqa.drift.policy import Policy
from qiqa.workflows.alarming import with_alarms

__all__ = ["Records", "Watched", "marked", "states_of", "watch", "worst_first"]

_YEAR_DAYS = 365.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is on record about scanners besides their values."""

    events: tuple[ServiceEvent, ...] = ()
    baselines: tuple[ApprovedBaseline, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Scanner -> maker, model, field."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What came of it."""

    fleet: FleetState
    scanners: tuple[ScannerState, ...]
    """With every series where details were asked for, else with findings only."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _One:
    """One scanner on the way."""

    series: tuple[TimeSeries, ...]
    states: tuple[SeriesState, ...]
    levels: tuple[Level, ...]
    findings: list[DriftFinding]
    calendar: Calendar
    charted: int
    learning: int


def watch(
    series: Sequence[TimeSeries],
    records: Records,
    *,
    now: dt.datetime,
    policy: Policy | None = None,
    detail: bool = True,
    source: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Watched:
    """Chart every series, find missed exams and biased scanners, and hold findings against alarms.

    Parameters
    ----------
    series
        Values over time of all scanners.
    records
        Service events, approved baselines, alarms.
    now
        Wall clock; what is overdue is overdue at this time.
    policy
        How scanners are watched; None: the default.
    detail
        False keeps findings and counts only, for many scanners.
    source
        Where the values are from, for the page.
    tell
        Told the name of each scanner as it is worked on.
    """
    policy = policy or Policy()
    by_scanner: dict[str, list[TimeSeries]] = {}
    for one in series:
        by_scanner.setdefault(one.scanner, []).append(one)
    done: dict[str, _One] = {}
    for scanner in sorted(by_scanner):
        tell(scanner)
        done[scanner] = _one(by_scanner[scanner], records, policy, now, detail=detail)
    for finding in biased([level for one in done.values() for level in one.levels]):
        done[finding.scanner].findings.append(finding)
    states = tuple(_state(name, one, records) for name, one in done.items())
    fleet = FleetState(
        now=now,
        scanners=tuple(_summary(state, done[state.scanner], now) for state in states),
        false_alarms_per_year=policy.false_alarms_per_scanner_year * len(done),
        source=source,
    )
    return marked(Watched(fleet=fleet, scanners=states), records.alarms)


def marked(watched: Watched, alarms: Sequence[Alarm]) -> Watched:
    """Return the same with number and state of each finding's alarm; scanners worst first."""
    states = with_alarms(watched.scanners, alarms)
    by_name = {state.scanner: state for state in states}
    summaries = [
        dataclasses.replace(
            one, findings=by_name[one.scanner].findings, verdict=by_name[one.scanner].verdict
        )
        for one in watched.fleet.scanners
    ]
    summaries.sort(key=lambda s: (WORST_FIRST.index(s.verdict), -len(_open(s.findings)), s.scanner))
    return Watched(
        fleet=dataclasses.replace(watched.fleet, scanners=tuple(summaries)), scanners=states
    )


def _one(
    series: Sequence[TimeSeries],
    records: Records,
    policy: Policy,
    now: dt.datetime,
    *,
    detail: bool,
) -> _One:
    """Chart all series of one scanner."""
    scanner = series[0].scanner
    calendar = calendar_of(series, policy)
    states, levels, findings = [], [], list[DriftFinding]()
    charted = learning = 0
    for state in _charted(series, records, policy, calendar, detail=detail):
        findings += state.findings
        known = state.verdict != "not_evaluated"
        charted, learning = charted + known, learning + (not known)
        level = level_of(state)
        if level is not None:
            levels.append(level)
        if detail:
            states.append(state)
    findings += missed(scanner, calendar, policy, now)
    findings += stopped(series)
    return _One(
        series=tuple(series),
        states=tuple(states),
        levels=tuple(levels),
        findings=findings,
        calendar=calendar,
        charted=charted,
        learning=learning,
    )


def states_of(
    series: Sequence[TimeSeries],
    records: Records,
    policy: Policy | None = None,
    *,
    chosen: Callable[[TimeSeries], bool] = lambda _: True,
) -> tuple[SeriesState, ...]:
    """Chart series of one scanner, with the limits that `watch` gives them.

    Parameters
    ----------
    series
        All series of the scanner: its false alarms are shared out among them.
    records
        Service events and approved baselines; alarms are not looked at.
    policy
        How scanners are watched; None: the default.
    chosen
        Which of them are charted.
    """
    policy = policy or Policy()
    calendar = calendar_of(series, policy)
    return tuple(_charted(series, records, policy, calendar, chosen=chosen))


def _charted(
    series: Sequence[TimeSeries],
    records: Records,
    policy: Policy,
    calendar: Calendar,
    *,
    chosen: Callable[[TimeSeries], bool] = lambda _: True,
    detail: bool = True,
) -> Iterator[SeriesState]:
    """Yield the state of each chosen series of a scanner, in the order of a page."""
    usable = [s for s in series if np.isfinite(s.value).sum() > 2]
    shares = policy.shares(len(usable), _exams_per_year(calendar))
    for one in sorted(series, key=lambda s: (s.role, s.name, s.insert, s.slice, s.at[0])):
        if chosen(one):
            yield chart(
                one,
                shares=shares,
                events=records.events,
                baseline=_baseline_of(one, records.baselines),
                policy=policy,
                detail=detail,
            )


def _exams_per_year(calendar: Calendar) -> float:
    """Return exams a year, as scheduled or as they were."""
    if math.isfinite(calendar.every_days):
        return _YEAR_DAYS / calendar.every_days
    days = calendar.days
    span = float((days[-1] - days[0]) / np.timedelta64(1, "D")) if days.size > 1 else 0.0
    return _YEAR_DAYS * (days.size - 1) / span if span > 0 else _YEAR_DAYS / 7.0


def _baseline_of(
    series: TimeSeries, baselines: Sequence[ApprovedBaseline]
) -> ApprovedBaseline | None:
    """Return the latest approved baseline that holds for a series; its own before the scanner's."""
    own = [
        b
        for b in baselines
        if b.scanner == series.scanner
        and b.name in ("", series.name)
        and np.datetime64(b.first, "us") <= series.at[-1]
    ]
    return max(own, key=lambda b: (b.first, bool(b.name), b.at), default=None)


def _state(scanner: str, one: _One, records: Records) -> ScannerState:
    days = one.calendar.days
    return ScannerState(
        scanner=scanner,
        label=records.labels.get(scanner, ""),
        series=one.states,
        findings=tuple(worst_first(one.findings)),
        events=tuple(e for e in records.events if e.scanner in (scanner, "*")),
        alarms=tuple(a for a in records.alarms if a.finding.scanner == scanner),
        exams=int(days.size),
        first_exam=_moment(min(s.at[0] for s in one.series)),
        last_exam=_moment(max(s.at[-1] for s in one.series)),
        every_days=one.calendar.every_days,
        notes=_clock_notes(one.series),
        verdict=_verdict(one.findings, one.charted),
    )


def _verdict(findings: Iterable[DriftFinding], charted: int) -> str:
    found = worst([f.verdict for f in findings])
    if found in ("action", "tolerance"):
        return found
    return "pass" if charted else "not_evaluated"


def worst_first(findings: Iterable[DriftFinding]) -> list[DriftFinding]:
    """Return findings by verdict, then the latest first."""
    oldest = dt.datetime.min
    return sorted(
        sorted(findings, key=lambda f: f.signalled or f.date or oldest, reverse=True),
        key=lambda f: WORST_FIRST.index(f.verdict),
    )


def _open(findings: Iterable[DriftFinding]) -> list[DriftFinding]:
    return [f for f in findings if f.verdict in ("action", "tolerance")]


def _summary(state: ScannerState, one: _One, now: dt.datetime) -> ScannerSummary:
    overdue = 0.0
    if state.last_exam is not None and math.isfinite(state.every_days):
        overdue = max((now - state.last_exam).total_seconds() / 86400.0 - state.every_days, 0.0)
    late = any(f.rule == "calendar" and not f.name for f in _open(state.findings))
    return ScannerSummary(
        scanner=state.scanner,
        label=state.label,
        verdict=state.verdict,
        findings=state.findings,
        charted=one.charted,
        learning=one.learning,
        exams=state.exams,
        last_exam=state.last_exam,
        overdue_days=overdue if late else 0.0,
    )


def _clock_notes(series: Sequence[TimeSeries]) -> tuple[str, ...]:
    """Say where an exam is dated before one that was stored earlier."""
    dates: dict[int, np.datetime64] = {}
    for names, at in {id(s.exam): (s.exam, s.at) for s in series}.values():
        try:
            numbers = names.astype(np.int64).tolist()
        except ValueError:
            return ()  # exams have names, not numbers in the order they were stored
        dates.update(zip(numbers, at, strict=True))
    numbers = sorted(dates)
    back = [
        (earlier, later)
        for earlier, later in itertools.pairwise(numbers)
        if dates[later] < dates[earlier]
    ]
    if not back or len(back) > max(3, len(numbers) // 20):
        return ()
    return tuple(
        f"exam {later} is dated {str(dates[later])[:10]}, before exam {earlier} "
        f"({str(dates[earlier])[:10]}): was the clock set back, or was it kept later?"
        for earlier, later in back
    )


def _moment(at: np.datetime64) -> dt.datetime:
    moment: dt.datetime = at.astype("datetime64[us]").astype(dt.datetime)
    return moment
