"""Average run length of the multivariate EWMA with the exact covariance of the first exams.

The chart signals when |z|^2 > H lam/(2 - lam) (1 - (1 - lam)^(2t)) at its t-th exam: a ball that
grows until it has settled. The density of the charts still running is stepped from exam to exam up
to there; from then on the equations of `mewma` hold. As for one score in `ewma` (Knoth 2003,
Sequential Analysis 22:351), in the coordinates of Rigdon (Stat Probab Lett 1995;24:365): length of
z in control, else its part along the shift and the length of the rest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from qiqa.drift.run_length import ewma, mewma
from qiqa.drift.run_length.mewma import even_cosine, radius_density, rest_density
from qiqa.drift.run_length.quadrature import check, density, nodes_on, solve_limit

__all__ = ["limit_for", "run_length"]

FloatArray = NDArray[np.float64]
Nodes = tuple[FloatArray, FloatArray]
"""Points (d, n) and their weights (n,)."""
Kernel = Callable[[FloatArray, FloatArray], FloatArray]
"""Density (s, t) of the next z at points (d, t) from points (d, s)."""

SETTLED = 1e-6
"""Relative distance of the limit from its settled value below which both count as equal."""
NONE_LEFT = 1e-9
"""Share of charts still running that is not followed further."""


def _stepped(nodes: Callable[[float], Nodes], kernel: Kernel, lam: float) -> float:
    """Return the run length of a chart from z = 0 in a ball that grows to its settled size.

    Parameters
    ----------
    nodes
        Points in the ball of a size from 0 to 1, 1 when settled.
    kernel
        Of one exam.
    lam
        Weight of the newest exam.
    """
    last = max(1, math.ceil(math.log(2 * SETTLED) / (2 * math.log1p(-lam))))
    settled, area = nodes(1.0)
    at = np.zeros((len(settled), 1))
    mass, length = np.ones(1), 1.0
    for exam in range(1, last + 1):
        to, weight = nodes(math.sqrt(1 - (1 - lam) ** (2 * exam)))
        mass = (mass @ kernel(at, to)) * weight
        at = to
        alive = float(mass.sum())
        length += alive
        if alive < NONE_LEFT:
            return length
    inside = np.linalg.solve(
        np.eye(area.size) - kernel(settled, settled) * area, np.ones(area.size)
    )
    # of the charts that run after the last step, the next exam is in `length` already
    return length + float(mass @ kernel(at, settled) @ (area * inside))


def _in_control(p: int, lam: float, radius: float) -> float:
    def nodes(size: float) -> Nodes:
        edge = radius * size
        r, w = nodes_on(0.0, edge, 20 + math.ceil(4 * edge / lam))
        return r[None, :], w

    def kernel(start: FloatArray, to: FloatArray) -> FloatArray:
        mean = (1 - lam) * start[0][:, None] / lam
        return radius_density(to[0] / lam, mean, p) / lam

    return _stepped(nodes, kernel, lam)


def _shifted(delta: float, p: int, lam: float, radius: float) -> float:
    """Return the run length after a shift; p of at least 2."""

    def nodes(size: float) -> Nodes:
        # as many a width of the kernel as where the ball has settled; see `mewma`
        whole = radius * size
        angle, weight = nodes_on(-math.pi / 2, math.pi / 2, 10 + math.ceil(3.5 * whole / lam))
        count = 8 + math.ceil(1.2 * whole / lam)
        unit, unit_weight = nodes_on(0.0, 1.0, count)
        edge = whole * even_cosine(angle)
        along = np.repeat(whole * np.sin(angle), count)
        area = np.outer(weight * edge * edge, unit_weight).ravel()
        return np.stack([along, np.outer(edge, unit).ravel()]), area

    def kernel(start: FloatArray, to: FloatArray) -> FloatArray:
        (a, b), (along, across) = start, to
        step = density((along - (1 - lam) * a[:, None]) / lam - delta)
        rest = rest_density(across, b, p, lam)
        return step * rest / (lam * lam)

    return _stepped(nodes, kernel, lam)


@functools.lru_cache(maxsize=512)
def run_length(delta: float, p: int, lam: float, limit: float) -> float:
    """Return the zero-state average run length in exams, limits by the exact covariance.

    Parameters
    ----------
    delta
        Length of the shift in SDs (Mahalanobis distance); 0: in control.
    p
        Scores an exam.
    lam
        Weight of the newest exam, from 0.03 to 1.
    limit
        H of T^2, whose covariance is that of z at each exam.

    Raises
    ------
    UsageError
        If a setting cannot be used.

    >>> run_length(1.0, 4, 0.1, 12.73) < mewma.run_length(1.0, 4, 0.1, 12.73)
    True
    """
    check("lam", lam, 0.0299, 1.0)
    if lam == 1:
        return mewma.hotelling(delta, p, limit)
    mewma.hotelling(delta, p, limit)  # refuses what cannot be used
    if p == 1:
        return ewma.two_sided(delta, lam, math.sqrt(limit))
    radius = math.sqrt(limit * lam / (2 - lam))
    if delta == 0:
        return _in_control(p, lam, radius)
    return _shifted(delta, p, lam, radius)


@functools.lru_cache(maxsize=256)
def limit_for(every: float, p: int, lam: float) -> float:
    """Return H that gives one false alarm in `every` exams in control.

    Raises
    ------
    UsageError
        If a setting cannot be used or no limit gives that run length.

    >>> limit_for(200.0, 4, 0.1) > mewma.limit_for(200.0, 4, 0.1)
    True
    """
    check("every", every, 1.0, 1e8)
    mewma.hotelling(0.0, p, 1.0)  # refuses a p that cannot be used
    single = float(chdtri(p, 1 / every))
    return solve_limit(lambda h: run_length(0.0, p, lam, h), every, 0.05 * single, 1.01 * single)
