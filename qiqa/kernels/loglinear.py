"""Fit ln s = ln s0 - b D in closed form, with equal weights or with weights s squared.

Written for the speed of memory: what is read is used at once, in float32, and nothing is kept but
one block. x is b less its mean, scaled to about 1, so that sums neither overflow nor cancel.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel, rows
from qiqa.kernels.elementary import exp, log
from qiqa.kernels.lanes import all_wanted
from qiqa.kernels.status import CONVERGED, EXACT, NOISE_FLOOR, PENDING, SET_ASIDE, SUSPECT

__all__ = ["fit_log_linear", "fit_log_weighted"]

_NONE = np.float32(np.nan)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TINY = np.float32(np.finfo(np.float32).tiny)


@inlined
def _pending(status, start, count):
    """Return how many voxels of a block are to be fitted."""
    if count == BLOCK and all_wanted(status, PENDING, start):
        return BLOCK
    found = 0
    for v in range(start, start + count):
        found += 1 if status[v] == PENDING else 0
    return found


@inlined
def _load(signal, order, start, count, block):
    """Copy a block, so that the compiler sees rows of one buffer; a short one is filled with 1."""
    block = rows(block)
    for i in range(order.size):
        out = block[i]
        if count == BLOCK:
            near = signal[order[i], start : start + BLOCK]
            for v in range(BLOCK):
                out[v] = near[v]
        else:
            for v in range(count):
                out[v] = signal[order[i], start + v]
            for v in range(count, BLOCK):
                out[v] = _ONE


@inlined
def _use(s, low, high):
    """Return a signal that has a logarithm, itself or 1 where it is none, and 1 for the latter.

    Numbers instead of truth values: these the compiler would not keep in vectors.
    """
    kept = s if s >= low else _ONE
    kept = kept if s <= high else _ONE
    bad = _ZERO if s >= low else _ONE
    return kept, bad if s <= high else _ONE


@inlined
def _close(status, start, count, wanted, limits, found, full, work, outputs):
    """Write results of one block: NaN where a point was not usable or the voxel is not pending.

    work: bad, least, most, then two estimates, two errors, residual, covariance.
    """
    estimates, errors, covariance, residual, _, _ = outputs
    work = rows(work)
    floor, silent = np.float32(limits[2]), np.float32(limits[4])
    bad, least, most = work[0], work[1], work[2]
    state = status[start : start + count]
    normal, suspect, none, aside = (
        np.float32(found), np.float32(SUSPECT), np.float32(NOISE_FLOOR), np.float32(SET_ASIDE),
    )  # fmt: skip
    for v in range(count):
        settled = suspect if least[v] < floor else normal
        settled = none if most[v] < silent else settled
        settled = aside if bad[v] > _ZERO else settled
        least[v] = settled
        bad[v] = _NONE if (bad[v] > _ZERO) | (most[v] < silent) else _ZERO
    if wanted == count:
        for v in range(count):
            state[v] = np.uint8(least[v])
    else:
        for v in range(count):
            bad[v] = bad[v] if state[v] == PENDING else _NONE
            state[v] = np.uint8(least[v]) if state[v] == PENDING else state[v]
    for k in range(2):
        out, row = estimates[k, start : start + count], work[3 + k]
        for v in range(count):
            out[v] = row[v] + bad[v]
    if full:
        for k in range(2):
            out, row = errors[k, start : start + count], work[5 + k]
            for v in range(count):
                out[v] = row[v] + bad[v]
        out, row = residual[start : start + count], work[7]
        for v in range(count):
            out[v] = row[v] + bad[v]
        if covariance.shape[1] > 0:
            for v in range(count):
                covariance[0, start + v] = work[5, v] * work[5, v] + bad[v]
                covariance[1, start + v] = work[8, v] + bad[v]
                covariance[2, start + v] = work[6, v] * work[6, v] + bad[v]


@inlined
def _sum_logs(x, low, high, block, logs, work):
    """Write the sums of ln s and x ln s, four measurements at a time."""
    block, logs, work = rows(block), rows(logs), rows(work)
    bad, least, most, level, slope = work[0], work[1], work[2], work[9], work[10]
    n, n4 = x.size, x.size // 4 * 4
    for v in range(BLOCK):
        bad[v], least[v], most[v], level[v], slope[v] = 0.0, np.inf, 0.0, 0.0, 0.0
    for i in range(0, n4, 4):
        r0, r1 = block[i], block[i + 1]
        r2, r3 = block[i + 2], block[i + 3]
        x0, x1, x2, x3 = (
            np.float32(x[i]), np.float32(x[i + 1]), np.float32(x[i + 2]), np.float32(x[i + 3]),
        )  # fmt: skip
        k0, k1, k2, k3 = logs[i], logs[i + 1], logs[i + 2], logs[i + 3]
        for v in range(BLOCK):
            s0, g0 = _use(r0[v], low, high)
            s1, g1 = _use(r1[v], low, high)
            s2, g2 = _use(r2[v], low, high)
            s3, g3 = _use(r3[v], low, high)
            bad[v] += (g0 + g1) + (g2 + g3)
            least[v] = min(least[v], s0, s1, s2, s3)
            most[v] = max(most[v], s0, s1, s2, s3)
            l0, l1, l2, l3 = log(s0), log(s1), log(s2), log(s3)
            level[v] += (l0 + l1) + (l2 + l3)
            slope[v] += (x0 * l0 + x1 * l1) + (x2 * l2 + x3 * l3)
            k0[v], k1[v], k2[v], k3[v] = l0, l1, l2, l3
    for i in range(n4, n):
        row, kept, x0 = block[i], logs[i], np.float32(x[i])
        for v in range(BLOCK):
            s0, g0 = _use(row[v], low, high)
            bad[v] += g0
            least[v] = min(least[v], s0)
            most[v] = max(most[v], s0)
            l0 = log(s0)
            level[v] += l0
            slope[v] += x0 * l0
            kept[v] = l0


@inlined
def _sum_errors(x, block, logs, work):
    """Write sums of s² x^k, x^k / s² and (s r)², which the errors are made of."""
    block, logs, work = rows(block), rows(logs), rows(work)
    level, slope, sr = work[9], work[10], work[17]
    w0, w1, w2, v0, v1, v2 = work[11], work[12], work[13], work[14], work[15], work[16]
    for v in range(BLOCK):
        w0[v], w1[v], w2[v], v0[v], v1[v], v2[v] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        sr[v] = 0.0
    n, n2 = x.size, x.size // 2 * 2
    for i in range(0, n2, 2):
        r0, r1 = block[i], block[i + 1]
        k0, k1, x0, x1 = logs[i], logs[i + 1], np.float32(x[i]), np.float32(x[i + 1])
        for v in range(BLOCK):
            a, b = r0[v] * r0[v], r1[v] * r1[v]
            c, d = _ONE / a, _ONE / b
            ea, eb = k0[v] - level[v] - slope[v] * x0, k1[v] - level[v] - slope[v] * x1
            w0[v] += a + b
            w1[v] += x0 * a + x1 * b
            w2[v] += (x0 * x0) * a + (x1 * x1) * b
            v0[v] += c + d
            v1[v] += x0 * c + x1 * d
            v2[v] += (x0 * x0) * c + (x1 * x1) * d
            sr[v] += ea * ea * a + eb * eb * b
    for i in range(n2, n):
        row, kept, x0 = block[i], logs[i], np.float32(x[i])
        for v in range(BLOCK):
            a = row[v] * row[v]
            c = _ONE / a
            ea = kept[v] - level[v] - slope[v] * x0
            w0[v] += a
            w1[v] += x0 * a
            w2[v] += (x0 * x0) * a
            v0[v] += c
            v1[v] += x0 * c
            v2[v] += (x0 * x0) * c
            sr[v] += ea * ea * a


@inlined
def _errors(n, mean, sxx, back, noise, work):
    """Write standard errors, residual and covariance."""
    work = rows(work)
    w0, w1, w2, v0, v1, v2 = work[11], work[12], work[13], work[14], work[15], work[16]
    estimate, error, residual, both, sr = work[4], work[5], work[7], work[8], work[17]
    share, lean = np.float32(1.0 / n), np.float32(mean) / sxx
    per, per_share, free = _ONE / (sxx * sxx), share / sxx, np.float32(n - 4)
    known = np.float32(noise * noise)
    for v in range(BLOCK):
        expected = free + (
            w0[v] * v0[v] * (share * share)
            + np.float32(2.0) * w1[v] * v1[v] * per_share
            + w2[v] * v2[v] * per
        )
        square = sr[v] / expected if n > 2 else known
        var_l = v0[v] * (share * share) - np.float32(2.0) * share * lean * v1[v]
        var_l = max(var_l + lean * lean * v2[v], _ZERO)
        residual[v] = math.sqrt(square) if n > 2 else _NONE
        error[v] = math.sqrt(square * v2[v] * per) * back
        work[6, v] = math.sqrt(square * var_l) * estimate[v]
        both[v] = -square * (share * v1[v] - lean * v2[v]) / sxx * estimate[v] * back


@kernel
def fit_log_linear(model, signal, order, x, mean, scale, limits, noise, span, full, outputs):
    """Fit with equal weights; the error comes from noise that is equal in the signal, not its log.

    Parameters
    ----------
    model
        `SignalModel`; only its digest matters, so that machine code of another version of the
        kernels is not taken from the cache.
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
        As in `load_block`; limits[3] is not used: logarithms are taken of the signal as it is.
    noise
        Noise SD for two points, NaN where unknown.
    span
        First voxel, voxel behind the last.
    full
        Whether errors and residual are written.
    outputs
        As in `fit_amplitude`.

    The variance of ln s is (sigma / s)², so D, a weighted sum of logarithms, has the variance
    sigma² sum (x / s)² / Sxx²; sigma² is sum (s r)² over its expectation for unit sigma, r being
    the residuals of the logarithms.
    """
    n = order.size
    status = outputs[5]
    low, high = max(np.float32(limits[0]), _TINY), np.float32(limits[1])
    found = CONVERGED if n > 2 else EXACT
    total = 0.0
    for i in range(n):
        total += x[i] * x[i]
    sxx, back, center = np.float32(total), np.float32(1.0 / scale), np.float32(mean)
    share = np.float32(1.0 / n)
    work, logs = np.empty((18, BLOCK), np.float32), np.empty((n, BLOCK), np.float32)
    block = np.empty((n, BLOCK), np.float32)
    adc, s0, level, slope = work[3], work[4], work[9], work[10]
    for start in range(span[0], span[1], BLOCK):
        count = min(BLOCK, span[1] - start)
        wanted = _pending(status, start, count)
        if wanted == 0:
            continue
        _load(signal, order, start, count, block)
        _sum_logs(x, low, high, block, logs, work)
        for v in range(BLOCK):
            level[v] *= share
            slope[v] = slope[v] / sxx
            adc[v] = -slope[v] * back
            s0[v] = exp(level[v] - center * slope[v])
        if full:
            _sum_errors(x, block, logs, work)
            _errors(n, mean, sxx, back, noise, work)
        _close(status, start, count, wanted, limits, found, full, work, outputs)


@inlined
def _sum_weighted(x, low, high, block, work):
    """Write weighted sums of x^k and logarithms; s is relative to the first measurement."""
    block, work = rows(block), rows(work)
    bad, least, most, unit = work[0], work[1], work[2], work[9]
    w0, w1, w2, l0, l1, ll = work[10], work[11], work[12], work[13], work[14], work[15]
    first = block[0]
    for v in range(BLOCK):
        s, _ = _use(first[v], low, high)
        unit[v] = _ONE / s
        bad[v], least[v], most[v] = 0.0, np.inf, 0.0
        w0[v], w1[v], w2[v], l0[v], l1[v], ll[v] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    n, n2 = x.size, x.size // 2 * 2
    for i in range(0, n2, 2):
        r0, r1 = block[i], block[i + 1]
        xa, xb = np.float32(x[i]), np.float32(x[i + 1])
        for v in range(BLOCK):
            sa, ga = _use(r0[v], low, high)
            sb, gb = _use(r1[v], low, high)
            bad[v] += ga + gb
            least[v] = min(least[v], sa, sb)
            most[v] = max(most[v], sa, sb)
            ra, rb = sa * unit[v], sb * unit[v]
            wa, wb, la, lb = ra * ra, rb * rb, log(ra), log(rb)
            w0[v] += wa + wb
            w1[v] += xa * wa + xb * wb
            w2[v] += (xa * xa) * wa + (xb * xb) * wb
            l0[v] += wa * la + wb * lb
            l1[v] += xa * (wa * la) + xb * (wb * lb)
            ll[v] += wa * la * la + wb * lb * lb
    for i in range(n2, n):
        row, xa = block[i], np.float32(x[i])
        for v in range(BLOCK):
            sa, ga = _use(row[v], low, high)
            bad[v] += ga
            least[v] = min(least[v], sa)
            most[v] = max(most[v], sa)
            ra = sa * unit[v]
            wa, la = ra * ra, log(ra)
            w0[v] += wa
            w1[v] += xa * wa
            w2[v] += (xa * xa) * wa
            l0[v] += wa * la
            l1[v] += xa * (wa * la)
            ll[v] += wa * la * la


@kernel
def fit_log_weighted(model, signal, order, x, mean, scale, limits, noise, span, full, outputs):
    """Fit with weights s², the inverse variance of ln s (Salvador et al. 2005); once, not iterated.

    Parameters as in `fit_log_linear`. Signals are divided by the first one, so that weights neither
    overflow nor vanish in float32.
    """
    n = order.size
    status = outputs[5]
    low, high = max(np.float32(limits[0]), _TINY), np.float32(limits[1])
    found = CONVERGED if n > 2 else EXACT
    back, center = np.float32(1.0 / scale), np.float32(mean)
    freedom, known = np.float32(max(n - 2, 1)), np.float32(noise * noise)
    work, block = np.empty((16, BLOCK), np.float32), np.empty((n, BLOCK), np.float32)
    adc, s0, error, error_s0, residual, both = work[3], work[4], work[5], work[6], work[7], work[8]
    unit, w0, w1, w2 = work[9], work[10], work[11], work[12]
    l0, l1, ll = work[13], work[14], work[15]
    for start in range(span[0], span[1], BLOCK):
        count = min(BLOCK, span[1] - start)
        wanted = _pending(status, start, count)
        if wanted == 0:
            continue
        _load(signal, order, start, count, block)
        _sum_weighted(x, low, high, block, work)
        for v in range(BLOCK):
            per = _ONE / w0[v]
            middle, level = w1[v] * per, l0[v] * per
            spread = w2[v] - middle * w1[v]
            cross = l1[v] - middle * l0[v]
            slope = cross / spread
            away = middle + center
            adc[v] = -slope * back
            s0[v] = exp(level - away * slope) / unit[v]
            if full:
                left = max(ll[v] - level * l0[v] - slope * cross, _ZERO) / freedom
                square = left if n > 2 else known * unit[v] * unit[v]
                var_d = square / spread
                var_l = square * per + away * away * var_d
                error[v] = math.sqrt(var_d) * back
                error_s0[v] = math.sqrt(var_l) * s0[v]
                residual[v] = math.sqrt(square) / unit[v] if n > 2 else _NONE
                both[v] = away * var_d * s0[v] * back
        _close(status, start, count, wanted, limits, found, full, work, outputs)
