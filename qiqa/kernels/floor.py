"""Which voxels have points at the noise floor, and which of those are settled without them.

What both engines of variable projection share; `active` is 1 or 0.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.status import AHEAD, CONVERGED, PENDING, SUSPECT

__all__ = ["STEPS", "accept", "begin_step", "look_for", "low_signal"]

STEPS, _FREE = 4, 2
"""Steps on the points that are left. From the third on no point comes back, so that this ends."""


@inlined
def low_signal(state, least, low, active, outcome):
    """Choose the fitted voxels with a magnitude below `low`; return whether there is any."""
    one, none, low = np.float32(1.0), np.float32(0.0), np.float32(low)
    done, pending, some = np.float32(CONVERGED), np.float32(PENDING), np.float32(0.0)
    for v in range(BLOCK):
        near = one if least[v] < low else none
        near = near if state[v] == done else none
        active[v], outcome[v] = near, pending
        some = max(some, near)
    return some > none


@inlined
def begin_step(turn, used, before, weights):
    """Remember how many points the step before used; let all points come back while they may."""
    for v in range(BLOCK):
        before[v] = used[v]
    if turn < _FREE:
        for row in rows(weights):
            for v in range(BLOCK):
                row[v] = 1.0


@inlined
def look_for(used, n, ahead, active, state):
    """Choose those that lost a point at the first step; return whether to go on with them.

    `ahead`: they are only marked.
    """
    none, every, later = np.float32(0.0), np.float32(n), np.float32(AHEAD)
    some = np.float32(0.0)
    for v in range(BLOCK):
        near = active[v] if used[v] < every else none
        active[v] = near
        some = max(some, near)
    if ahead:
        for v in range(BLOCK):
            state[v] = later if active[v] > none else state[v]
    return some > none and not ahead


@inlined
def accept(outcome, used, before, free, active, state):
    """Choose those that have settled on points that stay the same; the others become suspect."""
    one, none = np.float32(1.0), np.float32(0.0)
    done, suspect = np.float32(CONVERGED), np.float32(SUSPECT)
    for v in range(BLOCK):
        good = one if outcome[v] == done else none
        good = good if used[v] == before[v] else none
        good = good if free[v] > none else none
        kept = state[v] if good > none else suspect
        state[v] = kept if active[v] > none else state[v]
        active[v] = good if active[v] > none else none
