"""Mann-Kendall's statistic at every exam of a series, and the slopes between all pairs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["mann_kendall", "pairwise_slopes"]

FloatArray = NDArray[np.float64]


@kernel
def _inflation(y: FloatArray, first: int, last: int) -> float:
    """Return how much autocorrelation widens the variance of S, at least 1.

    Yue & Wang (Water Resour Manage 2004;18:201) with the lag-1 coefficient of the values about
    their straight line, where that coefficient is larger than chance makes it (one-sided 5 %).
    """
    n = last - first
    mean_t = (n - 1) / 2.0
    mean_y = 0.0
    for i in range(n):
        mean_y += y[first + i]
    mean_y /= n
    sty, stt = 0.0, 0.0
    for i in range(n):
        sty += (i - mean_t) * (y[first + i] - mean_y)
        stt += (i - mean_t) * (i - mean_t)
    slope = sty / stt
    before = 0.0
    top, below = 0.0, 0.0
    for i in range(n):
        now = y[first + i] - mean_y - slope * (i - mean_t)
        if i > 0:
            top += now * before
        below += now * now
        before = now
    if below <= 0.0:
        return 1.0
    r = top / below + 1.0 / n  # the estimate about a fitted line is low by about 1/n
    if r <= 1.645 / math.sqrt(n):
        return 1.0
    r = min(r, 0.95)
    factor, power = 1.0, 1.0
    for lag in range(1, n):
        power *= r
        if power < 1e-4:
            break
        factor += 2.0 * (1.0 - lag / n) * power
    return max(factor, 1.0)


@kernel
def _below_less_above(values: FloatArray, one: float, tie: float) -> int:
    """Return how many values are below one, less those above it."""
    count = 0
    for i in range(values.size):  # without a branch: the compiler takes four at a time
        count += int(one - values[i] > tie) - int(values[i] - one > tie)
    return count


@kernel
def mann_kendall(y: FloatArray, window: int, least: int, tie: float) -> FloatArray:
    """Return the standardized S of the last `window` values at each exam.

    Parameters
    ----------
    y
        Values (n,), finite, oldest first.
    window
        Most values that S looks back on.
    least
        Fewest values; before that the result is NaN.
    tie
        Values closer than this count as equal: an adjustment must not order what was rounded.

    Returns
    -------
    ndarray
        (n,) S/SD(S) without continuity correction; ties count 0 and leave SD(S) too large.
    """
    n = y.size
    z = np.full(n, np.nan)
    s = 0
    first = 0
    for t in range(n):
        if t - first >= window:  # drop the oldest: its signs leave S
            s += _below_less_above(y[first + 1 : t], y[first], tie)
            first += 1
        s += _below_less_above(y[first:t], y[t], tie)
        m = t - first + 1
        if m >= least:
            variance = m * (m - 1) * (2 * m + 5) / 18.0
            raw = s / math.sqrt(variance)
            # autocorrelation only matters where S is large
            z[t] = raw if abs(raw) < 2.0 else raw / math.sqrt(_inflation(y, first, t + 1))
    return z


@kernel
def pairwise_slopes(t: FloatArray, y: FloatArray) -> FloatArray:
    """Return the slopes between all pairs of points at different times, unsorted."""
    n = y.size
    slopes = np.empty(n * (n - 1) // 2)
    count = 0
    for i in range(n):
        for j in range(i + 1, n):
            if t[j] != t[i]:
                slopes[count] = (y[j] - y[i]) / (t[j] - t[i])
                count += 1
    return slopes[:count]
