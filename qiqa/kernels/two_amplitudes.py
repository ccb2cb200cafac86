"""Fit s = c0 f0(x; t) + c1 f1(x; t): two amplitudes, one nonlinear parameter t.

As `amplitude`, with one thing more: where only magnitudes are known, the start gives the two most
promising sign patterns, both are fitted, and the one with the smaller residual is kept (the method
of Barral et al. 2010, doi 10.1002/mrm.22497, with every pattern tried instead of two).
"""

from __future__ import annotations

import math

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, kernel, rows
from qiqa.kernels.lanes import (
    begin_passage,
    count_left,
    damped,
    end_of_patience,
    fetch_constant,
    load_block,
    next_block,
    pad,
    take_where,
)
from qiqa.kernels.search import best_signs, start_at, top_two
from qiqa.kernels.status import AT_BOUND, CONVERGED, EXACT, NOT_CONVERGED, PENDING, SINGULAR
from qiqa.kernels.two_amplitudes_floor import leave_floor_of_two
from qiqa.kernels.two_amplitudes_results import store_two_amplitudes
from qiqa.kernels.two_amplitudes_steps import (
    AT_LEAST_BY,
    AT_MOST,
    NEGLIGIBLE,
    SETTLED,
    SINGULAR_IN_DOUBLE,
    SINGULAR_IN_SINGLE,
    accumulate,
    eliminate,
    move,
    settle,
)

__all__ = ["fit_two_amplitudes"]

_QUICK = 4
_CAREFUL = 80


@inlined
def _rests(step, before, variance):
    """Say whether what is left behind a step is negligible; as `settle`."""
    small = min(math.sqrt(SETTLED * SETTLED + NEGLIGIBLE * variance), AT_MOST)
    shorter = abs(before) - abs(step)
    close = step * step <= small * shorter and abs(step) <= AT_LEAST_BY * small
    return close or abs(step) <= SETTLED


@inlined
def _begin_careful(y, t32, wide):
    """Set out with amplitudes of 0 from where float32 did, in float64; add up the signal."""
    wide = rows(wide)
    t, c0, c1, last, lowest, total = wide[0], wide[1], wide[2], wide[3], wide[4], wide[5]
    ones, rss = wide[20], wide[21]
    for v in range(BLOCK):
        t[v], c0[v], c1[v], last[v], lowest[v], total[v] = t32[v], 0.0, 0.0, 0.0, np.inf, 0.0
        # a fit that ends without a residual must not win over one that has one
        ones[v], rss[v] = 1.0, np.inf
    for row in y:
        for v in range(BLOCK):
            total[v] += abs(row[v])


@inlined
def _careful_steps(model, y, constants, even, q, bounds, freedom, wide, lanes_of):
    """Iterate each voxel until it settles; a step that made things worse is undone by half.

    lanes_of are (t, c0, c1, state, shape), float32; the work is done in float64.
    """
    t32, first, second, state, shape = lanes_of
    wide, shape = rows(wide), rows(shape)
    t, c0, c1, last, lowest, total = wide[0], wide[1], wide[2], wide[3], wide[4], wide[5]
    factors, sums, ones, rss = wide[6:9], wide[9:20], wide[20], wide[21]
    _begin_careful(y, t32, wide)
    for turn in range(_CAREFUL):
        k0, k1 = (ones, ones) if turn == 0 else (c0, c1)
        accumulate(model, y, constants, even, t, c0, c1, k0, k1, q, False, 0.0, y, factors, sums)
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
            if not (d1 > SINGULAR_IN_DOUBLE * sums[2, v] and dg > SINGULAR_IN_DOUBLE * sums[5, v]):
                away = t[v] <= max(bounds[0], bounds[4]) or t[v] >= min(bounds[1], bounds[5])
                state[v] = AT_BOUND if away else SINGULAR
                continue
            shape[0, v], shape[1, v], shape[2, v] = d0, d1, dg
            shape[3, v], shape[4, v], shape[5, v] = l10, lg0, lg1
            # what the next step promises counts only when it settles
            rss[v] = left
            promised = max(left - step * step * dg, 0.0)
            if turn == 0:
                # the derivatives were for amplitudes of 1: take the amplitudes, move next time
                c0[v], c1[v] = k0, k1
                open_lanes += 1
                continue
            if _rests(step, last[v], promised / (max(freedom, 1) * dg)):
                rss[v] = promised
                t[v] *= 1.0 + step
                c0[v] = k0 - (lg0 - l10 * lg1) * step
                c1[v] = k1 - lg1 * step
                state[v] = CONVERGED if freedom > 0 else EXACT
                if t[v] <= bounds[0] or t[v] >= bounds[1]:
                    state[v] = AT_BOUND
                continue
            c0[v], c1[v] = k0, k1
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
        t32[v], first[v], second[v] = t[v], c0[v], c1[v]


