"""A straight line between two methods that both err, the ratio of their variances known.

Linnet, Stat Med 1990;9:1463 (weighted) and Clin Chem 1993;39:424 (jackknife); Fuller, Measurement
Error Models, 1987. Where the uncertainty of every value is known, use `metrology.york` instead.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.estimate import Estimate, student_interval
from qiqa.metrology.pairs import paired

__all__ = ["DemingLine", "deming", "weighted_deming"]

FloatArray = NDArray[np.float64]

_STEPS = 100
_SETTLED = 1e-10
_CELLS = 500_000
"""Pairs times lines that are fitted at once."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DemingLine:
    """y = intercept + slope x; both intervals by t with n - 2 degrees of freedom."""

    n: int
    slope: Estimate
    intercept: Estimate
    variance_ratio: float
    """Error variance of x over that of y."""
    weighted: bool
    """Whether the errors were taken to grow in proportion to the value."""
    jackknife: bool
    """Whether the standard errors come from leaving each pair out, or from the model."""


def deming(
    x: ArrayLike,
    y: ArrayLike,
    variance_ratio: float = 1.0,
    *,
    jackknife: bool = True,
    confidence: float = 0.95,
) -> DemingLine:
    """Fit a line where the errors of x and y are the same all along their range.

    Parameters
    ----------
    x, y
        (n,) n at least 4.
    variance_ratio
        Error variance of x over that of y: 1 where both methods are equally precise.
    jackknife
        Standard errors by leaving out each pair in turn (Linnet 1993), which also hold where the
        errors grow with the value; otherwise from the model, by the scatter about the line.
    confidence
        Of the intervals.

    Raises
    ------
    UsageError
        If columns do not match or the ratio is not above zero.
    NotMeasurable
        If values are missing or fewer than 4, if a column is constant, if x and y do not
        correlate, or if all points lie on the line.

    Examples
    --------
    >>> line = deming([1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 3.2, 3.8])
    >>> round(line.slope.value, 4)
    0.9482
    """
    a, b = _checked(x, y, variance_ratio)
    intercept, slope = _lines(a, b, np.ones((1, a.size)), variance_ratio)
    whole = _with_scatter(a, b, intercept, slope)
    if not jackknife:
        errors = _model_errors(a, b, *whole)
        return _line(a.size, whole, errors, variance_ratio, confidence, jackknife=False)
    errors = _jackknife_errors(_without_one(a, b, variance_ratio))
    return _line(a.size, whole, errors, variance_ratio, confidence)


