"""The lines of a chart: control limits, specification limits, levels, forecast, their labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Forecast, SeriesState
from qiqa.report.chart_points import drawn_values
from qiqa.report.drift_text import day, level_text
from qiqa.report.numbers import plain_number
from qiqa.report.svg import Point, line, number, path, text
from qiqa.report.time_frame import LARGEST, Frame, day_number, day_numbers

__all__ = ["control", "current", "fan", "gutter", "levels", "limits_hold", "specification"]

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
        for end, down in zip(pair or (), (6, -6), strict=False):
            if not math.isfinite(end) or not frame.holds(end):
                continue
            y = frame.y(end)
            places = np.arange(frame.left + 8.0, frame.right, _TEETH[kind])
            teeth = "".join(f"M{number(x)} {number(y)}l-5 {down}" for x in places.tolist())
            parts.append(line((frame.left, y), (frame.right, y), f"d-spec-{kind}"))
            parts.append(f'<path class="d-teeth-{kind}" d="{teeth}"/>')
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
    """Return a forecast as a fan from the last expected value to the limit it crosses.

    A fan that is open at its late end reaches the right edge: it may take longer, or never come.
    """
    ahead, used = state.forecast, current(state)
    if ahead is None or used is None or not abs(ahead.limit) <= LARGEST:
        return ""  # NaN is no limit
    days = day_numbers(state.series.at)
    level = state.expected[used] if limits_hold(state) else drawn_values(state)[used]
    start = frame.at(float(days[used]), float(level))
    wall = frame.y(ahead.limit)
    early, late = ahead.interval
    near = frame.x(day_number(early)) if early else start[0]
    corners: list[Point] = [start, (near, wall)]
    end = math.inf if late is None else day_number(late)
    if end <= frame.last:
        corners.append((frame.x(end), wall))
    else:
        share = float((frame.last - days[used]) / max(end - days[used], 1e-9))
        corners += [(frame.right, wall), (frame.right, start[1] + share * (wall - start[1]))]
    return path(corners, "d-fan", closed=True) + _crossing(ahead, start, wall, frame)


def _crossing(ahead: Forecast, start: Point, wall: float, frame: Frame) -> str:
    """Return the line to the likeliest date of the crossing, with that date."""
    if ahead.date is None or day_number(ahead.date) > frame.last:
        return ""
    x = frame.x(day_number(ahead.date))
    diamond = ((x, wall - 6), (x + 6, wall), (x, wall + 6), (x - 6, wall))
    inside = 22.0 if wall < start[1] else -14.0
    anchor = "end" if x > frame.right - 70 else "start"
    place = (x - 9 if anchor == "end" else x + 9, wall + inside)
    return (
        line(start, (x, wall), "d-ahead")
        + path(diamond, "d-cross", closed=True)
        + text(place, day(ahead.date), "d-ahead-text", anchor, FONT)
    )


def current(state: SeriesState) -> int | None:
    """Return the last exam that was measured and not left out, or None."""
    used = np.isfinite(state.series.value)
    if state.left_out.size == used.size:
        used &= state.left_out == ""
    return int(np.flatnonzero(used)[-1]) if used.any() else None


def limits_hold(state: SeriesState) -> bool:
    """Return whether there are control limits for the last exam that counts."""
    last = current(state)
    return last is not None and last < state.expected.size and np.isfinite(state.expected[last])


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
            words = f"{names[kind]} {plain_number(end, 6)}{where}"
            made.append((frame.y(end), words, f"d-spec-{kind}-text"))
    return made


def _control_labels(state: SeriesState, frame: Frame) -> list[tuple[float, str, str]]:
    if not limits_hold(state):
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
