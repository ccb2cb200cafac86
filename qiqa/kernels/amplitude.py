"""Fit s = c f(x; t): one amplitude c, one nonlinear parameter t, by variable projection.

All voxels of a block take the same steps: a start from the grid, Gauss-Newton steps in ln t in
float32, the last in float64. What has not settled then is fitted again with more steps, each undone
by half when it made things worse. A voxel's result depends on nothing but its own signal.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel
from qiqa.kernels.dispatch import basis, decay, value
from qiqa.kernels.lanes import (
    load_block,
    next_block,
    store_row,
    store_status,
    sum_of_squares,
)
from qiqa.kernels.search import best_amplitude, best_amplitude_direct, start_from_peak
from qiqa.kernels.status import (
    AT_BOUND,
    CONVERGED,
    EXACT,
    NOT_CONVERGED,
    PENDING,
    SET_ASIDE,
    SINGULAR,
    SUSPECT,
)

__all__ = ["fit_amplitude"]

_QUICK = 3
_CAREFUL = 60
_LONGEST_STEP = 0.5
_SETTLED, _NEGLIGIBLE = 1e-4, 1e-4
"""A step in ln t below the first, or its square below the second times the squared standard error,
is the last one; it is still made."""
_NEARLY_SINGULAR = 1e-12


@inlined
def _accumulate(model, y, constants, even, t, q, work, sums):
    """Write the sums ff, fg, gg, fy, gy over the measurements; four at a time.

    g is the derivative of f with respect to ln t. `even`: the first constant rises by equal steps,
    so that each exponential is the one before times a factor.
    """
    ff, fg, gg, fy, gy = sums[0], sums[1], sums[2], sums[3], sums[4]
    running, factor = work[0], work[1]
    a, b = constants[0], constants[1]
    n, n4 = y.shape[0], y.shape[0] // 4 * 4
    for v in range(BLOCK):
        ff[v], fg[v], gg[v], fy[v], gy[v] = 0.0, 0.0, 0.0, 0.0, 0.0
    if even:
        for v in range(BLOCK):
            running[v] = decay(model, t[v], a[0])
            factor[v] = decay(model, t[v], a[1] - a[0])
    for i in range(0, n4, 4):
        y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        b0, b1, b2, b3 = b[i], b[i + 1], b[i + 2], b[i + 3]
        if even:
            for v in range(BLOCK):
                tv, qv, step = t[v], q[v], factor[v]
                e0 = running[v]
                e1 = e0 * step
                e2 = e1 * step
                e3 = e2 * step
                running[v] = e3 * step
                f0, g0 = basis(model, e0, tv, a0, b0, qv)
                f1, g1 = basis(model, e1, tv, a1, b1, qv)
                f2, g2 = basis(model, e2, tv, a2, b2, qv)
                f3, g3 = basis(model, e3, tv, a3, b3, qv)
                ff[v] += (f0 * f0 + f1 * f1) + (f2 * f2 + f3 * f3)
                fg[v] += (f0 * g0 + f1 * g1) + (f2 * g2 + f3 * g3)
                gg[v] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
                fy[v] += (f0 * y0[v] + f1 * y1[v]) + (f2 * y2[v] + f3 * y3[v])
                gy[v] += (g0 * y0[v] + g1 * y1[v]) + (g2 * y2[v] + g3 * y3[v])
        else:
            for v in range(BLOCK):
                tv, qv = t[v], q[v]
                f0, g0 = basis(model, decay(model, tv, a0), tv, a0, b0, qv)
                f1, g1 = basis(model, decay(model, tv, a1), tv, a1, b1, qv)
                f2, g2 = basis(model, decay(model, tv, a2), tv, a2, b2, qv)
                f3, g3 = basis(model, decay(model, tv, a3), tv, a3, b3, qv)
                ff[v] += (f0 * f0 + f1 * f1) + (f2 * f2 + f3 * f3)
                fg[v] += (f0 * g0 + f1 * g1) + (f2 * g2 + f3 * g3)
                gg[v] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
                fy[v] += (f0 * y0[v] + f1 * y1[v]) + (f2 * y2[v] + f3 * y3[v])
                gy[v] += (g0 * y0[v] + g1 * y1[v]) + (g2 * y2[v] + g3 * y3[v])
    for i in range(n4, n):
        row, a0, b0 = y[i], a[i], b[i]
        for v in range(BLOCK):
            tv = t[v]
            e0 = running[v] if even else decay(model, tv, a0)
            f0, g0 = basis(model, e0, tv, a0, b0, q[v])
            ff[v] += f0 * f0
            fg[v] += f0 * g0
            gg[v] += g0 * g0
            fy[v] += f0 * row[v]
            gy[v] += g0 * row[v]
        if even:
            for v in range(BLOCK):
                running[v] *= factor[v]


@inlined
def _quick_steps(t, bounds, sums):
    """Move t by one Gauss-Newton step, float32."""
    ff, fg, gg, fy, gy = sums[0], sums[1], sums[2], sums[3], sums[4]
    most = np.float32(_LONGEST_STEP)
    low, high = np.float32(bounds[2]), np.float32(bounds[3])
    for v in range(BLOCK):
        slope = gy[v] * ff[v] - fg[v] * fy[v]
        bend = gg[v] * ff[v] - fg[v] * fg[v]
        step = slope * ff[v] / (fy[v] * bend)
        step = step if step > -most else -most
        step = step if step < most else most
        moved = t[v] + t[v] * (step + np.float32(0.5) * step * step)
        moved = moved if moved > low else low
        t[v] = moved if moved < high else high


@inlined
def _last_steps(t, c, bounds, freedom, total, sums, state, shape):
    """Move t by one step; write amplitude and what the errors rest on; settle what stands."""
    ff, fg, gg, fy, gy = sums[0], sums[1], sums[2], sums[3], sums[4]
    rss, info, norm, lean = shape[0], shape[1], shape[2], shape[3]
    found, pending = np.float64(CONVERGED if freedom > 0 else EXACT), np.float64(PENDING)
    for v in range(BLOCK):
        ratio = fg[v] / ff[v]
        bend = gg[v] - ratio * fg[v]
        slope = (gy[v] - ratio * fy[v]) / bend
        amplitude = fy[v] / ff[v]
        step = slope / amplitude
        left = max(total[v] - amplitude * fy[v] - slope * slope * bend, 0.0)
        curvature = amplitude * amplitude * bend
        small = _SETTLED * _SETTLED + _NEGLIGIBLE * left / (max(freedom, 1) * curvature)
        short = step * step <= small
        step = min(max(step, -_LONGEST_STEP), _LONGEST_STEP)
        moved = t[v] * (1.0 + step * (1.0 + 0.5 * step))
        inside = (moved > bounds[0]) & (moved < bounds[1])
        sound = (bend > _NEARLY_SINGULAR * gg[v]) & (total[v] > 0.0)
        settled = found if short & inside & sound else pending
        state[v] = settled if state[v] == pending else state[v]
        t[v], c[v] = moved, amplitude - ratio * slope
        rss[v], info[v], norm[v], lean[v] = left, curvature, ff[v], ratio


@inlined
def _careful_steps(model, y, constants, even, bounds, freedom, total, work, sums, lanes_of):
    """Iterate each voxel until it settles; a step that made things worse is undone by half."""
    t, c, q, state, last, lowest, shape, _ = lanes_of
    ff, fg, gg, fy, gy = sums[0], sums[1], sums[2], sums[3], sums[4]
    rss, info, norm, lean = shape[0], shape[1], shape[2], shape[3]
    for v in range(BLOCK):
        last[v], lowest[v] = 0.0, np.inf
    for _ in range(_CAREFUL):
        _accumulate(model, y, constants, even, t, q, work, sums)
        open_lanes = 0
        for v in range(BLOCK):
            if state[v] != PENDING:
                continue
            if total[v] == 0.0 or ff[v] == 0.0:
                state[v] = SINGULAR
                continue
            ratio = fg[v] / ff[v]
            bend = gg[v] - ratio * fg[v]
            amplitude = fy[v] / ff[v]
            beyond = t[v] <= bounds[0] or t[v] >= bounds[1]
            if bend <= _NEARLY_SINGULAR * gg[v] or amplitude == 0.0:
                state[v] = AT_BOUND if beyond else SINGULAR
                continue
            slope = (gy[v] - ratio * fy[v]) / bend
            curvature = amplitude * amplitude * bend
            left = max(total[v] - amplitude * fy[v], 0.0)
            gain = slope * slope * bend
            c[v] = amplitude - ratio * slope
            rss[v], info[v], norm[v], lean[v] = max(left - gain, 0.0), curvature, ff[v], ratio
            step = slope / amplitude
            small = _SETTLED * _SETTLED + _NEGLIGIBLE * rss[v] / (max(freedom, 1) * curvature)
            if step * step <= small:
                t[v] *= 1.0 + step
                state[v] = CONVERGED if freedom > 0 else EXACT
                if t[v] <= bounds[0] or t[v] >= bounds[1]:
                    state[v] = AT_BOUND
                continue
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
def _store(
    model, lanes, count, contiguous, scale, freedom, noise, floor, full, lanes_of, rows, outputs
):
    """Write what stands; NaN for the rest."""
    t, c, _, state, _, _, shape, least = lanes_of
    rss, info, norm, lean = shape[0], shape[1], shape[2], shape[3]
    estimates, errors, covariance, residual, status = outputs
    mask, found, slope, per_t, per_c, sd = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    good, exact, suspect = np.float64(CONVERGED), np.float64(EXACT), np.float64(SUSPECT)
    for v in range(BLOCK):
        answer = 0.0 if state[v] == good else np.nan
        answer = 0.0 if state[v] == exact else answer
        low = suspect if least[v] < floor else state[v]
        mask[v] = answer
        state[v] = low if answer == 0.0 else state[v]
        found[v], slope[v] = value(model, t[v], scale)
    store_status(state, lanes, count, contiguous, status)
    store_row(found, mask, lanes, count, contiguous, estimates[0])
    store_row(c, mask, lanes, count, contiguous, estimates[1])
    if not full:
        return
    known, per = noise * noise, 1.0 / max(freedom, 1)
    for v in range(BLOCK):
        variance = rss[v] * per if freedom > 0 else known
        # inverse of the information of (ln t, c): [c c gg, c fg; c fg, ff]
        per_t[v] = variance / info[v]
        per_c[v] = variance / norm[v] + per_t[v] * c[v] * c[v] * lean[v] * lean[v]
        sd[v] = math.sqrt(variance) if freedom > 0 else np.nan
        rows[6, v], rows[7, v] = abs(slope[v]) * math.sqrt(per_t[v]), math.sqrt(per_c[v])
    store_row(sd, mask, lanes, count, contiguous, residual)
    store_row(rows[6], mask, lanes, count, contiguous, errors[0])
    store_row(rows[7], mask, lanes, count, contiguous, errors[1])
    if covariance.shape[1] > 0:
        for v in range(BLOCK):
            rows[6, v] = -slope[v] * per_t[v] * c[v] * lean[v]
            per_t[v] *= slope[v] * slope[v]
        store_row(per_t, mask, lanes, count, contiguous, covariance[0])
        store_row(rows[6], mask, lanes, count, contiguous, covariance[1])
        store_row(per_c, mask, lanes, count, contiguous, covariance[2])


@kernel
def fit_amplitude(
    model, signal, order, constants, even, scale, extra, table, grid, bounds, limits, noise,
    span, full, outputs,
):  # fmt: skip
    """Fit the voxels from span[0] to span[1]; the results go to `outputs`.

    Parameters
    ----------
    model
        `SignalModel`.
    signal
        (rows, voxels), float32.
    order
        Rows to use, in the order of `constants`.
    constants
        (2, n), what the basis needs of each measurement.
    even
        Whether constants[0] rises by equal steps.
    scale
        What `value` needs.
    extra
        (voxels,) constant of each voxel, or empty.
    table, grid
        Unit vectors of the basis (grid, n), float32, at the points ln t of `grid`.
    bounds
        Lowest and highest t with an answer; lowest and highest t tried; ends of the grid.
    limits
        Lowest and highest good signal; magnitude below which a point is at the noise floor.
    noise
        Noise SD for as many points as parameters, NaN where unknown.
    span
        First voxel, voxel behind the last.
    full
        Whether standard errors and residuals are written.
    outputs
        estimates (2, voxels), errors (2, voxels), covariance (3, voxels) or (3, 0),
        residual (voxels), status (voxels): PENDING for the voxels to be fitted.
    """
    n = order.size
    freedom = n - 2
    status = outputs[4]
    constants_quick = constants.astype(np.float32)
    y, scores = np.empty((n, BLOCK), np.float32), np.empty((grid.size, BLOCK), np.float32)
    narrow, wide = np.ones((15, BLOCK), np.float32), np.ones((26, BLOCK))
    quick, quick_work, t_quick, q_quick = narrow[0:5], narrow[12:14], narrow[7], narrow[8]
    best, place, norm = narrow[9], narrow[10], narrow[11]
    sums, work, shape = wide[0:5], wide[5:7], wide[7:11]
    total, t, c, q = wide[11], wide[12], wide[13], wide[14]
    flags, state, rows, lanes = narrow[14], wide[17], wide[18:26], np.empty(BLOCK, np.int64)
    least, most = narrow[6], narrow[5]
    lanes_of = (t, c, q, state, wide[15], wide[16], shape, least)
    for careful in range(2):
        position = span[0]
        while position < span[1]:
            count, position = next_block(status, PENDING, position, span[1], lanes)
            if count == 0:
                break
            contiguous = lanes[count - 1] - lanes[0] == count - 1
            load_block(signal, order, lanes, count, contiguous, limits, y, flags, least, most)
            sum_of_squares(y, total)
            if extra.size:
                for v in range(count):
                    q[v] = extra[lanes[v]]
                    if not (q[v] > 0.0 and q[v] < np.inf):
                        q[v], flags[v] = 1.0, SET_ASIDE
                    q_quick[v] = q[v]
                best_amplitude_direct(
                    model, grid, constants_quick, q_quick, y, scores, best, place, norm
                )
            else:
                best_amplitude(table, y, scores, best, place)
            start_from_peak(grid, scores, place, rows, t)
            for v in range(BLOCK):
                state[v] = flags[v]
            if careful:
                _careful_steps(
                    model, y, constants, even, bounds, freedom, total, work, sums, lanes_of
                )
            else:
                for v in range(BLOCK):
                    t_quick[v] = t[v]
                for _ in range(_QUICK):
                    _accumulate(
                        model, y, constants_quick, even, t_quick, q_quick, quick_work, quick
                    )
                    _quick_steps(t_quick, bounds, quick)
                for v in range(BLOCK):
                    t[v] = t_quick[v]
                _accumulate(model, y, constants, even, t, q, work, sums)
                _last_steps(t, c, bounds, freedom, total, sums, state, shape)
            _store(
                model, lanes, count, contiguous, scale, freedom, noise, limits[2], full, lanes_of,
                rows, outputs,
            )  # fmt: skip
