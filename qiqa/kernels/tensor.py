"""Fit ln s = ln s0 - b g' D g, the six elements of a symmetric tensor, by reweighted least squares.

The first line is unweighted; its fitted signal, squared, weights the second, and that of the second
the third. Weights from the measured signal would follow its noise and bias the diffusivity (Veraart
et al. 2013, doi 10.1016/j.neuroimage.2013.05.028).
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import inlined, kernel
from qiqa.kernels.status import CONVERGED, EXACT, NOISE_FLOOR, PENDING, SET_ASIDE, SINGULAR, SUSPECT

__all__ = ["fit_tensor"]

_NEARLY_SINGULAR = 1e-10
_REWEIGHTED = 2
_ELEMENTS = 7
"""Dxx, Dyy, Dzz, Dxy, Dxz, Dyz, ln s0."""


@inlined
def _factor(a, n):
    """Replace the lower triangle of a by its Cholesky factor; False where it is singular."""
    for j in range(n):
        whole = a[j, j]
        for k in range(j):
            a[j, j] -= a[j, k] * a[j, k]
        if not a[j, j] > _NEARLY_SINGULAR * whole:
            return False
        a[j, j] = math.sqrt(a[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
    return True


@inlined
def _forward(a, x, n):
    """Solve L z = x in place."""
    for i in range(n):
        for k in range(i):
            x[i] -= a[i, k] * x[k]
        x[i] /= a[i, i]


@inlined
def _backward(a, x, n):
    """Solve L' z = x in place."""
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= a[k, i] * x[k]
        x[i] /= a[i, i]


@inlined
def _variance(a, gradient, work, n):
    """Return gradient' (L L')^-1 gradient."""
    for i in range(n):
        work[i] = gradient[i]
    _forward(a, work, n)
    total = 0.0
    for i in range(n):
        total += work[i] * work[i]
    return total


@inlined
def _logarithms(signal, order, v, low, high, logs, weights):
    """Take logarithms of one voxel, weights of 1; return the smallest signal and the largest.

    The smallest is -1 where a point has no logarithm.
    """
    least, most = np.inf, 0.0
    for i in range(order.size):
        s = np.float64(signal[order[i], v])
        if not (s >= low and s <= high and s > 0.0):
            return -1.0, most
        weights[i] = 1.0
        logs[i] = math.log(s)
        least, most = min(least, s), max(most, s)
    return least, most


@inlined
def _solve(design, logs, weights, a, x):
    """Solve the weighted normal equations of one voxel; False where they are singular."""
    n, p = logs.size, _ELEMENTS
    for j in range(p):
        x[j] = 0.0
        for k in range(j + 1):
            a[j, k] = 0.0
    for i in range(n):
        w = weights[i]
        for j in range(p):
            wd = w * design[i, j]
            x[j] += wd * (logs[i] - logs[0])
            for k in range(j + 1):
                a[j, k] += wd * design[i, k]
    if n < p or not _factor(a, p):
        return False
    _forward(a, x, p)
    _backward(a, x, p)
    return True


@inlined
def _spread(x):
    """Return mean diffusivity, squared norm of the rest of the tensor, squared norm of all."""
    mean = (x[0] + x[1] + x[2]) / 3.0
    u0, u1, u2 = x[0] - mean, x[1] - mean, x[2] - mean
    off = x[3] * x[3] + x[4] * x[4] + x[5] * x[5]
    uneven = u0 * u0 + u1 * u1 + u2 * u2 + 2.0 * off
    return mean, uneven, x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + 2.0 * off


@inlined
def _reweight(design, x, weights):
    """Weigh by the squared fitted signal, relative to the first measured one."""
    for i in range(weights.size):
        fitted = 0.0
        for j in range(_ELEMENTS):
            fitted += design[i, j] * x[j]
        weights[i] = math.exp(2.0 * min(fitted, 50.0))


@inlined
def _residual_square(design, logs, weights, x):
    """Return the weighted sum of squared residuals, relative to the first signal squared."""
    left = 0.0
    for i in range(logs.size):
        r = logs[i] - logs[0]
        for j in range(_ELEMENTS):
            r -= design[i, j] * x[j]
        left += r * r * weights[i]
    return left


