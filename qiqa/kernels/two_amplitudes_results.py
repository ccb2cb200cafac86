"""Write the results of `two_amplitudes`: estimates, errors, covariance, residual, status."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.dispatch import finish, value
from qiqa.kernels.lanes import mark_floor, store_row, store_whole

__all__ = ["store_two_amplitudes"]

_PARAMETERS = 3


@inlined
def store_two_amplitudes(
    model, lanes, count, contiguous, scale, noise, full, judged, limits, kept, freedom, least, work,
    outputs,
):  # fmt: skip
    """Write what stands; NaN for the rest. `judged`: fits with points at the floor are marked."""
    estimates, errors, covariance, residual, used, status = outputs
    kept, work = rows(kept), rows(work)
    t, c0, c1, state, rss, d0, d1 = kept[0], kept[1], kept[2], kept[3], kept[4], kept[5], kept[6]
    dg, m10, mg0, mg1 = kept[7], kept[8], kept[9], kept[10]
    mask, found, first, second = work[0], work[1], work[2], work[3]
    e0, e1, e2, sd, points = work[4], work[5], work[6], work[7], work[8]
    both01, both02, both12 = work[9], work[10], work[11]
    mark_floor(state, least, limits[2], judged, mask)
    store_whole(state, lanes, count, contiguous, status)
    if limits[5] > 0.0:
        for v in range(BLOCK):
            points[v] = freedom[v] + np.float32(_PARAMETERS)
        store_whole(points, lanes, count, contiguous, used)
    known = np.float32(noise * noise)
    zero, none = np.float32(0.0), np.float32(np.nan)
    for v in range(BLOCK):
        here, slope = value(model, np.float64(t[v]), scale)
        p1, p1t, p10, p11, p2, p2t, p20, p21 = finish(
            model, np.float64(t[v]), np.float64(c0[v]), np.float64(c1[v]), scale
        )
        found[v], first[v], second[v] = here, p1, p2
        if full:
            # the inverse of L D L', carried through
            free = freedom[v]
            variance = rss[v] / free if free > zero else known
            l10, lg1 = m10[v], mg1[v]
            v0, v1, vtt = variance / d0[v], variance / d1[v], variance / dg[v]
            m = l10 * lg1 - mg0[v]
            v1t, v0t = -lg1 * vtt, m * vtt
            v11 = v1 + lg1 * lg1 * vtt
            v01 = -l10 * v1 - lg1 * m * vtt
            v00 = v0 + l10 * l10 * v1 + m * m * vtt
            a0, a1 = p1t * v0t + p10 * v00 + p11 * v01, p1t * v1t + p10 * v01 + p11 * v11
            b0, b1 = p2t * v0t + p20 * v00 + p21 * v01, p2t * v1t + p20 * v01 + p21 * v11
            ut, wt = p1t * vtt + p10 * v0t + p11 * v1t, p2t * vtt + p20 * v0t + p21 * v1t
            e0[v] = abs(slope) * math.sqrt(vtt)
            e1[v] = math.sqrt(p1t * ut + p10 * a0 + p11 * a1)
            e2[v] = math.sqrt(p2t * wt + p20 * b0 + p21 * b1)
            sd[v] = math.sqrt(variance) if free > zero else none
            both01[v], both02[v] = slope * ut, slope * wt
            both12[v] = p2t * ut + p20 * a0 + p21 * a1
    for k in range(3):
        store_row(work[1 + k], mask, lanes, count, contiguous, estimates[k])
    if full:
        store_row(sd, mask, lanes, count, contiguous, residual)
        for k in range(3):
            store_row(work[4 + k], mask, lanes, count, contiguous, errors[k])
    if covariance.shape[1] > 0:
        for v in range(BLOCK):
            e0[v], e1[v], e2[v] = e0[v] * e0[v], e1[v] * e1[v], e2[v] * e2[v]
        triangle = (e0, both01, both02, e1, both12, e2)
        for k in range(6):
            store_row(triangle[k], mask, lanes, count, contiguous, covariance[k])
