"""A line between two methods from the median of all slopes between pairs of points.

Passing & Bablok, J Clin Chem Clin Biochem 1983;21:709. It asks no distribution of the errors and
bears outliers, but takes their ratio to be that of the slope: both methods equally precise after
scaling. Where the uncertainties are known, `metrology.york` makes more of them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.estimate import Estimate, tail
from qiqa.metrology.pairs import paired

__all__ = ["LinearityTest", "PassingBablokLine", "passing_bablok"]

FloatArray = NDArray[np.float64]

MOST = 20_000
"""Points; all 2e8 slopes of so many are looked at twice, in 3 to 10 s and 200 MB."""
_AT_ONCE = 3_000
"""Points up to which all slopes are held in memory: 36 MB."""
_SAMPLE = 400_000
"""Slopes that a first look brackets the ranks with, where there are too many to hold."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinearityTest:
    """Whether the points cross the line at random (cumulative sum of signs along the line).

    With a few points it hardly ever speaks: simulated on straight lines, a chance below 5 % came
    up in 0.1 % of cases for 10 points, 2.5 % for 20 and 7 % for 50 or more.
    """

    statistic: float
    """Largest cumulative sum over the root of (points below the line + 1)."""
    chance: float
    """Of one as large or larger where the relation is a line (Kolmogorov's distribution)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PassingBablokLine:
    """y = intercept + slope x."""

    n: int
    slope: Estimate
    intercept: Estimate
    slopes: int
    """Slopes between points that were used: pairs that are not the same and not at -1."""
    linearity: LinearityTest


def passing_bablok(x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> PassingBablokLine:
    """Fit a line by the shifted median of the slopes between all pairs of points.

    Points of equal x have an infinite slope, equal points none; slopes of exactly -1 are left out
    and the median is shifted by the number of slopes below -1, so that x and y may change places.

    Parameters
    ----------
    x, y
        (n,) n from 5 to 20,000; positively correlated.
    confidence
        Of the intervals: slope by the normal approximation to the rank statistic of Kendall, the
        rank rounded as published (R's mcr may take the next rank inward); intercept by the two
        ends of the slope, as published. That leaves out the scatter of the points at a given
        slope: simulated, 95 % intervals of the intercept held the truth in 93 % of cases.

    Raises
    ------
    UsageError
        If the columns do not match.
    NotMeasurable
        If values are missing, too few or too many, if all x or all y are equal, or if the points
        rise so little that the line or its interval is not bounded.

    Examples
    --------
    >>> line = passing_bablok([1.0, 2, 3, 4, 5, 6], [1.1, 1.9, 3.2, 4.1, 4.8, 6.1])
    >>> round(line.slope.value, 3)
    1.0
    """
    a, b = paired(x, y, least=5)
    n = a.size
    if n > MOST:
        raise NotMeasurable(
            f"{n} points, at most {MOST} are compared pair by pair",
            hint="use metrology.york or metrology.deming, which take any number",
        )
    for name, values in (("x", a), ("y", b)):
        if not np.ptp(values) > 0:
            raise NotMeasurable(f"all {name} are {values[0]:g}: no line can be drawn")
    # in the order of x, ties in that of y, an infinite slope is always upward
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    total, below, rising, falling = _counted(a, b)
    if rising <= falling:
        raise NotMeasurable(
            f"y does not rise with x: of {total} slopes {falling} fall and {rising} rise",
            hint="where one method falls as the other rises, turn the sign of one",
        )
    ranks = _ranks(n, total, below, confidence)
    low, middle, upper_middle, high = _ranked(a, b, ranks, total)
    slope = (middle + upper_middle) / 2
    if not 0 < slope < math.inf or not -math.inf < low <= high < math.inf:
        raise NotMeasurable(
            "the interval of the slope is not bounded: too many points share one x, or there are "
            "too few"
        )
    centers = [float(np.median(b - s * a)) for s in (high, slope, low)]
    return PassingBablokLine(
        n=n,
        slope=Estimate(value=slope, interval=(low, high)),
        intercept=Estimate(value=centers[1], interval=(centers[0], centers[2])),
        slopes=total,
        linearity=_linearity(a, b, centers[1], slope),
    )


def _slopes(x: FloatArray, y: FloatArray, lags: NDArray[np.intp]) -> Iterator[FloatArray]:
    """Yield the slopes between points so many places apart that count; inf for equal x."""
    # decimal numbers are not exact: 0.3 - 0.2 is not 0.2 - 0.1, and -1 would be missed
    rounding = 8 * np.finfo(np.float64).eps * max(float(np.abs(x).max()), float(np.abs(y).max()))
    for lag in lags.tolist():
        dx, dy = x[lag:] - x[:-lag], y[lag:] - y[:-lag]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = dy / dx
        # neither slopes of -1 nor equal points; their order keeps dy >= 0 where dx is 0
        counts = np.abs(dx + dy) > rounding
        yield slope if counts.all() else slope[counts]


def _counted(x: FloatArray, y: FloatArray) -> tuple[int, int, int, int]:
    """Return how many slopes there are, lie below -1, above 0, below 0."""
    total = below = rising = falling = 0
    for s in _slopes(x, y, np.arange(1, x.size)):
        total += s.size
        below += int(np.count_nonzero(s < -1))
        rising += int(np.count_nonzero(s > 0))
        falling += int(np.count_nonzero(s < 0))
    return total, below, rising, falling


def _ranks(n: int, total: int, below: int, confidence: float) -> tuple[int, int, int, int]:
    """Return the ranks, from 0, of the lower end, both middles and the upper end."""
    z = float(special.ndtri(1 - tail(confidence)))
    half = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = round((total - half) / 2)
    last = total - first + 1
    if first < 1 or last + below > total:
        raise NotMeasurable(
            f"the interval of the slope is not bounded: {n} points, {below} of {total} slopes "
            "below -1",
            hint="more points or a wider range of values are needed",
        )
    return (
        first + below - 1,
        (total + 1) // 2 + below - 1,
        total // 2 + 1 + below - 1,
        last + below - 1,
    )


def _ranked(x: FloatArray, y: FloatArray, ranks: tuple[int, ...], total: int) -> list[float]:
    """Return the slopes of some ranks out of all."""
    if x.size <= _AT_ONCE:
        slopes = np.concatenate(list(_slopes(x, y, np.arange(1, x.size))))
        slopes = np.partition(slopes, sorted(set(ranks)))
        return [float(slopes[rank]) for rank in ranks]
    # the middles of equal steps: lag 1, whose slopes are the wildest, would weigh too much
    steps = max(2 * _SAMPLE // x.size, 20)
    lags = np.unique(((np.arange(steps) + 0.5) * x.size / steps).astype(np.intp))
    lags = lags[(lags > 0) & (lags < x.size)]
    sample = np.sort(np.concatenate(list(_slopes(x, y, lags))))
    margin = 0.005
    while True:
        found = _between(x, y, ranks, [_bracket(sample, rank / total, margin) for rank in ranks])
        if found is not None:
            return found
        margin *= 3


def _bracket(sample: FloatArray, share: float, margin: float) -> tuple[float, float]:
    """Return the quantiles of a sorted sample on both sides of a share of it."""
    last = sample.size - 1
    low, high = math.floor((share - margin) * last), math.ceil((share + margin) * last)
    return (
        float(sample[low]) if low >= 0 else -math.inf,
        float(sample[high]) if high <= last else math.inf,
    )


def _between(
    x: FloatArray, y: FloatArray, ranks: tuple[int, ...], brackets: list[tuple[float, float]]
) -> list[float] | None:
    """Return the slopes of some ranks if each lies in its bracket, else None.

    The ends of the brackets are counted and not held: rounded values have many slopes in common.
    """
    # both middles are next to each other: one bracket does for them
    different = list(dict.fromkeys(brackets))
    counts = {bracket: [0, 0, 0] for bracket in different}
    inside: dict[tuple[float, float], list[FloatArray]] = {bracket: [] for bracket in different}
    for s in _slopes(x, y, np.arange(1, x.size)):
        for low, high in different:
            above = s > low
            kept = s[above & (s < high)]
            count = counts[low, high]
            count[0] += int(np.count_nonzero(s < low))
            count[1] += s.size - int(np.count_nonzero(above))
            count[2] += int(np.count_nonzero(s <= high))
            inside[low, high].append(kept)
    held = {bracket: np.concatenate(parts) for bracket, parts in inside.items()}
    found = []
    for rank, bracket in zip(ranks, brackets, strict=True):
        under, up_to_low, up_to_high = counts[bracket]
        if not under <= rank < up_to_high:
            return None
        place = rank - up_to_low
        if place < 0:
            found.append(bracket[0])
        elif place < held[bracket].size:
            found.append(float(np.partition(held[bracket], place)[place]))
        else:
            found.append(bracket[1])
    return found


def _linearity(x: FloatArray, y: FloatArray, intercept: float, slope: float) -> LinearityTest:
    """Return the test of whether signs of the residuals change at random along the line."""
    rest = y - intercept - slope * x
    above, under = int(np.count_nonzero(rest > 0)), int(np.count_nonzero(rest < 0))
    if above == 0 or under == 0:
        return LinearityTest(statistic=0.0, chance=1.0)
    score = np.where(rest > 0, math.sqrt(under / above), -math.sqrt(above / under))
    score[rest == 0] = 0.0
    along = np.argsort(y + x / slope, kind="stable")
    largest = float(np.abs(np.cumsum(score[along])).max())
    statistic = largest / math.sqrt(under + 1)
    return LinearityTest(statistic=statistic, chance=float(special.kolmogorov(statistic)))
