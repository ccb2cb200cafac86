"""An exam on the terminal: verdict first and last, values by series, what is left to a person."""

from __future__ import annotations

from collections.abc import Sequence

from qiqa.cli.console import one_line, say, say_parts, tell_findings, width
from qiqa.cli.layout import Row, Section, fold, table
from qiqa.core.finding import Severity
from qiqa.core.measurement import ENTERED, Assessment, Verdict
from qiqa.core.result import ExamSeries, QcResult
from qiqa.report.numbers import DASH
from qiqa.report.series_names import series_names
from qiqa.report.table import TableRow, table_rows

__all__ = ["show", "show_verdict"]

_STYLES = {
    Verdict.PASS: "green",
    Verdict.TOLERANCE: "yellow",
    Verdict.ACTION: "bold red",
    Verdict.NOT_EVALUATED: None,
}
_HEADLINES = {
    Verdict.PASS: ("PASS", "bold black on green"),
    Verdict.TOLERANCE: ("TOLERANCE", "bold black on yellow"),
    Verdict.ACTION: ("ACTION", "bold white on red"),
    Verdict.NOT_EVALUATED: ("NOT EVALUATED", "bold reverse"),
}
_MOST = 3
"""How many values the verdict names before it counts the rest."""

_Pair = tuple[TableRow, Assessment]


_TOLD = ("slice_profile",)
"""Remarks without which a value would be misread."""


def show(result: QcResult, *, to_error: bool = False) -> None:
    """Print everything that was found."""
    show_verdict(result, to_error=to_error)
    _show_exam(result, to_error)
    pairs = list(zip(table_rows(result), result.assessments, strict=True))
    by_hand = _by_hand(result)
    shown = [pair for pair in pairs if pair[0].name not in by_hand or pair[1].measurement.measured]
    table(
        ("", "value", "passes", "verdict"),
        _sections(result, shown),
        remark="remark",
        to_error=to_error,
    )
    say(to_error=to_error)
    _show_tasks(result, pairs, by_hand, to_error)
    _show_remarks(result, to_error)


def show_verdict(result: QcResult, *, to_error: bool = False) -> None:
    """Print the verdict: the word, how many of each, and which were not in order."""
    word, style = _HEADLINES[result.verdict]
    indent = len(word) + 4
    first, *rest = fold(_counts(result), width() - indent)
    say_parts([(f" {word} ", style), (f"  {first}", None)], to_error=to_error)
    for line in rest:
        say(" " * indent + line, to_error=to_error)


def _counts(result: QcResult) -> str:
    pairs = list(zip(table_rows(result), result.assessments, strict=True))
    parts = []
    passed = sum(a.verdict is Verdict.PASS for _, a in pairs)
    if passed:
        parts.append(f"{passed} pass.")
    for verdict in (Verdict.TOLERANCE, Verdict.ACTION):
        found = [row for row, a in pairs if a.verdict is verdict]
        if found:
            parts.append(f"{len(found)} {verdict.value}: {_named(found)}.")
    left = [row for row, a in pairs if not a.answered]
    if left:
        reasons = tuple(dict.fromkeys(row.reason for row in left))
        why = f" ({one_line(reasons[0], 160)})" if len(reasons) == 1 else ""
        parts.append(f"{len(left)} not evaluated: {_named(left)}{why}.")
    unjudged = sum(_is_off_protocol(a) for _, a in pairs)
    if unjudged:
        parts.append(f"{unjudged} recorded, not judged (off protocol).")
    return " ".join(parts) or "Nothing was judged."


def _is_off_protocol(item: Assessment) -> bool:
    """Say whether a limit was not applied because the acquisition departs from the protocol."""
    unjudged = item.verdict is Verdict.NOT_EVALUATED and item.rule is not None and item.answered
    return unjudged and (item.reason or "").startswith("off protocol")


def _named(rows: Sequence[TableRow]) -> str:
    names = [f"{row.series} {row.title}".strip() for row in rows]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return "; ".join(names[:_MOST]) + more


def _show_exam(result: QcResult, to_error: bool) -> None:
    date = "date unknown" if result.acquired_at is None else f"{result.acquired_at:%Y-%m-%d %H:%M}"
    variant = next((s.pose.variant for s in result.series if s.pose and s.pose.variant), None)
    unit = f", unit {one_line(result.phantom_unit, 40)}" if result.phantom_unit else ""
    say(to_error=to_error)
    say(f"{one_line(result.scanner.label, 100)}, {date}", to_error=to_error)
    say(f"{result.phantom.name}{f' ({variant})' if variant else ''}{unit}", to_error=to_error)
    say(f"{result.protocol.name}\n", to_error=to_error)


