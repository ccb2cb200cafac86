"""The exams of a chart: used, left out, beyond a limit, not adjusted."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import SeriesState
from qiqa.report.drift_text import day, level_text
from qiqa.report.numbers import unit_text
from qiqa.report.svg import number
from qiqa.report.text import escape
from qiqa.report.time_frame import Frame

__all__ = ["beyond", "dots", "drawn_values"]

FloatArray = NDArray[np.float64]
_CROWDED = 220
"""Points from which on they are drawn smaller."""


def drawn_values(state: SeriesState) -> FloatArray:
    """Return the values (n,) that limits are for: adjusted ones where something is adjusted."""
    same = state.adjusted.size == state.series.value.size
    return state.adjusted if same else state.series.value


def beyond(state: SeriesState) -> NDArray[np.bool_]:
    """Return which exams (n,) lie outside the control limits of a single exam."""
    value = drawn_values(state)
    if state.low.size != value.size:
        return np.zeros(value.size, dtype=bool)
    # NaN compares false: without limits nothing is beyond them
    outside: NDArray[np.bool_] = (value < state.low) | (value > state.high)
    return outside


def dots(state: SeriesState, days: FloatArray, frame: Frame, *, titles: bool) -> str:
    """Return all exams; a left-out one is hollow, one beyond the control limits a diamond."""
    value, outside = drawn_values(state), beyond(state)
    left_out = [bool(why) for why in state.left_out.tolist()] or [False] * value.size
    small = value.size > _CROWDED
    parts = [_faint(state, days, frame)]
    used = []
    for i in range(value.size):
        if not math.isfinite(value[i]):
            continue
        at = frame.at(float(days[i]), float(value[i]))
        wild = not frame.holds(float(value[i]))
        if not (wild or outside[i] or left_out[i] or titles):
            used.append(at)
            continue
        if wild:
            up = float(value[i]) > frame.high
            shape = _arrow(at, 1.0 if up else -1.0, hollow=left_out[i])
        elif left_out[i]:
            shape = f'<circle class="d-hollow" {_center(at)} r="4"'
        elif outside[i]:
            shape = _diamond(at)
        else:
            shape = f'<circle class="d-dot" {_center(at)} r="{2.2 if small else 3}"'
        parts.append(f"{shape}>{_title(state, i)}" + _end(shape))
    if used:
        # one path of points without length: round caps make them dots, at a tenth of the text
        parts.append(_dotted(used))
    return "".join(parts)


def _dotted(points: list[tuple[float, float]]) -> str:
    steps = "".join(f"M{number(x)} {number(y)}h0" for x, y in points)
    return f'<path class="d-dotted" d="{steps}"/>'


def _faint(state: SeriesState, days: FloatArray, frame: Frame) -> str:
    """Return the values as measured, where others are drawn in their place."""
    if not state.adjusted_for:
        return ""
    steps = []
    rows = zip(days.tolist(), state.series.value.tolist(), drawn_values(state), strict=True)
    for when, raw, shown in rows:
        if math.isfinite(raw) and raw != shown and frame.holds(raw):
            x, y = frame.at(when, raw)
            steps.append(f"M{number(x - 3)} {number(y)}h6m-3 -3v6")
    return f'<path class="d-raw" d="{"".join(steps)}"/>' if steps else ""


def _center(at: tuple[float, float]) -> str:
    return f'cx="{number(at[0])}" cy="{number(at[1])}"'


def _diamond(at: tuple[float, float]) -> str:
    x, y = at
    corners = f"M{number(x)} {number(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5Z"
    return f'<path class="d-beyond" d="{corners}"'


def _arrow(at: tuple[float, float], sign: float, *, hollow: bool) -> str:
    """Return an arrow at the edge for a value that lies outside the frame."""
    x, y = at
    tip = f"M{number(x - 5)} {number(y + 9 * sign)}h10l-5 {number(-9 * sign)}Z"
    return f'<path class="{"d-hollow" if hollow else "d-beyond"}" d="{tip}"'


def _end(shape: str) -> str:
    return "</circle>" if shape.startswith("<circle") else "</path>"


def _title(state: SeriesState, i: int) -> str:
    """Return what the mouse is told: exam, date, value, why it is left out."""
    series = state.series
    when: dt.datetime = series.at[i].astype("datetime64[us]").item()
    sd = next((s.sd for s in state.segments if s.first <= i <= s.last), math.nan)
    words = f"{day(when)}: {level_text(float(series.value[i]), sd)} {unit_text(series.unit)}"
    value = float(drawn_values(state)[i])
    if state.adjusted_for and value != series.value[i]:
        words += f", adjusted {level_text(value, sd)}"
    if i < state.left_out.size and str(state.left_out[i]):
        words += f"; left out: {state.left_out[i]}"
    if series.exam.size > i and str(series.exam[i]):
        words += f" ({series.exam[i]})"
    return f"<title>{escape(words, 200)}</title>"
