"""Drawings of the page on a harmonization: intervals on one scale, one line each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from qiqa.report.svg import line, nice_ticks, number, path, text, wrap

__all__ = ["Group", "Mark", "intervals", "ranges"]

WIDTH = 560.0
_LEFT, _RIGHT = 150.0, 150.0
_ROW, _GAP, _FOOT, _TOP = 19.0, 9.0, 34.0, 16.0
_FONT = 12.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One value with its interval."""

    name: str
    value: float
    low: float
    high: float
    css: str
    """`h-before`, `h-after`, `h-naive` or `h-cost`."""
    words: str
    """Written at the right."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines that belong together."""

    title: str
    marks: tuple[Mark, ...]


def intervals(
    groups: Sequence[Group],
    span: tuple[float, float],
    axis: str,
    lines: Sequence[tuple[float, str]],
    shade: tuple[float, float],
    label: str,
) -> str:
    """Return values with intervals, one line each, on one horizontal scale.

    Parameters
    ----------
    groups
        From top to bottom.
    span
        Ends of the scale; what is outside is drawn at its end as an arrow.
    axis
        What the scale is.
    lines
        Value and words of each vertical line.
    shade
        Where values are as they should be.
    """
    height = _TOP + sum(len(g.marks) * _ROW + _GAP + _ROW for g in groups) + _FOOT
    x = _scale(span)
    foot = height - _FOOT
    left, right = (x(min(max(end, span[0]), span[1])) for end in shade)
    body = (
        f'<rect class="h-shade" x="{number(left)}" y="{number(_TOP)}" '
        f'width="{number(right - left)}" height="{number(foot - _TOP)}"/>'
    )
    body += _axis(span, x, foot, axis)
    for k, (value, words) in enumerate(lines):
        body += line((x(value), _TOP), (x(value), foot), "h-line")
        # the first to the left of its line, the next to the right: neighbors do not touch
        body += text((x(value), _TOP - 4), words, "h-soft", "start" if k else "end", 11.0)
    y = _TOP
    for group in groups:
        y += _ROW
        body += text((0, y - 4), group.title, "h-title", size=_FONT)
        for mark in group.marks:
            y += _ROW
            body += _mark(mark, x, y - _ROW / 2 + 2, span)
        y += _GAP
    return wrap((0, 0, WIDTH, height), "h-figure", label, body)


def _scale(span: tuple[float, float]) -> Callable[[float], float]:
    def x(value: float) -> float:
        share = (value - span[0]) / (span[1] - span[0])
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    return x


def _axis(span: tuple[float, float], x: Callable[[float], float], foot: float, words: str) -> str:
    body = line((x(span[0]), foot), (x(span[1]), foot), "axis")
    for tick in nice_ticks(*span, 6):
        body += line((x(tick), foot), (x(tick), foot + 4), "axis")
        body += text((x(tick), foot + 15), f"{tick:g}", "tick", "middle", 11.0)
    return body + text(((x(span[0]) + x(span[1])) / 2, foot + 29), words, "tick", "middle", 11.5)


def _mark(mark: Mark, x: Callable[[float], float], y: float, span: tuple[float, float]) -> str:
    body = text((12, y + 4), mark.name, "h-name", size=_FONT)
    body += text((WIDTH - _RIGHT + 12, y + 4), mark.words, f"h-value {mark.css}-text", size=_FONT)
    if not math.isfinite(mark.value):
        return body
    low, high = (
        min(max(end if math.isfinite(end) else mark.value, span[0]), span[1])
        for end in (mark.low, mark.high)
    )
    body += line((x(low), y), (x(high), y), f"h-bar {mark.css}")
    for end, shown in ((mark.low, low), (mark.high, high)):
        if end == shown:
            body += line((x(shown), y - 3.5), (x(shown), y + 3.5), f"h-bar {mark.css}")
    at = x(min(max(mark.value, span[0]), span[1]))
    if mark.value > span[1] or mark.value < span[0]:
        step = 5.0 if mark.value > span[1] else -5.0
        tip = ((at - step, y - 5.0), (at + step, y), (at - step, y + 5.0))
        return body + path(tip, f"h-arrow {mark.css}", closed=True)
    return body + f'<circle class="h-dot {mark.css}" cx="{number(at)}" cy="{number(y)}" r="4.4"/>'


def ranges(rows: Sequence[tuple[str, str, Sequence[float]]], css: Sequence[str], label: str) -> str:
    """Return one line a batch: where each model stands between 0 and 1, chance in the middle.

    Parameters
    ----------
    rows
        Name, what is written at the right, and one value a model.
    css
        Class of the mark of each model.
    """
    height = _TOP + len(rows) * (_ROW - 3.0) + _FOOT
    x = _scale((0.0, 1.0))
    foot = height - _FOOT
    body = _axis((0.0, 1.0), x, foot, "AUC of this one against all others, after")
    body += line((x(0.5), _TOP - 6), (x(0.5), foot), "h-line")
    for k, (name, words, values) in enumerate(rows):
        y = _TOP + (k + 0.5) * (_ROW - 3.0)
        body += line((x(0.0), y), (x(1.0), y), "d-grid")
        body += text((0, y + 4), name, "h-name", size=11.5)
        body += text((WIDTH - _RIGHT + 12, y + 4), words, "h-soft", size=11.0)
        for value, shape in zip(values, css, strict=True):
            if math.isfinite(value):
                body += _shape(shape, x(value), y)
    return wrap((0, 0, WIDTH, height), "h-figure", label, body)


def _shape(css: str, x: float, y: float) -> str:
    """Return a mark whose outline tells the model without color."""
    if css == "h-linear":
        return f'<circle class="h-dot {css}" cx="{number(x)}" cy="{number(y)}" r="4"/>'
    if css == "h-quadratic":
        square = ((x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4))
        return path(square, f"h-fill {css}", closed=True)
    triangle = ((x, y - 5.2), (x + 5, y + 4), (x - 5, y + 4))
    return path(triangle, f"h-fill {css}", closed=True)