@inlined
def _quick_steps(model, signed, both, even, q, bounds, narrow, wide, step, lanes_of):
    """Make all steps but the last in float32, the last in float64: its residual decides.

    `both` are the constants in float32 and float64; narrow and wide hold factors and sums, wide
    also t, c0 and c1.
    """
    t32, first, second, _, shape = lanes_of
    step, wide, narrow = rows(step), rows(wide), rows(narrow)
    t, c0, c1, ones = wide[0], wide[1], wide[2], step[2]
    factors, sums, rss = narrow[0:3], narrow[3:14], wide[21]
    for v in range(BLOCK):
        ones[v] = 1.0
    for turn in range(_QUICK - 1):
        k0, k1 = (ones, ones) if turn == 0 else (first, second)
        accumulate(
            model, signed, both[0], even, t32, first, second, k0, k1, q, False, 0.0, signed,
            factors, sums,
        )  # fmt: skip
        move(
            turn == 0, False, SINGULAR_IN_SINGLE, t32, first, second, bounds, sums, step, rss,
            shape,
        )  # fmt: skip
    for v in range(BLOCK):
        t[v], c0[v], c1[v] = t32[v], first[v], second[v]
    accumulate(
        model, signed, both[1], even, t, c0, c1, c0, c1, q, False, 0.0, signed, wide[6:9],
        wide[9:20],
    )  # fmt: skip
    move(False, True, SINGULAR_IN_DOUBLE, t, c0, c1, bounds, wide[9:20], step, rss, shape)
    for v in range(BLOCK):
        t32[v], first[v], second[v] = t[v], c0[v], c1[v]


@inlined
def _keep_better(candidate, flips, kept, signs, wide, lanes_of):
    """Keep whichever of two fits of a voxel has the smaller residual; candidate 0 comes first.

    They are compared in float64: two patterns may differ by less than float32 can tell.
    """
    t, c0, c1, state, shape = lanes_of
    kept, shape, wide = rows(kept), rows(shape), rows(wide)
    rss, lowest, better = wide[21], wide[22], kept[11]
    one, none = np.float32(1.0), np.float32(0.0)
    for v in range(BLOCK):
        # a fit that ran into a bound is still the better one if its residual is smaller; one that
        # has not settled counts by what it may still become, and leaves the voxel pending
        smaller = one if rss[v] < lowest[v] else none
        better[v] = one if candidate == 0 else smaller
        lowest[v] = rss[v] if better[v] > none else lowest[v]
    take_where(better, (kept[0], kept[1], kept[2], kept[3]), (t, c0, c1, state))
    take_where(better, (kept[4],), (rss,))
    take_where(better, kept[5:11], shape[:6])
    take_where(better, (signs,), (flips,))


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
    model, signal, order, constants, even, scale, extra, table, grid, constant, flips, bounds,
    limits, noise, span, full, outputs,
):  # fmt: skip
    """Fit the voxels from span[0] to span[1]; the results go to `outputs`.

    Parameters are those of `fit_amplitude`, but: table (grid, 2, n filled up) holds two orthonormal
    vectors at each grid point, `constant` says whether the first is always the same, `flips` is the
    largest number of early points that may have lost a negative sign (0: none); estimates
    (3, voxels), errors (3, voxels), covariance (6, voxels), upper triangle row by row, or (6, 0).
    """
    n, status = order.size, outputs[5]
    single = constants.astype(np.float32)
    padded, signed = np.zeros((pad(n), BLOCK), np.float32), np.empty((n, BLOCK), np.float32)
    scores, weights = np.empty((2 * (flips + 1), BLOCK), np.float32), np.empty_like(signed)
    scores, places = scores[: flips + 1], scores[flips + 1 :]
    narrow, wide = np.ones((72, BLOCK), np.float32), np.empty((23, BLOCK))
    y, work, shape, kept = padded[:n], narrow[:29], narrow[29:37], narrow[37:49]
    factors, top, step = narrow[49:52], narrow[52:59], narrow[59:62]
    t, c0, c1, q, state = narrow[62], narrow[63], narrow[64], narrow[65], narrow[66]
    first, least, most, freedom, signs = narrow[67], narrow[68], narrow[69], narrow[70], narrow[71]
    lanes, lanes_of = np.empty(BLOCK, np.int64), (t, c0, c1, state, shape)
    found = CONVERGED if n > 3 else EXACT
    left = np.array([1, 0, 0])
    for passage in range(3):
        careful, wanted, judged, position = begin_passage(passage, span, limits, left)
        while position < span[1]:
            count, contiguous, position = next_block(status, wanted, position, span[1], lanes)
            if count == 0:
                break
            load_block(signal, order, lanes, count, contiguous, limits, y, first, least, most)
            if extra.size:
                fetch_constant(extra, lanes, count, contiguous, q, first)
            best_signs(table, constant, padded, flips, scores, places, work)
            top_two(table, constant, padded, flips, scores, places, top)
            for candidate in range(2 if flips else 1):
                for v in range(BLOCK):
                    state[v], c0[v], c1[v], freedom[v] = first[v], 0.0, 0.0, n - 3
                _give_signs(y, top[candidate], signed)
                start_at(grid, top[2 + candidate], t)
                if careful:
                    _careful_steps(model, signed, constants, even, q, bounds, n - 3, wide, lanes_of)
                else:
                    _quick_steps(
                        model, signed, (single, constants), even, q, bounds, work, wide, step,
                        lanes_of,
                    )  # fmt: skip
                    settle(t, bounds, freedom, found, step, wide[21], shape, state)
                _keep_better(candidate, top[candidate], kept, signs, wide, lanes_of)
            for v in range(BLOCK):
                # what was not to be fitted stays so, whatever its zeros gave
                kept[3, v] = kept[3, v] if first[v] == PENDING else first[v]
            if judged:
                if flips:
                    _give_signs(y, signs, signed)
                leave_floor_of_two(
                    model, signed, single, even, q, bounds, limits, least, kept, freedom,
                    passage == 0, weights, factors, work,
                )  # fmt: skip
            count_left(kept[3], count, left)
            store_two_amplitudes(
                model, lanes, count, contiguous, scale, noise, full, judged, limits, kept, freedom,
                least, work, outputs,
            )  # fmt: skip
