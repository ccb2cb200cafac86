"""Global least-squares optimum of |a + b exp(-TI/T1)|: dense grid, every polarity, golden section.

Plain numpy, written for being right: every T1 of a fine grid times every place where the signal
can change sign. A signal a + b exp(-TI/T1) crosses zero at most once, and for magnitudes y >= 0
no choice of signs fits better than the true magnitude does, so the least of the n signed fits is
the optimum of the magnitude fit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_t1", "coefficients", "log_grid", "rss_at"]

Array = NDArray[np.float64]
GOLDEN = (math.sqrt(5) - 1) / 2


def log_grid(low_ms: float, high_ms: float, points: int) -> Array:
    """Return T1 values [ms], evenly spaced in the logarithm."""
    return np.geomspace(low_ms, high_ms, points)


def _signed(y: Array) -> Array:
    """Return magnitudes (voxels, n), TI ascending, with the first k negated: (n, voxels, n)."""
    n = y.shape[1]
    signs = np.where(np.arange(n)[None, :] < np.arange(n)[:, None], -1.0, 1.0)
    return signs[:, None, :] * y[None]


def _direction(ti: Array, t1: Array) -> Array:
    """Return exp(-TI/T1) made orthogonal to the constant and of unit length, (..., n)."""
    e = np.exp(-ti / t1[..., None])
    e -= e.mean(axis=-1, keepdims=True)
    return np.asarray(e / np.linalg.norm(e, axis=-1, keepdims=True))


def _rss(signed: Array, ti: Array, t1: Array) -> Array:
    """Return the residual sum of squares (n, voxels) of the signed fits at T1 (n, voxels)."""
    centered = signed - signed.mean(axis=-1, keepdims=True)
    along = np.einsum("kvn,kvn->kv", centered, _direction(ti, t1))
    rest = centered - along[..., None] * _direction(ti, t1)
    return np.asarray(np.einsum("kvn,kvn->kv", rest, rest))


def rss_at(y: Array, ti: Array, t1: Array) -> Array:
    """Return the least residual sum of squares (voxels,) over a, b and polarity at given T1."""
    signed = _signed(y)
    return np.asarray(_rss(signed, ti, np.broadcast_to(t1, signed.shape[:2])).min(axis=0))


def coefficients(y: Array, ti: Array, t1: Array) -> tuple[Array, Array]:
    """Return a and b (voxels,) of the best signed fit at T1, with the sign that makes b <= 0."""
    signed = _signed(y)
    best = _rss(signed, ti, np.broadcast_to(t1, signed.shape[:2])).argmin(axis=0)
    chosen = signed[best, np.arange(y.shape[0])]
    e = np.exp(-ti / t1[:, None])
    centered = e - e.mean(axis=1, keepdims=True)
    b = np.sum(chosen * centered, axis=1) / np.sum(centered**2, axis=1)
    a = chosen.mean(axis=1) - b * e.mean(axis=1)
    flip = np.where(b > 0, -1.0, 1.0)
    return a * flip, b * flip


def best_t1(y: Array, ti: Array, grid: Array, chunk: int = 500) -> tuple[Array, Array]:
    """Return T1 [ms] and residual sum of squares (voxels,) of the global optimum on the grid span.

    `y` (voxels, n) are magnitudes; `ti` (n,) ascending [ms].
    """
    t1 = np.empty(y.shape[0])
    rss = np.empty(y.shape[0])
    directions = np.ascontiguousarray(_direction(ti, grid).T)
    for start in range(0, y.shape[0], chunk):
        here = slice(start, start + chunk)
        t1[here], rss[here] = _best_of(y[here], ti, grid, directions)
    return t1, rss


def _best_of(y: Array, ti: Array, grid: Array, directions: Array) -> tuple[Array, Array]:
    signed = _signed(y)
    # The constant is orthogonal to every direction: only the projection on it depends on T1.
    first = np.empty(signed.shape[:2], dtype=np.int64)
    for k, one in enumerate(signed):
        projection = one @ directions
        np.abs(projection, out=projection)
        first[k] = projection.argmax(axis=1)
    step = math.log(grid[1] / grid[0])
    left = np.log(grid[first]) - 2 * step
    right = left + 4 * step
    left, right = np.maximum(left, math.log(grid[0])), np.minimum(right, math.log(grid[-1]))
    inner, outer = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    at_inner, at_outer = _rss(signed, ti, np.exp(inner)), _rss(signed, ti, np.exp(outer))
    for _ in range(36):  # 0.618^36 = 3e-8 of a bracket of about 2 %
        lower = at_inner < at_outer
        left, right = np.where(lower, left, inner), np.where(lower, outer, right)
        new = np.where(lower, right - GOLDEN * (right - left), left + GOLDEN * (right - left))
        value = _rss(signed, ti, np.exp(new))
        inner, outer = np.where(lower, new, outer), np.where(lower, inner, new)
        at_inner, at_outer = np.where(lower, value, at_outer), np.where(lower, at_inner, value)
    middle = np.exp(0.5 * (left + right))
    final = _rss(signed, ti, middle)
    winner = final.argmin(axis=0)
    voxels = np.arange(y.shape[0])
    return middle[winner, voxels], final[winner, voxels]
