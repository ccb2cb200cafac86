"""Take from each score what it has from the one before."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["whiten"]

FloatArray = NDArray[np.float64]
_PRIOR_PHI = 0.2
_PRIOR_EXAMS = 20
"""Resemblance that is taken for usual until a series' own history says otherwise, and how many
exams that counts for. Without it the CUSUM of a new series that has 0.2 false-alarms three times
too often."""
_LAG = 10
"""The latest exams have no say in it: a shift makes exams resemble each other."""
_MOST = 0.8


@kernel
def whiten(score: FloatArray) -> FloatArray:
    """Return scores (n,) without what each has from the one before; NaN scores are skipped.

    The coefficient at each exam comes from the exams up to ten before it.
    """
    made = np.empty(score.size)
    products = np.empty(score.size)
    count = 0
    total = _PRIOR_PHI * _PRIOR_EXAMS
    before = math.nan
    for i in range(score.size):
        z = score[i]
        if math.isnan(z):
            made[i] = z
            continue
        if count == 0:
            made[i] = z
        else:
            # products of exams up to ten before this one are known by now
            known = count - 1 - _LAG
            if known >= 0:
                total += products[known]
            phi = total / (_PRIOR_EXAMS + max(known + 1, 0))
            phi = min(max(phi, 0.0), _MOST)
            made[i] = (z - phi * before) / math.sqrt(1.0 - phi * phi)
            products[count - 1] = z * before
        before = z
        count += 1
    return made