def weighted_deming(
    x: ArrayLike, y: ArrayLike, variance_ratio: float = 1.0, *, confidence: float = 0.95
) -> DemingLine:
    """Fit a line where the errors of x and y grow in proportion to the value.

    Linnet's (1990) iteration: each pair is weighted by the inverse square of the mean, weighted
    by `variance_ratio`, of its true values as estimated from the line. Standard errors by
    leaving out each pair, each with an iteration of its own: about 2 s for 2000 pairs.

    Parameters
    ----------
    x, y
        (n,) above zero, n at least 4.
    variance_ratio
        Error variance of x over that of y, the same everywhere.
    confidence
        Of the intervals.

    Raises
    ------
    UsageError
        If columns do not match or the ratio is not above zero.
    NotMeasurable
        If values are missing, fewer than 4 or not above zero, if a column is constant, if x and y
        do not correlate, if all points lie on the line, or if the weights do not settle.
    """
    a, b = _checked(x, y, variance_ratio)
    smallest = float(min(a.min(), b.min()))
    if smallest <= 0:
        raise NotMeasurable(
            f"the smallest value is {smallest:g}; errors in proportion need values above zero",
            hint="use deming, or york with an uncertainty for every value",
        )
    intercept, slope = _settled(a, b, variance_ratio, np.ones((1, a.size)))
    whole = _with_scatter(a, b, intercept, slope)
    rows = max(_CELLS // a.size, 1)
    left = np.empty((2, a.size))
    for first in range(0, a.size, rows):
        out = np.arange(first, min(first + rows, a.size))
        keep = np.ones((out.size, a.size))
        keep[np.arange(out.size), out] = 0.0
        left[:, out] = _settled(a, b, variance_ratio, keep)
    errors = _jackknife_errors(left)
    return _line(a.size, whole, errors, variance_ratio, confidence, weighted=True)


def _checked(x: ArrayLike, y: ArrayLike, ratio: float) -> tuple[FloatArray, FloatArray]:
    a, b = paired(x, y, least=4)
    if not (0 < ratio < math.inf):
        raise UsageError(
            f"variance_ratio is {ratio:g}, it lies above zero",
            hint="it is the error variance of x over that of y",
        )
    if not np.ptp(a) > 0 or not np.ptp(b) > 0:
        raise NotMeasurable("all x or all y are the same: no line can be drawn")
    return a, b


def _with_scatter(
    x: FloatArray, y: FloatArray, intercept: FloatArray, slope: FloatArray
) -> tuple[float, float]:
    """Return intercept and slope as numbers if there is scatter about the line to judge them by."""
    a, b = float(intercept[0]), float(slope[0])
    # rounding alone leaves a trace of scatter
    if not float(np.abs(y - a - b * x).max()) > 1e-13 * float(np.abs(y).max() + abs(a)):
        raise NotMeasurable(
            f"all points lie on the line {a:g} + {b:g} x: there is no scatter to judge it by",
            hint="see whether one column was computed from the other",
        )
    return a, b


def _slope(sxx: FloatArray, syy: FloatArray, sxy: FloatArray, ratio: float) -> FloatArray:
    """Return (m,) slopes from (m,) sums of squares about the mean."""
    if (sxy == 0).any():
        raise NotMeasurable("x and y do not correlate at all: the slope is not defined")
    half = (ratio * syy - sxx) / (2 * ratio)
    root = np.hypot(half, sxy / math.sqrt(ratio))
    # of two forms that are the same, the one that does not take a difference of equals
    steep = half >= 0
    below = np.where(steep, 1.0, root - half)
    return np.where(steep, (half + root) / sxy, sxy / ratio / below)


def _lines(
    x: FloatArray, y: FloatArray, w: FloatArray, ratio: float
) -> tuple[FloatArray, FloatArray]:
    """Return (m,) intercepts and slopes with weights (m, n)."""
    total = w.sum(axis=1)
    mx, my = w @ x / total, w @ y / total
    dx, dy = x - mx[:, None], y - my[:, None]
    sxx, syy, sxy = (np.einsum("mn,mn,mn->m", w, p, q) for p, q in ((dx, dx), (dy, dy), (dx, dy)))
    slope = _slope(sxx, syy, sxy, ratio)
    return my - slope * mx, slope


def _without_one(x: FloatArray, y: FloatArray, ratio: float) -> FloatArray:
    """Return (2, n) intercept and slope with each pair left out, by updating the sums."""
    n = x.size
    dx, dy = x - x.mean(), y - y.mean()
    part = n / (n - 1)
    sxx = dx @ dx - part * dx * dx
    syy = dy @ dy - part * dy * dy
    sxy = dx @ dy - part * dx * dy
    slope = _slope(sxx, syy, sxy, ratio)
    mx, my = x.mean() - dx / (n - 1), y.mean() - dy / (n - 1)
    return np.stack([my - slope * mx, slope])


def _settled(
    x: FloatArray, y: FloatArray, ratio: float, keep: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return (m,) intercepts and slopes at which the weights reproduce themselves.

    `keep` is (m, n): 1 where a pair takes part in a line, 0 where it is left out.
    """
    intercept, slope = _lines(x, y, keep, ratio)
    scale = float(np.abs(y).mean())
    for _ in range(_STEPS):
        rest = y - intercept[:, None] - slope[:, None] * x
        below = 1 + ratio * slope[:, None] ** 2
        true_x = x + ratio * slope[:, None] * rest / below
        true_y = y - rest / below
        level = (true_x + ratio * true_y) / (1 + ratio)
        level[keep == 0] = 1.0
        if (level == 0).any():
            break
        before, steep = intercept, slope
        intercept, slope = _lines(x, y, keep / level**2, ratio)
        steady = np.abs(intercept - before) <= _SETTLED * scale
        if (steady & (np.abs(slope - steep) <= _SETTLED * np.abs(slope))).all():
            # a first line may pass below zero where the last does not
            if not (level > 0).all():
                break
            return intercept, slope
    raise NotMeasurable(
        "the weights do not settle, with all pairs or with one left out: the line passes through "
        "values at or below zero",
        hint="use deming, or york with an uncertainty for every value",
    )


def _model_errors(
    x: FloatArray, y: FloatArray, intercept: float, slope: float
) -> tuple[float, float]:
    """Return standard errors of intercept and slope for normal errors (Fuller 1987, 1.3).

    His variance of the slope, with the moments estimated, is b^2 (1 - r^2) / r^2 / (n - 2): it
    also counts what large errors of x add, which least squares on adjusted points leaves out.
    """
    dof = x.size - 2
    r = float(np.corrcoef(x, y)[0, 1])
    slope_u = abs(slope) * math.sqrt(max(1 - r * r, 0.0) / dof) / abs(r)
    scatter = float(np.sum((y - intercept - slope * x) ** 2)) / dof
    return math.hypot(math.sqrt(scatter / x.size), float(x.mean()) * slope_u), slope_u


def _jackknife_errors(left: FloatArray) -> tuple[float, float]:
    """Return standard errors of intercept and slope from (2, n) lines with one pair left out."""
    n = left.shape[1]
    intercept, slope = np.sqrt((n - 1) ** 2 / n * left.var(axis=1, ddof=1))
    return float(intercept), float(slope)


def _line(
    n: int,
    whole: tuple[float, float],
    errors: tuple[float, float],
    ratio: float,
    confidence: float,
    *,
    weighted: bool = False,
    jackknife: bool = True,
) -> DemingLine:
    intercept, slope = (
        student_interval(value, error, n - 2, confidence)
        for value, error in zip(whole, errors, strict=True)
    )
    return DemingLine(
        n=n,
        slope=slope,
        intercept=intercept,
        variance_ratio=ratio,
        weighted=weighted,
        jackknife=jackknife,
    )
