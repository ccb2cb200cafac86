"""One series as a large chart: points, control limits, specification limits, what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, SeriesState, ServiceEvent
from qiqa.report.chart_lines import control, fan, gutter, levels, specification
from qiqa.report.chart_marks import BARE, LANE, Mark, bands, marks, verticals
from qiqa.report.chart_points import dots
from qiqa.report.drift_names import Key
from qiqa.report.numbers import plain_number, unit_text
from qiqa.report.svg import line, nice_ticks, path, text, wrap
from qiqa.report.time_frame import (
    LARGEST,
    Frame,
    date_ticks,
    day_number,
    day_numbers,
    value_range,
)

__all__ = ["control_chart", "shown_panels"]

WIDTH, LEFT, GUTTER = 1140.0, 70.0, 160.0
HEIGHT, PANEL, GAP, FOOT = 250.0, 84.0, 12.0, 24.0
FONT = 12.5
_ALWAYS = ("cusum", "ewma")
_DRAWN_ELSEWHERE = ("individuals", "step")
_AHEAD = 0.8
"""Most of the width of the exams that a forecast may add."""

FloatArray = NDArray[np.float64]


def control_chart(
    state: SeriesState,
    events: Sequence[ServiceEvent] = (),
    numbers: Mapping[Key, int] | None = None,
    *,
    titles: bool = True,
) -> str:
    """Return the chart of a series with the panels of its rules; empty where it has no value.

    Parameters
    ----------
    state
        The series; nothing in it is computed again.
    events
        What was done to the scanner.
    numbers
        Key of a finding -> its number on the page; others are not marked.
    titles
        Whether each point says date and value to the mouse; without, the drawing is small.
    """
    found = marks(state, events, numbers or {})
    frame = _frame(state, LANE if found else BARE)
    if frame is None:
        return ""
    panels = _panel_frames(shown_panels(state), frame)
    foot = panels[-1][1].foot if panels else frame.foot
    days = day_numbers(state.series.at)
    body = _axes(frame, foot, state) + control(state, days, frame) + bands(found, frame)
    body += specification(state, frame) + fan(state, frame)
    body += verticals(found, frame, foot) + levels(state, days, frame)
    body += dots(state, days, frame, titles=titles) + gutter(state, frame)
    body += "".join(_panel(chart, place, days) for chart, place in panels)
    return wrap((0, 0, WIDTH, foot + FOOT), "d-chart", _label(state, found), body)


def shown_panels(state: SeriesState) -> list[Chart]:
    """Return the charts that get a panel: sums of scores always, other rules where they signal."""
    return [
        chart
        for chart in state.charts
        if chart.curves
        and any(np.isfinite(curve.value).any() for curve in chart.curves)
        and chart.rule not in _DRAWN_ELSEWHERE
        and (chart.rule in _ALWAYS or chart.signals.size)
    ]


def _label(state: SeriesState, found: Sequence[Mark]) -> str:
    count = int(np.isfinite(state.series.value).sum())
    return f"{state.series.label}: {count} exams, {len(found)} marks"


def _frame(state: SeriesState, top: float) -> Frame | None:
    series = state.series
    limits = [end for pair in (series.tolerance, series.action) if pair for end in pair]
    ahead = state.forecast
    sighted = ahead is not None and abs(ahead.limit) <= LARGEST
    if ahead is not None and sighted:
        limits.append(ahead.limit)
    drawn = [band for band in (state.expected, state.low, state.high) if band.size]
    values = np.concatenate([series.value, state.adjusted])
    span = value_range(values, drawn, limits)
    if span is None or len(series) == 0:
        return None
    if ahead is not None and sighted:  # the limit that a forecast is about is always in sight
        extra = 0.05 * (span[1] - span[0])
        span = min(span[0], ahead.limit - extra), max(span[1], ahead.limit + extra)
    first, last = _dates(state)
    return Frame(
        left=LEFT, right=WIDTH - GUTTER, top=top, foot=top + HEIGHT,
        first=first, last=last, low=span[0], high=span[1],
    )  # fmt: skip


def _dates(state: SeriesState) -> tuple[float, float]:
    """Return first and last day: those of the exams, with a margin, and a forecast's."""
    days = day_numbers(state.series.at)
    first, last = float(days[0]), float(days[-1])
    width = max(last - first, 14.0)
    end = last
    if state.forecast is not None:
        dates = [state.forecast.date, *state.forecast.interval]
        coming = [day_number(date) for date in dates if date is not None]
        end = min(max([last, *coming]) + 0.03 * width, last + _AHEAD * width)
    return first - 0.012 * width, max(end, last + 0.012 * width)


