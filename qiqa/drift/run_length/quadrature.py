"""What the integral equations share: Gauss-Legendre nodes, and the limit for a run length."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from qiqa.core.errors import UsageError

__all__ = ["check", "density", "nodes_on", "settled", "solve_limit"]

FloatArray = NDArray[np.float64]


@functools.lru_cache(maxsize=64)
def _unit(count: int) -> tuple[FloatArray, FloatArray]:
    x, w = np.polynomial.legendre.leggauss(count)
    x.setflags(write=False)
    w.setflags(write=False)
    return x, w


def nodes_on(low: float, high: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights (count,) on [low, high]."""
    x, w = _unit(count)
    half = (high - low) / 2
    return low + half * (x + 1), half * w


def density(x: FloatArray) -> FloatArray:
    """Return the standard normal density, same shape as x."""
    result: FloatArray = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return result


def check(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse a setting that is not a number above `low` and at most `high`.

    Raises
    ------
    UsageError
        With the name, the value and what is allowed.
    """
    if not (math.isfinite(value) and low < value <= high):
        upper = f" and at most {high:g}" if math.isfinite(high) else ""
        raise UsageError(
            f"{name} is {value:g}; it must be above {low:g}{upper}", hint=f"give another {name}"
        )


def settled(step: Callable[[FloatArray], FloatArray], start: FloatArray) -> FloatArray:
    """Return where a chart is that has run long in control without an alarm (n,), summing to 1.

    Parameters
    ----------
    step
        Takes the chances of the states (n,) to those one exam later, without the alarms.
    start
        (n,) any chances to begin with.

    Raises
    ------
    UsageError
        If the chart does not settle within 20000 exams.
    """
    now = start / start.sum()
    for _ in range(20_000):
        after = np.asarray(step(now), dtype=np.float64)
        after /= after.sum()
        if float(np.abs(after - now).sum()) < 1e-9:
            return after
        now = after
    raise UsageError("the chart does not settle in 20000 exams", hint="use a larger k or weight")


def solve_limit(
    run_length: Callable[[float], float],
    every: float,
    low: float,
    high: float,
    precision: float = 1e-10,
) -> float:
    """Return the limit at which a run length, growing with the limit, is `every`.

    Parameters
    ----------
    run_length
        Average run length in control as a function of the limit.
    every
        What it shall be, in exams.
    low, high
        Where to look; `high` is moved up as long as it is too low.
    precision
        Of the limit.

    Raises
    ------
    UsageError
        If the chart already runs longer than `every` at `low`, or no limit reaches it.
    """
    shortest = run_length(low)
    if shortest >= every:
        raise UsageError(
            f"one false alarm in {every:g} exams is more often than this chart can give: "
            f"it runs {shortest:.4g} exams even at the narrowest limit",
            hint="ask for fewer false alarms, or a chart for smaller shifts",
        )
    for _ in range(12):
        if run_length(high) > every:
            break
        low, high = high, high * 1.6
    else:
        raise UsageError(
            f"no limit up to {high:g} gives one false alarm in {every:g} exams",
            hint="ask for more false alarms",
        )
    target = math.log(every)
    return float(brentq(lambda h: math.log(run_length(h)) - target, low, high, xtol=precision))
