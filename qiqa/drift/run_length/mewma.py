"""Average run length of Hotelling's T^2 and of the multivariate EWMA with known parameters.

The chart is z = (1 - lam) z + lam x of p standard normal scores, from zero; it signals when
T^2 = (2 - lam)/lam |z|^2 > H. In control only the length of z matters: one integral equation
(Rigdon 1995, J Stat Comput Simul 52:351). After a shift the part of z along it and the length of
the rest matter: an equation in two variables (Rigdon 1995, Stat Probab Lett 24:365). Both are
solved at Gauss-Legendre nodes; the part along the shift is the sine of an angle, so that the edge
of the ball is smooth (compare Knoth 2017, J Qual Technol 49:120).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, gammaln, ive, xlogy
from scipy.stats import ncx2

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import ewma
from qiqa.drift.run_length.quadrature import check, density, nodes_on, solve_limit

__all__ = ["even_cosine", "hotelling", "limit_for", "radius_density", "rest_density", "run_length"]

FloatArray = NDArray[np.float64]

MAX_SCORES = 100


def _checked(delta: float, p: int, limit: float) -> None:
    check("limit", limit, 0.0, 1000.0)
    if not 1 <= p <= MAX_SCORES:
        raise UsageError(
            f"p is {p}; the number of scores must be from 1 to {MAX_SCORES}",
            hint="leave out scores, or chart their main components",
        )
    if not (math.isfinite(delta) and delta >= 0):
        raise UsageError(
            f"delta is {delta:g}; it is a length and must not be negative",
            hint="give the length of the shift in SDs (Mahalanobis)",
        )


def hotelling(delta: float, p: int, limit: float) -> float:
    """Return the average run length in exams of T^2 of single exams, parameters known.

    Parameters
    ----------
    delta
        Length of the shift in SDs (Mahalanobis distance).
    p
        Scores an exam.
    limit
        The chart signals when T^2, a chi-square with p degrees of freedom, is above it.

    Raises
    ------
    UsageError
        If a setting cannot be used.

    >>> round(hotelling(0.0, 1, 9.0), 1)
    370.4
    """
    _checked(delta, p, limit)
    chance = chdtrc(p, limit) if delta == 0 else ncx2.sf(limit, p, delta * delta)
    return math.inf if chance <= 0 else 1 / float(chance)


def radius_density(r: FloatArray, mean: FloatArray, p: int) -> FloatArray:
    """Return the density at r of the length of p normal scores whose mean has length `mean`.

    Shapes broadcast. The length of a noncentral chi-square: r (r/m)^(p/2-1) exp(-(r^2+m^2)/2)
    I_{p/2-1}(r m).
    """
    order = p / 2 - 1
    product = r * mean
    # Near zero the Bessel function is (x/2)^order / gamma(order + 1) and r m cancels.
    tiny = product < 1e-8
    safe = np.where(tiny, 1.0, product)
    bessel = np.log(ive(order, safe)) - xlogy(order, safe)
    central = -order * math.log(2.0) - float(gammaln(order + 1)) - product
    spread = -0.5 * (r - mean) ** 2
    log_density = (2 * order + 1) * np.log(r) + spread + np.where(tiny, central, bessel)
    result: FloatArray = np.exp(log_density)
    return result


def even_cosine(angle: FloatArray) -> FloatArray:
    """Return the cosines of angles that lie evenly about 0, the same on both sides to the bit."""
    cosine = np.cos(angle)
    return np.asarray(0.5 * (cosine + cosine[::-1]))


def rest_density(across: FloatArray, before: FloatArray, p: int, lam: float) -> FloatArray:
    """Return the density (s, t) of the length across the shift (t,), given that before (s,).

    Nodes on both sides of the middle share their lengths: each is worked out once.
    """
    to, where = np.unique(across, return_inverse=True)
    start, whence = np.unique(before, return_inverse=True)
    once = radius_density(to / lam, (1 - lam) * start[:, None] / lam, p - 1)
    return once[np.ix_(whence, where)]


def _in_control(p: int, lam: float, radius: float) -> float:
    """Return the run length in control of the chart that signals when |z| > radius."""
    r, w = nodes_on(0.0, radius, 20 + math.ceil(4 * radius / lam))
    kernel = w * radius_density(r / lam, (1 - lam) * r[:, None] / lam, p) / lam
    inside = np.linalg.solve(np.eye(r.size) - kernel, np.ones(r.size))
    first = w * radius_density(r / lam, np.zeros(1), p) / lam
    return float(1 + first @ inside)


def _shifted(delta: float, p: int, lam: float, radius: float) -> float:
    """Return the run length after a shift; p of at least 2."""
    # The kernel is lam wide and nodes are widest apart in the middle, where one a width suffices:
    # a third more change no run length by 1e-4 of it.
    along_count = 10 + math.ceil(3.5 * radius / lam)
    angle, weight = nodes_on(-math.pi / 2, math.pi / 2, along_count)
    across_count = 8 + math.ceil(1.2 * radius / lam)
    unit, unit_weight = nodes_on(0.0, 1.0, across_count)
    edge = radius * even_cosine(angle)
    along = np.repeat(radius * np.sin(angle), across_count)
    across = np.outer(edge, unit).ravel()
    area = np.outer(weight * edge, unit_weight).ravel() * np.repeat(edge, across_count)

    def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
        step = density((along - (1 - lam) * a[:, None]) / lam - delta)
        rest = rest_density(across, b, p, lam)
        return area * step * rest / (lam * lam)

    inside = np.linalg.solve(np.eye(along.size) - kernel(along, across), np.ones(along.size))
    return float(1 + (kernel(np.zeros(1), np.zeros(1)) @ inside)[0])


@functools.lru_cache(maxsize=512)
def run_length(delta: float, p: int, lam: float, limit: float) -> float:
    """Return the zero-state average run length in exams of the multivariate EWMA.

    Parameters
    ----------
    delta
        Length of the shift in SDs (Mahalanobis distance); 0: in control.
    p
        Scores an exam.
    lam
        Weight of the newest exam, from 0.03 to 1.
    limit
        H: the chart signals when T^2 = (2 - lam)/lam |z|^2 > H (settled variance).

    Raises
    ------
    UsageError
        If a setting cannot be used.

    >>> round(run_length(0.0, 4, 0.1, 12.73), 1), round(run_length(1.0, 4, 0.1, 12.73), 2)
    (200.5, 12.15)
    """
    _checked(delta, p, limit)
    check("lam", lam, 0.0299, 1.0)
    if lam == 1:
        return hotelling(delta, p, limit)
    if p == 1:
        return ewma.two_sided(delta, lam, math.sqrt(limit), exact=False)
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

    >>> round(limit_for(200.0, 4, 0.1), 2)
    12.72
    """
    check("every", every, 1.0, 1e8)
    _checked(0.0, p, 1.0)
    # A chart of single exams needs more than one that is correlated from exam to exam.
    single = float(chdtri(p, 1 / every))
    return solve_limit(lambda h: run_length(0.0, p, lam, h), every, 0.05 * single, 1.01 * single)
