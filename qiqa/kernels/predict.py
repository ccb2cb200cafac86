"""Predict each value of a series from those before it, and say how far off it is in normal SDs.

Values share a scatter and slopes on covariates; each segment has a level of its own. That is the
regression with one dummy a segment, updated exam by exam (Brown, Durbin & Evans, J R Stat Soc B
1975;37:149, recursive residuals). Scaled by the SD known until then, a residual follows Student's
t; as a normal score it is independent of all others while nothing changes (Quesenberry, J Qual
Technol 1991;23:213, Q charts), so that a chart of scores needs no estimated limits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["ALL", "NOTHING", "SCATTER", "normal_score", "predict"]

FloatArray = NDArray[np.float64]
NOTHING, ALL, SCATTER = 0, 1, 2
"""What may be learnt from an exam: nothing, level and scatter, or the scatter only."""
_SINGULAR = 1e-10
"""A covariate whose scatter about its means is smaller than this, relative to its size, says
nothing."""


@kernel
def _upper_tail_of_t(t: float, dof: int) -> float:
    """Return P(T > t), t >= 0, for whole degrees of freedom; Abramowitz & Stegun 26.7.3, 26.7.4."""
    theta = math.atan(t / math.sqrt(dof))
    cosine = math.cos(theta)
    square = cosine * cosine
    term = 1.0
    total = 0.0
    if dof % 2 == 1:
        if dof > 1:
            term = cosine
            total = term
            for k in range(3, dof - 1, 2):
                term *= square * (k - 1) / k
                total += term
        inside = 2.0 / math.pi * (theta + math.sin(theta) * total)
    else:
        total = 1.0
        for k in range(2, dof - 1, 2):
            term *= square * (k - 1) / k
            total += term
        inside = math.sin(theta) * total
    return 0.5 * (1.0 - inside)


@kernel
def _normal_of_tail(tail: float, start: float) -> float:
    """Return z with P(Z > z) = tail, by Newton steps on the logarithm of the tail."""
    wanted = math.log(tail)
    z = start
    for _ in range(50):
        upper = 0.5 * math.erfc(z / math.sqrt(2.0))
        if upper <= 0.0:
            z *= 0.5
            continue
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        step = (math.log(upper) - wanted) * upper / density
        z += step
        if abs(step) < 1e-12 * (1.0 + abs(z)):
            break
    return z


@kernel
def normal_score(t: float, dof: int) -> float:
    """Return the normal score with the same chance of being exceeded as Student's t.

    Exact below 20 degrees of freedom unless the tail is below 1e-11; else Hill's expansion
    (Commun ACM 1970;13:617, algorithm 395), whose error stays below 1e-6 there.
    """
    if dof < 1 or math.isnan(t):
        return math.nan
    size = abs(t)
    a = dof - 0.5
    b = 48.0 * a * a
    squared = a * math.log1p(size * size / dof)
    y = math.sqrt(squared)
    inner = ((4.0 * squared + 33.0) * squared + 240.0) * squared + 855.0
    hill = y + y * ((squared + 3.0) - inner / (10.0 * (b + 0.8 * squared * squared + 100.0))) / b
    score = hill
    if dof < 20 and size > 0.0:
        tail = _upper_tail_of_t(size, dof)
        if tail > 1e-11:
            score = _normal_of_tail(tail, min(hill, 6.0))
    return math.copysign(score, t)


@kernel
def _solve(matrix: FloatArray, right: FloatArray, count: int, out: FloatArray) -> bool:
    """Solve a small symmetric positive system by Cholesky; False where it says nothing."""
    lower = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1):
            s = matrix[i, j]
            for k in range(j):
                s -= lower[i, k] * lower[j, k]
            if i == j:
                if matrix[i, i] == 0.0:  # has not moved: it has no slope, the others do without
                    lower[i, i] = 1.0
                    continue
                if s <= _SINGULAR * matrix[i, i] or s <= 0.0:
                    return False
                lower[i, i] = math.sqrt(s)
            else:
                lower[i, j] = s / lower[j, j]
    for i in range(count):
        s = right[i]
        for k in range(i):
            s -= lower[i, k] * out[k]
        out[i] = s / lower[i, i]
    for i in range(count - 1, -1, -1):
        s = out[i]
        for k in range(i + 1, count):
            s -= lower[k, i] * out[k]
        out[i] = s / lower[i, i]
    return True


@kernel
def _dot(a: FloatArray, b: FloatArray, count: int) -> float:
    """Return the sum of the first products."""
    total = 0.0
    for j in range(count):
        total += a[j] * b[j]
    return total


@kernel
def _slopes(distance: FloatArray, sxx: FloatArray, away: FloatArray) -> int:
    """Return how many covariates have a slope, their distances in `away`; -1: one more is needed.

    A covariate that has not moved within a segment has none, and needs none where this exam is at
    its mean too.
    """
    count = 0
    for j in range(distance.size):
        away[j] = distance[j]
        if sxx[j, j] > 0.0:
            count += 1
        elif away[j] != 0.0:
            return -1
    return count


@kernel
def _learn(
    w: float, dy: float, dx: FloatArray, before: float, sxx: FloatArray, sxy: FloatArray
) -> float:
    """Add an exam to the sums about the means (in place); return what it adds to that of squares.

    `dy`, `dx` are its distances from the means of its segment, `before` the weight of these.
    """
    if before <= 0.0:
        return 0.0
    pull = w * before / (before + w)
    for j in range(dx.size):
        sxy[j] += pull * dx[j] * dy
        for k in range(dx.size):
            sxx[j, k] += pull * dx[j] * dx[k]
    return pull * dy * dy


@kernel
def predict(
    y: FloatArray,
    variance: FloatArray,
    x: FloatArray,
    segment: NDArray[np.int64],
    fresh: NDArray[np.bool_],
    learn: NDArray[np.int64],
    widest: float,
    floor: float,
) -> tuple[FloatArray, FloatArray, NDArray[np.int64], FloatArray, NDArray[np.bool_]]:
    """Return what the exams before each one predict for it, and its normal score.

    Parameters
    ----------
    y
        Values (n,).
    variance
        (n,) variance of a value relative to that of a usual one.
    x
        Covariates (c, n), finite.
    segment
        (n,) number of the segment of each exam, from 0; -1: left out.
    fresh
        (segments,) True where scatter and slopes are learnt anew when the segment begins.
    learn
        (n,) what is learnt from an exam. From the first SCATTER of a segment on, its level is that
        of the exams before; scatter and slopes are about the mean of all its exams so far.
    widest
        A score beyond this is not learnt from.
    floor
        Smallest SD of a value, in the unit of y: what rounding alone gives.

    Returns
    -------
    tuple
        expected (n,); SD of the prediction (n,); its degrees of freedom (n,); score (n,), NaN while
        there is nothing to predict from; whether the exam was learnt from (n,).
    """
    n, c = y.size, x.shape[0]
    expected, scale = np.full(n, np.nan), np.full(n, np.nan)
    dof, score = np.zeros(n, np.int64), np.full(n, np.nan)
    learned = np.zeros(n, np.bool_)
    weight, level = np.zeros(fresh.size), np.zeros(fresh.size)
    center = np.zeros((fresh.size, c))
    held_weight, held_level, held_center = weight.copy(), level.copy(), center.copy()
    begun = np.zeros(fresh.size, np.bool_)
    sxx, sxy, syy = np.zeros((c, c)), np.zeros(c), 0.0
    slope, lever, away = np.zeros(c), np.zeros(c), np.zeros(c)
    count, levels = 0, 0
    for t in range(n):
        s = segment[t]
        if s < 0:
            continue
        if not begun[s]:
            begun[s] = True
            if fresh[s]:
                sxx[:], sxy[:], syy, count, levels = 0.0, 0.0, 0.0, 0, 0
            if learn[t] != NOTHING:
                levels += 1
        if learn[t] == SCATTER and held_weight[s] == 0.0:
            held_weight[s], held_level[s] = weight[s], level[s]
            held_center[s] = center[s]
        held = held_weight[s] > 0.0
        if weight[s] > 0.0:
            origin = held_center[s] if held else center[s]
            slopes = _slopes(x[:, t] - origin, sxx, away) if c > 0 else 0  # no array for nothing
            known = slopes == 0 or (slopes > 0 and _solve(sxx, sxy, c, slope))
            if known:
                mean = held_level[s] if held else level[s]
                base = held_weight[s] if held else weight[s]
                rss, extra = syy, 0.0
                if slopes > 0:
                    _solve(sxx, away, c, lever)
                    mean += _dot(slope, away, c)
                    rss -= _dot(slope, sxy, c)
                    extra = _dot(away, lever, c)
                expected[t] = mean
                d = count - levels - slopes
                if d > 0:
                    sigma2 = max(rss, 0.0) / d + floor * floor
                    scale[t] = math.sqrt(sigma2 * (variance[t] + 1.0 / base + extra))
                    dof[t] = d
                    if scale[t] > 0.0:
                        score[t] = normal_score((y[t] - mean) / scale[t], d)
        if learn[t] != NOTHING and not abs(score[t]) > widest:
            learned[t] = True
            w = 1.0 / variance[t]
            dy = y[t] - level[s]
            for j in range(c):
                away[j] = x[j, t] - center[s, j]
            syy += _learn(w, dy, away, weight[s], sxx, sxy)
            total = weight[s] + w
            level[s] += w / total * dy
            for j in range(c):
                center[s, j] += w / total * away[j]
            weight[s] = total
            count += 1
    return expected, scale, dof, score, learned
