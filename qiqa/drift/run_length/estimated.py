"""What a baseline of a few exams does to the rate of false alarms.

Mean and SD come from m baseline exams and are wrong by chance: with ten exams the limits "mean and
three SDs" give seven times as many false alarms as the 0.27 % they promise. Given the errors of
mean and SD the scores are normal with a known mean and SD, so that the chance of a false alarm
within so many exams is that of a chart with known parameters; it is then averaged over the errors
by Gauss-Legendre quadrature (mean: normal; variance: chi-square with m - 1 degrees of freedom).

Why a horizon and not an average run length: the average over baselines is ruled by the few that
came out far too wide, whose charts run for ever; a limit that makes that average right lets most
charts alarm far too often. The chance of a false alarm within a horizon, by default a year of
weekly exams, has no such tail and is what a person who looks at the charts meets (compare Jones,
Champ & Rigdon 2004, J Qual Technol 36:95, and Albers & Kallenberg 2004, Metrika 59:207).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import newton
from scipy.special import chdtri, gammaln, ndtr, ndtri, stdtr, stdtrit

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import cusum, ewma
from qiqa.drift.run_length.quadrature import check, density, nodes_on, solve_limit

__all__ = [
    "cusum_false_alarms",
    "cusum_limit_for",
    "ewma_false_alarms",
    "ewma_limit_for",
    "false_alarms",
    "prediction_width",
    "signal_probability",
]

FloatArray = NDArray[np.float64]

KNOWN = 0
"""In place of a number of baseline exams: mean and SD are known."""

NODES = 2.0
"""Nodes an SD of the scores. Where scores spread less, alarms are rare and their error does not
count: three times as many change no chance by 3e-5 of it."""

FINE = (9, 18)
"""Means and SDs of baselines to average over; twice as many change no chance by 6e-4 of it."""

COARSE = (5, 8)
"""The same where a first guess of a limit is looked for."""

HORIZON = 52
"""A year of weekly exams."""


def _checked(exams: int, m: int) -> None:
    if m != KNOWN and m < 3:
        raise UsageError(
            f"the baseline has {m} exams; an SD to rely on needs 3 at the least",
            hint="add exams to the baseline, or give 0 where mean and SD are known",
        )
    if not 1 <= exams <= 100_000:
        raise UsageError(
            f"{exams} exams are asked for; allowed are 1 to 100000", hint="52 is a year of weeks"
        )


@functools.lru_cache(maxsize=64)
def _errors(m: int, means: int, sds: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return error of the mean in true SDs, SD over true SD and weight, each (means * sds,).

    The charts are alike on both sides, so that the mean's error is taken on one side only.
    """
    if m == KNOWN:
        return np.zeros(1), np.ones(1), np.ones(1)
    u, wu = nodes_on(0.0, 5.5, means)
    wu = wu * 2 * density(u)
    dof = m - 1
    low, high = (math.sqrt(float(chdtri(dof, p)) / dof) for p in (1 - 1e-8, 1e-8))
    s, ws = nodes_on(low, high, sds)
    log_density = (dof - 1) * np.log(s) - dof * s * s / 2
    ws = ws * np.exp(log_density + dof / 2 * math.log(dof / 2) - gammaln(dof / 2)) * 2
    weight = np.outer(wu / wu.sum(), ws / ws.sum()).ravel()
    return np.repeat(u / math.sqrt(m), sds), np.tile(s, means), weight


def signal_probability(m: int, width: float) -> float:
    """Return the chance that one new exam is outside baseline mean and `width` baseline SDs.

    Averaged over baselines of m exams; 0 exams: mean and SD are known. Exact, by Student's t.

    >>> round(signal_probability(10, 3.0) / signal_probability(0, 3.0), 1)
    7.0
    """
    _checked(1, m)
    check("width", width, 0.0)
    if m == KNOWN:
        return float(2 * ndtr(-width))
    return float(2 * stdtr(m - 1, -width / math.sqrt(1 + 1 / m)))


def prediction_width(every: float, m: int) -> float:
    """Return the half-width in baseline SDs that one exam in `every` leaves by chance.

    The prediction limit: Student's t with m - 1 degrees of freedom times sqrt(1 + 1/m).

    Raises
    ------
    UsageError
        If the baseline has fewer than 3 exams or `every` is not above 1.

    >>> round(prediction_width(370.0, 10), 2), round(prediction_width(370.0, 1000), 2)
    (4.29, 3.01)
    """
    _checked(1, m)
    check("every", every, 1.0)
    if m == KNOWN:
        return float(-ndtri(0.5 / every))
    return float(-stdtrit(m - 1, 0.5 / every)) * math.sqrt(1 + 1 / m)


