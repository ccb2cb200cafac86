"""Fit again without the points that the fit puts at the noise floor.

Here the many voxels where that ends at once; what does not settle, or keeps too few points, stays
SUSPECT and is fitted by `fitting.careful` from the grid on.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.amplitude_steps import accumulate, move, settle
from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.status import AHEAD, CONVERGED, PENDING, SUSPECT

__all__ = ["leave_floor"]

_STEPS, _FREE = 4, 2
"""From the third step on no point comes back, so that this ends."""


@inlined
def leave_floor(
    model, y, constants, even, q, bounds, limits, least, found, ahead, weights, factors, work
):
    """Refit the voxels with points at the floor; `found` holds (t, c, state, freedom, shape).

    The points are judged anew at every step, by the fit as it stands: where the last step is short
    and leaves out as many as the one before, they are those that the fit puts below the cut. Voxels
    without such points keep what they have. `ahead`: only say which voxels have such points.
    """
    t, c, state, freedom, shape = found
    shape, work, weights = rows(shape), rows(work), rows(weights)
    trial, amplitude, step, active, free, outcome, before = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6],
    )  # fmt: skip
    sums, fresh = work[7:14], work[14:19]
    used = sums[6]
    one, none, pending = np.float32(1.0), np.float32(0.0), np.float32(PENDING)
    done, suspect, later = np.float32(CONVERGED), np.float32(SUSPECT), np.float32(AHEAD)
    all_points = np.float32(y.shape[0])
    low, cut = np.float32(limits[2]), np.float32(limits[5])
    some = 0.0
    for v in range(BLOCK):
        near = one if least[v] < low else none
        near = near if state[v] == done else none
        active[v], outcome[v] = near, pending
        trial[v], amplitude[v] = t[v], c[v]
        some = max(some, near)
    if some == 0.0:
        return
    for turn in range(_STEPS):
        for v in range(BLOCK):
            before[v] = used[v]
        if turn < _FREE:
            for row in weights:
                for v in range(BLOCK):
                    row[v] = one
        accumulate(
            model, y, constants, even, trial, amplitude, q, True, cut, weights, factors, sums
        )
        if turn == 0:
            some = 0.0
            for v in range(BLOCK):
                near = active[v] if used[v] < all_points else none
                active[v] = near
                some = max(some, near)
            if ahead:
                for v in range(BLOCK):
                    state[v] = later if active[v] > none else state[v]
            if ahead or some == 0.0:
                return
        move(trial, amplitude, bounds, sums, step, fresh)
    for v in range(BLOCK):
        free[v] = used[v] - np.float32(2.0)
    settle(trial, bounds, free, CONVERGED, step, fresh, outcome)
    for v in range(BLOCK):
        good = active[v] if outcome[v] == done else none
        good = good if used[v] == before[v] else none
        good = good if free[v] > none else none
        kept = state[v] if good > none else suspect
        state[v] = kept if active[v] > none else state[v]
        t[v] = trial[v] if good > none else t[v]
        c[v] = amplitude[v] if good > none else c[v]
        freedom[v] = free[v] if good > none else freedom[v]
        active[v] = good
    for k in range(4):
        old, new = shape[k], fresh[k]
        for v in range(BLOCK):
            old[v] = new[v] if active[v] > none else old[v]
