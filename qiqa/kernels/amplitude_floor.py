"""Fit again without the points that the fit puts at the noise floor.

Here the many voxels where that ends at once; what does not settle, or keeps too few points, stays
SUSPECT and is fitted by `fitting.careful` from the grid on.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.amplitude_steps import accumulate, move, settle
from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.floor import STEPS, accept, begin_step, look_for, low_signal
from qiqa.kernels.lanes import take_where
from qiqa.kernels.status import CONVERGED

__all__ = ["leave_floor"]


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
    shape, work = rows(shape), rows(work)
    trial, amplitude, step, active = work[0], work[1], work[2], work[3]
    free, outcome, before, sums, fresh = work[4], work[5], work[6], work[7:14], work[14:19]
    used, cut = sums[6], np.float32(limits[5])
    if not low_signal(state, least, limits[2], active, outcome):
        return
    for v in range(BLOCK):
        trial[v], amplitude[v] = t[v], c[v]
    for turn in range(STEPS):
        begin_step(turn, used, before, weights)
        accumulate(
            model, y, constants, even, trial, amplitude, q, True, cut, weights, factors, sums
        )
        if turn == 0 and not look_for(used, y.shape[0], ahead, active, state):
            return
        move(trial, amplitude, bounds, sums, step, fresh)
    for v in range(BLOCK):
        free[v] = used[v] - np.float32(2.0)
    settle(trial, bounds, free, CONVERGED, step, fresh, outcome)
    accept(outcome, used, before, free, active, state)
    take_where(active, (t, c, freedom), (trial, amplitude, free))
    take_where(active, shape[:4], fresh[:4])
