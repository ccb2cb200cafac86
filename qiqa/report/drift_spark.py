"""One series in a line of a table: points, control limits, what is left out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.drift import SeriesState
from qiqa.report.chart_lines import control
from qiqa.report.chart_points import beyond, drawn_values
from qiqa.report.svg import number, wrap
from qiqa.report.time_frame import Frame, day_numbers, value_range

__all__ = ["spark"]

WIDTH, HEIGHT, PAD = 260.0, 38.0, 5.0
_MOST = 160
"""Exams shown, the latest; more than that a drawing of this width cannot show."""


def spark(state: SeriesState) -> str:
    """Return the latest exams as dots in their control limits; empty where there is none."""
    series = state.series
    value = drawn_values(state)
    begin = max(value.size - _MOST, 0)
    limited = state.low.size == value.size
    bands = [state.low[begin:], state.high[begin:]] if limited else []
    span = value_range(value[begin:], bands, ())
    days = day_numbers(series.at)
    if span is None or not np.isfinite(value[begin:]).any():
        return ""
    frame = Frame(
        left=PAD, right=WIDTH - PAD, top=PAD, foot=HEIGHT - PAD,
        first=float(days[begin]), last=max(float(days[-1]), float(days[begin]) + 1.0),
        low=span[0], high=span[1],
    )  # fmt: skip
    places = [i for i in range(begin, value.size) if math.isfinite(value[i])]
    outside = beyond(state)
    dots, odd = [], []
    for i in places:
        x, y = frame.at(float(days[i]), float(value[i]))
        if i < state.left_out.size and state.left_out[i]:
            odd.append(f'<circle class="d-hollow" cx="{number(x)}" cy="{number(y)}" r="2.6"/>')
        elif outside[i]:
            steps = f"M{number(x)} {number(y - 3.6)}l3.6 3.6l-3.6 3.6l-3.6 -3.6Z"
            odd.append(f'<path class="d-beyond" d="{steps}"/>')
        else:
            dots.append(f"M{number(x)} {number(y)}h0")
    body = control(_cut(state, begin), days[begin:], frame) if limited else ""
    body += f'<path class="d-dotted d-fine" d="{"".join(dots)}"/>' + "".join(odd)
    words = f"{len(places)} latest exams of {series.label}"
    return wrap((0, 0, WIDTH, HEIGHT), "d-spark", words, body)


def _cut(state: SeriesState, begin: int) -> SeriesState:
    """Return the limits from one exam on; only what `control` draws."""
    return dataclasses.replace(
        state,
        low=state.low[begin:],
        high=state.high[begin:],
        expected=state.expected[begin:],
    )