def _sections(result: QcResult, pairs: Sequence[_Pair]) -> list[Section]:
    """Group the rows by the series they were measured on, those without one last."""
    order = [expected.role for expected in result.protocol.series]
    names = series_names(result.series)
    sections = []
    for series in sorted(
        result.series, key=lambda s: order.index(s.role) if s.role in order else 99
    ):
        rows = [p for p in pairs if p[1].measurement.stack == series.stack and not _by_eye(p)]
        if rows:
            sections.append(_section(_series_title(series, names), series.deviations, rows))
    stacks = {series.stack for series in result.series}
    others = [p for p in pairs if p[1].measurement.stack not in stacks or _by_eye(p)]
    for role in dict.fromkeys(row.series for row, _ in others):
        entered = [p for p in others if p[0].series == role and p[1].measurement.measured]
        missing = [p for p in others if p[0].series == role and not p[1].measurement.measured]
        if entered:
            sections.append(_section(f"{role}: read by eye and entered", (), entered))
        if missing:
            sections.append(_section(f"{role}: missing", (), missing))
    return sections


def _by_eye(pair: _Pair) -> bool:
    return pair[1].measurement.algorithm == ENTERED


def _series_title(series: ExamSeries, names: dict[str, str]) -> str:
    a = series.acquisition
    parts = []
    if a.tr_ms is not None and a.te_ms is not None:
        parts.append(f"TR/TE {a.tr_ms:g}/{a.te_ms:g} ms")
    count = series.shape[2]
    parts.append(f"{count} slice" if count == 1 else f"{count} slices")
    if series.description:
        parts.append(one_line(series.description, 50))
    return f"{names.get(series.stack, series.role)}: {', '.join(parts)}"


def _section(title: str, deviations: Sequence[str], pairs: Sequence[_Pair]) -> Section:
    notes = (f"departs from the protocol: {'; '.join(deviations)}",) if deviations else ()
    rows = tuple(
        Row(
            cells=(
                row.title,
                _with_deviation(row),
                row.limit_text if row.target_text == DASH else row.target_text,
                row.verdict_text,
            ),
            remark=_remark(row, item),
            style=_STYLES[item.verdict],
            styled=None if item.verdict is Verdict.ACTION else 3,
        )
        for row, item in pairs
    )
    return Section(title=title, notes=notes, rows=rows)


def _with_deviation(row: TableRow) -> str:
    return f"{row.quantity}, {row.deviation_text}" if row.deviation_text else row.quantity


def _remark(row: TableRow, item: Assessment) -> str:
    """Return the remark on a value, as short as it can be beside its section's title."""
    if item.rule is None and item.measurement.measured and item.answered:
        # `Recorded` says it: there is no limit, or none on this series
        return row.reason.removeprefix(item.reason or "").removeprefix("; ")
    if _is_off_protocol(item):
        return row.reason.replace(item.reason or "", "off protocol: recorded, not judged")
    if item.verdict is Verdict.TOLERANCE and row.target_text != DASH:
        return "; ".join(part for part in (f"limit: {row.limit_text}", row.reason) if part)
    return row.reason


def _by_hand(result: QcResult) -> set[str]:
    return {entry.measurement for entry in result.protocol.entry if entry.measurement is not None}


def _show_tasks(
    result: QcResult, pairs: Sequence[_Pair], by_hand: set[str], to_error: bool
) -> None:
    """Say in one paragraph what is left to a person."""
    given = {name for name, _ in result.entries}
    todo = [
        f"{row.title} ({row.series})" if row.series else row.title
        for row, item in pairs
        if row.name in by_hand and not item.measurement.measured
    ]
    if todo:
        _paragraph(f"to be read by eye and entered: {'; '.join(todo)}", to_error)
    asked = [
        entry.question.partition(":")[0]
        for entry in result.protocol.entry
        if entry.required and entry.id not in given
    ]
    if asked:
        _paragraph(f"to be entered: {'; '.join(asked)}", to_error)
    if todo or asked:
        say("     qiqa qc ... --ask, or --enter FILE\n", to_error=to_error)


def _show_remarks(result: QcResult, to_error: bool) -> None:
    for item in result.series:
        if item.pose is not None and item.pose.hint:
            _paragraph(f"positioning ({item.role}): {item.pose.hint}", to_error)
    # what departs from the protocol stands above the values it is about
    serious = [
        f for f in result.findings if f.severity is not Severity.INFO and f.code != "off_protocol"
    ]
    tell_findings(serious, to_error=to_error)
    # remarks that say how values came about stand once, short; the report has them in full
    said = [f for f in result.findings if f.severity is Severity.INFO and f.code in _TOLD]
    for remark in said:
        where = f"{remark.where}: " if remark.where else ""
        _paragraph(f"   {where}{remark.message}", to_error)


def _paragraph(text: str, to_error: bool) -> None:
    first, *rest = fold(one_line(text, 1000), width() - 5)
    for line in (first, *(f"     {line}" for line in rest)):
        say(line, to_error=to_error)
