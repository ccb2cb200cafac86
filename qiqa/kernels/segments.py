"""Order statistics of groups of rows, column by column, and distances with correlations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["segment_moments", "segment_quantiles", "segment_spreads", "squared_distances"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.intp]


@kernel
def segment_quantiles(
    values: SingleArray, order: IntArray, starts: IntArray, weights: FloatArray, chances: FloatArray
) -> FloatArray:
    """Return quantiles (groups, p, k) of each column in each group of rows.

    The lowest value at which half of its own weight and that of all values below reach the chance,
    linear between values. NaN where a group has fewer than two finite values.

    Parameters
    ----------
    values
        (p, n), one column after the other; NaN is left out.
    order, starts
        (m,) rows, group by group; (groups + 1,) where each begins.
    weights
        (n,) of the rows, above zero; (0,) where all count alike.
    chances
        (k,) ascending.
    """
    p, groups, k = values.shape[0], starts.size - 1, chances.size
    even = weights.size == 0
    found = np.full((groups, p, k), np.nan)
    most = 0
    for g in range(groups):
        most = max(most, starts[g + 1] - starts[g])
    x = np.empty(most, np.float32)
    w = np.empty(most)
    for j in range(p):  # column by column: one fits the cache, all of them do not
        for g in range(groups):
            count = 0
            for i in range(starts[g], starts[g + 1]):
                value = values[j, order[i]]
                if math.isfinite(value):
                    x[count] = value
                    if not even:
                        w[count] = weights[order[i]]
                    count += 1
            if count < 2:
                continue
            if even:
                x[:count].sort()
                for at in range(k):
                    spot = min(max(chances[at] * count - 0.5, 0.0), count - 1.0)
                    i = min(int(spot), count - 2)
                    found[g, j, at] = x[i] + (spot - i) * (np.float64(x[i + 1]) - x[i])
                continue
            place = np.argsort(x[:count], kind="mergesort")
            total = 0.0
            for i in range(count):
                total += w[i]
            # a value stands in the middle of its weight
            before, at = 0.0, 0
            last_height, last = -1.0, x[place[0]]
            for i in range(count):
                own = w[place[i]]
                height = (before + 0.5 * own) / total
                value = x[place[i]]
                while at < k and height >= chances[at]:
                    if last_height < 0.0:
                        found[g, j, at] = value
                    else:
                        part = (chances[at] - last_height) / (height - last_height)
                        found[g, j, at] = last + part * (value - last)
                    at += 1
                before += own
                last_height, last = height, value
            while at < k:
                found[g, j, at] = last
                at += 1
    return found


@kernel
def segment_spreads(
    values: SingleArray, order: IntArray, starts: IntArray, weights: FloatArray, centers: FloatArray
) -> FloatArray:
    """Return the (weighted) median distance from the center (groups, p), not scaled.

    Parameters
    ----------
    values, order, starts, weights
        As in `segment_quantiles`.
    centers
        (groups, p) medians.
    """
    p, groups = values.shape[0], starts.size - 1
    even = weights.size == 0
    found = np.full((groups, p), np.nan)
    most = 0
    for g in range(groups):
        most = max(most, starts[g + 1] - starts[g])
    x = np.empty(most, np.float32)
    w = np.empty(most)
    for j in range(p):  # column by column: one fits the cache, all of them do not
        for g in range(groups):
            count = 0
            total = 0.0
            for i in range(starts[g], starts[g + 1]):
                value = values[j, order[i]]
                if math.isfinite(value):
                    x[count] = abs(value - centers[g, j])
                    if not even:
                        w[count] = weights[order[i]]
                        total += w[count]
                    count += 1
            if count < 2:
                continue
            if even:
                x[:count].sort()
                found[g, j] = 0.5 * (np.float64(x[(count - 1) // 2]) + x[count // 2])
                continue
            place = np.argsort(x[:count], kind="mergesort")
            before = 0.0
            for i in range(count):
                before += w[place[i]]
                if before >= 0.5 * total:
                    found[g, j] = x[place[i]]
                    break
    return found


@kernel
def segment_moments(
    scores: SingleArray, order: IntArray, starts: IntArray, most: float
) -> FloatArray:
    """Return the mean products (groups, p, p) of scores, each cut off at `most`.

    Parameters
    ----------
    scores
        (p, n) about zero; NaN counts as zero.
    order, starts
        As in `segment_quantiles`.
    """
    p, groups = scores.shape[0], starts.size - 1
    found = np.zeros((groups, p, p))
    row = np.zeros(p)
    for g in range(groups):
        count = starts[g + 1] - starts[g]
        for i in range(starts[g], starts[g + 1]):
            for j in range(p):
                value = scores[j, order[i]]
                row[j] = min(max(value, -most), most) if math.isfinite(value) else 0.0
            for j in range(p):
                for k in range(j + 1):
                    found[g, j, k] += row[j] * row[k]
        for j in range(p):
            for k in range(j + 1):
                found[g, j, k] /= max(count, 1)
                found[g, k, j] = found[g, j, k]
    return found


@kernel
def squared_distances(
    scores: SingleArray, groups: IntArray, inverses: FloatArray, least: int
) -> FloatArray:
    """Return z' P z of each row (n,), per feature that is known; NaN where too few are.

    Parameters
    ----------
    scores
        (p, n) about zero; NaN is left out.
    groups
        (n,) whose inverse counts; -1: none.
    inverses
        (groups, p, p) inverse correlations.
    least
        Features that have to be known.
    """
    p, n = scores.shape
    found = np.full(n, np.nan)
    row = np.zeros(p)
    for i in range(n):
        if groups[i] < 0:
            continue
        known = 0
        for j in range(p):
            value = scores[j, i]
            row[j] = 0.0
            if math.isfinite(value):
                row[j] = value
                known += 1
        if known < least:
            continue
        total = 0.0
        for j in range(p):
            for k in range(p):
                total += row[j] * inverses[groups[i], j, k] * row[k]
        found[i] = total / known
    return found
