"""Where to start: the best point of a grid over the nonlinear parameter, for all voxels at once.

Basis functions on the grid are the same for every voxel, so they are tabulated once, made
orthonormal, and the fit at a grid point is a dot product (variable projection, Golub and Pereyra
1973). Magnitudes whose sign was lost (inversion recovery) are tried with every number of early
points turned negative: the sign of a recovery changes once, so no other pattern can be the best.
"""

from __future__ import annotations

import numpy as np

from qiqa.kernels.compiling import BLOCK, inlined
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.elementary import exp

__all__ = [
    "best_amplitude",
    "best_amplitude_direct",
    "best_pair",
    "best_signs",
    "start_from_peak",
    "top_two",
]


@inlined
def _dot(weights, y, total):
    """Write the weighted sum over measurements; eight at a time, since storing costs most."""
    n, n8 = y.shape[0], y.shape[0] // 8 * 8
    for v in range(BLOCK):
        total[v] = 0.0
    for i in range(0, n8, 8):
        y0, y1, y2, y3 = y[i], y[i + 1], y[i + 2], y[i + 3]
        y4, y5, y6, y7 = y[i + 4], y[i + 5], y[i + 6], y[i + 7]
        w0, w1, w2, w3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        w4, w5, w6, w7 = weights[i + 4], weights[i + 5], weights[i + 6], weights[i + 7]
        for v in range(BLOCK):
            near = (w0 * y0[v] + w1 * y1[v]) + (w2 * y2[v] + w3 * y3[v])
            far = (w4 * y4[v] + w5 * y5[v]) + (w6 * y6[v] + w7 * y7[v])
            total[v] += near + far
    for i in range(n8, n):
        row, w = y[i], weights[i]
        for v in range(BLOCK):
            total[v] += w * row[v]


@inlined
def best_amplitude(table, y, scores, best, place):
    """Score every grid point for one amplitude; table (grid, n) holds unit vectors.

    scores (grid, block) receives squared projections, place the grid point with the largest.
    """
    for v in range(BLOCK):
        best[v], place[v] = -1.0, 0.0
    for g in range(table.shape[0]):
        score, here = scores[g], np.float32(g)
        _dot(table[g], y, score)
        for v in range(BLOCK):
            s = score[v] * score[v]
            better = s > best[v]
            score[v] = s
            best[v] = s if better else best[v]
            place[v] = here if better else place[v]


@inlined
def best_amplitude_direct(model, grid, constants, q, y, scores, best, place, norm):
    """Score every grid point where the basis depends on a constant q of the voxel (B1)."""
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
def start_from_peak(grid, scores, place, rows, t):
    """Write t at the top of a parabola through the best grid point and its neighbors."""
    first, step, last = grid[0], grid[1] - grid[0], grid.size - 1
    left, middle, right = rows[0], rows[1], rows[2]
    for v in range(BLOCK):
        # at an end of the grid the parabola of the point beside it serves
        at = min(max(int(place[v]), 1), last - 1)
        left[v], middle[v], right[v] = scores[at - 1, v], scores[at, v], scores[at + 1, v]
        t[v] = at
    for v in range(BLOCK):
        bend = left[v] - 2.0 * middle[v] + right[v]
        bend = bend if bend < -1e-300 else -1e-300
        offset = 0.5 * (left[v] - right[v]) / bend
        offset = offset if offset > -1.0 else -1.0
        offset = offset if offset < 1.0 else 1.0
        t[v] = exp(first + (t[v] + offset) * step)


@inlined
def best_signs(table, y, flips, scores, work):
    """Score every number k of early points turned negative, k = 0 to flips.

    table (grid, 2, n) holds two orthonormal vectors at each grid point; scores (flips + 1, block)
    receives the best score of each k over the grid.
    """
    p0, p1 = work[0], work[1]
    two = np.float32(2.0)
    for k in range(flips + 1):
        score = scores[k]
        for v in range(BLOCK):
            score[v] = -1.0
    for g in range(table.shape[0]):
        first, second = table[g, 0], table[g, 1]
        _dot(first, y, p0)
        _dot(second, y, p1)
        score = scores[0]
        for v in range(BLOCK):
            score[v] = max(score[v], p0[v] * p0[v] + p1[v] * p1[v])
        whole = flips // 3 * 3
        for k in range(0, whole, 3):
            a0, b0, c0 = two * first[k], two * first[k + 1], two * first[k + 2]
            a1, b1, c1 = two * second[k], two * second[k + 1], two * second[k + 2]
            ya, yb, yc = y[k], y[k + 1], y[k + 2]
            sa, sb, sc = scores[k + 1], scores[k + 2], scores[k + 3]
            for v in range(BLOCK):
                u0, u1 = p0[v] - a0 * ya[v], p1[v] - a1 * ya[v]
                sa[v] = max(sa[v], u0 * u0 + u1 * u1)
                u0, u1 = u0 - b0 * yb[v], u1 - b1 * yb[v]
                sb[v] = max(sb[v], u0 * u0 + u1 * u1)
                u0, u1 = u0 - c0 * yc[v], u1 - c1 * yc[v]
                sc[v] = max(sc[v], u0 * u0 + u1 * u1)
                p0[v], p1[v] = u0, u1
        for k in range(whole, flips):
            a0, a1, row, score = two * first[k], two * second[k], y[k], scores[k + 1]
            for v in range(BLOCK):
                u0, u1 = p0[v] - a0 * row[v], p1[v] - a1 * row[v]
                score[v] = max(score[v], u0 * u0 + u1 * u1)
                p0[v], p1[v] = u0, u1


@inlined
def top_two(scores, flips, k1, k2, s1, s2):
    """Write the two best numbers of negative points; s1 and s2 are their scores."""
    for v in range(BLOCK):
        k1[v], k2[v], s1[v], s2[v] = 0.0, 0.0, -1.0, -1.0
    for k in range(flips + 1):
        score, here = scores[k], np.float32(k)
        for v in range(BLOCK):
            s = score[v]
            first, second = s > s1[v], s > s2[v]
            k2[v] = k1[v] if first else (here if second else k2[v])
            s2[v] = s1[v] if first else (s if second else s2[v])
            k1[v] = here if first else k1[v]
            s1[v] = s if first else s1[v]


@inlined
def best_pair(table, y, scores, best, place, work):
    """Score every grid point for two amplitudes; as `best_amplitude`."""
    p0, p1 = work[0], work[1]
    for v in range(BLOCK):
        best[v], place[v] = -1.0, 0.0
    for g in range(table.shape[0]):
        score, here = scores[g], np.float32(g)
        _dot(table[g, 0], y, p0)
        _dot(table[g, 1], y, p1)
        for v in range(BLOCK):
            s = p0[v] * p0[v] + p1[v] * p1[v]
            better = s > best[v]
            score[v] = s
            best[v] = s if better else best[v]
            place[v] = here if better else place[v]
