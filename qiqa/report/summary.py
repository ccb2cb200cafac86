"""The top of the page: the verdict, what it rests on, what to do, and the table of values."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

from qiqa.core.finding import Severity
from qiqa.core.measurement import Assessment, Verdict
from qiqa.core.result import QcResult
from qiqa.report.plots import sparkline
from qiqa.report.svg import icon
from qiqa.report.table import TableRow, table_rows
from qiqa.report.text import basename, listing
from qiqa.report.trend import TrendPoints

__all__ = ["Headline", "Row", "Task", "facts", "headline", "rows", "tasks"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer, readable from across the room."""

    kind: str
    """`pass`, `tolerance`, `action` or `not_evaluated`; also the style."""
    icon: str
    words: str
    sentence: str
    missing: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do or to look at."""

    kind: str
    """`position`, `error` or `warning`."""
    what: str
    hint: str | None
    where: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table with what is drawn in it."""

    cells: TableRow
    kind: str
    icon: str
    notes: tuple[int, ...]
    trend: str
    standing: str
    """What watching says about the series; empty: not watched."""
    standing_icon: str


_WORDS = {
    Verdict.PASS: "Pass",
    Verdict.TOLERANCE: "Passes, but look into it",
    Verdict.ACTION: "Action needed",
    Verdict.NOT_EVALUATED: "Incomplete",
}


def headline(result: QcResult) -> Headline:
    """Return the verdict, one sentence on what it rests on, and what is missing."""
    cells = table_rows(result)
    verdict = result.verdict
    judged = any(item.verdict is not Verdict.NOT_EVALUATED for item in result.assessments)
    return Headline(
        kind=verdict.value,
        icon=icon(verdict.value),
        words=_WORDS[verdict] if judged else "No verdict",
        sentence=_sentence(cells),
        missing=tuple(_missing(result, cells)),
    )


def _named(row: TableRow) -> str:
    series = f" on {row.series}" if row.series else ""
    missed = f"limit: {row.limit_text}"
    if row.verdict is Verdict.TOLERANCE:
        missed = f"target: {row.target_text}"
    return f"{row.title}{series} ({row.quantity}, {missed})"


def _sentence(cells: list[TableRow]) -> str:
    judged = [row for row in cells if row.verdict is not Verdict.NOT_EVALUATED]
    action = [row for row in judged if row.verdict is Verdict.ACTION]
    tolerance = [row for row in judged if row.verdict is Verdict.TOLERANCE]
    count = f"{len(judged)} judged value{'' if len(judged) == 1 else 's'}"
    if not judged:
        return "No value could be judged."
    if action:
        text = f"{len(action)} of {count} outside the action level: "
        text += listing([_named(row) for row in action])
        return text + (f"; {len(tolerance)} more outside the target." if tolerance else ".")
    if tolerance:
        names = listing([_named(row) for row in tolerance])
        text = f"{len(tolerance)} of {count} outside the target, none outside the action level"
        return f"{text}: {names}."
    if len(judged) == 1:
        return f"The only judged value is inside its limits: {_named(judged[0])}."
    return f"All {count} are inside their limits."


def _missing(result: QcResult, cells: list[TableRow]) -> list[str]:
    """Say which limits, series and entries have no answer."""
    texts = []
    unanswered = [row for row in cells if row.limited and row.verdict is Verdict.NOT_EVALUATED]
    if unanswered:
        names = listing(
            [f"{row.title} ({row.series})" if row.series else row.title for row in unanswered], 4
        )
        texts.append(f"Not judged although there is a limit: {names}.")
    present = {item.role for item in result.series if item.failure is None}
    absent = [s.role for s in result.protocol.series if s.required and s.role not in present]
    if absent:
        texts.append(f"Series the protocol asks for and that is not here: {listing(absent)}.")
    entered = {name for name, value in result.entries if value}
    open_entries = [e for e in result.protocol.entry if e.required and e.id not in entered]
    if open_entries:
        names = listing([entry.question.partition(":")[0] for entry in open_entries])
        texts.append(f"Still to be entered by a person: {names}.")
    return texts


