"""Watch scanners: series of many scanners in, the state of each and of the fleet out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
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
from qiqa.core.errors import QiqaError
from qiqa.drift.charting import chart
from qiqa.drift.judging import WORST_FIRST, worst
from qiqa.drift.missing import Calendar, calendar_of, missed, stopped
from qiqa.drift.outcome import refused
from qiqa.drift.peers import Level, biased, level_of
from qiqa.drift.policy import Policy, Share
from qiqa.drift.together import moved_together
from qiqa.workflows.alarming import with_alarms
from qiqa.workflows.dating import clock_notes, up_to
from qiqa.workflows.sharing import shared

__all__ = ["Records", "Watched", "marked", "states_of", "watch", "worst_first"]

_YEAR_DAYS = 365.25
_MOST_NAMED = 3


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
    """One scanner on the way; light enough to be handed over by another process."""

    states: tuple[SeriesState, ...]
    levels: tuple[Level, ...]
    findings: list[DriftFinding]
    calendar: Calendar
    charted: int
    waiting: list[tuple[str, str]]
    """Measurements of which nothing can be said yet, and why."""


def watch(
    series: Sequence[TimeSeries],
    records: Records,
    *,
    now: dt.datetime,
    policy: Policy | None = None,
    detail: bool = True,
    source: str = "",
    name: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
    processes: int = 1,
) -> Watched:
    """Chart every series, find missed exams and biased scanners, and hold findings against alarms.

    Parameters
    ----------
    series
        Values over time of all scanners.
    records
        Service events, approved baselines, alarms.
    now
        Wall clock; what is overdue is overdue at this time. Exams dated later are left out and
        named in the notes.
    policy
        How scanners are watched; None: the default.
    detail
        False keeps findings and counts only, for many scanners.
    source
        Where the values are from, for the page.
    name
        One measurement to chart, with the limits that it has among all of its scanner; None: all.
    tell
        Told the name of each scanner as it is worked on.
    processes
        How many share the scanners (see `qiqa.workflows.sharing`): the same comes of it with any
        number. With details one does it all, as these would have to be handed over.
    """
    policy = policy or Policy()
    series, ahead = up_to(series, now)
    by_scanner: dict[str, list[TimeSeries]] = {}
    for one in series:
        by_scanner.setdefault(one.scanner, []).append(one)
    names = sorted(by_scanner)
    work = functools.partial(
        _one, records=records, policy=policy, now=now, name=name, detail=detail
    )
    ones = shared(
        work,
        [by_scanner[scanner] for scanner in names],
        1 if detail else processes,
        lambda place: tell(names[place]),
    )
    done = dict(zip(names, ones, strict=True))
    for finding in biased([level for one in done.values() for level in one.levels]):
        done[finding.scanner].findings.append(finding)
    states = tuple(_state(by_scanner[name], one, records) for name, one in done.items())
    fleet = FleetState(
        now=now,
        scanners=tuple(_summary(state, done[state.scanner], now) for state in states),
        false_alarms_per_year=policy.false_alarms_per_scanner_year * len(done),
        notes=(*ahead, *(f"{s.scanner}: {note}" for s in states for note in s.notes)),
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
    *,
    records: Records,
    policy: Policy,
    now: dt.datetime,
    name: str | None,
    detail: bool,
) -> _One:
    """Chart all series of one scanner."""
    scanner = series[0].scanner
    calendar = calendar_of(series, policy)
    states, levels, findings = [], [], list[DriftFinding]()
    every_state = []
    charted, waiting = 0, list[tuple[str, str]]()
    shares = _shares(series, policy, calendar)
    asked = [s for s in series if name in (None, s.name)]
    for state in _charted(asked, records, policy, shares, detail=detail):
        one = state.series
        findings += state.findings
        if state.verdict == "not_evaluated":
            waiting.append((one.label, state.reason))
        else:
            charted += 1
        level = level_of(state)
        if level is not None:
            levels.append(level)
        every_state.append(state)
        if detail:
            states.append(state)
    findings += moved_together(every_state, shares, policy)
    findings += missed(scanner, calendar, policy, now)
    findings += [f for f in stopped(series) if name in (None, f.name)]
    return _One(
        states=tuple(states),
        levels=tuple(levels),
        findings=findings,
        calendar=calendar,
        charted=charted,
        waiting=waiting,
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
    shares = _shares(series, policy, calendar_of(series, policy))
    return tuple(_charted([s for s in series if chosen(s)], records, policy, shares, detail=True))


def _shares(series: Sequence[TimeSeries], policy: Policy, calendar: Calendar) -> tuple[Share, ...]:
    """Return what each rule may do on each series of a scanner."""
    usable = [s for s in series if np.isfinite(s.value).sum() > 2]
    return policy.shares(len(usable), _exams_per_year(calendar))


def _charted(
    series: Sequence[TimeSeries],
    records: Records,
    policy: Policy,
    shares: Sequence[Share],
    *,
    detail: bool,
) -> Iterator[SeriesState]:
    """Yield the state of each series, in the order of a page.

    One that breaks is refused with what happened, the others stand.
    """
    for one in sorted(series, key=lambda s: (s.role, s.name, s.insert, s.slice, s.at[0])):
        try:
            yield chart(
                one,
                shares=shares,
                events=records.events,
                baseline=_baseline_of(one, records.baselines),
                policy=policy,
                detail=detail,
            )
        except QiqaError:
            raise  # a wrong rule or policy is wrong for all
        except Exception as error:  # noqa: BLE001 - one series must not take all scanners down
            text = f"{type(error).__name__}: {error}"
            yield refused(one, f"charting broke, please report it ({text}); the others stand")


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
    """Return the approved baseline that holds for a series; its own before the scanner's.

    Of each the one approved last, so that a person can go back to earlier exams; of the two the one
    that begins later.
    """
    own = [
        b
        for b in baselines
        if b.scanner == series.scanner
        and b.name in ("", series.name)
        and np.datetime64(b.first, "us") <= series.at[-1]
    ]
    last = {b.name: b for b in sorted(own, key=lambda b: (b.at, b.record_id))}
    return max(last.values(), key=lambda b: (b.first, bool(b.name)), default=None)


def _state(series: Sequence[TimeSeries], one: _One, records: Records) -> ScannerState:
    days, scanner = one.calendar.days, series[0].scanner
    return ScannerState(
        scanner=scanner,
        label=records.labels.get(scanner, ""),
        series=one.states,
        findings=tuple(worst_first(one.findings)),
        events=tuple(e for e in records.events if e.scanner in (scanner, "*")),
        alarms=tuple(a for a in records.alarms if a.finding.scanner == scanner),
        exams=int(days.size),
        first_exam=_moment(min(s.at[0] for s in series)),
        last_exam=_moment(max(s.at[-1] for s in series)),
        every_days=one.calendar.every_days,
        notes=(*clock_notes(series), *_waiting_notes(one.waiting)),
        verdict=_verdict(one.findings, one.charted),
    )


def _waiting_notes(waiting: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Say of which measurements nothing can be said yet and why, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for label, why in waiting:
        by_reason.setdefault(why, []).append(label)
    return tuple(
        f"{', '.join(labels[:_MOST_NAMED])}"
        + (f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else "")
        + f": {why}"
        for why, labels in by_reason.items()
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
        learning=len(one.waiting),
        exams=state.exams,
        last_exam=state.last_exam,
        overdue_days=overdue if late else 0.0,
    )


def _moment(at: np.datetime64) -> dt.datetime:
    moment: dt.datetime = at.astype("datetime64[us]").astype(dt.datetime)
    return moment
