"""Means, scatter and correction of many columns in groups of rows, one walk over the values each.

Columns are taken in blocks that stay in the cache; rows are walked along as they lie in memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["correct", "group_sums", "squares_in_groups"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]

_COLUMNS = 1024
"""Columns side by side: sums of ten groups and two covariates then fit the second-level cache."""


@kernel
def group_sums(
    values: FloatArray, group: Places, first: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sums of columns within groups of rows, weighted sums over all rows, and spans.

    Parameters
    ----------
    values
        (n, p).
    group
        (n,) number of each row's group.
    first
        (groups, p) a value of each group, taken off the others first, against cancellation.
    weights
        (n, c); the weights of each group add up to zero.

    Returns
    -------
    tuple
        Sums (groups, p) of values less `first`; weighted sums (c, p); largest distance of a value
        from `first` (groups, p). What is NaN or infinite makes sums so.
    """
    n, p = values.shape
    c = weights.shape[1]
    sums, span = np.zeros(first.shape), np.zeros(first.shape)
    cross = np.zeros((c, p))
    rest = np.empty(_COLUMNS)
    for start in range(0, p, _COLUMNS):
        stop = min(start + _COLUMNS, p)
        for i in range(n):
            row, zero = values[i, start:stop], first[group[i], start:stop]
            into, wide = sums[group[i], start:stop], span[group[i], start:stop]
            for j in range(stop - start):
                rest[j] = row[j] - zero[j]
            for j in range(stop - start):
                into[j] += rest[j]
                wide[j] = max(wide[j], abs(rest[j]))
            for k in range(c):
                weight = weights[i, k]
                part = cross[k, start:stop]
                for j in range(stop - start):
                    part[j] += weight * rest[j]
    return sums, cross, span


@kernel
def squares_in_groups(
    values: FloatArray, group: Places, level: FloatArray, design: FloatArray, slopes: FloatArray
) -> FloatArray:
    """Return sums of squares (groups, p) of values less level of their group and covariates.

    Parameters
    ----------
    values
        (n, p).
    group
        (n,) number of each row's group.
    level
        (groups, p).
    design
        (n, c) covariates.
    slopes
        (c, p).
    """
    n, p = values.shape
    c = design.shape[1]
    squares = np.zeros(level.shape)
    rest = np.empty(_COLUMNS)
    for start in range(0, p, _COLUMNS):
        stop = min(start + _COLUMNS, p)
        for i in range(n):
            row = values[i, start:stop]
            base = level[group[i], start:stop]
            into = squares[group[i], start:stop]
            for j in range(stop - start):
                rest[j] = row[j] - base[j]
            for k in range(c):
                x = design[i, k]
                slope = slopes[k, start:stop]
                for j in range(stop - start):
                    rest[j] -= x * slope[j]
            for j in range(stop - start):
                into[j] += rest[j] * rest[j]
    return squares


@kernel
def correct(
    values: FloatArray,
    group: Places,
    level: FloatArray,
    design: FloatArray,
    slopes: FloatArray,
    shift: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Return values (n, p) with the shift of their group taken off and their rest scaled.

    (value - expected - shift) * scale + expected, where expected = level + design @ slopes.

    Parameters
    ----------
    values
        (n, p); NaN stay NaN.
    group
        (n,) number of each row's group, -1 for rows that stay as they are.
    level
        (p,).
    design
        (n, c) covariates.
    slopes
        (c, p).
    shift, scale
        (groups, p).
    """
    n, p = values.shape
    c = design.shape[1]
    out = np.empty((n, p))
    expected, rest = np.empty(_COLUMNS), np.empty(_COLUMNS)
    for start in range(0, p, _COLUMNS):
        stop = min(start + _COLUMNS, p)
        base = level[start:stop]
        for i in range(n):
            row, result = values[i, start:stop], out[i, start:stop]
            if group[i] < 0:
                result[:] = row
                continue
            off, factor = shift[group[i], start:stop], scale[group[i], start:stop]
            for j in range(stop - start):
                expected[j] = base[j]
            for k in range(c):
                x = design[i, k]
                slope = slopes[k, start:stop]
                for j in range(stop - start):
                    expected[j] += x * slope[j]
            for j in range(stop - start):
                rest[j] = row[j] - expected[j] - off[j]
            for j in range(stop - start):
                result[j] = rest[j] * factor[j] + expected[j]
    return out
