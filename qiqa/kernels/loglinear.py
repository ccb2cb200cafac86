"""Fit ln s = ln s0 - b D in closed form, with equal weights or with weights s squared.

Written for the speed of memory: what is read is used at once, in float32, and nothing is kept but
one block. x is b less its mean, scaled to about 1, so that sums neither overflow nor cancel.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel
from qiqa.kernels.elementary import exp, log
from qiqa.kernels.status import CONVERGED, EXACT, PENDING, SET_ASIDE

__all__ = ["fit_log_linear", "fit_log_weighted"]

_NONE = np.float32(np.nan)


@inlined
def _corrected(s, variance):
    """Return the magnitude without the mean of its noise (Gudbjartsson and Patz 1995)."""
    return math.sqrt(max(s * s - variance, np.float32(0.0)))


@inlined
def _source(signal, row, start, count, spare):
    """Return BLOCK values of one measurement; the last, short block comes from `spare`."""
    if count == BLOCK:
        return signal[row, start : start + BLOCK]
    for v in range(count):
        spare[v] = signal[row, start + v]
    for v in range(count, BLOCK):
        spare[v] = np.float32(0.0)
    return spare


@inlined
def _any_pending(status, start, count):
    found = False
    for v in range(start, start + count):
        found |= status[v] == PENDING
    return found


@inlined
def _take(s, low, high, variance, bad, good_signal):
    """Write the usable signal; 1 and a mark in `bad` where it is none."""
    for v in range(BLOCK):
        x = s[v]
        good = (x >= low) & (x <= high) & (x > np.float32(0.0))
        bad[v] = bad[v] if good else np.float32(1.0)
        good_signal[v] = x if good else np.float32(1.0)
    if variance > np.float32(0.0):
        for v in range(BLOCK):
            good_signal[v] = _corrected(good_signal[v], variance)


@inlined
def _close(status, start, count, bad, found, outputs, rows, full):
    """Write results of one block: NaN where a point was not usable or the voxel is not pending."""
    estimates, errors, covariance, residual, _ = outputs
    for v in range(count):
        if status[start + v] != PENDING:
            bad[v] = np.float32(1.0)
        else:
            status[start + v] = found if bad[v] == np.float32(0.0) else SET_ASIDE
    for k in range(2):
        out, row = estimates[k, start : start + count], rows[k]
        for v in range(count):
            out[v] = row[v] if bad[v] == np.float32(0.0) else _NONE
    if full:
        for k in range(2):
            out, row = errors[k, start : start + count], rows[2 + k]
            for v in range(count):
                out[v] = row[v] if bad[v] == np.float32(0.0) else _NONE
        out, row = residual[start : start + count], rows[4]
        for v in range(count):
            out[v] = row[v] if bad[v] == np.float32(0.0) else _NONE
        if covariance.shape[1] > 1:
            for v in range(count):
                good = bad[v] == np.float32(0.0)
                covariance[0, start + v] = rows[2, v] * rows[2, v] if good else _NONE
                covariance[1, start + v] = rows[5, v] if good else _NONE
                covariance[2, start + v] = rows[3, v] * rows[3, v] if good else _NONE


@kernel
def fit_log_linear(signal, order, x, mean, scale, limits, noise, span, full, outputs):
    """Fit with equal weights; the error comes from noise that is equal in the signal, not its log.

    Parameters
    ----------
    signal
        (rows, voxels), float32.
    order
        Rows to use, in the order of x.
    x
        b less its mean, in units of `scale`.
    mean
        Mean of b, in units of `scale`.
    scale
        Unit of x [s/mm²].
    limits
        Lowest and highest good signal, floor, variance of the noise to be corrected for (0: none).
    noise
        Noise SD for two points, NaN where unknown.
    span
        First voxel, voxel behind the last.
    full
        Whether errors and residual are written.
    outputs
        As in `fit_amplitude`.

    The variance of ln s is (sigma / s) squared, so D, a weighted sum of logarithms, has the variance
    sigma² sum (x / s)² / Sxx²; sigma² is sum (s r)² over its expectation for unit sigma, r being the
    residuals of the logarithms.
    """
    n = order.size
    status = outputs[4]
    low = np.float32(max(limits[0], limits[2]))
    high, variance = np.float32(limits[1]), np.float32(limits[3])
    freedom = n - 2
    found = CONVERGED if freedom > 0 else EXACT
    sxx = np.float32(0.0)
    for i in range(n):
        sxx += np.float32(x[i] * x[i])
    back, center = np.float32(1.0 / scale), np.float32(mean)
    share = np.float32(1.0 / n)
    wide = np.empty((22, BLOCK), np.float32)
    logs = np.empty((n, BLOCK), np.float32)
    bad, use, level, slope, spare = wide[0], wide[1], wide[2], wide[3], wide[4]
    w0, w1, w2, v0, v1, v2, sr = wide[5], wide[6], wide[7], wide[8], wide[9], wide[10], wide[11]
    rows = wide[12:18]
    for start in range(span[0], span[1], BLOCK):
        count = min(BLOCK, span[1] - start)
        if not _any_pending(status, start, count):
            continue
        for v in range(BLOCK):
            bad[v], level[v], slope[v] = 0.0, 0.0, 0.0
        if full:
            for v in range(BLOCK):
                w0[v], w1[v], w2[v], v0[v], v1[v], v2[v] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                sr[v] = 0.0
        for i in range(n):
            source = _source(signal, order[i], start, count, spare)
            _take(source, low, high, variance, bad, use)
            xi, kept = np.float32(x[i]), logs[i]
            for v in range(BLOCK):
                logarithm = log(use[v])
                kept[v] = logarithm
                level[v] += logarithm
                slope[v] += xi * logarithm
            if full:
                for v in range(BLOCK):
                    w = use[v] * use[v]
                    u = np.float32(1.0) / w
                    w0[v] += w
                    w1[v] += xi * w
                    w2[v] += xi * xi * w
                    v0[v] += u
                    v1[v] += xi * u
                    v2[v] += xi * xi * u
        for v in range(BLOCK):
            level[v] *= share
            slope[v] = slope[v] / sxx
            rows[0, v] = -slope[v] * back
            rows[1, v] = exp(level[v] - center * slope[v])
        if full:
            for i in range(n):
                xi, kept = np.float32(x[i]), logs[i]
                for v in range(BLOCK):
                    r = kept[v] - level[v] - slope[v] * xi
                    sr[v] += r * r * exp(np.float32(2.0) * kept[v])
            for v in range(BLOCK):
                expected = np.float32(n - 4) + (
                    w0[v] * v0[v] * share * share
                    + np.float32(2.0) * w1[v] * v1[v] * share / sxx
                    + w2[v] * v2[v] / (sxx * sxx)
                )
                square = sr[v] / expected if freedom > 0 else np.float32(noise * noise)
                lean = center / sxx
                var_d = square * v2[v] / (sxx * sxx)
                var_l = square * (
                    v0[v] * share * share - np.float32(2.0) * share * lean * v1[v]
                    + lean * lean * v2[v]
                )  # fmt: skip
                cov = square * (share * v1[v] - lean * v2[v]) / sxx
                rows[2, v] = math.sqrt(var_d) * back
                rows[3, v] = math.sqrt(max(var_l, np.float32(0.0))) * rows[1, v]
                rows[4, v] = math.sqrt(square) if freedom > 0 else _NONE
                rows[5, v] = -cov * rows[1, v] * back
        _close(status, start, count, bad, found, outputs, rows, full)


@kernel
def fit_log_weighted(signal, order, x, mean, scale, limits, noise, span, full, outputs):
    """Fit with weights s², the inverse variance of ln s (Salvador et al. 2005); once, not iterated.

    Parameters as in `fit_log_linear`. Signals are divided by the first one, so that weights neither
    overflow nor vanish in float32.
    """
    n = order.size
    status = outputs[4]
    low = np.float32(max(limits[0], limits[2]))
    high, variance = np.float32(limits[1]), np.float32(limits[3])
    freedom = n - 2
    found = CONVERGED if freedom > 0 else EXACT
    back, center = np.float32(1.0 / scale), np.float32(mean)
    wide = np.empty((18, BLOCK), np.float32)
    bad, use, unit, spare = wide[0], wide[1], wide[2], wide[3]
    w0, w1, w2, l0, l1, ll = wide[4], wide[5], wide[6], wide[7], wide[8], wide[9]
    rows = wide[10:16]
    for start in range(span[0], span[1], BLOCK):
        count = min(BLOCK, span[1] - start)
        if not _any_pending(status, start, count):
            continue
        for v in range(BLOCK):
            bad[v], w0[v], w1[v], w2[v], l0[v], l1[v], ll[v] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            source = _source(signal, order[i], start, count, spare)
            _take(source, low, high, variance, bad, use)
            if i == 0:
                for v in range(BLOCK):
                    unit[v] = np.float32(1.0) / use[v]
            xi = np.float32(x[i])
            for v in range(BLOCK):
                s = use[v] * unit[v]
                w, logarithm = s * s, log(s)
                w0[v] += w
                w1[v] += xi * w
                w2[v] += xi * xi * w
                l0[v] += w * logarithm
                l1[v] += xi * w * logarithm
                ll[v] += w * logarithm * logarithm
        for v in range(BLOCK):
            middle, level = w1[v] / w0[v], l0[v] / w0[v]
            spread = w2[v] - middle * w1[v]
            cross = l1[v] - middle * l0[v]
            slope = cross / spread
            intercept = level - (middle + center) * slope
            rows[0, v] = -slope * back
            rows[1, v] = exp(intercept) / unit[v]
            if full:
                left = max(ll[v] - level * l0[v] - slope * cross, np.float32(0.0))
                square = left / np.float32(freedom)
                square = square if freedom > 0 else np.float32(noise * noise) * unit[v] * unit[v]
                var_d = square / spread
                away = middle + center
                var_l = square / w0[v] + away * away * var_d
                rows[2, v] = math.sqrt(var_d) * back
                rows[3, v] = math.sqrt(var_l) * rows[1, v]
                rows[4, v] = math.sqrt(square) / unit[v] if freedom > 0 else _NONE
                rows[5, v] = away * var_d * rows[1, v] * back
        _close(status, start, count, bad, found, outputs, rows, full)