def facts(result: QcResult) -> list[tuple[str, str]]:
    """Return which phantom, scanner, date and protocol, as label and value."""
    variants = sorted({s.pose.variant for s in result.series if s.pose and s.pose.variant})
    phantom = result.phantom.name + (f" ({listing(variants)} type)" if variants else "")
    unit = f"unit {result.phantom_unit}" if result.phantom_unit else "unit not entered"
    where = [part for part in (result.scanner.site, result.scanner.station) if part]
    software = sorted({s.acquisition.software for s in result.series if s.acquisition.software})
    when = result.acquired_at
    shown = [
        ("Scanner", " · ".join([result.scanner.label, *where])),
        ("Phantom", f"{phantom}, {unit}"),
        ("Acquired", f"{when:%Y-%m-%d %H:%M}" if when else "date not stated in the images"),
        ("Protocol", result.protocol.edition),
    ]
    return [*shown, ("Software", ", ".join(software))] if software else shown


def tasks(result: QcResult) -> list[Task]:
    """Return positioning hints and every finding a person should see, worst first."""
    found = []
    for severity in (Severity.ERROR, Severity.WARNING):
        for item in result.findings:
            if item.severity is severity:
                where = basename(item.where) if item.where else None
                found.append(
                    Task(kind=severity.value, what=item.message, hint=item.hint, where=where)
                )
    hints: dict[str, list[str]] = {}
    for series in result.series:
        if series.failure is not None:
            what = f"{series.role}: {series.failure}"
            found.append(Task(kind="error", what=what, hint=None, where=None))
        if series.pose is not None and series.pose.hint:
            hints.setdefault(series.pose.hint, []).append(series.role)
    position = [
        Task(kind="position", what=hint, hint=None, where=", ".join(roles))
        for hint, roles in hints.items()
    ]
    return position + found


def rows(result: QcResult, trend: Sequence[TrendPoints]) -> tuple[list[Row], list[str]]:
    """Return the rows, those with a limit first, and the numbered notes they refer to."""
    notes: dict[str, int] = {}
    drawn = []
    for cells, item in zip(table_rows(result), result.assessments, strict=True):
        kind = item.verdict.value
        if item.verdict is Verdict.NOT_EVALUATED and not cells.limited:
            kind = "recorded"
        numbers = tuple(notes.setdefault(note, len(notes) + 1) for note in cells.assumptions)
        points = _points(item, trend)
        said = "" if points is None else points.words
        drawn.append(
            Row(
                cells=cells,
                kind=kind,
                icon=icon(kind),
                notes=numbers,
                trend="" if points is None else _trend(result, item, points),
                standing=said,
                standing_icon=icon(points.verdict) if points is not None and said else "",
            )
        )
    drawn.sort(key=lambda row: row.kind == "recorded")
    return drawn, list(notes)


def _points(item: Assessment, trend: Sequence[TrendPoints]) -> TrendPoints | None:
    """Return the earlier values of what was measured, in its unit, or None."""
    m = item.measurement
    return next(
        (t for t in trend if t.name == m.name and t.role in (None, m.role) and t.unit == m.unit),
        None,
    )


def _trend(result: QcResult, item: Assessment, points: TrendPoints) -> str:
    """Return the small chart of a value that is judged or watched, from two earlier exams on."""
    now = result.acquired_at
    if now is None or (item.action is None and not points.words):
        return ""
    this = now.replace(tzinfo=None)
    none = (math.nan, math.nan)
    control = points.control or (none,) * len(points.dates)
    watched = any(map(math.isfinite, itertools.chain(*control)))
    known = list(zip(points.dates, points.values, control, strict=True))
    earlier = [one for one in known if one[0].replace(tzinfo=None) < this]
    if len(earlier) < 2:
        return ""
    same = next((one for one in known if one[0].replace(tzinfo=None) == this), None)
    value = item.measurement.value
    band = none
    if same is not None and points.control:  # watched: its point is as its limits are, adjusted
        value, band = same[1], same[2]
    dates = [one[0] for one in earlier] + [now]
    values = [one[1] for one in earlier] + [value]
    bands = [one[2] for one in earlier] + [band]
    label = f"{len(earlier)} earlier exams since {dates[0]:%Y-%m-%d}, the last point is this one"
    return sparkline(dates, values, points.limits or item.action, label, bands if watched else ())
