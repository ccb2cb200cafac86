"""The four zone tests of Western Electric, for one exam or a few neighbors off their place.

Western Electric, Statistical Quality Control Handbook (1956), as in Champ & Woodall (Technometrics
1987;29:393). The textbook chart alarms falsely every 92 exams; for fewer alarms the zones widen
alike and the run on one side, which knows no width, gets longer.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart
from qiqa.drift.rules._counting import Test, counted, factor_for, run_for, run_length_of

__all__ = ["DEFAULT", "FINDS", "TAKES", "TITLE", "Parameters", "chart", "parameters", "run_length"]

TITLE = "Western Electric"
FINDS = ("spike", "step")
TAKES = "scores"
DEFAULT = 0.0
RUN = 8
"""Exams on one side in the textbook."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule; the defaults are the textbook's."""

    factor: float = 1.0
    """On the zones of 3, 2 and 1 SDs."""
    run: int = RUN
    """Exams on one side that signal."""


@functools.cache
def parameters(every: float) -> Parameters:
    """Return the settings for one false alarm in `every` exams.

    Raises
    ------
    UsageError
        If the rule cannot be that rare.

    >>> parameters(91.75).run, round(parameters(91.75).factor, 3)
    (8, 1.0)
    """
    run = run_for(every, RUN)
    return Parameters(factor=factor_for(every, lambda f: _tests(Parameters(f, run))), run=run)


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return what each test counts along scores (n,); all count anew after a signal."""
    return counted("western_electric", x, _tests(p))


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of `shift` SDs."""
    return run_length_of(shift, _tests(p))


@functools.lru_cache(maxsize=256)
def _tests(p: Parameters) -> tuple[Test, ...]:
    f = p.factor
    return (
        Test(f"WE 1: one beyond {3 * f:.3g} SDs", 1, 1, 3 * f),
        Test(f"WE 2: 2 of 3 beyond {2 * f:.3g} SDs", 2, 3, 2 * f),
        Test(f"WE 3: 4 of 5 beyond {f:.3g} SDs", 4, 5, f),
        Test(f"WE 4: {p.run} on one side", p.run, p.run),
    )
