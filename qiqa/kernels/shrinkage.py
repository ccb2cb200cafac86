"""Shift and scale of one group drawn toward what they are in its other features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["draw_by_likelihood", "draw_by_prior"]

FloatArray = NDArray[np.float64]


@kernel
def draw_by_prior(
    shift: FloatArray,
    variance: FloatArray,
    count: FloatArray,
    mean: FloatArray,
    squares: FloatArray,
    prior: FloatArray,
    tolerance: float,
    most: int,
) -> tuple[FloatArray, FloatArray, int]:
    """Return posterior shifts and variances (p,) of one group, and the iterations they took.

    Normal prior of shifts, inverse gamma prior of variances, each given the other in turn:
    equations 3 of Johnson, Li & Rabinovic 2007, Biostatistics 8:118. All features stop together,
    by the rule of the original program: relative to the shift with its sign, so that features with
    a negative one do not count.

    Parameters
    ----------
    shift, variance
        (p,) estimates of each feature alone, standardized.
    count
        (p,) values of each feature in the group.
    mean, squares
        (p,) their mean and their sum of squares about it.
    prior
        Mean and variance of shifts, shape and rate of variances.
    tolerance
        Largest relative change to stop at.
    most
        Iterations after which it gives up and returns `most + 1`.
    """
    center, spread, shape, rate = prior
    p = shift.size
    g, d = shift.copy(), variance.copy()
    for step in range(1, most + 1):
        change = 0.0
        for j in range(p):
            new = (spread * count[j] * shift[j] + d[j] * center) / (spread * count[j] + d[j])
            off = mean[j] - new
            total = squares[j] + count[j] * off * off
            wide = (0.5 * total + rate) / (0.5 * count[j] + shape - 1.0)
            if new != g[j]:
                change = max(change, abs(new - g[j]) / g[j])
            change = max(change, abs(wide - d[j]) / d[j])
            g[j], d[j] = new, wide
        if change <= tolerance:
            return g, d, step
    return g, d, most + 1


@kernel
def draw_by_likelihood(
    shift: FloatArray,
    variance: FloatArray,
    count: FloatArray,
    mean: FloatArray,
    squares: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return posterior shifts and variances (p,) of one group.

    The prior of a feature is the pairs of shift and variance of all other features, each weighted
    by how likely it makes the feature's values (Johnson 2007, supplement). Parameters are those of
    `draw_by_prior`.
    """
    p = shift.size
    drawn, scatter = np.empty(p), np.empty(p)
    logs = np.log(variance)
    weight = np.empty(p)
    for i in range(p):
        n, m, ss = count[i], mean[i], squares[i]
        top = -np.inf
        for j in range(p):
            off = m - shift[j]
            weight[j] = -0.5 * (n * logs[j] + (ss + n * off * off) / variance[j])
        weight[i] = -np.inf
        for j in range(p):
            top = max(top, weight[j])
        total, g, d = 0.0, 0.0, 0.0
        for j in range(p):
            w = math.exp(weight[j] - top)
            total += w
            g += w * shift[j]
            d += w * variance[j]
        drawn[i], scatter[i] = g / total, d / total
    return drawn, scatter
