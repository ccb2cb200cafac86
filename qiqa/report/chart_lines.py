"""The lines of a chart: control limits, specification limits, levels, forecast, their labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import SeriesState
from qiqa.report.drift_text import level_text
from qiqa.report.numbers import plain_number
from qiqa.report.svg import Point, line, path, text
from qiqa.report.time_frame import Frame, day_number, day_numbers

__all__ = ["control", "fan", "gutter", "levels", "specification"]

FloatArray = NDArray[np.float64]
FONT = 12.5
_TEETH = {"action": 11.0, "tolerance": 33.0}
"""Distance between the teeth of a specification limit, in units of the drawing."""
_SPACING = 15.0


def control(state: SeriesState, days: FloatArray, frame: Frame) -> str:
    """Return the band of control limits with its edges and the expected value, as steps."""
    if state.low.size != days.size:
        return ""
    edges = _edges(days)
    parts = []
    for first, end in _runs(np.isfinite(state.low) & np.isfinite(state.high)):
        above = _steps(edges, state.high, first, end, frame)
        below = _steps(edges, state.low, first, end, frame)
        parts.append(path([*above, *reversed(below)], "d-band", closed=True))
    for values, css in ((state.high, "d-bound"), (state.low, "d-bound"), (state.expected, "d-mid")):
        for first, end in _runs(np.isfinite(values)):
            parts.append(path(_steps(edges, values, first, end, frame), css))
    return "".join(parts)


def _edges(days: FloatArray) -> FloatArray:
    """Return where the step of each exam begins and ends (n + 1,): half way to its neighbors."""
    if days.size == 1:
        return np.array([days[0] - 3.0, days[0] + 3.0])
    middle = (days[1:] + days[:-1]) / 2.0
    return np.concatenate([[days[0]], middle, [days[-1]]])


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return [first, end) of each stretch of True."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    turns = np.flatnonzero(np.diff(padded))
    return [(int(a), int(b)) for a, b in zip(turns[::2], turns[1::2], strict=True)]


def _steps(
    edges: FloatArray, values: FloatArray, first: int, end: int, frame: Frame
) -> list[Point]:
    return [
        frame.at(float(day), float(values[i]))
        for i in range(first, end)
        for day in (edges[i], edges[i + 1])
    ]


def specification(state: SeriesState, frame: Frame) -> str:
    """Return specification limits as walls: a line with teeth on the side that is not allowed."""
    parts = []
    for kind, pair in (("tolerance", state.series.tolerance), ("action", state.series.action)):
        for place, end in enumerate(pair or ()):
            if not math.isfinite(end) or not frame.holds(end):
                continue
            y = frame.y(end)
            parts.append(line((frame.left, y), (frame.right, y), f"d-spec-{kind}"))
            side = 6.0 if place == 0 else -6.0
            x = frame.left + 8.0
            while x < frame.right:
                parts.append(f"M{x:.0f} {y:.1f}l-5 {side:.0f}")
                x += _TEETH[kind]
            first = next(i for i, part in enumerate(parts) if part.startswith("M"))
            teeth = "".join(parts[first:])
            parts[first:] = [f'<path class="d-teeth-{kind}" d="{teeth}"/>']
    return "".join(parts)


def levels(state: SeriesState, days: FloatArray, frame: Frame) -> str:
    """Return the level of each segment; a ramp has none, its expected values are drawn."""
    return "".join(
        line(
            frame.at(float(days[s.first]), s.level),
            frame.at(float(days[s.last]), s.level),
            "d-level",
        )
        for s in state.segments
        if math.isfinite(s.level) and math.isnan(s.slope_per_year) and s.last < days.size
    )


def fan(state: SeriesState, frame: Frame) -> str:
    """Return a forecast as a fan from the last expected value to the limit it crosses."""
    ahead = state.forecast
    known = np.flatnonzero(np.isfinite(state.expected))
    if ahead is None or known.size == 0:
        return ""
    last = int(known[-1])
    start = frame.at(float(day_numbers(state.series.at)[last]), float(state.expected[last]))
    wall = frame.y(ahead.limit)
    early, late = ahead.interval
    near = frame.x(day_number(early)) if early else start[0]
    corners: list[Point] = [start, (near, wall)]
    if late is not None and day_number(late) <= frame.last:
        corners.append((frame.x(day_number(late)), wall))
    else:  # open: it may take longer than is shown, or never come
        share = 0.0
        if late is not None:
            width = day_number(late) - day_numbers(state.series.at)[last]
            shown = frame.last - day_numbers(state.series.at)[last]
            share = float(shown / width) if width > 0 else 0.0
        corners += [(frame.right, wall), (frame.right, start[1] + share * (wall - start[1]))]
    parts = [path(corners, "d-fan", closed=True)]
    if ahead.date is not None and day_number(ahead.date) <= frame.last:
        x = frame.x(day_number(ahead.date))
        parts.append(line(start, (x, wall), "d-ahead"))
        parts.append(path(((x, wall - 6), (x + 6, wall), (x, wall + 6), (x - 6, wall)), "d-cross",
                          closed=True))  # fmt: skip
    return "".join(parts)


def gutter(state: SeriesState, frame: Frame) -> str:
    """Return the names and values of the lines, right of the chart, none on another."""
    labels = _spec_labels(state, frame) + _control_labels(state, frame)
    labels.sort(key=lambda item: item[0])
    heights = _spread([y for y, _, _ in labels], frame.top + 4.0, frame.foot)
    parts = []
    for (y, words, css), place in zip(labels, heights, strict=True):
        parts.append(line((frame.right + 1, y), (frame.right + 9, place), "d-leader"))
        parts.append(text((frame.right + 12, place + 4), words, f"tick {css}", "start", FONT))
    return "".join(parts)


def _spec_labels(state: SeriesState, frame: Frame) -> list[tuple[float, str, str]]:
    made = []
    names = {"tolerance": "target", "action": "limit"}
    for kind, pair in (("tolerance", state.series.tolerance), ("action", state.series.action)):
        for end in pair or ():
            if not math.isfinite(end):
                continue
            where = "" if frame.holds(end) else (" ↑" if end > frame.high else " ↓")
            words = f"{names[kind]} {plain_number(end)}{where}"
            made.append((frame.y(end), words, f"d-spec-{kind}-text"))
    return made


def _control_labels(state: SeriesState, frame: Frame) -> list[tuple[float, str, str]]:
    if state.low.size == 0:
        return []
    made = []
    sd = state.segments[-1].sd if state.segments else math.nan
    for name, values in (("high", state.high), ("expected", state.expected), ("low", state.low)):
        known = np.flatnonzero(np.isfinite(values))
        if known.size:
            value = float(values[known[-1]])
            made.append((frame.y(value), f"{name} {level_text(value, sd)}", "d-control-text"))
    return made


def _spread(wanted: list[float], top: float, foot: float) -> list[float]:
    """Return heights at least one line apart, as near to those wanted as that allows."""
    placed: list[float] = []
    for y in wanted:
        placed.append(max(y, placed[-1] + _SPACING if placed else top))
    edge = foot
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], edge)
        edge = placed[i] - _SPACING
    return placed
