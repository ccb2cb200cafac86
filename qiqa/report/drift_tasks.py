"""What a page of a scanner says first: one line, then each thing to do."""

from __future__ import annotations

import dataclasses

from qiqa.core.drift import DriftFinding, Kind, ScannerState
from qiqa.report.drift_names import spoken
from qiqa.report.drift_text import (
    alarm_command,
    alarm_text,
    day,
    forecast_text,
    interval_text,
    next_text,
    sentence,
    short_sentence,
    size_text,
    sureness,
)
from qiqa.report.svg import icon

__all__ = ["Headline", "Task", "noted", "phantoms", "scanner_headline", "tasks"]

_URGENT = ("action", "tolerance")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer, readable from across the room."""

    kind: str
    icon: str
    words: str
    sentence: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One finding that asks for something."""

    number: int
    """The same as at its mark in the chart."""
    kind: str
    icon: str
    what: str
    phantom: str
    """Which one it was measured with; empty where the scanner has one only."""
    cells: tuple[tuple[str, str], ...]
    """Label and words: what next, since when, how big, how sure."""
    alarm: str
    command: str
    finding: DriftFinding


def phantoms(state: ScannerState) -> dict[str, str]:
    """Return series key -> phantom, where a scanner was measured with more than one."""
    units = {s.series.phantom_unit for s in state.series}
    if len(units) < 2:
        return {}
    return {s.series.series_key: s.series.phantom_unit for s in state.series}


def tasks(state: ScannerState) -> list[Task]:
    """Return what asks for something, worst first, numbered from 1."""
    urgent = [f for f in state.findings if f.verdict in _URGENT]
    units = phantoms(state)
    return [
        _task(finding, number, units.get(finding.series_key, ""))
        for number, finding in enumerate(urgent, start=1)
    ]


def _task(finding: DriftFinding, number: int, phantom: str) -> Task:
    cells = [
        ("Next", _next(finding)),
        ("Since", _since(finding)),
        ("How big", size_text(finding)),
        ("How sure", sureness(finding)),
    ]
    return Task(
        number=number,
        kind=finding.verdict,
        icon=icon(finding.verdict),
        what=short_sentence(finding, spoken(finding)),
        phantom=phantom,
        cells=tuple(cell for cell in cells if cell[1]),
        alarm=alarm_text(finding),
        command=alarm_command(finding),
        finding=finding,
    )


def _since(finding: DriftFinding) -> str:
    """Return the date with its interval and what is known to have changed then."""
    if finding.kind is Kind.MISSING:
        return day(finding.date)
    when = interval_text(finding).removeprefix("since ").removeprefix("on ")
    return f"{when}; on record: {'; '.join(finding.causes)}" if finding.causes else when


def _next(finding: DriftFinding) -> str:
    """Return what to do, and when a limit will be reached where that can be said."""
    coming = "" if finding.forecast is None else f"; {forecast_text(finding.forecast)}"
    return next_text(finding) + coming


def noted(state: ScannerState) -> list[str]:
    """Return sentences about what was noted and asks for nothing."""
    return [
        f"{sentence(f, spoken(f))}. {next_text(f)}"
        for f in state.findings
        if f.verdict not in _URGENT
    ]


def scanner_headline(state: ScannerState, found: list[Task]) -> Headline:
    """Return one line on a scanner: what needs doing, or that nothing does."""
    known = sum(s.verdict != "not_evaluated" for s in state.series)
    learning = len(state.series) - known
    more = f"{known} series have limits" + (f", {learning} do not yet" if learning else "")
    kind = state.verdict if state.verdict in (*_URGENT, "pass") else "not_evaluated"
    if found:
        kind = found[0].kind
        words = ("Act: " if kind == "action" else "Look: ") + found[0].what
        rest = len(found) - 1
        told = f"{rest} more thing{'' if rest == 1 else 's'} to do; {more}" if rest else more
    elif known:
        words, told = f"Nothing to do: {known} series in control", ""
        if learning:
            told = f"{learning} more have too few exams for limits"
    else:
        words, told = "Too few exams: no limits yet", f"{len(state.series)} series are being learnt"
    return Headline(kind=kind, icon=icon(kind), words=words, sentence=told + "." if told else "")
