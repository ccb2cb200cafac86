"""Echo trains of many voxels from the table: a thousand times faster than the exact ones."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import kernel
from qiqa.kernels.epg_table import evaluate

__all__ = ["predict_trains"]


@kernel
def predict_trains(model, coefficients, axes, ends, bounds, echoes, t2, b1, t1, trains):
    """Write trains (n, voxels) of amplitude 1 for T2 [ms] and B1 (voxels,), NaN where unknown.

    T1 [ms], one or one a voxel, or empty: assumed. The other parameters are those of
    `epg_fit.fit_trains`.
    """
    n = trains.shape[0]
    decay, weights, rows = np.empty(n), np.empty((6, 4)), np.empty((4, n))
    for v in range(t2.size):
        along = bounds[6]
        if t1.size:
            along = np.float64(t1[v if t1.size > 1 else 0])
        if not (t2[v] > 0.0 and b1[v] > 0.0 and along > 0.0):
            trains[:, v] = np.nan
            continue
        across = max((1.0 / t2[v] - 1.0 / along) * bounds[0] + bounds[1], 1e-30)
        u = min(max(math.log(across), ends[0]), ends[1])
        b = min(max(b1[v], ends[2]), ends[3])
        for i in range(n):
            decay[i] = math.exp(-echoes[i] * bounds[0] / along)
        evaluate(coefficients, u, b, axes, decay, weights, rows)
        for i in range(n):
            trains[i, v] = rows[0, i]
