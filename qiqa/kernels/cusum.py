"""Tabular CUSUM of normal scores."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["cusum", "cusum_of_squares"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]


@kernel
def cusum(
    score: FloatArray, k: float, h: float, start: float
) -> tuple[FloatArray, FloatArray, Places, Places, Places]:
    """Return both sums along scores (n,), and where one passes h.

    The upper sum is C = max(0, C + z - k), the lower one its mirror image; both restart from 0 when
    either passes h. NaN scores are skipped.

    Parameters
    ----------
    score
        Normal scores (n,).
    k, h
        Reference value and limit, in SDs.
    start
        Both sums before the first exam (fast initial response).

    Returns
    -------
    tuple
        upper and lower sum (n,), NaN where skipped; signals (s,), their directions, and the first
        exam after the last zero of the sum that signals.
    """
    n = score.size
    upper, lower = np.full(n, np.nan), np.full(n, np.nan)
    signals, directions = np.empty(n, np.int64), np.empty(n, np.int64)
    since = np.empty(n, np.int64)
    count = 0
    up, down = start, start
    up_since, down_since = 0, 0
    for i in range(n):
        z = score[i]
        if math.isnan(z):
            continue
        if up == 0.0:
            up_since = i
        if down == 0.0:
            down_since = i
        up = max(0.0, up + z - k)
        down = max(0.0, down - z - k)
        upper[i], lower[i] = up, down
        if up > h or down > h:
            signals[count] = i
            directions[count] = 1 if up > h else -1
            since[count] = up_since if up > h else down_since
            count += 1
            up, down = 0.0, 0.0
    return upper, lower, signals[:count], directions[:count], since[:count]


@kernel
def cusum_of_squares(
    score: FloatArray, k: float, h: float
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    """Return the sum max(0, C + z^2 - k) along scores (n,), where it passes h, and since when.

    NaN scores are skipped. The sum restarts from 0 after it passed h.
    """
    n = score.size
    total = np.full(n, np.nan)
    signals, since = np.empty(n, np.int64), np.empty(n, np.int64)
    count = 0
    c = 0.0
    start = 0
    for i in range(n):
        z = score[i]
        if math.isnan(z):
            continue
        if c == 0.0:
            start = i
        c = max(0.0, c + z * z - k)
        total[i] = c
        if c > h:
            signals[count], since[count] = i, start
            count += 1
            c = 0.0
    return total, signals[:count], since[:count]
