"""Voxels side by side: bring a block of them into a buffer, say which cannot be fitted as is."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.status import (
    AHEAD,
    AT_BOUND,
    CONVERGED,
    EXACT,
    NOISE_FLOOR,
    NOT_CONVERGED,
    PENDING,
    SET_ASIDE,
    SUSPECT,
)

__all__ = [
    "LONGEST_STEP",
    "all_wanted",
    "begin_passage",
    "count_left",
    "damped",
    "end_of_patience",
    "fetch_constant",
    "load_block",
    "mark_floor",
    "next_block",
    "pad",
    "store_row",
    "store_whole",
    "take_where",
]


LONGEST_STEP = 0.5
"""Of ln t."""
_WORDS = BLOCK // 8
_SPREAD = 0x0101010101010101


@inlined
def all_wanted(status, wanted, position):
    """Return whether the status of a whole block from `position` on is `wanted`."""
    # eight voxels a word
    words = status[position : position + BLOCK].view(np.uint64)
    pattern, other = np.uint64(wanted * _SPREAD), np.uint64(0)
    for k in range(_WORDS):
        other |= words[k] ^ pattern
    return other == np.uint64(0)


@inlined
def next_block(status, wanted, position, stop, lanes):
    """Collect the next voxels whose status is `wanted`.

    Return how many, whether they lie side by side, and where to go on. Of a whole block only the
    first and the last are written to `lanes`: the others lie between.
    """
    count = 0
    if position + BLOCK <= stop and all_wanted(status, wanted, position):
        lanes[0], lanes[BLOCK - 1] = position, position + BLOCK - 1
        return BLOCK, True, position + BLOCK
    while position < stop and count < BLOCK:
        if status[position] == wanted:
            lanes[count] = position
            count += 1
        position += 1
    for v in range(count, BLOCK):
        lanes[v] = -1
    return count, count > 0 and lanes[count - 1] - lanes[0] == count - 1, position


@inlined
def begin_passage(passage, span, limits, left):
    """Return whether to be careful, the status wanted, whether to judge the floor, where to begin.

    The passages: all voxels; those with points at the floor, side by side; those that have not
    settled. `left` says how many voxels a passage has, and is set to 0.
    """
    careful = passage == 2
    wanted = AHEAD if passage == 1 else PENDING
    position = span[0] if left[passage] else span[1]
    left[passage] = 0
    return careful, wanted, limits[5] > 0.0 and not careful, position


@inlined
def _count(state, count, wanted):
    """Return how many of `count` voxels are in a state."""
    found, here = 0, np.float32(wanted)
    for v in range(count):
        found += 1 if state[v] == here else 0
    return found


@inlined
def count_left(state, count, left):
    """Count the voxels of a block that later passages are to fit."""
    left[1] += _count(state, count, AHEAD)
    left[2] += _count(state, count, PENDING)


@inlined
def _check(s, low, high):
    """Return a signal, or 0 where it is not good, and whether it is, 1 or 0.

    Numbers instead of truth values: these the compiler would not keep in vectors.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    kept = s if s >= low else zero
    kept = kept if s <= high else zero
    good = one if s >= low else zero
    return kept, good if s <= high else zero


