"""Average run length of the CUSUM of standard normal scores, without and with a head start.

The upper chart is C = max(0, C + x - k) and signals when C > h; the lower one is its mirror image.
One side is an integral equation of the second kind (Page 1954, Biometrika 41:100) with a smooth
kernel, solved at Gauss-Legendre nodes. It is solved for one excursion from zero: the steps until
the chart signals or is back at zero, and the chance that it signals. Both are well conditioned
however long the chart runs; the run length is one divided by the other.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.quadrature import check, density, nodes_on, settled, solve_limit

__all__ = ["limit_for", "one_sided", "steady_state", "two_sided"]

FloatArray = NDArray[np.float64]


Excursion = tuple[float, float, float, float]
"""Steps and chance to signal of an excursion from zero, then the same from another start."""


def _nodes(h: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights: eight an SD, the width of the kernel."""
    return nodes_on(0.0, h, 24 + math.ceil(8 * h))


def _excursions(shift: float, k: float, h: float, starts: FloatArray) -> FloatArray:
    """Return steps and chance to signal (s, 2) of excursions from `starts` (s,)."""
    x, w = _nodes(h)
    drift = k - shift

    def kernel(z: FloatArray) -> FloatArray:
        return w * density(x[None, :] - z[:, None] + drift)

    def ends(z: FloatArray) -> FloatArray:
        return np.stack([np.ones_like(z), ndtr(z - h - drift)], axis=1)

    inside = np.linalg.solve(np.eye(x.size) - kernel(x), ends(x))
    return ends(starts) + kernel(starts) @ inside


@functools.lru_cache(maxsize=4096)
def _excursion(shift: float, k: float, h: float, start: float) -> Excursion:
    """Return an excursion from zero and one from `start`."""
    zero, other = _excursions(shift, k, h, np.array([0.0, start]))
    return float(zero[0]), float(zero[1]), float(other[0]), float(other[1])


@functools.lru_cache(maxsize=1024)
def _late_excursion(shift: float, k: float, h: float) -> Excursion:
    """Return an excursion from zero and one from where a chart is after long in control."""
    x, w = _nodes(h)
    states = np.concatenate([[0.0], x])
    step = np.empty((states.size, states.size))
    step[:, 0] = ndtr(k - states)
    step[:, 1:] = w * density(x[None, :] - states[:, None] + k)
    chances = settled(lambda mass: mass @ step, np.ones(states.size))
    values = _excursions(shift, k, h, states)
    other = chances @ values
    return float(values[0, 0]), float(values[0, 1]), float(other[0]), float(other[1])


def _together(towards: Excursion, away: Excursion) -> float:
    """Return the run length of both sides from their excursions, for a shift `towards` one."""
    length = towards[0] / towards[1]
    length_start = towards[2] + (1 - towards[3]) * length
    # The side the shift leads away from may run for ever: only its rate and its chance are used.
    rate = away[1] / away[0]
    return (length_start + length * (away[2] * rate - away[3])) / (1 + length * rate)


def _checked(shift: float, k: float, h: float, start: float) -> None:
    check("h", h, 0.0, 100.0)
    if not (math.isfinite(shift) and math.isfinite(k)):
        raise UsageError(f"shift {shift:g} and k {k:g} must be finite", hint="give finite numbers")
    if not 0 <= start <= h:
        raise UsageError(
            f"the head start is {start:g}; it must be from 0 to h = {h:g}",
            hint="half of h is usual",
        )


def one_sided(shift: float, k: float, h: float, start: float = 0.0) -> float:
    """Return the average run length in exams of the upper chart; infinite beyond floating point.

    Parameters
    ----------
    shift
        Step of the scores' mean at the start, in SDs.
    k
        Reference value, in SDs.
    h
        Decision limit, in SDs.
    start
        Value of the sum before the first exam.

    Raises
    ------
    UsageError
        If a setting cannot be used.

    >>> round(one_sided(0.0, 0.5, 3.0), 1), round(one_sided(1.5, 0.5, 3.0), 2)
    (117.6, 3.75)
    """
    _checked(shift, k, h, start)
    steps, signal, steps_start, signal_start = _excursion(shift, k, h, float(start))
    if signal <= 0:
        return math.inf
    return steps_start + (1 - signal_start) * steps / signal


def two_sided(shift: float, k: float, h: float, start: float = 0.0) -> float:
    """Return the average run length in exams of upper and lower chart together.

    Exact: for k > 0 and a head start of at most h/2 + k the other side is at zero whenever one
    side signals, so that the two one-sided run lengths give the joint one (Lucas & Crosier 1982,
    Technometrics 24:199; without head start Kemp 1961, J R Stat Soc B 23:149).

    Parameters
    ----------
    shift
        Step of the scores' mean at the start, in SDs; its sign does not matter.
    k
        Reference value, in SDs.
    h
        Decision limit, in SDs.
    start
        Value of both sums before the first exam (fast initial response).

    Raises
    ------
    UsageError
        If a setting cannot be used or the head start is too high for the combination to hold.

    >>> round(two_sided(0.0, 0.5, 4.0)), round(two_sided(1.0, 0.5, 4.0, 2.0), 2)
    (168, 5.29)
    """
    _checked(shift, k, h, start)
    check("k", k, 0.0)
    if start > h / 2 + k:
        raise UsageError(
            f"the head start {start:g} is above h/2 + k = {h / 2 + k:g}: both sides could be "
            "near their limits at once, and their run lengths do not combine",
            hint="half of h is usual",
        )
    towards = _excursion(abs(float(shift)), k, h, float(start))
    away = _excursion(-abs(float(shift)), k, h, float(start))
    return _together(towards, away)


def steady_state(shift: float, k: float, h: float) -> float:
    """Return the average delay in exams of a shift that comes after a long time in control.

    Of the two-sided chart, conditional on no alarm before the shift. Each side is taken to be where
    it would be without the other one; the delay is within 1 % of simulated ones. Parameters and
    errors as in `two_sided`.

    >>> round(steady_state(1.0, 0.5, 4.0), 1)
    7.7
    """
    _checked(shift, k, h, 0.0)
    check("k", k, 0.0)
    size = abs(float(shift))
    return _together(_late_excursion(size, k, h), _late_excursion(-size, k, h))


@functools.lru_cache(maxsize=512)
def limit_for(every: float, k: float, start_fraction: float = 0.0) -> float:
    """Return h so that the two-sided chart gives one false alarm in `every` exams in control.

    Parameters
    ----------
    every
        Average run length in control, in exams, from 2 to 1e8.
    k
        Reference value, in SDs, from 0.05 to 3.
    start_fraction
        Head start as a fraction of h, at most one half.

    Raises
    ------
    UsageError
        If a setting cannot be used or no h gives that run length.

    >>> h = limit_for(370.0, 0.5)
    >>> round(two_sided(0.0, 0.5, h), 6)
    370.0
    """
    check("every", every, 1.0, 1e8)
    check("k", k, 0.0499, 3.0)
    if not 0 <= start_fraction <= 0.5:
        raise UsageError(
            f"start_fraction is {start_fraction:g}; it must be from 0 to 0.5", hint="0.5 is usual"
        )
    # Siegmund (1985): ARL ~ (exp(2kb) - 2kb - 1) / (2 k^2) a side, b = h + 1.166.
    guess = max(0.5, math.log(4 * k * k * every + 3) / (2 * k))
    return solve_limit(lambda h: two_sided(0.0, k, h, start_fraction * h), every, 1e-3, guess)
