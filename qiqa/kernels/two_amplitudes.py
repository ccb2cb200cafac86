"""Fit s = c0 f0(x; t) + c1 f1(x; t): two amplitudes, one nonlinear parameter t.

As `amplitude`, with one thing more: where only magnitudes are known, the start gives the two most
promising sign patterns, both are fitted, and the one with the smaller residual is kept (the method
of Barral et al. 2010, doi 10.1002/mrm.22497, with every pattern tried instead of two).
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel, rows
from qiqa.kernels.lanes import count_state, fetch_constant, load_block, next_block, pad
from qiqa.kernels.search import best_signs, start_at, top_two
from qiqa.kernels.status import AHEAD, AT_BOUND, CONVERGED, EXACT, NOT_CONVERGED, PENDING, SINGULAR
from qiqa.kernels.two_amplitudes_floor import leave_floor_of_two
from qiqa.kernels.two_amplitudes_results import store_two_amplitudes
from qiqa.kernels.two_amplitudes_steps import LONGEST_STEP, accumulate, eliminate, move, settle

__all__ = ["fit_two_amplitudes"]

_QUICK = 4
_CAREFUL = 80
_SETTLED, _NEGLIGIBLE = 1e-6, 1e-6
_NEARLY_SINGULAR = 1e-11


@inlined
def _careful_steps(model, y, constants, even, q, bounds, freedom, wide, lanes_of):
    """Iterate each voxel until it settles; a step that made things worse is undone by half.

    lanes_of are (t, c0, c1, state, shape), float32; the work is done in float64.
    """
    t32, first, second, state, shape = lanes_of
    wide, shape = rows(wide), rows(shape)
    t, c0, c1, last, lowest, total = wide[0], wide[1], wide[2], wide[3], wide[4], wide[5]
    factors, sums, ones = wide[6:9], wide[9:20], wide[20]
    for v in range(BLOCK):
        t[v], c0[v], c1[v], last[v], lowest[v], total[v] = t32[v], 0.0, 0.0, 0.0, np.inf, 0.0
        ones[v] = 1.0
    for row in y:
        for v in range(BLOCK):
            total[v] += abs(row[v])
    for turn in range(_CAREFUL):
        k0, k1 = (ones, ones) if turn == 0 else (c0, c1)
        accumulate(
            model, y, constants, even, t, c0, c1, k0, k1, q, False, 0.0, y, factors, sums
        )
        open_lanes = 0
        for v in range(BLOCK):
            if state[v] != PENDING:
                continue
            if total[v] == 0.0 or sums[0, v] == 0.0:
                state[v] = SINGULAR
                continue
            l10, lg0, lg1, d0, d1, dg, k0, k1, step, left = eliminate(
                sums[0, v], sums[1, v], sums[2, v], sums[3, v], sums[4, v], sums[5, v],
                sums[6, v], sums[7, v], sums[8, v], sums[9, v],
            )  # fmt: skip
            k0, k1, left = c0[v] + k0, c1[v] + k1, max(left, 0.0)
            beyond = t[v] <= bounds[0] or t[v] >= bounds[1]
            if not (d1 > _NEARLY_SINGULAR * sums[2, v] and dg > _NEARLY_SINGULAR * sums[5, v]):
                state[v] = AT_BOUND if beyond else SINGULAR
                continue
            # what the next step promises counts only when it settles
            shape[0, v] = left
            shape[1, v], shape[2, v], shape[3, v] = d0, d1, dg
            shape[4, v], shape[5, v], shape[6, v] = l10, lg0, lg1
            promised = max(left - step * step * dg, 0.0)
            small = _SETTLED * _SETTLED + _NEGLIGIBLE * promised / (max(freedom, 1) * dg)
            if turn == 0:
                # the derivatives were for amplitudes of 1: take the amplitudes, move next time
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
                step = min(max(step, -LONGEST_STEP), LONGEST_STEP)
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
        t32[v], first[v], second[v] = t[v], c0[v], c1[v]


@inlined
def _keep_better(candidate, flips, kept, signs, lanes_of):
    """Keep whichever of two fits of a voxel has the smaller residual; candidate 0 comes first."""
    t, c0, c1, state, shape = lanes_of
    kept, shape = rows(kept), rows(shape)
    residual, better = kept[4], kept[11]
    one, none = np.float32(1.0), np.float32(0.0)
    for v in range(BLOCK):
        # a fit that ran into a bound is still the better one if its residual is smaller; one that
        # has not settled counts by what it may still become, and leaves the voxel pending
        smaller = one if shape[0, v] < residual[v] else none
        better[v] = one if candidate == 0 else smaller
    fresh = (t, c0, c1, state)
    for k in range(4):
        old, new = kept[k], fresh[k]
        for v in range(BLOCK):
            old[v] = new[v] if better[v] > none else old[v]
    for k in range(7):
        old, new = kept[4 + k], shape[k]
        for v in range(BLOCK):
            old[v] = new[v] if better[v] > none else old[v]
    for v in range(BLOCK):
        signs[v] = flips[v] if better[v] > none else signs[v]


@inlined
def _give_signs(y, flips, signed):
    """Turn the first points negative, as many as `flips` says of each voxel."""
    y, signed = rows(y), rows(signed)
    for i in range(y.shape[0]):
        row, out, here = y[i], signed[i], np.float32(i)
        for v in range(BLOCK):
            s = row[v]
            out[v] = -s if here < flips[v] else s


@kernel
def fit_two_amplitudes(
    model, signal, order, constants, even, scale, extra, table, grid, constant, flips, bounds, limits,
    noise, span, full, outputs,
):  # fmt: skip
    """Fit the voxels from span[0] to span[1]; the results go to `outputs`.

    Parameters are those of `fit_amplitude`, but: table (grid, 2, n filled up) holds two orthonormal
    vectors at each grid point, `constant` says whether the first is always the same, flips the largest number of early points that may have lost a
    negative sign (0: none); estimates (3, voxels), errors (3, voxels), covariance (6, voxels),
    upper triangle row by row, or (6, 0).
    """
    n, status = order.size, outputs[5]
    quick = constants.astype(np.float32)
    padded, signed = np.zeros((pad(n), BLOCK), np.float32), np.empty((n, BLOCK), np.float32)
    scores, weights = np.empty((flips + 1, BLOCK), np.float32), np.empty_like(signed)
    narrow, wide = np.ones((82, BLOCK), np.float32), np.empty((21, BLOCK))
    y, work, sums, factors, shape = padded[:n], narrow[:28], narrow[28:39], narrow[39:42], narrow[42:51]
    kept, top, t, c0, c1 = narrow[51:63], narrow[63:70], narrow[70], narrow[71], narrow[80]
    q, state, first, step, least = narrow[72], narrow[73], narrow[74], narrow[75], narrow[76]
    most, freedom, signs, ones = narrow[77], narrow[78], narrow[79], narrow[81]
    lanes, lanes_of = np.empty(BLOCK, np.int64), (t, c0, c1, state, shape)
    found = CONVERGED if n > 3 else EXACT
    left = np.array([1, 0, 0])
    for passage in range(3):
        # all voxels; those with points at the floor, side by side; those that have not settled
        careful, wanted = passage == 2, AHEAD if passage == 1 else PENDING
        position = span[0] if left[passage] else span[1]
        left[passage] = 0
        while position < span[1]:
            count, position = next_block(status, wanted, position, span[1], lanes)
            if count == 0:
                break
            contiguous = lanes[count - 1] - lanes[0] == count - 1
            load_block(signal, order, lanes, count, contiguous, limits, y, first, least, most)
            if extra.size:
                fetch_constant(extra, lanes, count, contiguous, q, first)
            best_signs(table, constant, padded, flips, scores, work)
            top_two(table, constant, padded, flips, scores, top)
            for candidate in range(2 if flips else 1):
                for v in range(BLOCK):
                    state[v], c0[v], c1[v], freedom[v] = first[v], 0.0, 0.0, n - 3
                _give_signs(y, top[candidate], signed)
                start_at(grid, top[2 + candidate], t)
                if careful:
                    _careful_steps(
                        model, signed, constants, even, q, bounds, n - 3, wide, lanes_of
                    )
                else:
                    for turn in range(_QUICK):
                        k0, k1 = (ones, ones) if turn == 0 else (c0, c1)
                        accumulate(
                            model, signed, quick, even, t, c0, c1, k0, k1, q, False, 0.0, signed,
                            factors, sums,
                        )  # fmt: skip
                        move(turn == 0, turn == _QUICK - 1, t, c0, c1, bounds, sums, step, shape)
                    settle(t, bounds, freedom, found, step, shape, state)
                _keep_better(candidate, top[candidate], kept, signs, lanes_of)
            judged = limits[5] > 0.0 and not careful
            for v in range(BLOCK):
                # what was not to be fitted stays so, whatever its zeros gave
                kept[3, v] = kept[3, v] if first[v] == PENDING else first[v]
            if judged:
                if flips:
                    _give_signs(y, signs, signed)
                leave_floor_of_two(
                    model, signed, quick, even, q, bounds, limits, least, kept, freedom, passage == 0,
                    weights, factors, work,
                )  # fmt: skip
            left[1] += count_state(kept[3], count, AHEAD)
            left[2] += count_state(kept[3], count, PENDING)
            store_two_amplitudes(
                model, lanes, count, contiguous, scale, noise, full, judged, limits, kept, freedom,
                least, work, outputs,
            )  # fmt: skip
