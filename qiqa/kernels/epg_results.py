"""Write the results of `epg_fit` for one voxel."""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import inlined

__all__ = ["clear", "store", "transverse"]


@inlined
def transverse(u, about):
    """Return T2 [ms] and its derivative with respect to u.

    about: echo spacing [ms], offset of u, four bounds, T1 assumed, T1 of the voxel [ms]. u is the
    logarithm of (1/T2 - 1/T1) times the spacing, plus the offset.
    """
    rate = (math.exp(u) - about[1]) / about[0] + 1.0 / about[7]
    if not rate > 0.0:
        return np.inf, np.inf
    t2 = 1.0 / rate
    return t2, -t2 * t2 * math.exp(u) / about[0]


@inlined
def clear(voxel, state, outputs):
    """Leave a voxel without an answer."""
    estimates, errors, covariance, residual, _, status = outputs
    status[voxel] = state
    for k in range(3):
        estimates[k, voxel] = np.nan
        if errors.shape[1] > 0:
            errors[k, voxel] = np.nan
    if residual.size > 0:
        residual[voxel] = np.nan
    if covariance.shape[1] > 0:
        for k in range(6):
            covariance[k, voxel] = np.nan


@inlined
def store(voxel, state, at, rss, points, known_b, shape, about, noise, full, outputs):
    """Write estimates, standard errors, residual and covariance; `shape` as in `_newton`.

    The information of (u, c, b) is inverted by parts: first that of u and b across f, then c.
    """
    estimates, errors, covariance, residual, _, status = outputs
    t2, slope = transverse(at[0], about)
    c = shape[0]
    status[voxel] = state
    estimates[0, voxel], estimates[1, voxel], estimates[2, voxel] = t2, c, at[1]
    if not full:
        return
    free = points - (2.0 if known_b else 3.0)
    variance = rss / free if free > 0.0 else noise * noise
    if known_b:
        uu, ub, bb = variance / shape[1], 0.0, 0.0
    else:
        size = shape[1] * shape[3] - shape[2] * shape[2]
        uu, ub, bb = (
            variance * shape[3] / size, -variance * shape[2] / size, variance * shape[1] / size,
        )  # fmt: skip
    lean_u, lean_b = shape[4], shape[5]
    uc, bc = -c * (lean_u * uu + lean_b * ub), -c * (lean_u * ub + lean_b * bb)
    cc = variance / shape[6] - c * (lean_u * uc + lean_b * bc)
    of_b = np.nan if known_b else 1.0  # what is given has an error that is not known here
    errors[0, voxel], errors[1, voxel] = abs(slope) * math.sqrt(uu), math.sqrt(cc)
    errors[2, voxel] = math.sqrt(bb) * of_b
    residual[voxel] = math.sqrt(variance) if free > 0.0 else np.nan
    if covariance.shape[1] > 0:
        covariance[0, voxel], covariance[1, voxel] = slope * slope * uu, slope * uc
        covariance[2, voxel], covariance[3, voxel] = slope * ub * of_b, cc
        covariance[4, voxel], covariance[5, voxel] = bc * of_b, bb * of_b
