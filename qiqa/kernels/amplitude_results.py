"""Write the results of `amplitude`: estimates, errors, covariance, residual, status."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.dispatch import value
from qiqa.kernels.lanes import mark_floor, store_row, store_whole

__all__ = ["store_amplitude"]


@inlined
def store_amplitude(
    model, lanes, count, contiguous, scale, noise, full, judged, lanes_of, limits, work, outputs
):
    """Write what stands; NaN for the rest. `judged`: fits with points at the floor are marked."""
    t, c, state, freedom, shape, least = lanes_of
    shape, work = rows(shape), rows(work)
    rss, info, norm, lean = shape[0], shape[1], shape[2], shape[3]
    estimates, errors, covariance, residual, used, status = outputs
    mask, found, slope, per_t, per_c, sd = work[0], work[1], work[2], work[3], work[4], work[5]
    zero, none = np.float32(0.0), np.float32(np.nan)
    mark_floor(state, least, limits[2], judged, mask)
    for v in range(BLOCK):
        here, rise = value(model, np.float64(t[v]), scale)
        found[v], slope[v] = here, rise
    store_whole(state, lanes, count, contiguous, status)
    store_row(found, mask, lanes, count, contiguous, estimates[0])
    store_row(c, mask, lanes, count, contiguous, estimates[1])
    if limits[5] > 0.0:
        for v in range(BLOCK):
            work[7, v] = freedom[v] + np.float32(2.0)
        store_whole(work[7], lanes, count, contiguous, used)
    if not full:
        return
    known = np.float32(noise * noise)
    for v in range(BLOCK):
        free = freedom[v]
        variance = rss[v] / free if free > zero else known
        # inverse of the information of (ln t, c): [c c gg, c fg; c fg, ff]
        per_t[v] = variance / info[v]
        per_c[v] = variance / norm[v] + per_t[v] * c[v] * c[v] * lean[v] * lean[v]
        sd[v] = math.sqrt(variance) if free > zero else none
        work[6, v], work[7, v] = abs(slope[v]) * math.sqrt(per_t[v]), math.sqrt(per_c[v])
    store_row(sd, mask, lanes, count, contiguous, residual)
    store_row(work[6], mask, lanes, count, contiguous, errors[0])
    store_row(work[7], mask, lanes, count, contiguous, errors[1])
    if covariance.shape[1] > 0:
        for v in range(BLOCK):
            work[6, v] = -slope[v] * per_t[v] * c[v] * lean[v]
            per_t[v] *= slope[v] * slope[v]
        store_row(per_t, mask, lanes, count, contiguous, covariance[0])
        store_row(work[6], mask, lanes, count, contiguous, covariance[1])
        store_row(per_c, mask, lanes, count, contiguous, covariance[2])
