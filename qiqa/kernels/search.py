"""Where to start: the best point of a grid over the nonlinear parameter, for all voxels at once.

Basis functions on the grid are the same for every voxel, so they are tabulated once, made
orthonormal, and the fit at a grid point is a dot product (variable projection, Golub and Pereyra
1973). Magnitudes whose sign was lost (inversion recovery) are tried with every number of early
points turned negative: the sign of a recovery changes once, so no other pattern can be the best.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.elementary import exp

__all__ = [
    "best_amplitude",
    "best_amplitude_direct",
    "best_signs",
    "start_at",
    "start_from_peak",
    "top_two",
]


@inlined
def _four_dots(w, u, i, y, first, p, r):
    """Add two weighted sums of four measurements from i on; `first`: to nothing."""
    y = rows(y)
    y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
    w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
    u0, u1, u2, u3 = u[i], u[i + 1], u[i + 2], u[i + 3]
    for v in range(BLOCK):
        s0, s1, s2, s3 = y0[v], y1[v], y2[v], y3[v]
        ps = (w0 * s0 + w1 * s1) + (w2 * s2 + w3 * s3)
        rs = (u0 * s0 + u1 * s1) + (u2 * s2 + u3 * s3)
        if first:
            p[v], r[v] = ps, rs
        else:
            p[v], r[v] = p[v] + ps, r[v] + rs


@inlined
def _eight_dots(w, u, i, y, first, p, r):
    """As `_four_dots`, of eight measurements, since storing costs most."""
    y = rows(y)
    y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
    y4, y5, y6, y7 = y[i + 4], y[i + 5], y[i + 6], y[i + 7]
    w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
    w4, w5, w6, w7 = w[i + 4], w[i + 5], w[i + 6], w[i + 7]
    u0, u1, u2, u3 = u[i], u[i + 1], u[i + 2], u[i + 3]
    u4, u5, u6, u7 = u[i + 4], u[i + 5], u[i + 6], u[i + 7]
    for v in range(BLOCK):
        s0, s1, s2, s3 = y0[v], y1[v], y2[v], y3[v]
        s4, s5, s6, s7 = y4[v], y5[v], y6[v], y7[v]
        ps = (w0 * s0 + w1 * s1) + (w2 * s2 + w3 * s3)
        rs = (u0 * s0 + u1 * s1) + (u2 * s2 + u3 * s3)
        ps += (w4 * s4 + w5 * s5) + (w6 * s6 + w7 * s7)
        rs += (u4 * s4 + u5 * s5) + (u6 * s6 + u7 * s7)
        if first:
            p[v], r[v] = ps, rs
        else:
            p[v], r[v] = p[v] + ps, r[v] + rs


@inlined
def _two_dots(w, u, y, p, r):
    """Write two weighted sums over measurements; y is filled up with zeros to a multiple of 4."""
    n, n8 = y.shape[0], y.shape[0] // 8 * 8
    if n8:
        _eight_dots(w, u, 0, y, True, p, r)
        for i in range(8, n8, 8):
            _eight_dots(w, u, i, y, False, p, r)
        if n8 < n:
            _four_dots(w, u, n8, y, False, p, r)
    else:
        _four_dots(w, u, 0, y, True, p, r)


@inlined
def best_amplitude(table, y, scores, best, place):
    """Score every grid point for one amplitude; table (grid, n) holds unit vectors, grid even.

    scores (grid, block) receives squared projections, place the grid point with the largest. y and
    table are filled up with zeros to a multiple of 4 measurements.
    """
    scores = rows(scores)
    for v in range(BLOCK):
        best[v], place[v] = -1.0, 0.0
    for g in range(0, table.shape[0], 2):
        score, second, here, there = scores[g], scores[g + 1], np.float32(g), np.float32(g + 1)
        _two_dots(table[g], table[g + 1], y, score, second)
        for v in range(BLOCK):
            s, z = score[v] * score[v], second[v] * second[v]
            score[v], second[v] = s, z
            top, at = best[v], place[v]
            at = here if s > top else at
            top = max(top, s)
            place[v] = there if z > top else at
            best[v] = max(top, z)


@inlined
def best_amplitude_direct(model, grid, constants, q, y, scores, work):
    """Score every grid point where the basis depends on a constant q of the voxel (B1).

    work receives the best score, a work row, the place of the best at 3.
    """
    y, scores, work = rows(y), rows(scores), rows(work)
    best, norm, place = work[0], work[1], work[3]
    for v in range(BLOCK):
        best[v], place[v] = -1.0, 0.0
    for g in range(grid.size):
        t, score, here = np.float32(np.exp(grid[g])), scores[g], np.float32(g)
        for v in range(BLOCK):
            norm[v], score[v] = 0.0, 0.0
        for i in range(y.shape[0]):
            row, a, b = y[i], constants[0, i], constants[1, i]
            e = decay(model, t, a)
            for v in range(BLOCK):
                f, _ = basis(model, e, t, a, b, q[v])
                norm[v] += f * f
                score[v] += f * row[v]
        for v in range(BLOCK):
            s = score[v] * score[v] / norm[v]
            better = s > best[v]
            score[v] = s
            best[v] = s if better else best[v]
            place[v] = here if better else place[v]


@inlined
def start_from_peak(grid, scores, place, work, t):
    """Write t at the top of a parabola through the best grid point and its neighbors; float32."""
    first, step = np.float32(grid[0]), np.float32(grid[1] - grid[0])
    last, tiny = grid.size - 1, np.float32(-1e-30)
    half, one, two = np.float32(0.5), np.float32(1.0), np.float32(2.0)
    scores, work = rows(scores), rows(work)
    left, middle, right = work[0], work[1], work[2]
    flat, low, high = scores.reshape(-1), np.float32(1.0), np.float32(last - 1)
    for v in range(BLOCK):
        # at an end of the grid the parabola of the point beside it serves
        t[v] = min(max(place[v], low), high)
    for v in range(BLOCK):
        # unsigned, so that no index counts from the end
        here = np.uint32(np.int32(t[v]) * BLOCK + v)
        left[v], middle[v] = flat[np.uint32(here - BLOCK)], flat[here]
        right[v] = flat[np.uint32(here + BLOCK)]
    for v in range(BLOCK):
        bend = left[v] - two * middle[v] + right[v]
        bend = bend if bend < tiny else tiny
        offset = half * (left[v] - right[v]) / bend
        offset = offset if offset > -one else -one
        offset = offset if offset < one else one
        t[v] = exp(first + (t[v] + offset) * step)


@inlined
def start_at(grid, place, t):
    """Write t at a grid point; float32."""
    first, step = np.float32(grid[0]), np.float32(grid[1] - grid[0])
    for v in range(BLOCK):
        t[v] = exp(first + place[v] * step)


@inlined
def _turn_three(first, second, k, y, constant, here, p0, p1, scores, places):
    """Turn points k, k + 1 and k + 2 negative, one after the other, and score each pattern."""
    two = np.float32(2.0)
    a0, b0, c0 = two * first[k], two * first[k + 1], two * first[k + 2]
    a1, b1, c1 = two * second[k], two * second[k + 1], two * second[k + 2]
    y, scores, places = rows(y), rows(scores), rows(places)
    ya, yb, yc = y[k], y[k + 1], y[k + 2]
    sa, sb, sc = scores[k + 1], scores[k + 2], scores[k + 3]
    ga, gb, gc = places[k + 1], places[k + 2], places[k + 3]
    for v in range(BLOCK):
        u1 = p1[v] - a1 * ya[v]
        w1 = u1 - b1 * yb[v]
        z1 = w1 - c1 * yc[v]
        p1[v] = z1
        if constant:
            u, w, z = abs(u1), abs(w1), abs(z1)
        else:
            u0 = p0[v] - a0 * ya[v]
            w0 = u0 - b0 * yb[v]
            z0 = w0 - c0 * yc[v]
            p0[v] = z0
            u, w, z = u0 * u0 + u1 * u1, w0 * w0 + w1 * w1, z0 * z0 + z1 * z1
        ta, tb, tc, pa, pb, pc = sa[v], sb[v], sc[v], ga[v], gb[v], gc[v]
        ga[v] = here if u > ta else pa
        gb[v] = here if w > tb else pb
        gc[v] = here if z > tc else pc
        sa[v], sb[v], sc[v] = max(ta, u), max(tb, w), max(tc, z)


@inlined
def _turn_one(first, second, k, y, constant, here, p0, p1, scores, places):
    """As `_turn_three`, one point."""
    a0, a1 = np.float32(2.0) * first[k], np.float32(2.0) * second[k]
    y, scores, places = rows(y), rows(scores), rows(places)
    row, score, place = y[k], scores[k + 1], places[k + 1]
    for v in range(BLOCK):
        u1 = p1[v] - a1 * row[v]
        p1[v] = u1
        u = abs(u1)
        if not constant:
            u0 = p0[v] - a0 * row[v]
            p0[v] = u0
            u = u0 * u0 + u1 * u1
        top, at = score[v], place[v]
        place[v] = here if u > top else at
        score[v] = max(top, u)


@inlined
def best_signs(table, constant, y, flips, scores, places, work):
    """Score every number k of early points turned negative, k = 0 to flips.

    table (grid, 2, n) holds two orthonormal vectors at each grid point; scores and places
    (flips + 1, block) receive the best score of each k over the grid, and where. y and table are
    filled up with zeros to a multiple of 4 measurements. `constant`: the first vector is the same
    at all grid points, so that the scores are magnitudes of the second projection alone.
    """
    y, scores, places, work = rows(y), rows(scores), rows(places), rows(work)
    p0, p1 = work[0], work[1]
    whole = flips // 3 * 3
    for k in range(flips + 1):
        score, place = scores[k], places[k]
        for v in range(BLOCK):
            score[v], place[v] = -1.0, 0.0
    score, place = scores[0], places[0]
    for g in range(table.shape[0]):
        first, second, here = table[g, 0], table[g, 1], np.float32(g)
        _two_dots(first, second, y, p0, p1)
        for v in range(BLOCK):
            u = abs(p1[v]) if constant else p0[v] * p0[v] + p1[v] * p1[v]
            top, at = score[v], place[v]
            place[v] = here if u > top else at
            score[v] = max(top, u)
        for k in range(0, whole, 3):
            _turn_three(first, second, k, y, constant, here, p0, p1, scores, places)
        for k in range(whole, flips):
            _turn_one(first, second, k, y, constant, here, p0, p1, scores, places)


@inlined
def top_two(table, constant, y, flips, scores, places, top):
    """Write the two best numbers of negative points, their places on the grid, their scores."""
    y, scores, places, top = rows(y), rows(scores), rows(places), rows(top)
    k1, k2, g1, g2, s1, s2, level = top[0], top[1], top[2], top[3], top[4], top[5], top[6]
    for v in range(BLOCK):
        k1[v], k2[v], g1[v], g2[v], s1[v], s2[v] = 0.0, 0.0, 0.0, 0.0, -1.0, -1.0
        level[v] = 0.0
    vector, two = table[0, 0], np.float32(2.0)
    if constant:
        for i in range(y.shape[0]):
            row, w = y[i], vector[i]
            for v in range(BLOCK):
                level[v] += w * row[v]
    for k in range(flips + 1):
        score, place, here = scores[k], places[k], np.float32(k)
        if constant and k > 0:
            row, w = y[k - 1], two * vector[k - 1]
            for v in range(BLOCK):
                level[v] -= w * row[v]
        for v in range(BLOCK):
            s, at, b1, b2 = score[v], place[v], s1[v], s2[v]
            ka, kb, ga, gb = k1[v], k2[v], g1[v], g2[v]
            if constant:
                s = s * s + level[v] * level[v]
            # below the best, it may still be the second; above it, the best becomes the second
            kb, gb = here if s > b2 else kb, at if s > b2 else gb
            k2[v], g2[v] = ka if s > b1 else kb, ga if s > b1 else gb
            k1[v], g1[v] = here if s > b1 else ka, at if s > b1 else ga
            s2[v], s1[v] = max(b2, min(s, b1)), max(b1, s)
