"""Loops over one small image: averages, smoothing, background, pieces, ranks, extremes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = [
    "averaged_plane",
    "background",
    "extremes",
    "largest_piece",
    "piece_boxes",
    "ranked",
    "smoothed",
    "steps_of",
]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
CountArray = NDArray[np.int32] | NDArray[np.uint16]

_DIGIT = 11
"""Bits that are sorted at a time; three times make 32."""
_BETWEEN = 0.1
_MINUS = np.uint32(1 << 31)


@kernel
def averaged_plane(
    volume: SingleArray, axis: int, first: int, weights: FloatArray, side: int
) -> FloatArray:
    """Return a weighted mean of planes side by side, averaged over square blocks.

    Parameters
    ----------
    volume
        (slices, rows, columns), float32, contiguous, finite.
    axis
        That the planes stand on: 0 gives (rows, columns), 1 (slices, columns), 2 (slices, rows).
    first, weights
        The first of the planes, and the weight of each.
    side
        Of a block; rows and columns that make no whole block are left out.
    """
    slices, rows, columns = volume.shape
    down = rows if axis == 0 else slices
    across = rows if axis == 2 else columns
    down, across = down // side, across // side
    found = np.zeros((down, across))
    for t in range(weights.size):
        weight, at = weights[t], first + t
        for r in range(down * side):
            out = found[r // side]
            for c in range(across):
                total = 0.0
                for i in range(c * side, c * side + side):
                    if axis == 0:
                        total += volume[at, r, i]
                    elif axis == 1:
                        total += volume[r, at, i]
                    else:
                        total += volume[r, i, at]
                out[c] += weight * total
    scale = 1.0 / (weights.sum() * side * side)
    for r in range(down):
        for c in range(across):
            found[r, c] *= scale
    return found


@kernel
def smoothed(image: FloatArray, half: FloatArray) -> FloatArray:
    """Return an image smoothed along both axes; beyond the border it goes on with its last value.

    Parameters
    ----------
    image
        (rows, columns), contiguous.
    half
        Weights of the middle and of the neighbors to one side; the other side has the same.
    """
    rows, columns = image.shape
    reach = half.size - 1
    down = np.empty((rows, columns))
    for r in range(rows):
        for c in range(columns):
            down[r, c] = half[0] * image[r, c]
        for t in range(1, reach + 1):
            above, below, weight = max(r - t, 0), min(r + t, rows - 1), half[t]
            for c in range(columns):
                down[r, c] += weight * (image[above, c] + image[below, c])
    found = np.empty((rows, columns))
    wide = np.empty(columns + 2 * reach)
    for r in range(rows):
        wide[:reach] = down[r, 0]
        wide[reach : reach + columns] = down[r]
        wide[reach + columns :] = down[r, columns - 1]
        for c in range(columns):
            found[r, c] = half[0] * wide[reach + c]
        for t in range(1, reach + 1):
            weight = half[t]
            for c in range(columns):
                found[r, c] += weight * (wide[reach + c - t] + wide[reach + c + t])
    return found


@kernel
def background(image: FloatArray, middle: float, near: float) -> BoolArray:
    """Return what is within `near` of `middle` and connected so with the border, side by side.

    Parameters
    ----------
    image
        (rows, columns).
    """
    rows, columns = image.shape
    found = np.zeros((rows, columns), np.bool_)
    stack = np.empty(rows * columns, np.intp)
    count = 0
    for r in range(rows):
        step = 1 if r in (0, rows - 1) else max(columns - 1, 1)
        for c in range(0, columns, step):
            if not found[r, c] and abs(image[r, c] - middle) <= near:
                found[r, c] = True
                stack[count] = r * columns + c
                count += 1
    while count:
        count -= 1
        r, c = stack[count] // columns, stack[count] % columns
        for side in range(4):
            y = r + (-1, 1, 0, 0)[side]
            x = c + (0, 0, -1, 1)[side]
            known = not (0 <= y < rows and 0 <= x < columns) or found[y, x]
            if not known and abs(image[y, x] - middle) <= near:
                found[y, x] = True
                stack[count] = y * columns + x
                count += 1
    return found


@kernel
def largest_piece(mask: BoolArray) -> BoolArray:
    """Return the largest connected piece of a mask (side by side), the first of equals; or nothing.

    Parameters
    ----------
    mask
        (rows, columns).
    """
    rows, columns = mask.shape
    names = np.zeros((rows, columns), np.int32)
    stack = np.empty(rows * columns, np.intp)
    name, best, most = 0, 0, 0
    for start in range(rows * columns):
        if not mask[start // columns, start % columns] or names[start // columns, start % columns]:
            continue
        name += 1
        names[start // columns, start % columns] = name
        stack[0], count, size = start, 1, 0
        while count:
            count -= 1
            size += 1
            r, c = stack[count] // columns, stack[count] % columns
            for side in range(4):
                y = r + (-1, 1, 0, 0)[side]
                x = c + (0, 0, -1, 1)[side]
                if 0 <= y < rows and 0 <= x < columns and mask[y, x] and not names[y, x]:
                    names[y, x] = name
                    stack[count] = y * columns + x
                    count += 1
        if size > most:
            best, most = name, size
    found = np.zeros((rows, columns), np.bool_)
    for r in range(rows):
        for c in range(columns):
            found[r, c] = mask[r, c] and names[r, c] == best
    return found


@kernel
def piece_boxes(names: NDArray[np.int32], count: int) -> tuple[FloatArray, FloatArray]:
    """Return the box around each piece and how many pixels it has.

    Parameters
    ----------
    names
        (rows, columns), 1 to `count` in the pieces, each of which is there; 0 elsewhere.
    count
        Pieces.

    Returns
    -------
    boxes, area
        (count, 4) first row, row behind the last, first column, column behind the last; (count,).
    """
    rows, columns = names.shape
    boxes, area = np.empty((count, 4)), np.zeros(count)
    for r in range(rows):
        for c in range(columns):
            which = names[r, c] - 1
            if which < 0:
                continue
            if area[which] == 0:
                boxes[which, 0], boxes[which, 2], boxes[which, 3] = r, c, c + 1
            boxes[which, 1] = r + 1
            boxes[which, 2], boxes[which, 3] = min(boxes[which, 2], c), max(boxes[which, 3], c + 1)
            area[which] += 1
    return boxes, area


@kernel
def ranked(image: FloatArray, inside: BoolArray, r0: int, r1: int, c0: int, c1: int) -> FloatArray:
    """Return the ranks of the values inside a window, from -1 to 1; 0 elsewhere.

    Equal values share their middle rank; values are equal where they are as single floats.

    Parameters
    ----------
    image, inside
        (rows, columns).
    r0, r1, c0, c1
        The window, last row and column not included.
    """
    rows, columns = image.shape
    found = np.zeros((rows, columns))
    size = (r1 - r0) * (c1 - c0)
    value, place = np.empty(size, np.float32), np.empty(size, np.intp)
    n = 0
    for r in range(r0, r1):
        for c in range(c0, c1):
            if inside[r, c]:
                value[n] = image[r, c]
                place[n] = r * columns + c
                n += 1
    key, order = value[:n].view(np.uint32).copy(), place[:n].copy()
    for i in range(n):  # bits that sort as the numbers do; one zero only
        if key[i] == _MINUS:
            key[i] = 0
        key[i] ^= np.uint32(0xFFFFFFFF) if key[i] & _MINUS else _MINUS
    other, others = np.empty(n, np.uint32), np.empty(n, np.intp)
    for turn in range(3):
        shift, low = np.uint32(turn * _DIGIT), np.uint32((1 << _DIGIT) - 1)
        starts = np.zeros((1 << _DIGIT) + 1, np.intp)
        for i in range(n):
            starts[((key[i] >> shift) & low) + 1] += 1
        for b in range(1 << _DIGIT):
            starts[b + 1] += starts[b]
        for i in range(n):
            b = (key[i] >> shift) & low
            other[starts[b]], others[starts[b]] = key[i], order[i]
            starts[b] += 1
        key, other, order, others = other, key, others, order
    first = 0
    for i in range(1, n + 1):
        if i == n or key[i] != key[first]:
            # ranks first + 1 ... i share their middle
            rank = (first + i) / n - 1.0
            for t in range(first, i):
                found[order[t] // columns, order[t] % columns] = rank
            first = i
    return found


@kernel
def extremes(response: FloatArray) -> IntArray:
    """Return the places (m, 3) of values above zero that no neighbor in three axes exceeds.

    Parameters
    ----------
    response
        (scales, rows, columns); the first and last of each axis are no place.
    """
    scales, rows, columns = response.shape
    found = np.empty((max(scales * rows * columns // 8, 1), 3), np.intp)
    count = 0
    for s in range(1, scales - 1):
        for r in range(1, rows - 1):
            for c in range(1, columns - 1):
                value = response[s, r, c]
                # neighbors in a row are the likeliest to be larger
                if value <= 0 or value < response[s, r, c - 1] or value < response[s, r, c + 1]:
                    continue
                highest = True
                for a in range(s - 1, s + 2):
                    for b in range(r - 1, r + 2):
                        for d in range(c - 1, c + 2):
                            if response[a, b, d] > value:
                                highest = False
                if highest and count < found.shape[0]:
                    found[count, 0], found[count, 1], found[count, 2] = s, r, c
                    count += 1
    return found[:count]


@kernel
def steps_of(image: SingleArray, least: float, step: float, counts: CountArray) -> int:
    """Count values in steps from the least one; return how many lie between steps.

    Parameters
    ----------
    image
        (m,), float32, finite.
    least, step
        Where counting begins, and how far apart steps are.
    counts
        (m,), filled: the nearest whole number of steps; its type must hold the largest.

    Returns
    -------
    int
        Values that are a tenth of a step or more away from a whole one.
    """
    between = 0
    for i in range(image.size):
        count = (np.float64(image[i]) - least) / step
        nearest = np.rint(count)
        counts[i] = np.int32(nearest)
        between += 1 if abs(count - nearest) >= _BETWEEN else 0
    return between
