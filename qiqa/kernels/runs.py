"""Counts of neighboring scores that lie alike: the loops behind runs rules."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import inlined, kernel

__all__ = ["ALTERNATING", "EITHER_SIDE", "ONE_SIDE", "STEADY", "runs"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]

ONE_SIDE = 0
"""Scores between low and high SDs from 0 on the same side."""
EITHER_SIDE = 1
"""Scores between low and high SDs from 0 on any side."""
STEADY = 2
"""Scores each above, or each below, the one before."""
ALTERNATING = 3
"""Scores up and down in turn."""


@inlined
def _bits(bits, m):
    """Return how many of the last m points counted."""
    count = 0
    for age in range(m):
        count += (bits >> age) & 1
    return count


@inlined
def _oldest(bits, m):
    """Return the age of the oldest of the last m points that counted."""
    oldest = 0
    for age in range(m):
        if (bits >> age) & 1:
            oldest = age
    return oldest


@inlined
def _length(before, same):
    """Return the length of a run after one more point that goes on with it or begins anew."""
    return before + 1 if same else 1


@kernel
def runs(
    score: FloatArray,
    kinds: Places,
    needed: Places,
    window: Places,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, Places, Places, Places, Places]:
    """Return what k tests count along scores (n,), and where one has all that it needs.

    Test j signals when `needed[j]` of the last `window[j]` (at most 62) scores lie alike, as
    `kinds[j]` says. NaN scores are skipped. After a signal all tests count anew.

    Parameters
    ----------
    score
        Normal scores (n,).
    kinds, needed, window
        (k,); of steady and alternating runs only `needed` is used.
    low, high
        (k,) zones in SDs from 0, ends not included.

    Returns
    -------
    tuple
        counts (k, n), negative below 0 or falling, NaN where skipped; signals (s,), their
        directions, the first exam counted, and which test it was (the first one that signals).
    """
    n, k = score.size, kinds.size
    counts = np.full((k, n), np.nan)
    signals, directions = np.empty(n, np.int64), np.empty(n, np.int64)
    since, which = np.empty(n, np.int64), np.empty(n, np.int64)
    above, below = np.zeros(k, np.int64), np.zeros(k, np.int64)
    seen = np.empty(n, np.int64)
    found, fresh = 0, 0
    rising, falling, turns = 0, 0, 0
    z_before, rise_before = 0.0, 0.0
    for i in range(n):
        z = score[i]
        if math.isnan(z):
            continue
        seen[fresh] = i
        fresh += 1
        rise = z - z_before if fresh > 1 else 0.0
        rising = _length(rising, rise > 0.0)
        falling = _length(falling, rise < 0.0)
        turns = turns + 1 if rise * rise_before < 0.0 else (2 if rise != 0.0 else 1)
        z_before, rise_before = z, rise
        hit = -1
        for j in range(k):
            kind = kinds[j]
            if kind == STEADY:
                count, oldest = max(rising, falling), max(rising, falling) - 1
                sign = 1 if rising > falling else (-1 if falling > rising else 0)
            elif kind == ALTERNATING:
                count, oldest, sign = turns, turns - 1, 0
            else:
                distance = abs(z)
                inside = low[j] < distance < high[j]
                up = inside and (z > 0.0 or kind == EITHER_SIDE)
                down = inside and z < 0.0 and kind == ONE_SIDE
                above[j] = (above[j] << 1) | (1 if up else 0)
                below[j] = (below[j] << 1) | (1 if down else 0)
                n_above, n_below = _bits(above[j], window[j]), _bits(below[j], window[j])
                count = max(n_above, n_below)
                oldest = _oldest(above[j] if n_above >= n_below else below[j], window[j])
                sign = 0 if kind == EITHER_SIDE else (1 if n_above >= n_below else -1)
            counts[j, i] = -count if sign < 0 else count
            if hit < 0 and count >= needed[j]:
                hit = j
                signals[found], directions[found], which[found] = i, sign, j
                since[found] = seen[fresh - 1 - oldest]
        if hit >= 0:
            found += 1
            above[:], below[:] = 0, 0
            fresh, rising, falling, turns, rise_before = 0, 0, 0, 0, 0.0
    return counts, signals[:found], directions[:found], since[:found], which[:found]
