"""Write the results of `two_amplitudes`: estimates, errors, covariance, residual, status."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined
from qiqa.kernels.dispatch import finish, value
from qiqa.kernels.lanes import store_row, store_status
from qiqa.kernels.status import CONVERGED, EXACT, SUSPECT

__all__ = ["store_two_amplitudes"]


@inlined
def store_two_amplitudes(
    model, lanes, count, contiguous, scale, freedom, noise, floor, full, kept, least, rows, outputs
):
    """Write what stands; NaN for the rest."""
    estimates, _, _, _, status = outputs
    state, mask, found, first, second = kept[10], rows[0], rows[1], rows[2], rows[3]
    good, exact, suspect = np.float64(CONVERGED), np.float64(EXACT), np.float64(SUSPECT)
    for v in range(BLOCK):
        answer = 0.0 if state[v] == good else np.nan
        answer = 0.0 if state[v] == exact else answer
        low = suspect if least[v] < floor else state[v]
        mask[v] = answer
        state[v] = low if answer == 0.0 else state[v]
        found[v], _ = value(model, kept[0, v], scale)
        first[v], _, _, _, second[v], _, _, _ = finish(
            model, kept[0, v], kept[1, v], kept[2, v], scale
        )
    store_status(state, lanes, count, contiguous, status)
    store_row(found, mask, lanes, count, contiguous, estimates[0])
    store_row(first, mask, lanes, count, contiguous, estimates[1])
    store_row(second, mask, lanes, count, contiguous, estimates[2])
    if full:
        _store_errors(
            model, lanes, count, contiguous, scale, freedom, noise, kept, mask, rows, outputs
        )


@inlined
def _store_errors(
    model, lanes, count, contiguous, scale, freedom, noise, kept, mask, rows, outputs
):
    """Write residual, standard errors and covariance: the inverse of L D L', carried through."""
    _, errors, covariance, residual, _ = outputs
    known, per = noise * noise, 1.0 / max(freedom, 1)
    for v in range(BLOCK):
        variance = kept[3, v] * per if freedom > 0 else known
        l10, lg0, lg1 = kept[7, v], kept[8, v], kept[9, v]
        v0, v1, vtt = variance / kept[4, v], variance / kept[5, v], variance / kept[6, v]
        m = l10 * lg1 - lg0
        v1t, v0t = -lg1 * vtt, m * vtt
        v11 = v1 + lg1 * lg1 * vtt
        v01 = -l10 * v1 - lg1 * m * vtt
        v00 = v0 + l10 * l10 * v1 + m * m * vtt
        _, slope = value(model, kept[0, v], scale)
        _, p1t, p10, p11, _, p2t, p20, p21 = finish(
            model, kept[0, v], kept[1, v], kept[2, v], scale
        )
        a0, a1 = p1t * v0t + p10 * v00 + p11 * v01, p1t * v1t + p10 * v01 + p11 * v11
        b0, b1 = p2t * v0t + p20 * v00 + p21 * v01, p2t * v1t + p20 * v01 + p21 * v11
        ut, wt = p1t * vtt + p10 * v0t + p11 * v1t, p2t * vtt + p20 * v0t + p21 * v1t
        rows[1, v], rows[2, v], rows[3, v] = slope * slope * vtt, slope * ut, slope * wt
        rows[4, v] = p1t * ut + p10 * a0 + p11 * a1
        rows[5, v] = p2t * ut + p20 * a0 + p21 * a1
        rows[6, v] = p2t * wt + p20 * b0 + p21 * b1
        rows[7, v] = math.sqrt(variance) if freedom > 0 else np.nan
    store_row(rows[7], mask, lanes, count, contiguous, residual)
    if covariance.shape[1] > 0:
        for k in range(6):
            store_row(rows[1 + k], mask, lanes, count, contiguous, covariance[k])
    for v in range(BLOCK):
        rows[1, v], rows[4, v] = math.sqrt(rows[1, v]), math.sqrt(rows[4, v])
        rows[6, v] = math.sqrt(rows[6, v])
    store_row(rows[1], mask, lanes, count, contiguous, errors[0])
    store_row(rows[4], mask, lanes, count, contiguous, errors[1])
    store_row(rows[6], mask, lanes, count, contiguous, errors[2])
