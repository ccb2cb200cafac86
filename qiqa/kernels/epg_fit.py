"""Fit echo trains, s_n = c f_n(u, b), from a table: one amplitude, two nonlinear parameters.

u is the logarithm of the transverse decay beside the longitudinal one, b is B1. Voxel by voxel,
since every one reads another place of the table; the inner loops run over echoes. Echoes that are
left out lose their residuals; the train that is computed stays whole.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import inlined, kernel
from qiqa.kernels.epg_results import clear, store, transverse
from qiqa.kernels.epg_table import evaluate
from qiqa.kernels.status import (
    AT_BOUND,
    CONVERGED,
    EXACT,
    NOISE_FLOOR,
    NOT_CONVERGED,
    PENDING,
    SET_ASIDE,
    SINGULAR,
    SUSPECT,
)

__all__ = ["fit_trains"]

_STEPS = 80
_LONGEST_U, _LONGEST_B = 0.5, 0.05
"""Where B1 is singular a step may be of any size; longer ones would land on the other side."""
_SHORT = 1e-6
"""Squared step in standard errors that is the last one; it is still made."""
_ROUNDING = 1e-15
"""Of the sum of squares: gains below are those of rounding."""
_NEARLY_SINGULAR = 1e-12
_ROUNDS, _FREE = 4, 2
"""Rounds of leaving out points, and those in which points may come back, as `fitting.careful`."""


@inlined
def _load(signal, order, voxel, limits, y):
    """Copy one voxel; return its state, and its smallest magnitude."""
    least, most, variance = np.inf, 0.0, limits[3]
    state = PENDING
    for i in range(order.size):
        s = np.float64(signal[order[i], voxel])
        if not (s >= limits[0] and s <= limits[1]):
            return SET_ASIDE, 0.0
        least, most = min(least, abs(s)), max(most, abs(s))
        y[i] = math.sqrt(max(s * s - variance, 0.0)) if variance > 0.0 else s
    if most < limits[4]:
        state = NOISE_FLOOR
    return state, least


@inlined
def _start(y, w, whole, grid, places, fixed, scores, norms):
    """Return the place of the best point of the grid; with a known B1 only of those nearest."""
    scores[:], norms[:] = 0.0, 0.0
    for i in range(y.size):
        s, row = np.float32(y[i] * w[i]), grid[i]
        for k in range(scores.size):
            scores[k] += s * row[k]
    if not whole:
        for i in range(y.size):
            s, row = np.float32(w[i]), grid[i]
            for k in range(scores.size):
                norms[k] += s * row[k] * row[k]
        for k in range(scores.size):
            scores[k] /= math.sqrt(max(norms[k], np.float32(1e-12)))
    near = np.inf
    if fixed > 0.0:
        for k in range(scores.size):
            near = min(near, abs(places[1, k] - fixed))
    best = 0
    for k in range(scores.size):
        if fixed > 0.0 and abs(places[1, k] - fixed) > near:
            scores[k] = -np.inf
        if scores[k] > scores[best]:
            best = k
    return best


@inlined
def _add_up(rows, y, w, sums):
    """Write the sums ff, fg, fh, gg, gh, hh, fy, gy, hy, yy, number, fq, qy over the echoes."""
    f, g, h, q = rows[0], rows[1], rows[2], rows[3]
    fq, qy = 0.0, 0.0
    ff, fg, fh, gg, gh, hh = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    fy, gy, hy, yy, used = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(y.size):
        a, d, s = f[i] * w[i], y[i] * w[i], h[i] * w[i]
        b = g[i] * w[i]
        ff += a * f[i]
        fg += a * g[i]
        fh += a * h[i]
        gg += b * g[i]
        gh += b * h[i]
        hh += s * h[i]
        fy += d * f[i]
        gy += d * g[i]
        hy += d * h[i]
        yy += d * y[i]
        used += w[i]
        fq += a * q[i]
        qy += d * q[i]
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5] = ff, fg, fh, gg, gh, hh
    sums[6], sums[7], sums[8], sums[9], sums[10] = fy, gy, hy, yy, used
    sums[11], sums[12] = fq, qy


@inlined
def _newton(sums, known_b, step, shape):
    """Write a step (u, b); return what it gains, -1 where there is none to make.

    A Gauss-Newton step, but for what the residuals bend along b: at the B1 where the train turns
    back df/db is nothing, and a step without it would go anywhere. It counts where it makes the
    curvature larger, so that every step goes down.

    shape: c, curvature along u, across, along b, fg / ff, fh / ff, ff.
    """
    ff, fy = sums[0], sums[6]
    if not (ff > 0.0 and fy > 0.0):
        return -1.0
    c, lean_u, lean_b = fy / ff, sums[1] / ff, sums[2] / ff
    uu = c * c * (sums[3] - lean_u * sums[1])
    ub = c * c * (sums[4] - lean_u * sums[2])
    bb = c * c * (sums[5] - lean_b * sums[2])
    to_u, to_b = c * (sums[7] - lean_u * fy), c * (sums[8] - lean_b * fy)
    shape[0], shape[1], shape[2], shape[3] = c, uu, ub, bb
    shape[4], shape[5], shape[6] = lean_u, lean_b, ff
    if known_b:
        if not uu > _NEARLY_SINGULAR * c * c * sums[3]:
            return -1.0
        step[0], step[1] = to_u / uu, 0.0
        return step[0] * to_u
    bb += max(c * (c * sums[11] - sums[12]), 0.0)
    size = uu * bb - ub * ub
    if not size > _NEARLY_SINGULAR * uu * bb or not uu > _NEARLY_SINGULAR * c * c * sums[3]:
        return -1.0
    step[0], step[1] = (bb * to_u - ub * to_b) / size, (uu * to_b - ub * to_u) / size
    return step[0] * to_u + step[1] * to_b


@inlined
def _beyond(at, ends, known_b):
    """Say whether `at` lies at an end of the table."""
    away = at[0] <= ends[0] or at[0] >= ends[1]
    return away or (not known_b and (at[1] <= ends[2] or at[1] >= ends[3]))


@inlined
def _iterate(y, w, at, known_b, room):
    """Move `at` (u, b) to the optimum; return the status, bounds of an answer not yet looked at."""
    coefficients, axes, ends, decay, weights, rows, sums, step, shape = room
    free_of = 2.0 if known_b else 3.0
    lowest, here_u, here_b = np.inf, at[0], at[1]
    step[0], step[1] = 0.0, 0.0
    for _ in range(_STEPS):
        evaluate(coefficients, here_u, here_b, axes, decay, weights, rows)
        _add_up(rows, y, w, sums)
        left = sums[9] - sums[6] * sums[6] / sums[0] if sums[0] > 0.0 else sums[9]
        last = False
        if left > lowest + _ROUNDING * sums[9]:
            step[0], step[1] = 0.5 * step[0], 0.5 * step[1]
        else:
            lowest, at[0], at[1] = min(left, lowest), here_u, here_b
            gain = _newton(sums, known_b, step, shape)
            if gain < 0.0:
                return AT_BOUND if _beyond(at, ends, known_b) else SINGULAR
            free = max(sums[10] - free_of, 1.0)
            last = gain <= _SHORT * max(left, 0.0) / free + _ROUNDING * sums[9]
            long = max(abs(step[0]) / _LONGEST_U, abs(step[1]) / _LONGEST_B, 1.0)
            step[0], step[1] = step[0] / long, step[1] / long
        here_u = min(max(at[0] + step[0], ends[0]), ends[1])
        here_b = at[1] if known_b else min(max(at[1] + step[1], ends[2]), ends[3])
        if last or (here_u == at[0] and here_b == at[1]):
            at[0], at[1] = here_u, here_b
            return AT_BOUND if _beyond(at, ends, known_b) else CONVERGED
    return AT_BOUND if _beyond(at, ends, known_b) else NOT_CONVERGED


@inlined
def _finish(y, w, at, known_b, room, about):
    """Return the status at an optimum, and the residual sum of squares there."""
    coefficients, axes, _, decay, weights, rows, sums, step, shape = room
    evaluate(coefficients, at[0], at[1], axes, decay, weights, rows)
    _add_up(rows, y, w, sums)
    if _newton(sums, known_b, step, shape) < 0.0:
        return SINGULAR, 0.0
    rss, c, f = 0.0, shape[0], rows[0]
    for i in range(y.size):
        r = y[i] - c * f[i]
        rss += w[i] * r * r
    t2, _ = transverse(at[0], about)
    if not (t2 > about[2] and t2 < about[3]):
        return AT_BOUND, rss
    if not known_b and not (at[1] > about[4] and at[1] < about[5]):
        return AT_BOUND, rss
    return (CONVERGED if sums[10] > (2.0 if known_b else 3.0) else EXACT), rss


@inlined
def _leave_floor(y, w, search, field, at, room, about, cut, rss):
    """Fit again without echoes that the fit puts below `cut`, until these stay the same.

    Return the status, SUSPECT where that is not so or too few are left, and the residual sum of
    squares, at first `rss`.
    """
    rows, shape, known_b = room[5], room[8], field > 0.0
    for turn in range(_ROUNDS + 1):
        moved, kept = False, 0.0
        for i in range(y.size):
            now = 1.0 if shape[0] * rows[0, i] >= cut else 0.0
            if turn >= _FREE:
                now = min(now, w[i])  # from here on none comes back, so that this ends
            moved = moved or now != w[i]
            w[i] = now
            kept += now
        if not moved:
            return CONVERGED, rss
        if turn == _ROUNDS or kept <= 3.0:
            break
        _place(y, w, False, search, field, about, room[2][0], at)
        if _iterate(y, w, at, known_b, room) != CONVERGED:
            break
        state, rss = _finish(y, w, at, known_b, room, about)
        if state != CONVERGED:
            break
    return SUSPECT, 0.0


@inlined
def _ready(signal, order, voxel, b1, t1, limits, y, about):
    """Load a voxel; return its state, smallest magnitude, B1 (-1: to be fitted) and T1 [ms]."""
    state, least = _load(signal, order, voxel, limits, y)
    field, along = -1.0, about[6]
    if t1.size:
        along = np.float64(t1[voxel if t1.size > 1 else 0])
    if b1.size:
        field = np.float64(b1[voxel])
    if not (along > 0.0 and along < np.inf) or (b1.size and not (field > 0.0 and field < np.inf)):
        state = SET_ASIDE
    elif b1.size and state == PENDING and not (field > about[4] and field < about[5]):
        state = AT_BOUND
    return state, least, field, along


@inlined
def _place(y, w, whole, search, field, about, first, at):
    """Write where the iteration begins: the best point of the grid, its T2 at the voxel's T1."""
    grid, places, scores, norms = search
    best = _start(y, w, whole, grid, places, field, scores, norms)
    across = (1.0 / places[0, best] - 1.0 / about[7]) * about[0] + about[1]
    at[0] = max(math.log(max(across, 1e-30)), first)
    at[1] = field if field > 0.0 else places[1, best]