@inlined
def _copy(signal, order, lanes, count, contiguous, y):
    """Copy `count` voxels into y; lanes beyond get a signal of zero."""
    y = rows(y)
    for i in range(order.size):
        row, source = y[i], signal[order[i]]
        if contiguous and count == BLOCK:
            near = source[lanes[0] : lanes[0] + BLOCK]
            for v in range(BLOCK):
                row[v] = near[v]
        else:
            for v in range(count):
                row[v] = source[lanes[v]]
            for v in range(count, BLOCK):
                row[v] = np.float32(0.0)


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
    silent, zero = np.float32(limits[4]), np.float32(0.0)
    y, n, n4 = rows(y), order.size, order.size // 4 * 4
    for v in range(BLOCK):
        state[v], least[v], most[v] = 1.0, np.inf, 0.0
    _copy(signal, order, lanes, count, contiguous, y)
    for i in range(0, n4, 4):
        y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
        for v in range(BLOCK):
            s0, g0 = _check(y0[v], low, high)
            s1, g1 = _check(y1[v], low, high)
            s2, g2 = _check(y2[v], low, high)
            s3, g3 = _check(y3[v], low, high)
            y0[v], y1[v], y2[v], y3[v] = s0, s1, s2, s3
            s0, s1, s2, s3 = abs(s0), abs(s1), abs(s2), abs(s3)
            state[v] = min(state[v], g0, g1, g2, g3)
            least[v] = min(least[v], s0, s1, s2, s3)
            most[v] = max(most[v], s0, s1, s2, s3)
    for i in range(n4, n):
        row = y[i]
        for v in range(BLOCK):
            s, good = _check(row[v], low, high)
            row[v] = s
            state[v] = min(state[v], good)
            least[v] = min(least[v], abs(s))
            most[v] = max(most[v], abs(s))
    if variance > zero:
        for i in range(n):
            row = y[i]
            for v in range(BLOCK):
                row[v] = math.sqrt(max(row[v] * row[v] - variance, zero))
    pending, aside, quiet = np.float32(PENDING), np.float32(SET_ASIDE), np.float32(NOISE_FLOOR)
    for v in range(BLOCK):
        heard = quiet if most[v] < silent else pending
        state[v] = heard if state[v] > zero else aside


@inlined
def fetch_constant(extra, lanes, count, contiguous, q, state):
    """Fetch the constant of each voxel; set aside where there is none."""
    for v in range(count):
        q[v] = extra[lanes[0] + v] if contiguous else extra[lanes[v]]
        if not (q[v] > 0.0 and q[v] < np.inf):
            q[v], state[v] = 1.0, SET_ASIDE


@inlined
def pad(n):
    """Return how many rows a block of n measurements takes in a search."""
    return (n + 3) // 4 * 4


@inlined
def mark_floor(state, least, floor, judged, mask):
    """Mark fits with a point below `floor` as suspect; mask becomes 0, or NaN without an answer.

    `judged`: those of more points than parameters have been looked at.
    """
    good, exact, suspect = np.float32(CONVERGED), np.float32(EXACT), np.float32(SUSPECT)
    zero, none, low = np.float32(0.0), np.float32(np.nan), np.float32(floor)
    for v in range(BLOCK):
        now = state[v]
        answer = zero if now == good else none
        answer = zero if now == exact else answer
        mask[v] = zero if now == suspect else answer
        marked = suspect if least[v] < low else now
        open_still = now if judged else marked
        left = open_still if now == good else now
        state[v] = marked if now == exact else left


@inlined
def take_where(chosen, old, new):
    """Replace rows by others in the voxels that are chosen, 1 or 0."""
    none = np.float32(0.0)
    for k in range(len(old)):
        kept, fresh = old[k], new[k]
        for v in range(BLOCK):
            kept[v] = fresh[v] if chosen[v] > none else kept[v]


@inlined
def damped(v, left, step, lowest, last):
    """Return the step of one voxel, or half of the last one back if that made things worse.

    `left` is the residual sum of squares at the present t, `lowest` and `last` its lowest value and
    the step made last, which are brought up to date.
    """
    if left > lowest[v]:
        back = -0.5 * last[v]
        last[v] = -back
        return back
    lowest[v] = left
    last[v] = min(max(step, -LONGEST_STEP), LONGEST_STEP)
    return last[v]


@inlined
def end_of_patience(state, t, bounds):
    """Say how a fit ended that has not settled in all the steps it was given."""
    for v in range(BLOCK):
        if state[v] == PENDING:
            # creeping on beyond what the points can tell: the optimum is at infinity
            away = t[v] <= max(bounds[0], bounds[4]) or t[v] >= min(bounds[1], bounds[5])
            state[v] = AT_BOUND if away else NOT_CONVERGED


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
def store_whole(row, lanes, count, contiguous, out):
    """Write whole numbers that were floating point, to stay in vectors, as what they are."""
    if contiguous and count == BLOCK:
        near = out[lanes[0] : lanes[0] + BLOCK]
        for v in range(BLOCK):
            near[v] = np.int32(row[v])
    else:
        for v in range(count):
            out[lanes[v]] = np.int32(row[v])
