"""Fit again without the points that the fit puts at the noise floor; as `amplitude_floor`."""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.status import AHEAD, CONVERGED, PENDING, SUSPECT
from qiqa.kernels.two_amplitudes_steps import accumulate, move, settle

__all__ = ["leave_floor_of_two"]

_STEPS, _FREE = 4, 2
"""From the third step on no point comes back, so that this ends."""
_PARAMETERS = 3


@inlined
def leave_floor_of_two(
    model, signed, constants, even, q, bounds, limits, least, kept, freedom, ahead, weights, factors,
    work,
):  # fmt: skip
    """Refit the voxels with points at the floor; `kept` holds t, c0, c1, state, then the shape.

    `signed` are the points with the signs that the fit gave them; `ahead` as there.
    """
    kept, work, weights = rows(kept), rows(work), rows(weights)
    t, c0, c1, state = kept[0], kept[1], kept[2], kept[3]
    trial, first, second, step, active, free, outcome, before = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7],
    )  # fmt: skip
    sums, fresh = work[8:19], work[19:28]
    used = sums[10]
    one, none, pending = np.float32(1.0), np.float32(0.0), np.float32(PENDING)
    done, suspect, later = np.float32(CONVERGED), np.float32(SUSPECT), np.float32(AHEAD)
    all_points, few = np.float32(signed.shape[0]), np.float32(_PARAMETERS)
    low, cut = np.float32(limits[2]), np.float32(limits[5])
    some = 0.0
    for v in range(BLOCK):
        near = one if least[v] < low else none
        near = near if state[v] == done else none
        active[v], outcome[v] = near, pending
        trial[v], first[v], second[v] = t[v], c0[v], c1[v]
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
            model, signed, constants, even, trial, first, second, first, second, q, True, cut,
            weights, factors, sums,
        )  # fmt: skip
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
        move(False, turn == _STEPS - 1, trial, first, second, bounds, sums, step, fresh)
    for v in range(BLOCK):
        free[v] = used[v] - few
    settle(trial, bounds, free, CONVERGED, step, fresh, outcome)
    for v in range(BLOCK):
        good = active[v] if outcome[v] == done else none
        good = good if used[v] == before[v] else none
        good = good if free[v] > none else none
        kept_state = state[v] if good > none else suspect
        state[v] = kept_state if active[v] > none else state[v]
        t[v] = trial[v] if good > none else t[v]
        c0[v] = first[v] if good > none else c0[v]
        c1[v] = second[v] if good > none else c1[v]
        freedom[v] = free[v] if good > none else freedom[v]
        active[v] = good
    for k in range(7):
        old, new = kept[4 + k], fresh[k]
        for v in range(BLOCK):
            old[v] = new[v] if active[v] > none else old[v]
