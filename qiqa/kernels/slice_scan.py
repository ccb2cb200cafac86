"""What every slice of a stack holds, each voxel read once: level, fine structure, odd values.

Sums run in lanes side by side, so that the compiler takes vectors without changing their order:
the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import BLOCK, inlined, kernel, rows

__all__ = ["COUNTS", "LEVELS", "block_sums", "count_values", "scan_levels"]

LEVELS = ("finite", "sum", "least", "most", "fine", "jumps")
"""Columns of `scan_levels`."""
COUNTS = ("nan", "infinite", "low", "high", "negative", "fractional", "top")
"""Columns of `count_values`."""
FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@inlined
def _take_levels(near, count, lanes):
    """Add `count` voxels to the lanes: finite, sum, least, most."""
    lanes = rows(lanes)
    finite, total, least, most = lanes[0], lanes[1], lanes[2], lanes[3]
    for v in range(count):
        s = near[v]
        good = _ONE if s - s == _ZERO else _ZERO
        kept = s if good > _ZERO else _ZERO
        finite[v] += good
        total[v] += kept
        low = s if good > _ZERO else least[v]
        least[v] = low if low < least[v] else least[v]
        high = s if good > _ZERO else most[v]
        most[v] = high if high > most[v] else most[v]


@inlined
def _take_fine(above, here, below, jump, count, lanes):
    """Add the second differences along both axes, and the steps larger than `jump`."""
    lanes = rows(lanes)
    fine, jumps = lanes[4], lanes[5]
    two, four = np.float32(2.0), np.float32(4.0)
    for v in range(count):
        corners = (above[v] + above[v + 2]) + (below[v] + below[v + 2])
        sides = (above[v + 1] + below[v + 1]) + (here[v] + here[v + 2])
        fine[v] += abs(corners - two * sides + four * here[v + 1])
        jumps[v] += _ONE if abs(here[v + 2] - here[v + 1]) > jump else _ZERO


@kernel
def scan_levels(stack: SingleArray, jump: float) -> FloatArray:
    """Return what each slice holds, (slices, 6) in the order of `LEVELS`.

    Parameters
    ----------
    stack
        (slices, rows, columns), float32, contiguous.
    jump
        Step between neighbors along a row above which it is counted.

    `fine` is the mean of |[1 -2 1; -2 4 -2; 1 -2 1] * image| (Immerkaer 1996), NaN where a value
    is not finite; least and most are NaN where nothing is finite.
    """
    n, height, width = stack.shape
    flat = stack.reshape(n, height * width)
    size, step = height * width, np.float32(jump)
    found = np.full((n, 6), np.nan)
    lanes = np.empty((6, BLOCK), np.float32)
    for s in range(n):
        for v in range(BLOCK):
            lanes[0, v], lanes[1, v], lanes[4, v], lanes[5, v] = 0.0, 0.0, 0.0, 0.0
            lanes[2, v], lanes[3, v] = np.inf, -np.inf
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            _take_levels(flat[s, start:stop], stop - start, lanes)
        inner = width - 2
        for j in range(1, height - 1):
            above, here, below = stack[s, j - 1], stack[s, j], stack[s, j + 1]
            for start in range(0, inner, BLOCK):
                stop = min(start + BLOCK, inner)
                _take_fine(
                    above[start : stop + 2], here[start : stop + 2], below[start : stop + 2],
                    step, stop - start, lanes,
                )  # fmt: skip
        _close_levels(lanes, max(inner, 0) * max(height - 2, 0), found[s])
    return found


@inlined
def _close_levels(lanes, inner, out):
    sums = np.zeros(6)
    least, most = np.float32(np.inf), np.float32(-np.inf)
    for v in range(BLOCK):
        sums[0] += lanes[0, v]
        sums[1] += lanes[1, v]
        sums[4] += lanes[4, v]
        sums[5] += lanes[5, v]
        least, most = min(least, lanes[2, v]), max(most, lanes[3, v])
    out[0], out[1], out[5] = sums[0], sums[1], sums[5]
    if sums[0] > 0.0:
        out[2], out[3] = least, most
    if inner > 0:
        out[4] = sums[4] / inner


@inlined
def _take_counts(near, count, low, high, top, lanes):
    lanes = rows(lanes)
    nan, infinite, lows, highs = lanes[0], lanes[1], lanes[2], lanes[3]
    negative, fractional, tops = lanes[4], lanes[5], lanes[6]
    for v in range(count):
        s = near[v]
        number = _ONE if s == s else _ZERO  # noqa: PLR0124
        finite = _ONE if s - s == _ZERO else _ZERO
        nan[v] += _ONE - number
        infinite[v] += number - finite
        lows[v] += _ONE if s <= low else _ZERO
        highs[v] += _ONE if s >= high else _ZERO
        negative[v] += finite if s < _ZERO else _ZERO
        fractional[v] += finite if s != np.floor(s) else _ZERO
        tops[v] += _ONE if s == top else _ZERO


@kernel
def count_values(stack: SingleArray, low: float, high: float, top: float) -> FloatArray:
    """Return how many odd values each slice holds, (slices, 7) in the order of `COUNTS`.

    Parameters
    ----------
    stack
        (slices, rows, columns), float32, contiguous.
    low, high
        Ends of the stored range; values at or beyond them are counted, infinite ones too.
    top
        Largest value found; those equal to it are counted.
    """
    n, height, width = stack.shape
    size = height * width
    flat = stack.reshape(n, size)
    least, most, peak = np.float32(low), np.float32(high), np.float32(top)
    found = np.zeros((n, 7))
    lanes = np.empty((7, BLOCK), np.float32)
    for s in range(n):
        lanes[:, :] = 0.0
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            _take_counts(flat[s, start:stop], stop - start, least, most, peak, lanes)
        for c in range(7):
            for v in range(BLOCK):
                found[s, c] += lanes[c, v]
    return found


@kernel
def block_sums(stack: SingleArray, side: int) -> SingleArray:
    """Return mean, standard deviation, and share of exact zeros of square blocks.

    Parameters
    ----------
    stack
        (slices, rows, columns), float32, contiguous.
    side
        Voxels along the side of a block; the last row and column of blocks may be cut. Of blocks of
        4 and more every second row is read.

    Returns
    -------
    (3, slices, block rows, block columns), float32; the mean is NaN where a value is not finite.
    """
    n, height, width = stack.shape
    down, across = (height + side - 1) // side, (width + side - 1) // side
    found = np.empty((3, n, down, across), np.float32)
    stride = 2 if side >= 4 else 1
    for s in range(n):
        for r in range(down):
            first, last = r * side, min(r * side + side, height)
            for c in range(across):
                left, right = c * side, min(c * side + side, width)
                total, square, zeros = 0.0, 0.0, 0
                pivot = stack[s, first, left]
                for j in range(first, last, stride):
                    for i in range(left, right):
                        value = stack[s, j, i]
                        zeros += 1 if value == _ZERO else 0
                        away = value - pivot
                        total += away
                        square += away * away
                count = ((last - first + stride - 1) // stride) * (right - left)
                middle = total / count
                found[0, s, r, c] = pivot + middle
                found[1, s, r, c] = np.sqrt(max(square / count - middle * middle, 0.0))
                found[2, s, r, c] = zeros / count
    return found