def false_alarms(exams: int, m: int, width: float) -> float:
    """Return the chance that at least one of `exams` new exams is outside the limits.

    Parameters
    ----------
    exams
        New exams, all judged by the same baseline.
    m
        Exams in the baseline; 0: mean and SD are known.
    width
        Limits at the baseline's mean and so many of its SDs; `prediction_width` gives those for a
        wanted rate.

    Raises
    ------
    UsageError
        If a number cannot be used.

    >>> round(false_alarms(52, 0, 3.0), 3), round(false_alarms(52, 10, 3.0), 3)
    (0.131, 0.365)
    """
    _checked(exams, m)
    check("width", width, 0.0)
    mean, sd, weight = _errors(m, 24, 64)
    outside = ndtr(-(width * sd - mean)) + ndtr(-(width * sd + mean))
    return float(-np.expm1(exams * np.log1p(-np.minimum(outside, 1 - 1e-16))) @ weight)


def _scores(m: int, grid: tuple[int, int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean (b,), SD (b,) of the scores in control and weight (b,) of each baseline."""
    error, ratio, weight = _errors(m, *grid)
    # Half of the baselines are too rare to count, and each costs as much time as the others.
    kept = weight > 1e-6
    error, ratio, weight = error[kept], ratio[kept], weight[kept] / weight[kept].sum()
    scale = ratio * (math.sqrt(1 + 1 / m) if m else 1.0)
    return -error / scale, 1 / scale, weight


def _one_side(mean: FloatArray, sd: FloatArray, k: float, h: float, exams: int) -> FloatArray:
    """Return the chance (exams, b) that the upper CUSUM signals at each exam; scores differ."""
    x, w = nodes_on(0.0, h, 12 + math.ceil(NODES * h))
    drift, spread = (mean - k)[:, None], sd[:, None]
    to_zero = ndtr((-drift - x) / spread)
    kernel = density((x - x[:, None] - drift[:, :, None]) / spread[:, :, None]) / spread[:, :, None]
    kernel *= w
    from_zero = w * density((x - drift) / spread) / spread
    zero_to_zero = ndtr(-drift / spread)[:, 0]
    at_zero, mass, alive = np.ones(mean.size), np.zeros((mean.size, x.size)), np.ones(mean.size)
    signals = np.empty((exams, mean.size))
    for exam in range(exams):
        stays = at_zero * zero_to_zero + (mass * to_zero).sum(axis=1)
        mass = at_zero[:, None] * from_zero + (mass[:, None, :] @ kernel)[:, 0, :]
        at_zero = stays
        left = at_zero + mass.sum(axis=1)
        signals[exam] = alive - left
        alive = left
    return signals


def _either(up: FloatArray, down: FloatArray) -> FloatArray:
    """Return the chance (b,) that one of two CUSUMs signals within the exams (n, b) given.

    When one side signals the other is at zero (k > 0), so that from then on the other is as new:
    the chance that the upper one signals at t is that it does so first, or the lower one was first
    at s and the upper one takes t - s more.
    """
    up_first, down_first = np.empty_like(up), np.empty_like(down)
    for t in range(len(up)):
        later_up, later_down = up[:t][::-1], down[:t][::-1]
        up_first[t] = up[t] - (down_first[:t] * later_up).sum(axis=0)
        down_first[t] = down[t] - (up_first[:t] * later_down).sum(axis=0)
    result: FloatArray = (up_first + down_first).sum(axis=0)
    return result


def _cusum_chance(exams: int, m: int, k: float, h: float, grid: tuple[int, int]) -> float:
    """Return the chance of a false alarm of the CUSUM, averaged over a grid of baselines."""
    mean, sd, weight = _scores(m, grid)
    up = _one_side(mean, sd, k, h, exams)
    down = _one_side(-mean, sd, k, h, exams) if m else up
    return float(_either(up, down) @ weight)


def _ewma_chance(exams: int, m: int, lam: float, width: float, grid: tuple[int, int]) -> float:
    """Return the chance of a false alarm of the EWMA, averaged over a grid of baselines."""
    mean, sd, weight = _scores(m, grid)
    settled = width * math.sqrt(lam / (2 - lam))
    spread = (lam * sd)[:, None, None]
    count = 12 + math.ceil(2 * NODES * settled / lam)
    x, mass, kernel, limit = np.zeros(1), np.ones((mean.size, 1)), None, 0.0
    for exam in range(1, exams + 1):
        now = settled * math.sqrt(1 - (1 - lam) ** (2 * exam))
        if kernel is None or now - limit > 1e-6 * settled or kernel.shape[1] != x.size:
            limit = now
            to, w = nodes_on(-limit, limit, count)
            step = to - (1 - lam) * x[:, None] - (lam * mean)[:, None, None]
            # In place: these arrays are what the time goes to.
            step /= spread
            np.square(step, out=step)
            step *= -0.5
            kernel = np.exp(step, out=step)
            kernel *= w / (spread * math.sqrt(2 * math.pi))
            x = to
        mass = (mass[:, None, :] @ kernel)[:, 0, :]
    return float((1 - mass.sum(axis=1)) @ weight)


@functools.lru_cache(maxsize=1024)
def cusum_false_alarms(exams: int, m: int, k: float, h: float) -> float:
    """Return the chance of a false alarm of the two-sided CUSUM within `exams`, over baselines.

    Parameters
    ----------
    exams
        Exams since the chart started from zero.
    m
        Exams in the baseline; 0: mean and SD are known. The scores are (x - mean) / (sd sqrt(1 +
        1/m)).
    k, h
        Reference value and limit, for these scores.

    Raises
    ------
    UsageError
        If a number cannot be used.

    >>> cusum_false_alarms(52, 10, 0.5, 5.0) > 2 * cusum_false_alarms(52, 0, 0.5, 5.0)
    True
    """
    _checked(exams, m)
    check("k", k, 0.0)
    check("h", h, 0.0, 100.0)
    return _cusum_chance(exams, m, k, h, FINE)


@functools.lru_cache(maxsize=1024)
def ewma_false_alarms(exams: int, m: int, lam: float, width: float) -> float:
    """Return the chance of a false alarm of the EWMA with exact limits within `exams`.

    Parameters and errors as in `cusum_false_alarms`; `lam` is the weight of the newest exam,
    `width` the half-width of the limits in SDs of the chart.

    >>> ewma_false_alarms(52, 10, 0.2, 2.9) > 2 * ewma_false_alarms(52, 0, 0.2, 2.9)
    True
    """
    _checked(exams, m)
    check("lam", lam, 0.0049, 1.0)
    check("width", width, 0.0, 50.0)
    return _ewma_chance(exams, m, lam, width, FINE)


def _same_chance(
    chance: Callable[[float, tuple[int, int]], float], wanted: float, known: float
) -> float:
    """Return the limit at which a chance, falling with the limit, is the wanted one."""
    guess = solve_limit(
        lambda limit: 1 / chance(limit, COARSE), 1 / wanted, 0.5 * known, 1.5 * known, 1e-3
    )
    return float(
        newton(
            lambda limit: math.log(chance(limit, FINE) / wanted), guess, x1=1.003 * guess, tol=1e-4
        )
    )


@functools.lru_cache(maxsize=256)
def cusum_limit_for(every: float, k: float, m: int, horizon: int = HORIZON) -> float:
    """Return h for scores from a baseline of m exams: as many false alarms as if it were known.

    The scores are (x - mean) / (sd sqrt(1 + 1/m)) with the baseline's mean and SD. With this h the
    chance of a false alarm within `horizon` exams, over baselines, is that of a chart with known
    mean and SD and one false alarm in `every` exams. The head of this module says why it is not the
    average run length that is held.

    Raises
    ------
    UsageError
        If the baseline is too short or a setting cannot be used.

    >>> cusum_limit_for(370.0, 0.5, 10) > cusum.limit_for(370.0, 0.5)
    True
    """
    known = cusum.limit_for(every, k)
    wanted = cusum_false_alarms(horizon, KNOWN, k, known)
    _checked(horizon, m)
    if m == KNOWN:
        return known
    return _same_chance(lambda h, grid: _cusum_chance(horizon, m, k, h, grid), wanted, known)


@functools.lru_cache(maxsize=256)
def ewma_limit_for(every: float, lam: float, m: int, horizon: int = HORIZON) -> float:
    """Return the width L of exact limits for scores from a baseline of m exams.

    As `cusum_limit_for`: the chance of a false alarm within `horizon` exams is that of a chart with
    known mean and SD and one false alarm in `every` exams.

    Raises
    ------
    UsageError
        If the baseline is too short or a setting cannot be used.

    >>> ewma_limit_for(370.0, 0.2, 10) > ewma.limit_for(370.0, 0.2)
    True
    """
    known = ewma.limit_for(every, lam)
    wanted = ewma_false_alarms(horizon, KNOWN, lam, known)
    _checked(horizon, m)
    if m == KNOWN:
        return known
    return _same_chance(lambda wide, grid: _ewma_chance(horizon, m, lam, wide, grid), wanted, known)
