"""One scanner as one HTML file: what needs doing, then its charts. No network, no script."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qiqa.core.drift import ScannerState, SeriesState
from qiqa.report import drift_tasks
from qiqa.report.chart_lines import limits_hold
from qiqa.report.chart_marks import Mark, marks
from qiqa.report.chart_points import drawn_values
from qiqa.report.control_chart import control_chart
from qiqa.report.drift_legend import legend
from qiqa.report.drift_names import Key, finding_key, scanner_shown, spoken
from qiqa.report.drift_spark import spark
from qiqa.report.drift_text import day, forecast_text, level_text, standing
from qiqa.report.files import write_whole
from qiqa.report.html import environment, load_text
from qiqa.report.numbers import DASH, fixed, plain_number, unit_text
from qiqa.report.svg import icon

__all__ = ["render_scanner", "write_scanner"]

_MOST_FOLDED = 24
"""Charts of series in control that a page holds: sixty of ten years are 11 MB that nobody opens."""
_VERDICTS = {
    "pass": "in control",
    "tolerance": "look into it",
    "action": "act",
    "not_evaluated": "no limits yet",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """One series with its large chart."""

    anchor: str
    kind: str
    icon: str
    title: str
    name: str
    """As in the protocol, for commands."""
    words: str
    facts: tuple[str, ...]
    drawing: str
    marks: tuple[Mark, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One series as a line of the table."""

    anchor: str
    kind: str
    icon: str
    title: str
    role: str
    phantom: str
    """Which one, where the scanner was measured with more than one."""
    drawing: str
    level: str
    sd: str
    unit: str
    score: str
    exams: int
    words: str


