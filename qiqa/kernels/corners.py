"""Corners and slanting edges of slices, all of about the same height whatever their contrast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["corners", "evened"]

SingleArray = NDArray[np.float32]


@kernel
def corners(stack: SingleArray) -> SingleArray:
    """Return the mixed second difference of slices, as on a ring along both axes.

    Parameters
    ----------
    stack
        (slices, rows, columns), float32, contiguous, at least 3 rows and columns.

    Returns
    -------
    (slices, rows, columns): I(j+1, i+1) - I(j+1, i-1) - I(j-1, i+1) + I(j-1, i-1). Edges along an
    axis, as borders and bars have them, leave nothing.
    """
    m, height, width = stack.shape
    found = np.empty((m, height, width), np.float32)
    for s in range(m):
        for j in range(height):
            above = stack[s, j - 1 if j > 0 else height - 1]
            below = stack[s, j + 1 if j + 1 < height else 0]
            out = found[s, j]
            for i in range(1, width - 1):
                out[i] = (below[i + 1] - below[i - 1]) - (above[i + 1] - above[i - 1])
            last = width - 1
            out[0] = (below[1] - below[last]) - (above[1] - above[last])
            out[last] = (below[0] - below[last - 1]) - (above[0] - above[last - 1])
    return found


@kernel
def evened(stack: SingleArray, scales: SingleArray) -> SingleArray:
    """Return x / sqrt(x^2 + scale^2) of each slice: large values come near 1, small ones stay.

    Parameters
    ----------
    stack
        (slices, rows, columns), float32, contiguous.
    scales
        (slices,), above zero.
    """
    found = np.empty(stack.shape, np.float32)
    for s in range(stack.shape[0]):
        square = scales[s] * scales[s]
        for j in range(stack.shape[1]):
            near, out = stack[s, j], found[s, j]
            for i in range(stack.shape[2]):
                x = near[i]
                out[i] = x / np.sqrt(x * x + square)
    return found
