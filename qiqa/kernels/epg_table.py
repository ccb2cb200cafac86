"""A table of echo trains and its cubic spline: good to a millionth of the first echo.

Longitudinal decay R1 need not be an axis. Every path that ends in echo n has spent k spacings
along z and n - k across: exp(-R2 (n - k) s - R1 k s) = exp(-R1 n s) exp(-(R2 - R1) (n - k) s). So
the train is exp(-R1 n s) times that of R2 - R1 with no longitudinal decay. u is the logarithm of
(R2 - R1) s plus an offset. What all echoes share, exp(-(R2 - R1) s), is not in the table: for T2
far below the spacing it falls too steeply for a spline.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import inlined

__all__ = ["evaluate", "spline"]


def spline(table: NDArray[Any]) -> NDArray[np.float64]:
    """Return the B-spline coefficients (a + 2, b + 2, n) of values (a, b, n) at even steps."""
    for axis in (0, 1):
        size = table.shape[axis] + 2
        matrix = np.zeros((size, size))
        for i in range(size - 2):
            matrix[i + 1, i : i + 3] = 1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0
        # not a knot: no jump of the third derivative at the second and the last but one
        matrix[0, :5] = matrix[-1, -5:] = 1.0, -4.0, 6.0, -4.0, 1.0
        pad = [(0, 0)] * table.ndim
        pad[axis] = (1, 1)
        given = np.moveaxis(np.pad(table, pad), axis, 0)
        solved = np.linalg.solve(matrix, given.reshape(size, -1)).reshape(given.shape)
        table = np.moveaxis(solved, 0, axis)
    return np.ascontiguousarray(table)


@inlined
def _weights(s, w, d, e):
    """Write the weights of four coefficients and their two derivatives, s from 0 to 1."""
    r = 1.0 - s
    w[0], w[3] = r * r * r / 6.0, s * s * s / 6.0
    w[1] = 2.0 / 3.0 - s * s + 0.5 * s * s * s
    w[2] = 2.0 / 3.0 - r * r + 0.5 * r * r * r
    d[0], d[3] = -0.5 * r * r, 0.5 * s * s
    d[1], d[2] = -2.0 * s + 1.5 * s * s, 2.0 * r - 1.5 * r * r
    e[0], e[1], e[2], e[3] = r, 3.0 * s - 2.0, 3.0 * r - 2.0, s


@inlined
def evaluate(coefficients, u, b, axes, decay, weights, rows):
    """Write f, df/du, df/db and d²f/db² (4, n); `decay` (n,) is exp(-R1 n s).

    axes: first u, step of u, first b, step of b, offset of u; `weights` (6, 4) is room to work in.
    """
    x, y = (u - axes[0]) / axes[1], (b - axes[2]) / axes[3]
    i = min(max(int(x), 0), coefficients.shape[0] - 4)
    j = min(max(int(y), 0), coefficients.shape[1] - 4)
    _weights(x - i, weights[0], weights[1], weights[2])
    _weights(y - j, weights[3], weights[4], weights[5])
    w0, w1, w2, w3 = weights[3, 0], weights[3, 1], weights[3, 2], weights[3, 3]
    d0, d1, d2, d3 = weights[4, 0], weights[4, 1], weights[4, 2], weights[4, 3]
    e0, e1, e2, e3 = weights[5, 0], weights[5, 1], weights[5, 2], weights[5, 3]
    f, g, h, q = rows[0], rows[1], rows[2], rows[3]
    for n in range(decay.size):
        f[n], g[n], h[n], q[n] = 0.0, 0.0, 0.0, 0.0
    for k in range(4):
        wu, du = weights[0, k], weights[1, k] / axes[1]
        c0, c1 = coefficients[i + k, j], coefficients[i + k, j + 1]
        c2, c3 = coefficients[i + k, j + 2], coefficients[i + k, j + 3]
        down = wu / axes[3]
        bend = down / axes[3]
        for n in range(decay.size):
            level = (w0 * c0[n] + w1 * c1[n]) + (w2 * c2[n] + w3 * c3[n])
            slope = (d0 * c0[n] + d1 * c1[n]) + (d2 * c2[n] + d3 * c3[n])
            f[n] += wu * level
            g[n] += du * level
            h[n] += down * slope
            q[n] += bend * ((e0 * c0[n] + e1 * c1[n]) + (e2 * c2[n] + e3 * c3[n]))
    rise = math.exp(u)
    common = math.exp(axes[4] - rise)
    for n in range(decay.size):
        # a magnitude: the sum over the slice may be below zero
        scale = common * decay[n] if f[n] >= 0.0 else -common * decay[n]
        g[n] = scale * (g[n] - rise * f[n])
        f[n], h[n], q[n] = f[n] * scale, h[n] * scale, q[n] * scale