def _axes(frame: Frame, foot: float, state: SeriesState) -> str:
    """Return frame, ticks of the values, and dates below the last panel."""
    parts = [_box(frame)]
    for value in nice_ticks(frame.low, frame.high, 6):
        y = frame.y(value)
        parts.append(line((frame.left - 4, y), (frame.left, y), "axis"))
        label = plain_number(value, 6)
        parts.append(text((frame.left - 7, y + 4), label, "tick", "end", FONT))
    for day, label in date_ticks(frame.first, frame.last, 9):
        x = frame.x(day)
        parts.append(line((x, frame.top), (x, foot + 4), "d-grid"))
        parts.append(text((x, foot + 18), label, "tick", "middle", FONT))
    unit = unit_text(state.series.unit)
    if unit:
        parts.append(text((frame.left - 7, frame.top - 8), unit, "tick", "end", FONT))
    return "".join(parts)


def _box(frame: Frame) -> str:
    corners = ((frame.left, frame.top), (frame.right, frame.top),
               (frame.right, frame.foot), (frame.left, frame.foot))  # fmt: skip
    return path(corners, "axis", closed=True)


def _panel_frames(charts: Sequence[Chart], above: Frame) -> list[tuple[Chart, Frame]]:
    """Return where each panel goes; they share the dates of the chart above."""
    made = []
    top = above.foot + GAP
    for chart in charts:
        ends = [
            value
            for curve in chart.curves
            for value in (*_ends(curve.low), *_ends(curve.high), *_ends(curve.value))
        ]
        limits = [abs(v) for c in chart.curves for band in (c.low, c.high) for v in _ends(band)]
        reach = max(ends, key=abs, default=1.0)
        most = min(abs(reach), 2.0 * max(limits)) if limits else abs(reach)
        most = 1.12 * most if most > 1.0 / LARGEST else 1.0
        low = -most if min(ends, default=0.0) < 0 else -0.06 * most
        made.append((chart, _below(above, top, low, most)))
        top += PANEL + GAP
    return made


def _below(above: Frame, top: float, low: float, high: float) -> Frame:
    return Frame(
        left=above.left, right=above.right, top=top, foot=top + PANEL,
        first=above.first, last=above.last, low=low, high=high,
    )  # fmt: skip


def _ends(values: FloatArray) -> tuple[float, ...]:
    finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    return (float(finite.min()), float(finite.max())) if finite.size else ()


def _panel(chart: Chart, frame: Frame, days: FloatArray) -> str:
    """Return the statistic of a rule with its limits and the exams at which it signals."""
    parts = [_box(frame)]
    if frame.low < 0.0:
        zero = frame.y(0.0)
        parts.append(line((frame.left, zero), (frame.right, zero), "d-grid"))
    for curve in chart.curves:
        for band in (curve.low, curve.high):
            steps = [frame.at(d, v) for d, v in zip(days, band, strict=True)]
            parts.append(path(steps, "d-decision"))
        points = [frame.at(d, v) for d, v in zip(days, curve.value, strict=True)]
        parts.append(path(points, "d-statistic"))
    for place in chart.signals.tolist():
        values = [float(c.value[place]) for c in chart.curves]
        height = max((v for v in values if math.isfinite(v)), key=abs, default=math.nan)
        if math.isfinite(height):
            x, y = frame.at(float(days[place]), height)
            diamond = ((x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y))
            parts.append(path(diamond, "d-signal", closed=True))
    for value in nice_ticks(frame.low, frame.high, 3):
        y = frame.y(value)
        parts.append(text((frame.left - 7, y + 4), plain_number(value, 6), "tick", "end", FONT))
    names = {"cusum": "CUSUM of scores", "ewma": "EWMA of scores", "variance": "CUSUM of squares",
             "trend": "trend (Mann-Kendall)"}  # fmt: skip
    name = names.get(chart.rule, chart.rule)
    parts.append(text((frame.right + 8, frame.top + 14), name, "tick", "start", FONT))
    count = chart.signals.size
    said = "no signal" if not count else f"{count} signal{'' if count == 1 else 's'}"
    parts.append(text((frame.right + 8, frame.top + 30), said, "tick d-soft", "start", FONT))
    return "".join(parts)
