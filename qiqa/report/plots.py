"""Profiles and trends as small drawings with axes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from qiqa.core.evidence import Curve, Plot
from qiqa.report.numbers import plain_number
from qiqa.report.svg import Point, line, nice_ticks, number, path, text, wrap
from qiqa.report.time_frame import LARGEST, value_range

__all__ = ["plot", "sparkline"]

WIDTH, HEIGHT = 210.0, 180.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 5.0, 30.0, 32.0
MOST_POINTS = 600
"""More points than that a line of this width cannot show."""
FONT = 11.5


class Frame:
    """Maps data to the drawing."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = x, y

    def __call__(self, x: float, y: float) -> Point:
        """Return the place of a data point; NaN stays NaN."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )


def _range(values: Iterable[float], margin: float) -> tuple[float, float] | None:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    extra = (high - low) * margin or abs(high) * 0.05 or 1.0
    return low - extra * (1 if margin or low == high else 0), high + extra


def plot(item: Plot, label: str) -> str:
    """Return a plot with axes, ticks, curves and marks; nothing where it has no finite point."""
    x_values = [x for curve in item.curves for x in curve.x]
    x_values += [marker.x for marker in item.markers]
    x_range = _range(x_values, 0.01)
    y_range = _range((y for curve in item.curves for y in curve.y), 0.06)
    if x_range is None or y_range is None:
        return ""
    if any(marker.label for marker in item.markers):
        # Room for the labels above the curves, so that they cover no data.
        y_range = (y_range[0], y_range[1] + 0.14 * (y_range[1] - y_range[0]))
    frame = Frame(x_range, y_range)
    body = _axes(frame, item.x_label, item.y_label)
    body += "".join(_curve(curve, frame) for curve in item.curves)
    for marker in item.markers:
        if math.isfinite(marker.x):
            top, foot = frame(marker.x, y_range[1]), frame(marker.x, y_range[0])
            body += line(top, foot, "marker")
    body += _marker_labels(item, frame, y_range[1]) + _key(item.curves)
    return wrap((0, 0, WIDTH, HEIGHT), "plot", label, body)


def _axes(frame: Frame, x_label: str, y_label: str) -> str:
    (x0, x1), (y0, y1) = frame.x, frame.y
    left, foot = frame(x0, y0)
    right, top = frame(x1, y1)
    parts = [path(((left, top), (right, top), (right, foot), (left, foot)), "axis", closed=True)]
    for x in nice_ticks(x0, x1, 5):
        at = frame(x, y0)
        parts.append(line(at, (at[0], at[1] + 3), "axis"))
        parts.append(text((at[0], at[1] + 13), plain_number(x), "tick", "middle", FONT))
    for y in nice_ticks(y0, y1, 4):
        at = frame(x0, y)
        parts.append(line(at, (at[0] - 3, at[1]), "axis"))
        parts.append(text((at[0] - 5, at[1] + 3.5), plain_number(y), "tick", "end", FONT))
    parts.append(text(((left + right) / 2, HEIGHT - 4), x_label, "tick", "middle", FONT))
    parts.append(text((1, 11), y_label, "tick", "start", FONT))
    return "".join(parts)


def _curve(curve: Curve, frame: Frame) -> str:
    role = curve.role if curve.role in {"data", "fit", "level", "left_out"} else "data"
    points = [frame(x, y) for x, y in _thinned(curve)]
    if role == "left_out" or (role == "data" and len(points) <= 60):
        css = "hollow" if role == "left_out" else "dots"
        dots = [
            f'<circle class="{css}" cx="{number(x)}" cy="{number(y)}" r="1.8"/>'
            for x, y in points
            if math.isfinite(x) and math.isfinite(y)
        ]
        return "".join(dots)
    return path(points, f"c-{role}")


def _thinned(curve: Curve) -> list[Point]:
    """Return the points, or the lowest and highest of each bin where there are too many."""
    points = list(zip(curve.x, curve.y, strict=False))
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / MOST_POINTS)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        bin_points = [p for p in points[start : start + size] if math.isfinite(p[1])]
        if bin_points:
            ends = {min(bin_points, key=lambda p: p[1]), max(bin_points, key=lambda p: p[1])}
            kept += sorted(ends)
    return kept


def _marker_labels(item: Plot, frame: Frame, top: float) -> str:
    """Write labels beside their marks, on two rows where they would touch."""
    parts = []
    ends = [-math.inf, -math.inf, -math.inf]
    for marker in sorted(item.markers, key=lambda m: m.x):
        if not marker.label or not math.isfinite(marker.x):
            continue
        x, y = frame(marker.x, top)
        width = 0.55 * FONT * len(marker.label)
        side = "end" if x + width > WIDTH - RIGHT else "start"
        start = x - 5 - width if side == "end" else x + 5
        row = next((i for i, end in enumerate(ends) if start > end), 0)
        ends[row] = start + width
        at = (x - 5 if side == "end" else x + 5, y + 11 * (row + 1))
        parts.append(text(at, marker.label, "tick mark", side, FONT))
    return "".join(parts)


def _key(curves: Sequence[Curve]) -> str:
    """Return the names of the curves with a sample each, in one row above the frame."""
    parts = []
    x = 4.0
    for curve in curves:
        width = 18 + 0.6 * FONT * len(curve.label or "")
        if not curve.label or x + width > WIDTH:
            continue
        role = curve.role if curve.role in {"data", "fit", "level"} else "data"
        parts.append(line((x, 21), (x + 13, 21), f"c-{role}"))
        parts.append(text((x + 16, 25), curve.label, "tick", "start", FONT))
        x += width + 8
    return "".join(parts)


def _days(when: dt.datetime) -> float:
    """Return days since year 1; unlike `timestamp` it takes every date on every system."""
    return when.toordinal() + (when.hour + when.minute / 60) / 24


def _band(
    days: Sequence[float],
    control: Sequence[tuple[float, float]],
    place: Callable[[float, float], Point],
) -> str:
    """Return the band between control limits, one piece for each stretch that has both."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for day, (low, high) in zip(days, control, strict=False):
        if math.isfinite(low) and math.isfinite(high):
            pieces[-1].append((day, low, high))
        elif pieces[-1]:
            pieces.append([])
    parts = []
    for piece in pieces:
        above = [place(day, high) for day, _, high in piece]
        below = [place(day, low) for day, low, _ in reversed(piece)]
        parts.append(path([*above, *below], "control", closed=True))
    return "".join(parts)


