"""Exponentially weighted means of normal scores, of one score an exam and of several."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["ewma", "mewma"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]


@kernel
def ewma(
    score: FloatArray, lam: float, width: float
) -> tuple[FloatArray, FloatArray, Places, Places, Places]:
    """Return the EWMA along scores (n,), its limits, and where it leaves them.

    z = (1 - lam) z + lam x from 0, with limits of `width` SDs of z at that exam:
    lam/(2 - lam) (1 - (1 - lam)^(2t)) is its variance at the t-th score. NaN scores are skipped.

    Parameters
    ----------
    score
        Normal scores (n,).
    lam
        Weight of the newest score.
    width
        Limits, in SDs of z.

    Returns
    -------
    tuple
        z and its upper limit (n,), NaN where skipped; signals (s,): first exam outside on one side;
        their directions; and the first exam after z was last on the other side of 0.
    """
    n = score.size
    value, limit = np.full(n, np.nan), np.full(n, np.nan)
    signals, directions = np.empty(n, np.int64), np.empty(n, np.int64)
    since = np.empty(n, np.int64)
    count, outside, begun = 0, 0, -1
    z, fading = 0.0, 1.0
    settled = lam / (2.0 - lam)
    for i in range(n):
        x = score[i]
        if math.isnan(x):
            continue
        before = z
        z = (1.0 - lam) * z + lam * x
        fading *= (1.0 - lam) * (1.0 - lam)
        bound = width * math.sqrt(settled * (1.0 - fading))
        value[i], limit[i] = z, bound
        if begun < 0 or before * z <= 0.0:
            begun = i
        side = 1 if z > bound else (-1 if z < -bound else 0)
        if side not in (0, outside):
            signals[count], directions[count], since[count] = i, side, begun
            count += 1
        outside = side
    return value, limit, signals[:count], directions[:count], since[:count]


@kernel
def mewma(score: FloatArray, lam: float) -> FloatArray:
    """Return T^2 (n,) of the EWMA vectors of independent scores (n, p).

    |z|^2 over the variance that each component of z has in control at that exam. An exam with a NaN
    is skipped and gets NaN.
    """
    n, p = score.shape
    statistic = np.full(n, np.nan)
    z = np.zeros(p)
    fading = 1.0
    settled = lam / (2.0 - lam)
    for i in range(n):
        known = True
        for j in range(p):
            known = known and not math.isnan(score[i, j])
        if not known:
            continue
        fading *= (1.0 - lam) * (1.0 - lam)
        total = 0.0
        for j in range(p):
            z[j] = (1.0 - lam) * z[j] + lam * score[i, j]
            total += z[j] * z[j]
        statistic[i] = total / (settled * (1.0 - fading))
    return statistic