def write_scanner(state: ScannerState, path: Path, *, source: str, now: dt.datetime) -> Path:
    """Write the page of one scanner and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    page = render_scanner(state, source=source, now=now)
    return write_whole(path, page.encode("utf-8"))


def render_scanner(
    state: ScannerState, *, source: str, now: dt.datetime, fleet_page: str = ""
) -> str:
    """Return the page of one scanner as text.

    Parameters
    ----------
    state
        What watching found; nothing in it is computed again.
    source
        Where the values are from.
    now
        Wall clock for which it was found.
    fleet_page
        File name of the page of all scanners; empty: there is none.
    """
    state = scanner_shown(state)
    tasks = drift_tasks.tasks(state)
    numbers = {finding_key(task.finding): task.number for task in tasks}
    units = drift_tasks.phantoms(state)
    first = [
        min((numbers.get(finding_key(f), math.inf) for f in s.findings), default=math.inf)
        for s in state.series
    ]
    loud = [
        s
        for n, s in sorted(zip(first, state.series, strict=True), key=lambda p: p[0])
        if n < math.inf
    ]
    quiet = [s for n, s in zip(first, state.series, strict=True) if n == math.inf]
    anchors = {id(s): f"series-{i}" for i, s in enumerate(state.series)}
    views = [chart_view(s, state, numbers, anchors[id(s)]) for s in loud]
    folded = quiet if len(quiet) <= _MOST_FOLDED else []
    rest = [chart_view(s, state, numbers, anchors[id(s)], titles=False) for s in folded]
    targets = {view.anchor for view in rest if view.drawing}
    return (
        environment()
        .get_template("scanner.html")
        .render(
            style=load_text("qc.css") + load_text("drift.css"),
            headline=drift_tasks.scanner_headline(state, tasks),
            scanner=state.scanner,
            facts=_facts(state, source, now),
            tasks=tasks,
            chart_of=_chart_of(tasks, state, anchors),
            noted=drift_tasks.noted(state),
            charts=views,
            rows=[row_view(s, _among(anchors[id(s)], targets), units) for s in quiet],
            folded=bool(folded) or not quiet,
            rest=[view for view in rest if view.drawing],
            legend=legend(),
            notes=state.notes,
            adjusted=any(s.adjusted_for for s in state.series),
            fleet_page=fleet_page,
        )
    )


def _among(anchor: str, targets: set[str]) -> str:
    """Return an anchor that is on the page, nothing for one that is not."""
    return anchor if anchor in targets else ""


def _chart_of(
    tasks: list[drift_tasks.Task], state: ScannerState, anchors: Mapping[int, str]
) -> dict[int, str]:
    """Return number of a task -> anchor of the chart that shows it."""
    charts = {finding_key(f): anchors[id(s)] for s in state.series for f in s.findings}
    keys = {task.number: finding_key(task.finding) for task in tasks}
    return {number: charts[key] for number, key in keys.items() if key in charts}


def _facts(state: ScannerState, source: str, now: dt.datetime) -> list[tuple[str, str]]:
    every = state.every_days
    rhythm = "" if math.isnan(every) else f", one every {plain_number(every, 2)} days"
    made = [
        ("Scanner", " · ".join(part for part in (state.scanner, state.label) if part)),
        ("Exams", f"{state.exams}{rhythm}"),
        ("From", day(state.first_exam)),
        ("Last exam", day(state.last_exam)),
        ("State of", day(now)),
    ]
    return [*made, ("Values from", source)] if source else made


def chart_view(
    state: SeriesState,
    scanner: ScannerState,
    numbers: Mapping[Key, int],
    anchor: str,
    *,
    titles: bool = True,
) -> ChartView:
    """Return one series with its large chart and the words beside it."""
    kind = state.verdict if state.verdict in _VERDICTS else "not_evaluated"
    return ChartView(
        anchor=anchor,
        kind=kind,
        icon=icon(kind),
        title=spoken(state.series),
        name=_name(state, drift_tasks.phantoms(scanner)),
        words=standing(state),
        facts=tuple(_chart_facts(state)),
        drawing=control_chart(state, scanner.events, numbers, titles=titles),
        marks=tuple(marks(state, scanner.events, numbers)),
        left_out=tuple(_left_out(state)),
        notes=state.notes,
    )


def _name(state: SeriesState, phantoms: Mapping[str, str]) -> str:
    """Return name as in the protocol, series and phantom."""
    series = state.series
    parts = [series.label, f"({series.role})" if series.role else ""]
    return " ".join(p for p in (*parts, phantoms.get(series.series_key, "")) if p)


def _chart_facts(state: SeriesState) -> list[str]:
    """Return level, SD, number of exams, what was adjusted, which baseline holds."""
    unit = unit_text(state.series.unit)
    tail = f" {unit}" if unit else ""
    made = [f"{int(np.isfinite(state.series.value).sum())} exams"]
    if state.forecast is not None:
        made.append(forecast_text(state.forecast))
    without = _without_limits(state)
    if without:
        made.append(f"no control limits for the last {without} exams")
    if state.segments:
        last = state.segments[-1]
        level, sd = _level(state)
        began = state.series.at[min(last.first, len(state.series) - 1)]
        since = day(began.astype("datetime64[us]").item())
        ramp = math.isfinite(last.slope_per_year)
        what = "expected now" if ramp else "level"
        why = "trend since" if ramp else "since"
        if level == DASH:
            what, level, tail = "level not known", "", ""
        made.append(f"{what} {level}{tail}".strip() + f", {why} {since}, from {last.counted} exams")
        made.append(f"SD of one exam {sd}{tail}")
    for name, slope, error, at in state.adjusted_for:
        bent = state.kind == "bounded"  # charted on a scale of its own: so is the slope
        made.append(_adjusted_words(name, math.nan if bent else slope, error, at, unit))
    if state.baseline is not None:
        by = state.baseline
        made.append(f"baseline {day(by.first)} to {day(by.last)}, approved by {by.by}")
    return made


def _without_limits(state: SeriesState) -> int:
    """Return how many exams at the end have no limits, of a series that had some before."""
    known = np.flatnonzero(np.isfinite(state.expected))
    if known.size == 0 or limits_hold(state):
        return 0
    return int(np.isfinite(state.series.value[known[-1] + 1 :]).sum())


def _adjusted_words(name: str, slope: float, error: float, at: float, unit: str) -> str:
    """Return for what values were adjusted: "adjusted for temperature (-0.11 dB/°C)"."""
    what, _, covariate = name.rpartition("_")
    per = unit_text({"degc": "degC"}.get(covariate, covariate))
    what, per = (what, per) if what else (name, "unit")
    parts = []
    if math.isfinite(slope):
        spread = f" ± {level_text(2.0 * error, error)}" if math.isfinite(error) else ""
        parts.append(f"{level_text(slope, error)}{spread} {unit or '1'}/{per}")
    if math.isfinite(at):
        parts.append(f"brought to {plain_number(at, 3)} {per}")
    told = f" ({', '.join(parts)})" if parts else ""
    return f"adjusted for {what.replace('_', ' ')}{told}"


def _left_out(state: SeriesState) -> list[str]:
    """Return each exam that is left out with its reason; of many, how many for each reason."""
    places = [i for i, why in enumerate(state.left_out.tolist()) if why]
    if len(places) <= 8:
        dates = [day(state.series.at[i].astype("datetime64[us]").item()) for i in places]
        return [f"{date}: {state.left_out[i]}" for date, i in zip(dates, places, strict=True)]
    reasons = [str(state.left_out[i]) for i in places]
    return [f"{reasons.count(why)} exams: {why}" for why in dict.fromkeys(reasons)]


def _level(state: SeriesState) -> tuple[str, str]:
    if not state.segments:
        return DASH, DASH
    last = state.segments[-1]
    sd = fixed(last.sd, 0) if last.sd == 0.0 else plain_number(last.sd, 2)
    level = last.level
    if math.isfinite(last.slope_per_year):  # that is where the trend began
        level = (
            float(state.expected[np.isfinite(state.expected)][-1])
            if limits_hold(state)
            else math.nan
        )
    return level_text(level, last.sd), sd


def row_view(state: SeriesState, anchor: str, phantoms: Mapping[str, str]) -> RowView:
    """Return one series as a line of the table."""
    kind = state.verdict if state.verdict in _VERDICTS else "not_evaluated"
    level, sd = _level(state)
    known = np.flatnonzero(np.isfinite(state.score))
    score = fixed(float(state.score[known[-1]]), 1) if known.size else DASH
    has_chart = bool(np.isfinite(drawn_values(state)).any())
    return RowView(
        anchor=anchor if has_chart else "",
        kind=kind,
        icon=icon(kind),
        title=spoken(state.series),
        role=state.series.role,
        phantom=phantoms.get(state.series.series_key, ""),
        drawing=spark(state),
        level=level,
        sd=sd,
        unit=unit_text(state.series.unit),
        score=score,
        exams=int(np.isfinite(state.series.value).sum()),
        words=standing(state),
    )
