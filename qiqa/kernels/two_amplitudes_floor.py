"""Fit again without the points that the fit puts at the noise floor; as `amplitude_floor`."""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.floor import STEPS, accept, begin_step, look_for, low_signal
from qiqa.kernels.lanes import take_where
from qiqa.kernels.status import CONVERGED
from qiqa.kernels.two_amplitudes_steps import SINGULAR_IN_SINGLE, accumulate, move, settle

__all__ = ["leave_floor_of_two"]


@inlined
def leave_floor_of_two(
    model, signed, constants, even, q, bounds, limits, least, kept, freedom, ahead, weights,
    factors, work,
):  # fmt: skip
    """Refit the voxels with points at the floor; `kept` holds t, c0, c1, state, rss, the shape.

    `signed` are the points with the signs that the fit gave them; `ahead` as there.
    """
    kept, work = rows(kept), rows(work)
    t, c0, c1, state = kept[0], kept[1], kept[2], kept[3]
    trial, first, second, step, active = work[0], work[1], work[2], work[3:5], work[5]
    free, outcome, before, sums, fresh = work[6], work[7], work[8], work[9:20], work[20:29]
    rss, shape = fresh[0], fresh[1:]
    used, cut = sums[10], np.float32(limits[5])
    if not low_signal(state, least, limits[2], active, outcome):
        return
    for v in range(BLOCK):
        trial[v], first[v], second[v] = t[v], c0[v], c1[v]
    for turn in range(STEPS):
        begin_step(turn, used, before, weights)
        accumulate(
            model, signed, constants, even, trial, first, second, first, second, q, True, cut,
            weights, factors, sums,
        )  # fmt: skip
        if turn == 0 and not look_for(used, signed.shape[0], ahead, active, state):
            return
        move(
            False, turn == STEPS - 1, SINGULAR_IN_SINGLE, trial, first, second, bounds, sums, step,
            rss, shape,
        )  # fmt: skip
    for v in range(BLOCK):
        free[v] = used[v] - np.float32(3.0)
    settle(trial, bounds, free, CONVERGED, step, rss, shape, outcome)
    accept(outcome, used, before, free, active, state)
    take_where(active, (t, c0, c1, freedom), (trial, first, second, free))
    take_where(active, kept[4:11], fresh[:7])
