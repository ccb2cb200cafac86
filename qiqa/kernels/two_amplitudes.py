"""Fit s = c0 f0(x; t) + c1 f1(x; t): two amplitudes, one nonlinear parameter t, in float64.

As `amplitude`, with one thing more: where only magnitudes are known, the start gives the two most
promising sign patterns, both are fitted, and the one with the smaller residual is kept (the method
of Barral et al. 2010, doi 10.1002/mrm.22497, with every pattern tried instead of two).
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.lanes import (
    load_block,
    next_block,
    sum_of_squares,
)
from qiqa.kernels.search import best_pair, best_signs, start_from_peak, top_two
from qiqa.kernels.status import (
    AT_BOUND,
    CONVERGED,
    EXACT,
    NOT_CONVERGED,
    PENDING,
    SET_ASIDE,
    SINGULAR,
)
from qiqa.kernels.two_amplitudes_results import store_two_amplitudes

__all__ = ["fit_two_amplitudes"]

_QUICK = 2
_CAREFUL = 80
_LONGEST_STEP = 0.5
_SETTLED, _NEGLIGIBLE = 1e-6, 1e-6
"""As in `amplitude`; here the problem is often nearly singular and settles slowly."""
_NEARLY_SINGULAR = 1e-11
_MAY_STILL_GAIN = 3.0
"""A fit that has not settled may improve by so much more than its next step promises."""


@inlined
def _accumulate(model, y, constants, even, t, c0, c1, q, work, sums):
    """Write the sums of products of f0, f1, g and y, where g = d(c0 f0 + c1 f1) / d ln t."""
    s00, s01, s11, s0g, s1g = sums[0], sums[1], sums[2], sums[3], sums[4]
    sgg, s0y, s1y, sgy = sums[5], sums[6], sums[7], sums[8]
    running, factor, a, b = work[0], work[1], constants[0], constants[1]
    n, n4 = y.shape[0], y.shape[0] // 4 * 4
    for row in sums:
        for v in range(BLOCK):
            row[v] = 0.0
    if even:
        for v in range(BLOCK):
            running[v] = decay(model, t[v], a[0])
            factor[v] = decay(model, t[v], a[1] - a[0])
    for i in range(0, n4, 4):
        y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        b0, b1, b2, b3 = b[i], b[i + 1], b[i + 2], b[i + 3]
        for v in range(BLOCK):
            tv, qv, k0, k1 = t[v], q[v], c0[v], c1[v]
            if even:
                e0 = running[v]
                e1 = e0 * factor[v]
                e2 = e1 * factor[v]
                e3 = e2 * factor[v]
                running[v] = e3 * factor[v]
            else:
                e0, e1 = decay(model, tv, a0), decay(model, tv, a1)
                e2, e3 = decay(model, tv, a2), decay(model, tv, a3)
            f0, d0, h0, g0 = basis(model, e0, tv, a0, b0, qv)
            f1, d1, h1, g1 = basis(model, e1, tv, a1, b1, qv)
            f2, d2, h2, g2 = basis(model, e2, tv, a2, b2, qv)
            f3, d3, h3, g3 = basis(model, e3, tv, a3, b3, qv)
            g0, g1 = k0 * d0 + k1 * g0, k0 * d1 + k1 * g1
            g2, g3 = k0 * d2 + k1 * g2, k0 * d3 + k1 * g3
            s00[v] += (f0 * f0 + f1 * f1) + (f2 * f2 + f3 * f3)
            s01[v] += (f0 * h0 + f1 * h1) + (f2 * h2 + f3 * h3)
            s11[v] += (h0 * h0 + h1 * h1) + (h2 * h2 + h3 * h3)
            s0g[v] += (f0 * g0 + f1 * g1) + (f2 * g2 + f3 * g3)
            s1g[v] += (h0 * g0 + h1 * g1) + (h2 * g2 + h3 * g3)
            sgg[v] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
            s0y[v] += (f0 * y0[v] + f1 * y1[v]) + (f2 * y2[v] + f3 * y3[v])
            s1y[v] += (h0 * y0[v] + h1 * y1[v]) + (h2 * y2[v] + h3 * y3[v])
            sgy[v] += (g0 * y0[v] + g1 * y1[v]) + (g2 * y2[v] + g3 * y3[v])
    for i in range(n4, n):
        row, a0, b0 = y[i], a[i], b[i]
        for v in range(BLOCK):
            e0 = running[v] if even else decay(model, t[v], a0)
            f0, d0, h0, g0 = basis(model, e0, t[v], a0, b0, q[v])
            g0 = c0[v] * d0 + c1[v] * g0
            s00[v] += f0 * f0
            s01[v] += f0 * h0
            s11[v] += h0 * h0
            s0g[v] += f0 * g0
            s1g[v] += h0 * g0
            sgg[v] += g0 * g0
            s0y[v] += f0 * row[v]
            s1y[v] += h0 * row[v]
            sgy[v] += g0 * row[v]
        if even:
            for v in range(BLOCK):
                running[v] *= factor[v]


@inlined
def _eliminate(sums, v):
    """Solve the normal equations of one voxel for (c0, c1, step); Cholesky without roots.

    Return l10, lg0, lg1 (multipliers), d0, d1, dg (pivots), and the solutions at the present t
    (k0, k1), the step, and the residual sum at the present t less the sum of squares of y.
    """
    d0 = sums[0][v]
    l10 = sums[1][v] / d0
    d1 = sums[2][v] - l10 * sums[1][v]
    lg0 = sums[3][v] / d0
    cross = sums[4][v] - l10 * sums[3][v]
    lg1 = cross / d1
    dg = sums[5][v] - lg0 * sums[3][v] - lg1 * cross
    z0 = sums[6][v]
    z1 = sums[7][v] - l10 * z0
    zg = sums[8][v] - lg0 * z0 - lg1 * z1
    k1 = z1 / d1
    k0 = z0 / d0 - l10 * k1
    return l10, lg0, lg1, d0, d1, dg, k0, k1, zg / dg, -(z0 * z0 / d0 + z1 * z1 / d1)


@inlined
def _move(fresh, t, c0, c1, bounds, sums):
    """Make one Gauss-Newton step in (ln t, c0, c1).

    `fresh`: the sums were made with amplitudes of 1; the step is scaled by the amplitude found.
    """
    for v in range(BLOCK):
        l10, lg0, lg1, _, _, _, k0, k1, step, _ = _eliminate(sums, v)
        if fresh:
            lg0, lg1, step = lg0 * k1, lg1 * k1, step / k1
        step = step if step > -_LONGEST_STEP else -_LONGEST_STEP
        step = step if step < _LONGEST_STEP else _LONGEST_STEP
        down = k1 - lg1 * step
        c0[v] = k0 - (lg0 - l10 * lg1) * step
        c1[v] = down
        moved = t[v] + t[v] * (step + 0.5 * step * step)
        moved = moved if moved > bounds[2] else bounds[2]
        t[v] = moved if moved < bounds[3] else bounds[3]


@inlined
def _settle(t, c0, c1, bounds, freedom, total, sums, state, shape):
    """Make the last step; write what the errors rest on; settle what stands."""
    found, pending = np.float64(CONVERGED if freedom > 0 else EXACT), np.float64(PENDING)
    for v in range(BLOCK):
        l10, lg0, lg1, d0, d1, dg, k0, k1, step, fitted = _eliminate(sums, v)
        gain = step * step * dg
        left = max(total[v] + fitted - gain, 0.0)
        small = _SETTLED * _SETTLED + _NEGLIGIBLE * left / (max(freedom, 1) * dg)
        short = step * step <= small
        step = step if step > -_LONGEST_STEP else -_LONGEST_STEP
        step = step if step < _LONGEST_STEP else _LONGEST_STEP
        moved = t[v] + t[v] * (step + 0.5 * step * step)
        inside = (moved > bounds[0]) & (moved < bounds[1])
        sound = (
            (dg > _NEARLY_SINGULAR * sums[5][v])
            & (d1 > _NEARLY_SINGULAR * sums[2][v])
            & (total[v] > 0.0)
        )
        settled = found if short & inside & sound else pending
        state[v] = settled if state[v] == pending else state[v]
        t[v] = moved
        c0[v] = k0 - (lg0 - l10 * lg1) * step
        c1[v] = k1 - lg1 * step
        shape[0, v] = left if settled == found else left - _MAY_STILL_GAIN * gain
        shape[1, v], shape[2, v], shape[3, v] = d0, d1, dg
        shape[4, v], shape[5, v], shape[6, v] = l10, lg0, lg1


@inlined
def _careful_steps(model, y, constants, even, q, bounds, freedom, total, work, sums, lanes_of):
    """Iterate each voxel until it settles; a step that made things worse is undone by half."""
    t, c0, c1, state, last, lowest, shape = lanes_of
    for v in range(BLOCK):
        last[v], lowest[v] = 0.0, np.inf
    for turn in range(_CAREFUL):
        _accumulate(model, y, constants, even, t, c0, c1, q, work, sums)
        open_lanes = 0
        for v in range(BLOCK):
            if state[v] != PENDING:
                continue
            if total[v] == 0.0 or sums[0][v] == 0.0:
                state[v] = SINGULAR
                continue
            l10, lg0, lg1, d0, d1, dg, k0, k1, step, fitted = _eliminate(sums, v)
            beyond = t[v] <= bounds[0] or t[v] >= bounds[1]
            if not (d1 > _NEARLY_SINGULAR * sums[2][v] and dg > _NEARLY_SINGULAR * sums[5][v]):
                state[v] = AT_BOUND if beyond else SINGULAR
                continue
            left = max(total[v] + fitted, 0.0)
            # what the next step promises counts only when it settles
            shape[0, v] = left
            shape[1, v], shape[2, v], shape[3, v] = d0, d1, dg
            shape[4, v], shape[5, v], shape[6, v] = l10, lg0, lg1
            promised = max(left - step * step * dg, 0.0)
            small = _SETTLED * _SETTLED + _NEGLIGIBLE * promised / (max(freedom, 1) * dg)
            if turn == 0:
                # the sums were made with amplitudes of 1: take the amplitudes, move next time
                c0[v], c1[v] = k0, k1
                open_lanes += 1
                continue
            if step * step <= small:
                shape[0, v] = promised
                t[v] *= 1.0 + step
                c0[v] = k0 - (lg0 - l10 * lg1) * step
                c1[v] = k1 - lg1 * step
                state[v] = CONVERGED if freedom > 0 else EXACT
                if t[v] <= bounds[0] or t[v] >= bounds[1]:
                    state[v] = AT_BOUND
                continue
            c0[v], c1[v] = k0, k1
            if left > lowest[v]:
                step = -0.5 * last[v]
                last[v] = -step
            else:
                lowest[v] = left
                step = min(max(step, -_LONGEST_STEP), _LONGEST_STEP)
                last[v] = step
            moved = min(max(t[v] * math.exp(step), bounds[2]), bounds[3])
            if moved == t[v]:
                state[v] = AT_BOUND if beyond else NOT_CONVERGED
                continue
            t[v] = moved
            open_lanes += 1
        if open_lanes == 0:
            break
    for v in range(BLOCK):
        if state[v] == PENDING:
            # creeping on beyond what the points can tell: the optimum is at infinity
            away = t[v] <= max(bounds[0], bounds[4]) or t[v] >= min(bounds[1], bounds[5])
            state[v] = AT_BOUND if away else NOT_CONVERGED


@inlined
def _keep_better(candidate, kept, lanes_of):
    """Keep whichever of two fits of a voxel has the smaller residual; candidate 0 comes first."""
    t, c0, c1, state, _, _, shape = lanes_of
    for v in range(BLOCK):
        # a fit that ran into a bound is still the better one if its residual is smaller; one that
        # has not settled counts by what it may still become, and leaves the voxel pending
        better = candidate == 0 or shape[0, v] < kept[3, v]
        if better:
            kept[0, v], kept[1, v], kept[2, v] = t[v], c0[v], c1[v]
            for row in range(7):
                kept[3 + row, v] = shape[row, v]
            kept[10, v] = state[v]


@inlined
def _give_signs(y, flips, signed):
    """Turn the first points negative, as many as `flips` says of each voxel."""
    for i in range(y.shape[0]):
        row, out, here = y[i], signed[i], np.float32(i)
        for v in range(BLOCK):
            out[v] = -row[v] if here < flips[v] else row[v]


@kernel
def fit_two_amplitudes(
    model, signal, order, constants, even, scale, extra, table, grid, flips, bounds, limits,
    noise, span, full, outputs,
):  # fmt: skip
    """Fit the voxels from span[0] to span[1]; the results go to `outputs`.

    Parameters are those of `fit_amplitude`, but: table (grid, 2, n) holds two orthonormal vectors
    at each grid point, flips the largest number of early points that may have lost a negative sign
    (0: none); estimates (3, voxels), errors (3, voxels), covariance (6, voxels), upper triangle
    row by row, or (6, 0).
    """
    n, freedom, status = order.size, order.size - 3, outputs[4]
    y, signed = np.empty((n, BLOCK), np.float32), np.empty((n, BLOCK), np.float32)
    score, scores = (
        np.empty((flips + 1, BLOCK), np.float32), np.empty((grid.size, BLOCK), np.float32),
    )  # fmt: skip
    narrow, wide = np.empty((11, BLOCK), np.float32), np.ones((45, BLOCK))
    search, best, place = narrow[0:2], narrow[2], narrow[3]
    k1, k2, s1, s2 = narrow[4], narrow[5], narrow[6], narrow[7]
    least, most = narrow[8], narrow[9]
    sums, work, shape, kept = wide[0:9], wide[9:11], wide[11:18], wide[18:29]
    q, total, t, c0, c1 = wide[29], wide[30], wide[31], wide[32], wide[33]
    first, state, rows = narrow[10], wide[36], wide[37:45]
    lanes = np.empty(BLOCK, np.int64)
    lanes_of = (t, c0, c1, state, wide[34], wide[35], shape)
    for careful in range(2):
        position = span[0]
        while position < span[1]:
            count, position = next_block(status, PENDING, position, span[1], lanes)
            if count == 0:
                break
            contiguous = lanes[count - 1] - lanes[0] == count - 1
            load_block(signal, order, lanes, count, contiguous, limits, y, first, least, most)
            sum_of_squares(y, total)
            if extra.size:
                for v in range(count):
                    q[v] = extra[lanes[v]]
                    if not (q[v] > 0.0 and q[v] < np.inf):
                        q[v], first[v] = 1.0, SET_ASIDE
            best_signs(table, y, flips, score, search)
            top_two(score, flips, k1, k2, s1, s2)
            for candidate in range(2 if flips else 1):
                for v in range(BLOCK):
                    state[v], c0[v], c1[v] = first[v], 1.0, 1.0
                _give_signs(y, k2 if candidate else k1, signed)
                best_pair(table, signed, scores, best, place, search)
                start_from_peak(grid, scores, place, rows, t)
                if careful:
                    _careful_steps(
                        model, signed, constants, even, q, bounds, freedom, total, work, sums,
                        lanes_of,
                    )  # fmt: skip
                else:
                    for turn in range(_QUICK):
                        _accumulate(model, signed, constants, even, t, c0, c1, q, work, sums)
                        _move(turn == 0, t, c0, c1, bounds, sums)
                    _accumulate(model, signed, constants, even, t, c0, c1, q, work, sums)
                    _settle(t, c0, c1, bounds, freedom, total, sums, state, shape)
                _keep_better(candidate, kept, lanes_of)
            for v in range(BLOCK):
                # what was not to be fitted stays so, whatever its zeros gave
                kept[10, v] = kept[10, v] if first[v] == PENDING else first[v]
            store_two_amplitudes(
                model, lanes, count, contiguous, scale, freedom, noise, limits[2], full, kept,
                least, rows, outputs,
            )  # fmt: skip
