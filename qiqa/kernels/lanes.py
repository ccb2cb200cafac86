"""Voxels side by side: bring a block of them into a buffer, say which cannot be fitted as is."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined
from qiqa.kernels.status import NOISE_FLOOR, PENDING, SET_ASIDE

__all__ = ["load_block", "next_block", "store_row", "store_status", "sum_of_squares"]


@inlined
def next_block(status, wanted, position, stop, lanes):
    """Collect the next voxels whose status is `wanted`; return (how many, where to go on)."""
    count = 0
    if position + BLOCK <= stop:
        for v in range(BLOCK):
            count += 1 if status[position + v] == wanted else 0
        if count == BLOCK:
            for v in range(BLOCK):
                lanes[v] = position + v
            return count, position + BLOCK
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
def load_block(signal, order, lanes, count, contiguous, limits, y, state, least, most):
    """Copy `count` voxels into y (n, block), float32; lanes beyond get a signal of zero.

    `limits` holds the lowest and highest good value, the magnitude below which a point may be at
    the noise floor, and the variance of the noise in magnitudes, whose mean is taken off (0: not;
    Gudbjartsson and Patz 1995, doi 10.1002/mrm.1910340618). `state` becomes PENDING, or SET_ASIDE
    where a point is not finite or outside, or NOISE_FLOOR where no magnitude reaches limits[4];
    `least` becomes the smallest magnitude.
    """
    low, high, variance = np.float32(limits[0]), np.float32(limits[1]), np.float32(limits[3])
    pending, aside = np.float32(PENDING), np.float32(SET_ASIDE)
    for v in range(BLOCK):
        state[v], least[v], most[v] = pending, np.inf, 0.0
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
            good = (s >= low) & (s <= high)
            state[v] = state[v] if good else aside
            least[v] = min(least[v], abs(s))
            most[v] = max(most[v], abs(s) if good else np.float32(0.0))
            row[v] = s if good else np.float32(0.0)
        if variance > np.float32(0.0):
            for v in range(BLOCK):
                row[v] = math.sqrt(max(row[v] * row[v] - variance, np.float32(0.0)))
    silent = np.float32(limits[4])
    if silent > np.float32(0.0):
        for v in range(BLOCK):
            quiet = np.float32(NOISE_FLOOR) if state[v] == pending else state[v]
            state[v] = quiet if most[v] < silent else state[v]


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


@inlined
def store_row(row, mask, lanes, count, contiguous, out):
    """Write row + mask (0, or NaN where there is no answer) to the voxels of a block."""
    if contiguous and count == BLOCK:
        near = out[lanes[0] : lanes[0] + BLOCK]
        for v in range(BLOCK):
            near[v] = row[v] + mask[v]
    else:
        for v in range(count):
            out[lanes[v]] = row[v] + mask[v]


@inlined
def store_status(state, lanes, count, contiguous, out):
    """Write states, kept as floating point so that they stay in vectors, as what they are."""
    if contiguous and count == BLOCK:
        near = out[lanes[0] : lanes[0] + BLOCK]
        for v in range(BLOCK):
            near[v] = np.uint8(state[v])
    else:
        for v in range(count):
            out[lanes[v]] = np.uint8(state[v])