@kernel
def fit_trains(
    model, signal, order, echoes, coefficients, axes, ends, grid, places, bounds, b1, t1, limits,
    noise, span, full, outputs,
):  # fmt: skip
    """Fit the voxels from span[0] to span[1]; the results go to `outputs`.

    Parameters
    ----------
    model
        `SignalModel`: its type says which kernels this was compiled with.
    signal, order, limits, noise, span, full
        As in `amplitude.fit_amplitude`.
    echoes
        (n,) numbers of the echoes, from 1.
    coefficients, axes
        As in `epg_table.evaluate`.
    ends
        First and last u, first and last b that are tried.
    grid, places
        Unit vectors (n, places), float32, and their T2 [ms] and B1 (2, places).
    bounds
        Echo spacing [ms], offset of u, lowest and highest T2 with an answer [ms], the same of B1;
        T1 that is assumed [ms].
    b1, t1
        (voxels,) known B1, or empty; (voxels,) T1 [ms], one for all, or empty: assumed.
    outputs
        estimates (3, voxels): T2, amplitude, B1; the others as in `fit_amplitude`.
    """
    n, used, status = order.size, outputs[4], outputs[5]
    y, w, decay = np.empty(n), np.empty(n), np.empty(n)
    scores, norms = np.empty(grid.shape[1], np.float32), np.empty(grid.shape[1], np.float32)
    search, at, about = (grid, places, scores, norms), np.empty(2), np.empty(8)
    sums, shape = np.empty(13), np.empty(7)
    room = (coefficients, axes, ends, decay, np.empty((6, 4)), np.empty((4, n)), sums, np.empty(2),
            shape)  # fmt: skip
    known_b, before, rss = b1.size > 0, -1.0, 0.0
    about[:7] = bounds
    for voxel in range(span[0], span[1]):
        if status[voxel] != PENDING:
            continue
        state, least, field, along = _ready(signal, order, voxel, b1, t1, limits, y, about)
        if state == PENDING:
            if along != before:
                before, about[7] = along, along
                about[3] = min(bounds[3], along) if t1.size else bounds[3]
                for i in range(n):
                    decay[i] = math.exp(-echoes[i] * bounds[0] / along)
            w[:] = 1.0
            _place(y, w, True, search, field, about, ends[0], at)
            state = _iterate(y, w, at, known_b, room)
            if state == CONVERGED:
                state, rss = _finish(y, w, at, known_b, room, about)
        if state not in (CONVERGED, EXACT):
            clear(voxel, state, outputs)
            continue
        low = least < limits[2]
        store(voxel, SUSPECT if low else state, at, rss, sums[10], known_b, shape, about, noise,
              full, outputs)  # fmt: skip
        if low and limits[5] > 0.0 and state == CONVERGED:
            state, rss = _leave_floor(y, w, search, field, at, room, about, limits[5], rss)
            if state == CONVERGED:
                store(voxel, state, at, rss, sums[10], known_b, shape, about, noise, full, outputs)
                used[voxel] = np.uint16(sums[10])
