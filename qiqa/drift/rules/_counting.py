"""Charts of rules that count exams: what a test is, and how several share one chart.

Tests that count points in zones have an exact run length; see `qiqa.drift.run_length.runs_rules`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart, Curve
from qiqa.core.errors import UsageError
from qiqa.drift.run_length import runs_rules
from qiqa.kernels.runs import ONE_SIDE

__all__ = ["LONGEST", "Test", "counted", "factor_for", "run_for", "run_length_of", "single"]

LONGEST = 20
"""Exams of the longest run on one side whose run length can be computed."""

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Test:
    """So many of the last exams lie alike."""

    __test__ = False  # not a test of pytest's

    name: str
    needed: int
    window: int
    low: float = 0.0
    high: float = math.inf
    """Zone in SDs from 0, ends not included."""
    kind: int = ONE_SIDE
    """One of the kinds of `qiqa.kernels.runs`."""


@functools.lru_cache(maxsize=256)
def _arrays(tests: tuple[Test, ...]) -> tuple[Places, Places, Places, FloatArray, FloatArray]:
    kind, needed, window = np.array([(t.kind, t.needed, t.window) for t in tests], np.int64).T
    low, high = np.array([(t.low, t.high) for t in tests], np.float64).T
    return kind.copy(), needed.copy(), window.copy(), low.copy(), high.copy()


def counted(
    rule: str, x: FloatArray, tests: tuple[Test, ...], more: tuple[Curve, ...] = ()
) -> Chart:
    """Return the chart of tests that count along scores (n,).

    One curve a test, so that a person sees which one signals: the score itself for a test of single
    exams, else how many exams count, below 0 for the lower side, with the limit half an exam below
    the number that signals.

    Parameters
    ----------
    rule
        Name of the rule.
    x
        Scores (n,), NaN where there is none.
    tests
        At least one; the first one that signals gives direction and beginning.
    more
        Curves that only warn.
    """
    from qiqa.kernels.runs import runs

    counts, signals, directions, since, _ = runs(x, *_arrays(tests))
    curves = []
    for test, count in zip(tests, counts, strict=True):
        if test.window == 1:
            curves.append(single(test.name, x, test.low))
            continue
        limit = np.where(np.isnan(x), np.nan, test.needed - 0.5)
        low = -limit if test.kind == ONE_SIDE else np.full(x.size, np.nan)
        curves.append(Curve(label=test.name, value=count, low=low, high=limit))
    return Chart(
        rule=rule,
        curves=(*curves, *more),
        signals=signals,
        directions=directions,
        since=since,
    )


def single(label: str, x: FloatArray, width: float) -> Curve:
    """Return scores (n,) with limits of `width` on both sides."""
    limit = np.where(np.isnan(x), np.nan, width)
    return Curve(label=label, value=x, low=-limit, high=limit)


def run_length_of(shift: float, tests: tuple[Test, ...]) -> float:
    """Return the exact average run length of tests on one side; NaN with one of another kind."""
    if any(test.kind != ONE_SIDE for test in tests):
        return math.nan
    rules = tuple((test.needed, test.window, test.low, test.high) for test in tests)
    return runs_rules.run_length(shift, rules)


def run_for(every: float, usual: int) -> int:
    """Return exams in a run on one side so that it makes at most half of the false alarms.

    Such a run knows no wider limits: alone, n exams on one side come every 2^n - 1 exams on
    average, so that only a longer run is rarer.

    Raises
    ------
    UsageError
        Where a run of `LONGEST` exams is still too often.
    """
    run = max(usual, math.ceil(math.log2(2 * every + 1)))
    if run > LONGEST:
        raise UsageError(
            f"one false alarm in {every:g} exams is rarer than a rule with runs on one side can "
            f"be: {2 ** (LONGEST - 1) - 1} at the most",
            hint="allow more false alarms, or use the CUSUM",
        )
    return run


def factor_for(every: float, tests: Callable[[float], tuple[Test, ...]]) -> float:
    """Return the factor on all zones that gives one false alarm in `every` exams.

    Parameters
    ----------
    every
        Average run length in control, in exams.
    tests
        Returns the tests with all zones wider by a factor.

    Raises
    ------
    UsageError
        If no factor gives that run length.
    """
    from qiqa.drift.run_length.quadrature import solve_limit

    # a hundred-thousandth of an SD is far below what can be known of the SD
    return solve_limit(lambda f: run_length_of(0.0, tests(f)), every, 0.3, 1.2, precision=1e-5)
