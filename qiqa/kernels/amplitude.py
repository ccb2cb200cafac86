"""Fit s = c f(x; t): one amplitude c, one nonlinear parameter t, by variable projection.

All voxels of a block take the same steps, in float32: a start from the grid, Gauss-Newton steps in
ln t, once more without the points at the noise floor. What has not settled then is fitted again in
float64 with more steps, each undone by half when it made things worse. A voxel's result depends on
nothing but its own signal.
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.amplitude_floor import leave_floor
from qiqa.kernels.amplitude_results import store_amplitude
from qiqa.kernels.amplitude_steps import (
    NEARLY_SINGULAR,
    NEGLIGIBLE,
    SETTLED,
    accumulate,
    move,
    settle,
)
from qiqa.kernels.compiling import BLOCK, inlined, kernel
from qiqa.kernels.lanes import (
    begin_passage,
    count_left,
    damped,
    end_of_patience,
    fetch_constant,
    load_block,
    next_block,
    pad,
)
from qiqa.kernels.search import best_amplitude, best_amplitude_direct, start_from_peak
from qiqa.kernels.status import (
    AT_BOUND,
    CONVERGED,
    EXACT,
    NOT_CONVERGED,
    PENDING,
    SINGULAR,
)

__all__ = ["fit_amplitude"]

_QUICK = 3
_CAREFUL = 60


@inlined
def _careful_steps(model, y, constants, even, q, bounds, freedom, wide, lanes_of):
    """Iterate each voxel until it settles; a step that made things worse is undone by half.

    lanes_of are (t, c, state, shape), float32; the work is done in float64.
    """
    t32, c32, state, shape = lanes_of
    t, c, last, lowest, total = wide[0], wide[1], wide[2], wide[3], wide[4]
    factors, sums, results = wide[5:8], wide[8:15], wide[15:19]
    ff, fg, gg, fr, gr, rr = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    rss, info, norm, lean = results[0], results[1], results[2], results[3]
    for v in range(BLOCK):
        t[v], c[v], last[v], lowest[v] = t32[v], 0.0, 0.0, np.inf
    for turn in range(_CAREFUL):
        accumulate(model, y, constants, even, t, c, q, False, 0.0, y, factors, sums)
        open_lanes = 0
        for v in range(BLOCK):
            if state[v] != PENDING:
                continue
            if turn == 0:
                total[v] = rr[v]
            if total[v] == 0.0 or ff[v] == 0.0:
                state[v] = SINGULAR
                continue
            ratio = fg[v] / ff[v]
            bend = gg[v] - ratio * fg[v]
            amplitude = c[v] + fr[v] / ff[v]
            beyond = t[v] <= bounds[0] or t[v] >= bounds[1]
            if bend <= NEARLY_SINGULAR * gg[v] or amplitude == 0.0:
                state[v] = AT_BOUND if beyond else SINGULAR
                continue
            slope = (gr[v] - ratio * fr[v]) / bend
            curvature = amplitude * amplitude * bend
            left = max(rr[v] - fr[v] * fr[v] / ff[v], 0.0)
            gain = slope * slope * bend
            c[v] = amplitude - ratio * slope
            rss[v], info[v], norm[v], lean[v] = max(left - gain, 0.0), curvature, ff[v], ratio
            step = slope / amplitude
            small = SETTLED * SETTLED + NEGLIGIBLE * rss[v] / (max(freedom, 1) * curvature)
            if step * step <= small:
                t[v] *= 1.0 + step
                state[v] = CONVERGED if freedom > 0 else EXACT
                if t[v] <= bounds[0] or t[v] >= bounds[1]:
                    state[v] = AT_BOUND
                continue
            moved = t[v] * math.exp(damped(v, left, step, lowest, last))
            moved = min(max(moved, bounds[2]), bounds[3])
            if moved == t[v]:
                state[v] = AT_BOUND if beyond else NOT_CONVERGED
                continue
            t[v] = moved
            open_lanes += 1
        if open_lanes == 0:
            break
    end_of_patience(state, t, bounds)
    for v in range(BLOCK):
        t32[v], c32[v] = t[v], c[v]
        for k in range(4):
            shape[k, v] = results[k, v]


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
        Unit vectors of the basis (grid, n filled up to a multiple of 4), float32, at the points
        ln t of `grid`.
    bounds
        Lowest and highest t with an answer; lowest and highest t tried; ends of the grid.
    limits
        As in `load_block`; limits[5] is the fitted magnitude below which a point is left out.
    noise
        Noise SD for as many points as parameters, NaN where unknown.
    span
        First voxel, voxel behind the last.
    full
        Whether standard errors and residuals are written.
    outputs
        estimates (2, voxels), errors (2, voxels), covariance (3, voxels) or (3, 0),
        residual (voxels), number of points used (voxels): n, status (voxels): PENDING for the
        voxels to be fitted.
    """
    n, status = order.size, outputs[5]
    quick = constants.astype(np.float32)
    padded = np.zeros((pad(n), BLOCK), np.float32)
    scores = np.empty((grid.size, BLOCK), np.float32)
    weights = np.empty((n, BLOCK), np.float32)
    narrow, wide = np.ones((42, BLOCK), np.float32), np.empty((19, BLOCK))
    lanes = np.empty(BLOCK, np.int64)
    y, work, sums, factors = padded[:n], narrow[:19], narrow[19:26], narrow[26:29]
    shape = narrow[29:34]
    t, c, q, state, least = narrow[34], narrow[35], narrow[36], narrow[37], narrow[38]
    most, freedom, step = narrow[39], narrow[40], narrow[41]
    found = CONVERGED if n > 2 else EXACT
    left = np.array([1, 0, 0])
    for passage in range(3):
        careful, wanted, judged, position = begin_passage(passage, span, limits, left)
        while position < span[1]:
            count, contiguous, position = next_block(status, wanted, position, span[1], lanes)
            if count == 0:
                break
            load_block(signal, order, lanes, count, contiguous, limits, y, state, least, most)
            if extra.size:
                fetch_constant(extra, lanes, count, contiguous, q, state)
                best_amplitude_direct(model, grid, quick, q, y, scores, work)
            else:
                best_amplitude(table, padded, scores, work[0], work[3])
            start_from_peak(grid, scores, work[3], work, t)
            for v in range(BLOCK):
                freedom[v], c[v] = n - 2, 0.0
            if careful:
                _careful_steps(
                    model, y, constants, even, q, bounds, n - 2, wide, (t, c, state, shape)
                )
            else:
                for _ in range(_QUICK):
                    accumulate(model, y, quick, even, t, c, q, False, 0.0, y, factors, sums)
                    move(t, c, bounds, sums, step, shape)
                settle(t, bounds, freedom, found, step, shape, state)
                if judged:
                    leave_floor(
                        model, y, quick, even, q, bounds, limits, least,
                        (t, c, state, freedom, shape), passage == 0, weights, factors, work,
                    )  # fmt: skip
            count_left(state, count, left)
            store_amplitude(
                model, lanes, count, contiguous, scale, noise, full, judged,
                (t, c, state, freedom, shape, least), limits, work, outputs,
            )  # fmt: skip
