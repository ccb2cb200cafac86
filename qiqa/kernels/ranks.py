"""Rank of each value among those before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["sequential_ranks"]

FloatArray = NDArray[np.float64]


@kernel
def sequential_ranks(x: FloatArray) -> FloatArray:
    """Return the rank of x[t] among x[0 ... t], from 1; equal values share their middle rank.

    Parameters
    ----------
    x
        Values (n,), finite.
    """
    rank = np.empty(x.size)
    for t in range(x.size):
        below, equal = 0, 0
        for i in range(t):
            if x[i] < x[t]:
                below += 1
            elif x[i] == x[t]:
                equal += 1
        rank[t] = 1.0 + below + 0.5 * equal
    return rank