@inlined
def _write_errors(a, x, sd, unit, anisotropy, s0, gradient, work, errors, v):
    """Write the standard errors of one voxel; sd is relative to the first signal."""
    p = _ELEMENTS
    mean, uneven, whole = _spread(x)
    for j in range(p):
        gradient[j] = 1.0 / 3.0 if j < 3 else 0.0
    errors[0, v] = sd * unit * math.sqrt(_variance(a, gradient, work, p))
    if anisotropy > 0.0:
        for j in range(6):
            times, part = (1.0, x[j] - mean) if j < 3 else (2.0, x[j])
            gradient[j] = anisotropy * times * (part / uneven - x[j] / whole)
        gradient[6] = 0.0
        errors[1, v] = sd * math.sqrt(_variance(a, gradient, work, p))
    for j in range(p):
        gradient[j] = 1.0 if j == 6 else 0.0
    errors[2, v] = sd * s0 * math.sqrt(_variance(a, gradient, work, p))


@inlined
def _no_answer(outputs, full, v):
    estimates, errors, covariance, residual, _, _ = outputs
    for k in range(3):
        estimates[k, v] = np.nan
        if full:
            errors[k, v] = np.nan
    if full:
        residual[v] = np.nan
    if covariance.shape[1] > 0:
        for k in range(covariance.shape[0]):
            covariance[k, v] = np.nan


@kernel
def fit_tensor(model, signal, order, design, unit, limits, noise, span, full, outputs):
    """Fit voxels from span[0] to span[1]; outputs are mean diffusivity, anisotropy and s0.

    Parameters
    ----------
    model
        As in `fit_log_linear`.
    signal
        (rows, voxels), float32.
    order
        Rows to use, in the order of `design`.
    design
        (n, 7), in the unit of b times `unit`.
    unit
        Diffusivity [mm²/s] that an element of 1 stands for.
    limits, noise, span, full, outputs
        As in `fit_log_linear`, with three parameters; the covariance holds variances only.

    The variances come from the weighted normal equations; that of the anisotropy by its gradient.
    """
    estimates, errors, covariance, residual, _, status = outputs
    n, p = order.size, _ELEMENTS
    a, x, work, gradient = np.empty((p, p)), np.empty(p), np.empty(p), np.empty(p)
    logs, weights = np.empty(n), np.empty(n)
    for v in range(span[0], span[1]):
        if status[v] != PENDING:
            continue
        _no_answer(outputs, full, v)
        least, most = _logarithms(signal, order, v, limits[0], limits[1], logs, weights)
        if least < 0.0:
            status[v] = SET_ASIDE
            continue
        if most < limits[4]:
            status[v] = NOISE_FLOOR
            continue
        solved = _solve(design, logs, weights, a, x)
        for _ in range(_REWEIGHTED):
            if solved:
                _reweight(design, x, weights)
                solved = _solve(design, logs, weights, a, x)
        if not solved:
            status[v] = SINGULAR
            continue
        mean, uneven, whole = _spread(x)
        if not whole > 0.0:
            status[v] = SINGULAR  # no diffusion has no anisotropy
            continue
        anisotropy = math.sqrt(1.5 * uneven / whole)
        s0 = math.exp(x[6] + logs[0])
        estimates[0, v], estimates[1, v], estimates[2, v] = mean * unit, anisotropy, s0
        status[v] = SUSPECT if least < limits[2] else (CONVERGED if n > p else EXACT)
        if not full:
            continue
        first = math.exp(logs[0])
        sd = noise / first
        if n > p:
            sd = math.sqrt(_residual_square(design, logs, weights, x) / (n - p))
            residual[v] = sd * first
        _write_errors(a, x, sd, unit, anisotropy, s0, gradient, work, errors, v)
        if covariance.shape[1] > 0:
            covariance[0, v] = errors[0, v] * errors[0, v]
            covariance[3, v] = errors[1, v] * errors[1, v]
            covariance[5, v] = errors[2, v] * errors[2, v]
