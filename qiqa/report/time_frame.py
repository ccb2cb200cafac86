"""Dates along a drawing: places, ticks, and a range of values that one wild exam cannot flatten."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.report.svg import Point

__all__ = ["LARGEST", "Frame", "date_ticks", "day_number", "day_numbers", "value_range"]

FloatArray = NDArray[np.float64]
_ORIGIN = dt.date(1970, 1, 1).toordinal()
_MONTH_STEPS = (1, 2, 3, 6)
_YEAR_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_LONGEST_MONTH = 31.0
_LAST_DAY = dt.date.max.toordinal()
LARGEST = 1e100
"""A number above it is drawn at the edge: sums and ratios of larger ones may overflow."""
_FLAT = 1e-12
"""Height of a range, as a share of its values, up to which they differ by rounding only."""
_WILD = 8.0
"""A point farther from the median than so many spans of the middle 80 % is drawn at the edge."""
_BESIDE = 1.5
"""Height that control limits may take on either side, in that of the points."""
_BEYOND = 0.4
"""Height that specification limits may take on either side, in that of points and control."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Maps days since 1970 and values to a rectangle of the drawing."""

    left: float
    right: float
    top: float
    foot: float
    first: float
    last: float
    low: float
    high: float

    def x(self, day: float) -> float:
        """Return the place of a day; never left or right of the frame."""
        across = (day - self.first) / (self.last - self.first)
        return self.left + min(max(across, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the height of a value; NaN stays NaN, what lies outside is at the edge."""
        if math.isnan(value):
            return math.nan
        up = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.foot - up * (self.foot - self.top)

    def at(self, day: float, value: float) -> Point:
        """Return the place of a point."""
        return self.x(day), self.y(value)

    def holds(self, value: float) -> bool:
        """Return whether a value lies inside."""
        return self.low <= value <= self.high


def day_number(moment: dt.datetime) -> float:
    """Return days since 1970 by the wall clock; takes every date on every system."""
    clock = moment.hour + moment.minute / 60.0 + moment.second / 3600.0
    return moment.toordinal() - _ORIGIN + clock / 24.0


def day_numbers(at: NDArray[np.datetime64]) -> FloatArray:
    """Return days since 1970 (n,) of dates (n,)."""
    made: FloatArray = at.astype("datetime64[us]").astype(np.int64) / 86400e6
    return made


def date_ticks(first: float, last: float, most: int) -> list[tuple[float, str]]:
    """Return at most `most` dates inside [first, last] with their labels, whole months or years.

    >>> [label for _, label in date_ticks(19000.0, 19400.0, 4)]
    ['Apr 2022', 'Jul 2022', 'Oct 2022', 'Jan 2023']
    """
    begin, end = (
        dt.date.fromordinal(min(max(_ORIGIN + math.floor(day), 1), _LAST_DAY))
        for day in (first, last)  # a margin may reach beyond the first and the last date there is
    )
    inside = [(day, label) for day, label in _days(begin, end, most) if first <= day <= last]
    if inside:
        return inside
    for months in (*_MONTH_STEPS, *(12 * years for years in _YEAR_STEPS)):
        if (last - first) / (_LONGEST_MONTH * months) > most + 1:
            continue  # sure to be too many
        ticks = [
            (float(date.toordinal() - _ORIGIN), f"{date:%b %Y}" if months < 12 else f"{date.year}")
            for date in _months(begin, end, months)
        ]
        ticks = [tick for tick in ticks if first <= tick[0] <= last]
        if len(ticks) <= most:
            return ticks
    return []


def _days(begin: dt.date, end: dt.date, most: int) -> Iterator[tuple[float, str]]:
    """Yield dates for a span of less than about three months, else nothing."""
    span = (end - begin).days
    for step in (1, 2, 7, 14):
        if span / step < most and span <= 100:
            first = begin.toordinal()
            for day in range(first, min(first + span + 1, _LAST_DAY) + 1, step):
                date = dt.date.fromordinal(day)
                yield float(date.toordinal() - _ORIGIN), f"{date.day} {date:%b %Y}"
            return


def _months(begin: dt.date, end: dt.date, step: int) -> Iterator[dt.date]:
    """Yield the first of every `step` months from January of the first year on."""
    years = max(step // 12, 1)
    for year in range(begin.year, end.year + 1):
        if step >= 12 and year % years:
            continue
        for month in range(1, 13, min(step, 12)):
            yield dt.date(year, month, 1)


def value_range(
    points: FloatArray, bands: Sequence[FloatArray], marks: Sequence[float]
) -> tuple[float, float] | None:
    """Return lowest and highest value to draw, or None where nothing is finite.

    Points come first: what else is drawn may take only so much height beside them.

    Parameters
    ----------
    points
        (n,) values. One that is far from all others does not count: it is drawn at the edge.
    bands
        Expected values and control limits, which are wide while there are few exams.
    marks
        Specification limits; one that is farther away is named at the edge.
    """
    inside = _finite(points)
    around = [_finite(band) for band in bands]
    drawn = inside if inside.size else np.concatenate([inside, *around])
    if drawn.size == 0:
        return None
    low, high = _bulk(drawn)
    usual = [np.quantile(band, (0.1, 0.9)) for band in around if band.size]
    ends = [float(end) for pair in usual for end in pair]
    reach = _BESIDE * (high - low) or math.inf
    low, high = (
        min([low, *(max(end, low - reach) for end in ends)]),
        max([high, *(min(end, high + reach) for end in ends)]),
    )
    beyond = _BEYOND * (high - low)
    near = [mark for mark in marks if low - beyond <= mark <= high + beyond]
    low, high = min([low, *near]), max([high, *near])
    most = max(abs(low), abs(high))
    extra = 0.07 * (high - low)
    if high - low <= max(_FLAT * most, 1.0 / LARGEST):
        extra = 0.02 * most if most > 1.0 / LARGEST else 1.0
    return low - extra, high + extra


def _finite(values: FloatArray) -> FloatArray:
    """Return those that are numbers, none larger than a range can hold."""
    made: FloatArray = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    return made


def _bulk(points: FloatArray) -> tuple[float, float]:
    """Return the range of everything but wild points."""
    middle = float(np.median(points))
    reach = _WILD * float(np.ptp(np.quantile(points, (0.1, 0.9))))
    kept = points[np.abs(points - middle) <= reach] if reach > 0.0 else points
    return float(kept.min()), float(kept.max())
