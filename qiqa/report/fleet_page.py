"""All scanners as one HTML file: what needs attention first, worst first."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from qiqa.core.drift import FleetState, ScannerSummary
from qiqa.report.drift_names import finding_shown, spoken
from qiqa.report.drift_text import alarm_text, day, headline, short_sentence
from qiqa.report.files import write_whole
from qiqa.report.html import environment, load_text
from qiqa.report.numbers import plain_number
from qiqa.report.svg import icon

__all__ = ["Line", "budget_text", "render_fleet", "write_fleet"]

_URGENT = ("action", "tolerance")
_WORDS = {
    "action": "act",
    "tolerance": "look into it",
    "pass": "in control",
    "not_evaluated": "too few exams",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One scanner in a list or table."""

    scanner: str
    label: str
    page: str
    kind: str
    icon: str
    verdict: str
    what: str
    """Its worst finding in a sentence; empty: none."""
    alarm: str
    more: int
    """Findings besides the worst."""
    charted: int
    learning: int
    exams: int
    last_exam: str
    overdue: str
    """Days in words; empty: not overdue."""


def write_fleet(state: FleetState, path: Path) -> Path:
    """Write the page of all scanners and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    return write_whole(path, render_fleet(state).encode("utf-8"))


def render_fleet(state: FleetState) -> str:
    """Return the page of all scanners as text."""
    lines = [_line(one) for one in state.scanners]
    verdicts = [one.kind for one in lines]
    kind = next((v for v in (*_URGENT, "pass") if v in verdicts), "not_evaluated")
    mark, _, rest = headline(state).partition(":")
    words = f"{mark.capitalize()}: {rest.strip()}" if rest else mark.capitalize()
    overdue = sorted((s for s in state.scanners if _days_late(s)), key=lambda s: -s.overdue_days)
    return (
        environment()
        .get_template("fleet.html")
        .render(
            style=load_text("qc.css") + load_text("drift.css"),
            kind=kind,
            icon=icon(kind),
            words=words,
            facts=_facts(state),
            attention=sorted(
                (line for line in lines if line.kind in _URGENT),
                key=lambda line: _URGENT.index(line.kind),
            ),
            overdue=[_line(one) for one in overdue],
            lines=lines,
            budget=budget_text(state),
            notes=state.notes,
        )
    )


def _facts(state: FleetState) -> list[tuple[str, str]]:
    counts = [sum(s.verdict == kind for s in state.scanners) for kind in _WORDS]
    told = [f"{n} {words}" for n, words in zip(counts, _WORDS.values(), strict=True) if n]
    made = [
        ("Scanners", f"{len(state.scanners)}: {', '.join(told)}" if told else "0"),
        ("Charts", str(sum(s.charted for s in state.scanners))),
        ("Exams", str(sum(s.exams for s in state.scanners))),
        ("State of", day(state.now)),
    ]
    return [*made, ("Values from", state.source)] if state.source else made


def budget_text(state: FleetState) -> str:
    """Return how many false alarms the limits allow, in words."""
    count, allowed = len(state.scanners), state.false_alarms_per_year
    over = f"all {count} scanners together" if count != 1 else "this scanner"
    return (
        f"Limits were made so that {over} give at most {plain_number(allowed, 3)} false alarms "
        "a year while nothing changes. Fewer would mean that true changes are found later."
    )


def _line(one: ScannerSummary) -> Line:
    kind = one.verdict if one.verdict in _WORDS else "not_evaluated"
    urgent = [finding_shown(f) for f in one.findings if f.verdict in _URGENT]
    return Line(
        scanner=one.scanner,
        label=one.label,
        page=one.page,
        kind=kind,
        icon=icon(kind),
        verdict=_WORDS[kind],
        what=short_sentence(urgent[0], spoken(urgent[0])) if urgent else "",
        alarm=alarm_text(urgent[0]) if urgent else "",
        more=max(len(urgent) - 1, 0),
        charted=one.charted,
        learning=one.learning,
        exams=one.exams,
        last_exam="never" if one.last_exam is None else day(one.last_exam),
        overdue=_days_late(one),
    )


def _days_late(one: ScannerSummary) -> str:
    """Return how long an exam is overdue; empty where it is not, or nobody knows."""
    late = one.overdue_days
    if not 0.0 < late < math.inf:
        return ""
    days = plain_number(float(max(round(late), 1)))
    return f"{days} day" if days == "1" else f"{days} days"
