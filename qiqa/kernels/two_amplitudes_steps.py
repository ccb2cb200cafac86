"""Gauss-Newton steps for s = c0 f0(x; t) + c1 f1(x; t), all voxels of a block at once, in ln t.

As `amplitude_steps`: sums over residuals, in float32 at first.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.decays import four_decays, write_factors
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.lanes import LONGEST_STEP
from qiqa.kernels.status import PENDING

__all__ = [
    "AT_LEAST_BY",
    "AT_MOST",
    "NEGLIGIBLE",
    "SETTLED",
    "SINGULAR_IN_DOUBLE",
    "SINGULAR_IN_SINGLE",
    "accumulate",
    "eliminate",
    "move",
    "settle",
]

SETTLED, NEGLIGIBLE = 1e-6, 1e-7
"""As in `amplitude_steps`, but of what is left behind the step, step times r / (1 - r) if each step
is r times the one before: here the problem is often nearly singular and settles slowly."""
AT_MOST = 1e-5
"""What may be left behind the last step where the standard error is large: the optimum is then flat
and long, but it is one."""
AT_LEAST_BY = 5.0
"""How much shorter than the last step the next is taken to be, at most."""
SINGULAR_IN_SINGLE, SINGULAR_IN_DOUBLE = np.float32(1e-4), 1e-11
"""Pivot over its diagonal below which float32 loses a hundredth of the curvature, float64 all."""
_MAY_STILL_GAIN = 3.0
"""A fit that has not settled may improve by so much more than its next step promises."""


@inlined
def _point(model, e, t, c0, c1, k0, k1, a, b, q, s, judged, cut, most):
    """Return f0, f1, g = d(k0 f0 + k1 f1) / d ln t, the residual and the weight of one point."""
    f, d, h, g = basis(model, e, t, a, b, q)
    g = k0 * d + k1 * g
    fitted = c0 * f + c1 * h
    if judged:
        w = most if abs(fitted) >= cut else np.float32(0.0)
        return f * w, h * w, g * w, (s - fitted) * w, w
    return f, h, g, s - fitted, np.float32(1.0)


@inlined
def _add_four(model, i, y, a, b, even, t, c0, c1, k0, k1, q, judged, cut, weights, factors, sums):
    """Add four points from i on to the sums."""
    y, factors, sums, weights = rows(y), rows(factors), rows(sums), rows(weights)
    s00, s01, s11, s0g, s1g, sgg = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    s0r, s1r, sgr, srr, used = sums[6], sums[7], sums[8], sums[9], sums[10]
    once, twice, thrice = factors[0], factors[1], factors[2]
    y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
    m0, m1, m2, m3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
    a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
    b0, b1, b2, b3 = b[i], b[i + 1], b[i + 2], b[i + 3]
    for v in range(BLOCK):
        tv, qv, p, u, x, z = t[v], q[v], c0[v], c1[v], k0[v], k1[v]
        e0, e1, e2, e3 = four_decays(model, even, tv, a0, a1, a2, a3, once[v], twice[v], thrice[v])
        f0, h0, g0, r0, w0 = _point(
            model, e0, tv, p, u, x, z, a0, b0, qv, y0[v], judged, cut, m0[v]
        )
        f1, h1, g1, r1, w1 = _point(
            model, e1, tv, p, u, x, z, a1, b1, qv, y1[v], judged, cut, m1[v]
        )
        f2, h2, g2, r2, w2 = _point(
            model, e2, tv, p, u, x, z, a2, b2, qv, y2[v], judged, cut, m2[v]
        )
        f3, h3, g3, r3, w3 = _point(
            model, e3, tv, p, u, x, z, a3, b3, qv, y3[v], judged, cut, m3[v]
        )
        s00[v] += (f0 * f0 + f1 * f1) + (f2 * f2 + f3 * f3)
        s01[v] += (f0 * h0 + f1 * h1) + (f2 * h2 + f3 * h3)
        s11[v] += (h0 * h0 + h1 * h1) + (h2 * h2 + h3 * h3)
        s0g[v] += (f0 * g0 + f1 * g1) + (f2 * g2 + f3 * g3)
        s1g[v] += (h0 * g0 + h1 * g1) + (h2 * g2 + h3 * g3)
        sgg[v] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
        s0r[v] += (f0 * r0 + f1 * r1) + (f2 * r2 + f3 * r3)
        s1r[v] += (h0 * r0 + h1 * r1) + (h2 * r2 + h3 * r3)
        sgr[v] += (g0 * r0 + g1 * r1) + (g2 * r2 + g3 * r3)
        srr[v] += (r0 * r0 + r1 * r1) + (r2 * r2 + r3 * r3)
        if judged:
            m0[v], m1[v], m2[v], m3[v] = w0, w1, w2, w3
            used[v] += (w0 + w1) + (w2 + w3)


@inlined
def _add_two(model, i, y, a, b, t, c0, c1, k0, k1, q, judged, cut, weights, sums):
    """Add two points from i on to the sums."""
    y, sums, weights = rows(y), rows(sums), rows(weights)
    s00, s01, s11, s0g, s1g, sgg = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    s0r, s1r, sgr, srr, used = sums[6], sums[7], sums[8], sums[9], sums[10]
    y0, y1, m0, m1 = y[i], y[i + 1], weights[i], weights[i + 1]
    a0, a1, b0, b1 = a[i], a[i + 1], b[i], b[i + 1]
    for v in range(BLOCK):
        tv, qv, p, u, x, z = t[v], q[v], c0[v], c1[v], k0[v], k1[v]
        e0, e1 = decay(model, tv, a0), decay(model, tv, a1)
        f0, h0, g0, r0, w0 = _point(
            model, e0, tv, p, u, x, z, a0, b0, qv, y0[v], judged, cut, m0[v]
        )
        f1, h1, g1, r1, w1 = _point(
            model, e1, tv, p, u, x, z, a1, b1, qv, y1[v], judged, cut, m1[v]
        )
        s00[v] += f0 * f0 + f1 * f1
        s01[v] += f0 * h0 + f1 * h1
        s11[v] += h0 * h0 + h1 * h1
        s0g[v] += f0 * g0 + f1 * g1
        s1g[v] += h0 * g0 + h1 * g1
        sgg[v] += g0 * g0 + g1 * g1
        s0r[v] += f0 * r0 + f1 * r1
        s1r[v] += h0 * r0 + h1 * r1
        sgr[v] += g0 * r0 + g1 * r1
        srr[v] += r0 * r0 + r1 * r1
        if judged:
            m0[v], m1[v] = w0, w1
            used[v] += w0 + w1


@inlined
def _add_one(model, i, y, a, b, t, c0, c1, k0, k1, q, judged, cut, weights, sums):
    """Add point i to the sums."""
    y, sums, weights = rows(y), rows(sums), rows(weights)
    s00, s01, s11, s0g, s1g, sgg = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    s0r, s1r, sgr, srr, used = sums[6], sums[7], sums[8], sums[9], sums[10]
    y0, m0, a0, b0 = y[i], weights[i], a[i], b[i]
    for v in range(BLOCK):
        tv, qv, p, u, x, z = t[v], q[v], c0[v], c1[v], k0[v], k1[v]
        e0 = decay(model, tv, a0)
        f0, h0, g0, r0, w0 = _point(
            model, e0, tv, p, u, x, z, a0, b0, qv, y0[v], judged, cut, m0[v]
        )
        s00[v] += f0 * f0
        s01[v] += f0 * h0
        s11[v] += h0 * h0
        s0g[v] += f0 * g0
        s1g[v] += h0 * g0
        sgg[v] += g0 * g0
        s0r[v] += f0 * r0
        s1r[v] += h0 * r0
        sgr[v] += g0 * r0
        srr[v] += r0 * r0
        if judged:
            m0[v] = w0
            used[v] += w0


@inlined
def accumulate(
    model, y, constants, even, t, c0, c1, k0, k1, q, judged, cut, weights, factors, sums
):
    """Write the sums of products of f0, f1, g and the residual; arguments as in `amplitude_steps`.

    (k0, k1) are the amplitudes that the derivative g is taken with, (c0, c1) unless these are not
    known yet.
    sums: 00, 01, 11, 0g, 1g, gg, 0r, 1r, gr, rr, number of points.
    """
    a, b = constants[0], constants[1]
    n, n4, n2 = y.shape[0], y.shape[0] // 4 * 4, y.shape[0] // 2 * 2
    for row in rows(sums):
        for v in range(BLOCK):
            row[v] = 0.0
    if even:
        write_factors(model, a, t, factors)
    for i in range(0, n4, 4):
        _add_four(
            model, i, y, a, b, even, t, c0, c1, k0, k1, q, judged, cut, weights, factors, sums
        )
    if n2 > n4:
        _add_two(model, n4, y, a, b, t, c0, c1, k0, k1, q, judged, cut, weights, sums)
    if n > n2:
        _add_one(model, n2, y, a, b, t, c0, c1, k0, k1, q, judged, cut, weights, sums)


@inlined
def eliminate(s00, s01, s11, s0g, s1g, sgg, s0r, s1r, sgr, srr):
    """Solve the normal equations of one voxel for changes of (c0, c1, ln t); Cholesky, no roots.

    Return l10, lg0, lg1 (multipliers), d0, d1, dg (pivots), the changes of the amplitudes at the
    present t, the step, and the residual sum of squares at the present t.
    """
    one = np.float32(1.0)
    per0 = one / s00
    l10 = s01 * per0
    d1 = s11 - l10 * s01
    per1 = one / d1
    lg0 = s0g * per0
    cross = s1g - l10 * s0g
    lg1 = cross * per1
    dg = sgg - lg0 * s0g - lg1 * cross
    z1 = s1r - l10 * s0r
    zg = sgr - lg0 * s0r - lg1 * z1
    k1 = z1 * per1
    z0 = s0r * per0
    k0 = z0 - l10 * k1
    return l10, lg0, lg1, s00, d1, dg, k0, k1, zg / dg, srr - z0 * s0r - k1 * z1


@inlined
def move(fresh, last, singular, t, c0, c1, bounds, sums, step, rss, shape):
    """Make one Gauss-Newton step in (ln t, c0, c1); if `last`, write what it leaves.

    `fresh`: the sums were made with derivatives for amplitudes of 1; the step is scaled by the
    amplitude found.
    step: the last step and the one before; rss: the residual sum of squares behind it. shape: d0,
    d1, dg, l10, lg0, lg1, what the step gained, whether pivots exceed `singular` of the diagonals.
    """
    sums, shape, step = rows(sums), rows(shape), rows(step)
    now, before = step[0], step[1]
    s00, s01, s11, s0g, s1g, sgg = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    s0r, s1r, sgr, srr = sums[6], sums[7], sums[8], sums[9]
    r0, r1, r2, r3, r4, r5 = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
    gained, sound = shape[6], shape[7]
    most, half = np.float32(LONGEST_STEP), np.float32(0.5)
    low, high = np.float32(bounds[2]), np.float32(bounds[3])
    for v in range(BLOCK):
        l10, lg0, lg1, d0, d1, dg, k0, k1, size, left = eliminate(
            s00[v], s01[v], s11[v], s0g[v], s1g[v], sgg[v], s0r[v], s1r[v], sgr[v], srr[v]
        )
        k0, k1 = c0[v] + k0, c1[v] + k1
        if fresh:
            lg0, lg1, size = lg0 * k1, lg1 * k1, size / k1
        if last:
            gain = size * size * dg
            rss[v], gained[v] = left - gain, gain
            r0[v], r1[v], r2[v], r3[v], r4[v], r5[v] = d0, d1, dg, l10, lg0, lg1
            sound[v] = min(d1 - singular * s11[v], dg - singular * sgg[v])
        size = size if size > -most else -most
        size = size if size < most else most
        before[v] = now[v]
        now[v] = size
        c0[v] = k0 - (lg0 - l10 * lg1) * size
        c1[v] = k1 - lg1 * size
        moved = t[v] + t[v] * (size + half * size * size)
        moved = moved if moved > low else low
        t[v] = moved if moved < high else high


@inlined
def settle(t, bounds, freedom, found, step, rss, shape, state):
    """Settle the voxels whose last step was short; what others may still gain is taken off."""
    shape, step = rows(shape), rows(step)
    now, before = step[0], step[1]
    dg, gained, sound = shape[2], shape[6], shape[7]
    pending, done = np.float32(PENDING), np.float32(found)
    one, none, more = np.float32(1.0), np.float32(0.0), np.float32(_MAY_STILL_GAIN)
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    fixed, share = np.float32(SETTLED * SETTLED), np.float32(NEGLIGIBLE)
    least, few, most = np.float32(SETTLED), np.float32(AT_LEAST_BY), np.float32(AT_MOST)
    for v in range(BLOCK):
        left = rss[v] if rss[v] > none else none
        free = freedom[v] if freedom[v] > one else one
        small = fixed + share * left / (free * dg[v])
        size, shorter = abs(now[v]), abs(before[v]) - abs(now[v])
        # size * size / shorter is what is left, if the steps go on to shorten as they did; behind
        # the first long steps they do so less
        root = math.sqrt(small)
        small = root if root < most else most
        settled = done if size * size <= small * shorter else pending
        settled = settled if size <= few * small else pending
        settled = done if size <= least else settled
        settled = settled if t[v] > low else pending
        settled = settled if t[v] < high else pending
        settled = settled if sound[v] > none else pending
        rss[v] = left if settled == done else left - more * gained[v]
        state[v] = settled if state[v] == pending else state[v]
