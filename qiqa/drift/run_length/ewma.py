"""Average run length of the EWMA of standard normal scores with fixed or exact limits.

The chart is z = (1 - lam) z + lam x, from zero. It signals outside L SDs of z: of the settled z
(fixed limits) or of z at that exam (exact limits, narrower over the first exams). Fixed limits are
an integral equation (Crowder 1987, Technometrics 29:401) solved at Gauss-Legendre nodes. With exact
limits the density of the charts still running is stepped from exam to exam until the limits have
settled; from there on the integral equation holds (Knoth 2003, Sequential Analysis 22:351).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.quadrature import check, density, nodes_on, settled, solve_limit

__all__ = ["limit_for", "one_sided", "steady_state", "two_sided"]

FloatArray = NDArray[np.float64]

SETTLED = 1e-9
"""Relative distance of the exact limits from the fixed ones below which they count as equal."""


FLOOR = 8.0
"""SDs of the settled chart below its mean where a one-sided chart is cut: missed once in 1e15."""


def _count(lam: float, span: float) -> int:
    """Return the nodes for one solve: the kernel is a normal density of width lam."""
    return 24 + math.ceil(4 * span / lam)


def _kernel(to: FloatArray, start: FloatArray, lam: float, shift: float) -> FloatArray:
    """Return the density (s, t) of the next z at `to` (t,) from `start` (s,)."""
    return density((to[None, :] - (1 - lam) * start[:, None]) / lam - shift) / lam


def _fixed(shift: float, lam: float, low: float, high: float, start: FloatArray) -> FloatArray:
    """Return run lengths (s,) of the chart with fixed limits that starts at each of `start`."""
    x, w = nodes_on(low, high, _count(lam, high - low))
    inside = np.linalg.solve(np.eye(x.size) - w * _kernel(x, x, lam, shift), np.ones(x.size))
    result: FloatArray = 1 + _kernel(x, start, lam, shift) @ (w * inside)
    return result


def _stepped(shift: float, lam: float, low: float, high: float) -> float:
    """Return the run length with limits that widen towards `low` and `high`.

    An end that stands for none (a one-sided chart) widens too: it stays as many SDs away.
    """
    last = max(2, math.ceil(math.log(2 * SETTLED) / (2 * math.log1p(-lam))))
    length, x, mass = 1.0, np.zeros(1), np.ones(1)
    count = _count(lam, high - low) // 2 + 8
    for exam in range(1, last + 1):
        settling = math.sqrt(1 - (1 - lam) ** (2 * exam))
        to, w = nodes_on(low * settling, high * settling, count)
        mass = (mass @ _kernel(to, x, lam, shift)) * w
        x = to
        alive = float(mass.sum())
        if exam == last or alive < 1e-14:
            break
        length += alive
    return length + float(mass @ _fixed(shift, lam, low, high, x))


def _checked(shift: float, lam: float, width: float) -> float:
    """Return the SD of the settled chart after a look at the settings."""
    check("lam", lam, 0.0049, 1.0)
    check("width", width, 0.0, 20.0)
    if not math.isfinite(shift):
        raise UsageError(f"shift is {shift:g}; it must be finite", hint="give a finite shift")
    return math.sqrt(lam / (2 - lam))


@functools.lru_cache(maxsize=2048)
def two_sided(shift: float, lam: float, width: float, exact: bool = True) -> float:
    """Return the zero-state average run length in exams of the two-sided chart.

    Parameters
    ----------
    shift
        Step of the scores' mean at the start, in SDs.
    lam
        Weight of the newest exam, from 0.005 to 1.
    width
        Half-width L of the limits, in SDs of the chart's statistic.
    exact
        Limits from the variance at each exam; False: from the settled variance.

    Raises
    ------
    UsageError
        If a setting cannot be used.

    >>> round(two_sided(1.0, 0.25, 3.0, exact=False), 6)
    11.154267
    """
    limit = width * _checked(shift, lam, width)
    if exact and lam < 1:
        return _stepped(shift, lam, -limit, limit)
    return float(_fixed(shift, lam, -limit, limit, np.zeros(1))[0])


@functools.lru_cache(maxsize=2048)
def one_sided(shift: float, lam: float, width: float, exact: bool = True) -> float:
    """Return the zero-state average run length in exams of the chart with an upper limit only.

    Parameters and errors as in `two_sided`.

    >>> one_sided(0.0, 0.2, 3.0) > two_sided(0.0, 0.2, 3.0)
    True
    """
    sd = _checked(shift, lam, width)
    low = min(shift, 0.0) - FLOOR * sd
    if exact and lam < 1:
        return _stepped(shift, lam, low, width * sd)
    return float(_fixed(shift, lam, low, width * sd, np.zeros(1))[0])


@functools.lru_cache(maxsize=1024)
def steady_state(shift: float, lam: float, width: float) -> float:
    """Return the average delay in exams of a shift that comes after a long time in control.

    Conditional on no alarm before it. The limits have settled by then, exact or not. Parameters
    and errors as in `two_sided`.

    >>> round(steady_state(1.0, 0.2, 2.962), 1)
    10.3
    """
    limit = width * _checked(shift, lam, width)
    x, w = nodes_on(-limit, limit, _count(lam, 2 * limit))
    step = _kernel(x, x, lam, 0.0) * w
    chances = settled(lambda mass: mass @ step, w)
    return float(chances @ _fixed(shift, lam, -limit, limit, x))


@functools.lru_cache(maxsize=512)
def limit_for(every: float, lam: float, exact: bool = True) -> float:
    """Return the width L that gives one false alarm in `every` exams in control.

    Parameters
    ----------
    every
        Average run length in control, in exams, from 2 to 1e8.
    lam
        Weight of the newest exam.
    exact
        As in `two_sided`.

    Raises
    ------
    UsageError
        If a setting cannot be used or no width gives that run length.

    >>> round(limit_for(500.0, 0.5, exact=False), 3)
    3.071
    """
    check("every", every, 1.0, 1e8)
    fixed = solve_limit(lambda wide: two_sided(0.0, lam, wide, False), every, 0.05, 3.0)
    if not exact or lam == 1:
        return fixed
    # Exact limits are the narrower ones, so that the same run length needs a greater width.
    return solve_limit(lambda wide: two_sided(0.0, lam, wide, True), every, fixed, fixed + 0.2)
