"""Individuals chart: the rule for one exam off its place.

Shewhart's chart of single values. Along a history each exam is judged by its normal score, so that
limits hold from the third exam on; `limits` gives those of the textbook from a set of values.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError

__all__ = [
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "Limits",
    "Parameters",
    "chart",
    "chart_of_values",
    "limits",
    "parameters",
    "run_length",
]

TITLE = "Individuals"
FINDS = ("spike",)
TAKES = "scores"
DEFAULT = 0.25

_D2 = 2.0 / math.sqrt(math.pi)
"""Mean range of two standard normal values."""
_D3 = math.sqrt(2.0 - 4.0 / math.pi)
"""SD of that range."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule."""

    width: float
    """Limits on both sides, in SDs."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Charts of single values and of moving ranges, in the unit of the values."""

    center: float
    sd: float
    """Mean moving range over its expectation for a normal SD of 1."""
    low: float
    high: float
    range_center: float
    range_high: float


@functools.cache
def parameters(every: float) -> Parameters:
    """Return the settings for one false alarm in `every` exams."""
    return Parameters(width=-float(special.ndtri(0.5 / every)))


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return scores (n,) with their limits; every one outside is a signal of its own."""
    with np.errstate(invalid="ignore"):
        signals = np.flatnonzero(np.abs(x) > p.width)
    limit = np.where(np.isnan(x), np.nan, p.width)
    return Chart(
        rule="individuals",
        curves=(Curve(label="score", value=x, low=-limit, high=limit),),
        signals=signals,
        directions=np.sign(x[signals]).astype(np.int64),
        since=signals,
    )


def run_length(shift: float, p: Parameters) -> float:
    """Return the average run length after a step of `shift` SDs."""
    chance = special.ndtr(shift - p.width) + special.ndtr(-shift - p.width)
    return float(1.0 / chance)


def limits(values: NDArray[np.float64], width: float = 3.0) -> Limits:
    """Return the limits of the textbook from a set of values in their order.

    Parameters
    ----------
    values
        (n,) finite, in the order of the exams.
    width
        Distance of the limits from the center, in SDs.

    Raises
    ------
    UsageError
        Below two values.

    Source: Montgomery, Introduction to Statistical Quality Control, 7th ed., 6.4.
    """
    if values.size < 2:
        raise UsageError(f"{values.size} values give no moving range", hint="give two or more")
    center = float(values.mean())
    mean_range = float(np.abs(np.diff(values)).mean())
    sd = mean_range / _D2
    return Limits(
        center=center,
        sd=sd,
        low=center - width * sd,
        high=center + width * sd,
        range_center=mean_range,
        range_high=mean_range + width * sd * _D3,
    )


def chart_of_values(values: NDArray[np.float64], found: Limits) -> Chart:
    """Return the textbook's two charts of values and of the ranges between neighbors.

    Parameters
    ----------
    values
        (n,) in the unit of the limits; a NaN is skipped, the range then spans the gap.
    found
        Limits of a Phase I, from `limits`.

    Returns
    -------
    Chart
        Every value outside signals with its side, every range above its limit with direction 0.
    """
    known = np.flatnonzero(~np.isnan(values))
    ranges = np.full(values.size, np.nan)
    ranges[known[1:]] = np.abs(np.diff(values[known]))

    def line(level: float, where: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isnan(where), np.nan, level)

    side = (values > found.high).astype(np.int64) - (values < found.low)
    signals = np.flatnonzero((side != 0) | (ranges > found.range_high))
    return Chart(
        rule="individuals",
        curves=(
            Curve(
                label="value",
                value=values,
                low=line(found.low, values),
                high=line(found.high, values),
            ),
            Curve(
                label="moving range",
                value=ranges,
                low=np.full(values.size, np.nan),
                high=line(found.range_high, ranges),
            ),
        ),
        signals=signals,
        directions=side[signals],
        since=signals,
    )
