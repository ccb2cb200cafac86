"""How far two measurements of the same things lie apart: bias and limits of agreement.

Bland & Altman, Lancet 1986;1:307; Stat Methods Med Res 1999;8:135. The intervals of the limits
are exact for normal differences and hold for each limit by itself (Carkeet, Optom Vis Sci
2015;92:e71, one-sided tolerance factors); the usual approximation is too narrow on the outside
for small numbers.
"""

from __future__ import annotations

import dataclasses
import enum
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.estimate import Estimate, student_interval, tail
from qiqa.metrology.pairs import paired

__all__ = ["Agreement", "DifferenceScale", "Trend", "agreement", "quantile_factors", "trend"]

FloatArray = NDArray[np.float64]

LIMIT = 1.96
"""Of the SD, on both sides of the bias: 95 % of normal differences (Bland & Altman 1999)."""


class DifferenceScale(enum.StrEnum):
    """What a difference is taken of."""

    DIFFERENCE = "difference"
    """Measured minus reference, in their unit."""
    PERCENT = "percent"
    """The same in percent of the mean of both."""
    RATIO = "ratio"
    """Measured over reference: differences of logarithms, turned back."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Slope of the differences against the means: zero where the bias is the same everywhere.

    Of logarithms against logarithms where the scale is `ratio`.
    """

    slope: Estimate
    chance: float
    """Two-sided chance of a slope this far from zero where there is none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Bias and limits of agreement of n pairs."""

    scale: DifferenceScale
    n: int
    bias: Estimate
    """In the unit of the values, in percent, or a ratio, after `scale`."""
    sd: float
    """Of the differences; of the natural logarithm of the ratio where the scale is `ratio`."""
    lower: Estimate
    upper: Estimate
    trend: Trend | None
    """None where all pairs have the same mean."""