def sparkline(
    dates: Sequence[dt.datetime],
    values: Sequence[float],
    limits: tuple[float, float] | None,
    label: str,
    control: Sequence[tuple[float, float]] = (),
) -> str:
    """Return values over time with their limits dashed; the last one, this exam, is ringed.

    Parameters
    ----------
    dates, values
        Of each exam, oldest first.
    limits
        Those of the protocol; None, or infinite at one end: not drawn; nor, beside control limits,
        where they are far.
    label
        What a screen reader says.
    control
        Control limits of each exam, drawn as a band; NaN: none there.
    """
    width, height, pad = 120.0, 30.0, 4.0
    bounds = [] if limits is None else [end for end in limits if math.isfinite(end)]
    if control:  # what changes comes first: limits of the protocol show where they are near
        ends = np.array(control, dtype=np.float64)
        y_range = value_range(np.array(values), [ends[:, 0], ends[:, 1]], bounds)
        bounds = [end for end in bounds if y_range and y_range[0] <= end <= y_range[1]]
    else:
        shown = [min(max(v, -LARGEST), LARGEST) for v in values if math.isfinite(v)]
        y_range = _range([*shown, *(end for end in bounds if abs(end) <= LARGEST)], 0.08)
    if y_range is None or not dates:
        return ""
    low, high = y_range
    first, last = _days(dates[0]), _days(dates[-1])
    span = (last - first) or 1.0

    def place(x: float, y: float) -> Point:
        up = math.nan
        if math.isfinite(y):
            up = (min(max(y, low), high) - low) / (high - low)
        return pad + (x - first) / span * (width - 2 * pad), height - pad - up * (height - 2 * pad)

    body = _band([_days(date) for date in dates], control, place)
    body += "".join(line(place(first, end), place(last, end), "limit") for end in bounds)
    points = [place(_days(date), y) for date, y in zip(dates, values, strict=True)]
    body += path(points, "run")
    for index, (x, y) in enumerate(points):
        if math.isfinite(y):
            css, r = ("now", 3.2) if index == len(points) - 1 else ("dots", 1.5)
            body += f'<circle class="{css}" cx="{number(x)}" cy="{number(y)}" r="{r}"/>'
    return wrap((0, 0, width, height), "spark", label, body)
