"""Voxels side by side: bring a block of them into a buffer, and say which cannot be fitted as is."""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined
from qiqa.kernels.status import PENDING, SET_ASIDE

__all__ = ["load_block", "next_block", "sum_of_squares"]


@inlined
def next_block(status, wanted, position, stop, lanes):
    """Collect the next voxels whose status is `wanted`; return (how many, where to go on)."""
    count = 0
    while position < stop and count < BLOCK:
        if status[position] == wanted:
            lanes[count] = position
            count += 1
        position += 1
    for v in range(count, BLOCK):
        lanes[v] = -1
    return count, position


@inlined
def load_block(signal, order, lanes, count, contiguous, limits, y, state):
    """Copy `count` voxels into y (n, block), float32; lanes beyond get a signal of zero.

    `state` becomes PENDING, or SET_ASIDE where a point is not finite, lies outside
    `limits` (lowest, highest good value) or below `limits[2]` in magnitude (noise floor).
    """
    low, high, floor = np.float32(limits[0]), np.float32(limits[1]), np.float32(limits[2])
    for v in range(BLOCK):
        state[v] = PENDING
    for i in range(y.shape[0]):
        row, source = y[i], signal[order[i]]
        if contiguous and count == BLOCK:
            first = lanes[0]
            near = source[first : first + BLOCK]
            for v in range(BLOCK):
                row[v] = near[v]
        else:
            for v in range(count):
                row[v] = source[lanes[v]]
            for v in range(count, BLOCK):
                row[v] = np.float32(0.0)
        for v in range(BLOCK):
            s = row[v]
            good = (s >= low) & (s <= high) & (abs(s) >= floor)
            state[v] = state[v] if good else SET_ASIDE
            row[v] = s if good else np.float32(0.0)


@inlined
def sum_of_squares(y, total):
    """Write the sum of squares of each voxel, float64."""
    for v in range(BLOCK):
        total[v] = 0.0
    for i in range(y.shape[0]):
        row = y[i]
        for v in range(BLOCK):
            s = np.float64(row[v])
            total[v] += s * s