def quantile_factors(n: int, z: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return k so that mean + k SD are the ends of the interval of the true mean + z SD.

    Exact for n independent normal values: root n (mean - true quantile) / SD follows a noncentral
    t distribution (Owen 1968, Technometrics 10:445; tolerance factors of Carkeet 2015).

    Parameters
    ----------
    n
        Number of values, 2 or more.
    z
        Quantile of the standard normal distribution.
    confidence
        Of the two-sided interval.

    Examples
    --------
    The one-sided 95/95 factor for 10 values (NIST/SEMATECH handbook 7.2.6.3) is 2.911:

    >>> round(quantile_factors(10, 1.6448536, 0.90)[1], 3)
    2.911
    """
    root, chance = math.sqrt(n), tail(confidence)
    ends = special.nctdtrit(n - 1, z * root, [chance, 1 - chance]) / root
    if not np.isfinite(ends).all():
        raise NotMeasurable(f"the interval of a limit has no solution for {n} values")
    return float(ends[0]), float(ends[1])


def trend(difference: FloatArray, mean: FloatArray, confidence: float = 0.95) -> Trend | None:
    """Return the slope of differences against means by least squares, None where means are equal.

    A slope other than zero says that the bias grows with the value or that the two scatter
    differently: the means of pairs cannot tell one from the other (Pitman and Morgan 1939). To
    tell them apart, fit a line with the errors of both: `metrology.deming`, `metrology.york`.

    Parameters
    ----------
    difference, mean
        (n,) of each pair, n at least 3.
    confidence
        Of the interval; n - 2 degrees of freedom.
    """
    n = mean.size
    m = mean - mean.mean()
    sxx = float(m @ m)
    if n < 3 or not np.ptp(mean) > 0:
        return None
    slope = float(m @ difference) / sxx
    rest = difference - difference.mean() - slope * m
    error = math.sqrt(float(rest @ rest) / (n - 2) / sxx)
    found = student_interval(slope, error, n - 2, confidence)
    if error == 0:
        return Trend(slope=found, chance=1.0 if slope == 0 else 0.0)
    return Trend(slope=found, chance=2 * float(special.stdtr(n - 2, -abs(slope) / error)))


def _differences(
    x: FloatArray, y: FloatArray, scale: DifferenceScale
) -> tuple[FloatArray, FloatArray]:
    """Return difference and mean of each pair on a scale."""
    if scale is DifferenceScale.DIFFERENCE:
        return x - y, (x + y) / 2
    smallest = float(min(x.min(), y.min()))
    if smallest <= 0:
        raise NotMeasurable(
            f"the smallest value is {smallest:g}; percent and ratios need values above zero",
            hint="use the scale 'difference'",
        )
    if scale is DifferenceScale.PERCENT:
        mean = (x + y) / 2
        return 100 * (x - y) / mean, mean
    a, b = np.log(x), np.log(y)
    return a - b, (a + b) / 2


def _turned_back(found: Estimate) -> Estimate:
    low, high = found.interval
    return Estimate(
        value=math.exp(found.value),
        interval=(math.exp(low), math.exp(high)),
        degrees_of_freedom=found.degrees_of_freedom,
    )


def agreement(
    measured: ArrayLike,
    reference: ArrayLike,
    scale: DifferenceScale | str = DifferenceScale.DIFFERENCE,
    *,
    confidence: float = 0.95,
) -> Agreement:
    """Return bias and 95 % limits of agreement of two measurements of the same things.

    The pairs have to be independent: one pair a subject. For several, see
    `metrology.agreement_repeated`.

    Parameters
    ----------
    measured, reference
        (n,) in one unit, n at least 3.
    scale
        What the difference is taken of: `difference`, `percent` or `ratio`.
    confidence
        Of all intervals: the bias by t, each limit by the noncentral t, both with n - 1 degrees of
        freedom.

    Raises
    ------
    UsageError
        If the columns do not match or the scale is unknown.
    NotMeasurable
        If values are missing, fewer than 3, not above zero where they have to be, or if all
        differences are the same.

    Examples
    --------
    Two flow meters (Bland & Altman 1986): bias -2.1, SD 38.8 l/min

    >>> large = [494, 395, 516, 434, 476, 557, 413, 442, 650]
    >>> large += [433, 417, 656, 267, 478, 178, 423, 427]
    >>> mini = [512, 430, 520, 428, 500, 600, 364, 380, 658]
    >>> mini += [445, 432, 626, 260, 477, 259, 350, 451]
    >>> found = agreement(large, mini)
    >>> round(found.bias.value, 1), round(found.sd, 1)
    (-2.1, 38.8)
    """
    try:
        scale = DifferenceScale(scale)
    except ValueError:
        allowed = ", ".join(DifferenceScale)
        raise UsageError(f"scale is {scale!r}, allowed are {allowed}") from None
    x, y = paired(measured, reference, least=3, names=("measured", "reference"))
    difference, mean = _differences(x, y, scale)
    n = x.size
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    # rounding alone leaves a trace of scatter where a constant was added
    if not sd > 1e-14 * float(np.abs(difference).max() + np.abs(mean).max()):
        raise NotMeasurable(
            f"all {n} differences are the same ({bias:g}): there is no scatter to judge",
            hint="see whether one column was computed from the other",
        )
    inner, outer = quantile_factors(n, LIMIT, confidence)
    found = student_interval(bias, sd / math.sqrt(n), n - 1, confidence)
    lower = Estimate(
        value=bias - LIMIT * sd,
        interval=(bias - outer * sd, bias - inner * sd),
        degrees_of_freedom=n - 1,
    )
    upper = Estimate(
        value=bias + LIMIT * sd,
        interval=(bias + inner * sd, bias + outer * sd),
        degrees_of_freedom=n - 1,
    )
    if scale is DifferenceScale.RATIO:
        found, lower, upper = (_turned_back(e) for e in (found, lower, upper))
    return Agreement(
        scale=scale,
        n=n,
        bias=found,
        sd=sd,
        lower=lower,
        upper=upper,
        trend=trend(difference, mean, confidence),
    )
