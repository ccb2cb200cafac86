"""Gauss-Newton steps for s = c f(x; t), all voxels of a block at once, in ln t.

The sums are taken over residuals r = y - c f instead of over the signal, so that they are small
where the fit is good: float32 then loses 1e-7 of the signal, a thousandth of what noise does at a
signal-to-noise ratio of 10 000.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.decays import four_decays, write_factors
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.lanes import LONGEST_STEP
from qiqa.kernels.status import PENDING

__all__ = [
    "NEARLY_SINGULAR",
    "NEGLIGIBLE",
    "SETTLED",
    "accumulate",
    "move",
    "settle",
]

SETTLED, NEGLIGIBLE = 1e-4, 1e-4
"""A step in ln t below the first, or its square below the second times the squared standard error,
is the last one; it is still made."""
NEARLY_SINGULAR = 1e-12
_SINGULAR_IN_SINGLE = np.float32(1e-5)
"""Curvature over its terms below which float32 loses a hundredth of it; then float64 takes over."""


@inlined
def _point(model, e, t, c, a, b, q, s, judged, cut, most):
    """Return f, its derivative, the residual and the weight of one point."""
    f, g = basis(model, e, t, a, b, q)
    fitted = c * f
    if judged:
        # numbers instead of truth values: these the compiler would not keep in vectors
        w = most if abs(fitted) >= cut else np.float32(0.0)
        return f * w, g * w, (s - fitted) * w, w
    return f, g, s - fitted, np.float32(1.0)


@inlined
def _add_four(model, i, y, a, b, even, t, c, q, judged, cut, weights, factors, sums):
    """Add four points from i on to the sums."""
    y, factors, sums, weights = rows(y), rows(factors), rows(sums), rows(weights)
    ff, fg, gg, fr, gr, rr = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    used, once, twice, thrice = sums[6], factors[0], factors[1], factors[2]
    y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
    m0, m1, m2, m3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
    a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
    b0, b1, b2, b3 = b[i], b[i + 1], b[i + 2], b[i + 3]
    for v in range(BLOCK):
        tv, cv, qv = t[v], c[v], q[v]
        e0, e1, e2, e3 = four_decays(model, even, tv, a0, a1, a2, a3, once[v], twice[v], thrice[v])
        f0, g0, r0, w0 = _point(model, e0, tv, cv, a0, b0, qv, y0[v], judged, cut, m0[v])
        f1, g1, r1, w1 = _point(model, e1, tv, cv, a1, b1, qv, y1[v], judged, cut, m1[v])
        f2, g2, r2, w2 = _point(model, e2, tv, cv, a2, b2, qv, y2[v], judged, cut, m2[v])
        f3, g3, r3, w3 = _point(model, e3, tv, cv, a3, b3, qv, y3[v], judged, cut, m3[v])
        ff[v] += (f0 * f0 + f1 * f1) + (f2 * f2 + f3 * f3)
        fg[v] += (f0 * g0 + f1 * g1) + (f2 * g2 + f3 * g3)
        gg[v] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
        fr[v] += (f0 * r0 + f1 * r1) + (f2 * r2 + f3 * r3)
        gr[v] += (g0 * r0 + g1 * r1) + (g2 * r2 + g3 * r3)
        rr[v] += (r0 * r0 + r1 * r1) + (r2 * r2 + r3 * r3)
        if judged:
            m0[v], m1[v], m2[v], m3[v] = w0, w1, w2, w3
            used[v] += (w0 + w1) + (w2 + w3)


@inlined
def _add_one(model, i, y, a, b, t, c, q, judged, cut, weights, sums):
    """Add point i to the sums."""
    y, sums, weights = rows(y), rows(sums), rows(weights)
    ff, fg, gg, fr, gr, rr = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    used, y0, m0, a0, b0 = sums[6], y[i], weights[i], a[i], b[i]
    for v in range(BLOCK):
        tv, cv, qv = t[v], c[v], q[v]
        e0 = decay(model, tv, a0)
        f0, g0, r0, w0 = _point(model, e0, tv, cv, a0, b0, qv, y0[v], judged, cut, m0[v])
        ff[v] += f0 * f0
        fg[v] += f0 * g0
        gg[v] += g0 * g0
        fr[v] += f0 * r0
        gr[v] += g0 * r0
        rr[v] += r0 * r0
        if judged:
            m0[v] = w0
            used[v] += w0


@inlined
def accumulate(model, y, constants, even, t, c, q, judged, cut, weights, factors, sums):
    """Write the sums ff, fg, gg, fr, gr, rr over the measurements; four at a time.

    g is the derivative of f with respect to ln t. `even`: the first constant rises by equal steps,
    so that three of four exponentials are the one before times a factor. `judged`: whether points
    whose fitted magnitude is below `cut` are left out; `weights` (n, block) are then the most that
    a point may count, 0 or 1, and receive what it does, sums[6] the number of points that are left.
    """
    a, b = constants[0], constants[1]
    n, n4 = y.shape[0], y.shape[0] // 4 * 4
    for row in rows(sums):
        for v in range(BLOCK):
            row[v] = 0.0
    if even:
        write_factors(model, a, t, factors)
    for i in range(0, n4, 4):
        _add_four(model, i, y, a, b, even, t, c, q, judged, cut, weights, factors, sums)
    for i in range(n4, n):
        _add_one(model, i, y, a, b, t, c, q, judged, cut, weights, sums)


@inlined
def move(t, c, bounds, sums, step, shape):
    """Move t and c by one Gauss-Newton step, float32; write what the errors rest on.

    shape: residual sum of squares behind the step, curvature along ln t, ff, fg / ff.
    """
    sums, shape = rows(sums), rows(shape)
    ff, fg, gg, fr, gr, rr = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    rss, info, norm, lean, sound = shape[0], shape[1], shape[2], shape[3], shape[4]
    most, half, one = np.float32(LONGEST_STEP), np.float32(0.5), np.float32(1.0)
    low, high = np.float32(bounds[2]), np.float32(bounds[3])
    for v in range(BLOCK):
        per = one / ff[v]
        ratio = fg[v] * per
        bend = gg[v] - ratio * fg[v]
        off = fr[v] * per
        amplitude = c[v] + off
        slope = gr[v] - ratio * fr[v]
        size = slope / (bend * amplitude)
        rss[v] = rr[v] - off * fr[v] - size * amplitude * slope
        info[v], norm[v], lean[v] = amplitude * amplitude * bend, ff[v], ratio
        sound[v] = bend - _SINGULAR_IN_SINGLE * gg[v]
        step[v] = size
        size = size if size > -most else -most
        size = size if size < most else most
        c[v] = amplitude - amplitude * ratio * size
        moved = t[v] + t[v] * (size + half * size * size)
        moved = moved if moved > low else low
        t[v] = moved if moved < high else high


@inlined
def settle(t, bounds, freedom, found, step, shape, state):
    """Settle the voxels whose last step was short; freedom (block) are the degrees of freedom."""
    shape = rows(shape)
    rss, info, sound = shape[0], shape[1], shape[4]
    pending, done = np.float32(PENDING), np.float32(found)
    one, none = np.float32(1.0), np.float32(0.0)
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    fixed, share = np.float32(SETTLED * SETTLED), np.float32(NEGLIGIBLE)
    for v in range(BLOCK):
        left = rss[v] if rss[v] > none else none
        free = freedom[v] if freedom[v] > one else one
        small = fixed + share * left / (free * info[v])
        rss[v] = left
        settled = done if step[v] * step[v] <= small else pending
        settled = settled if t[v] > low else pending
        settled = settled if t[v] < high else pending
        settled = settled if sound[v] > none else pending
        state[v] = settled if state[v] == pending else state[v]
