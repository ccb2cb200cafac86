"""One-sided CUSUM of squared normal scores."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["cusum_of_squares"]

FloatArray = NDArray[np.float64]


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
