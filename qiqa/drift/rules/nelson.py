"""Nelson's eight tests, each of which can be switched on.

Nelson (J Qual Technol 1984;16:237). Which make sense for one value a week:

1, 2, 5, 6  one exam far off, or neighbors on one side: on by default, with an exact run length.
3           six exams each above (or below) the one before: adds false alarms and hardly finds a
            trend (Davis & Woodall, J Qual Technol 1988;20:260). The rule `trend` is for that.
4           fourteen exams up and down in turn: two alternating operators, phantoms or coils.
7           fifteen exams within 1 SD: the SD was taken too wide, usually from a poor baseline.
8           eight exams all beyond 1 SD on either side: two levels are mixed in one series.

With 3, 4, 7 or 8 there is no run length to compute; limits for a wanted rate are then refused, and
the textbook's zones are what there is.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart
from qiqa.core.errors import UsageError
from qiqa.drift.rules._counting import Test, counted, factor_for, run_for, run_length_of
from qiqa.kernels.runs import ALTERNATING, EITHER_SIDE, STEADY

__all__ = [
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "ZONES",
    "Parameters",
    "chart",
    "parameters",
    "run_length",
]

TITLE = "Nelson"
FINDS = ("spike", "step")
TAKES = "scores"
DEFAULT = 0.0
RUN = 9
"""Exams on one side in the textbook."""
ZONES = (1, 2, 5, 6)
"""Tests that count exams in zones on one side; their run length is exact."""
ALL = (1, 2, 3, 4, 5, 6, 7, 8)


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule; the defaults are the textbook's for one value an exam.

    Raises
    ------
    UsageError
        For a test that is not one of the eight, or none.
    """

    factor: float = 1.0
    """On the zones of 3, 2 and 1 SDs."""
    run: int = RUN
    """Exams on one side that test 2 asks for."""
    tests: tuple[int, ...] = ZONES
    """Numbers of the tests that are on."""

    def __post_init__(self) -> None:
        unknown = [str(test) for test in self.tests if test not in ALL]
        if unknown or not self.tests:
            raise UsageError(
                f"{', '.join(unknown) or 'no test'} was given; Nelson's tests are 1 to 8",
                where="nelson",
                hint="1, 2, 5 and 6 make sense for one value an exam",
            )


@functools.cache
def parameters(every: float, tests: tuple[int, ...] = ZONES) -> Parameters:
    """Return the settings for one false alarm in `every` exams.

    Raises
    ------
    UsageError
        If a test is on whose run length cannot be computed, or the rule cannot be that rare.
    """
    blank = Parameters(tests=tests)
    beyond = [str(test) for test in tests if test not in ZONES]
    if beyond:
        raise UsageError(
            f"no rate of false alarms can be held with test {', '.join(beyond)} on",
            where="nelson",
            hint="leave it out, or give Parameters(tests=...) with the zones of the textbook",
        )
    if 2 in tests:
        blank = dataclasses.replace(blank, run=run_for(every, RUN))
    factor = factor_for(every, lambda f: _tests(dataclasses.replace(blank, factor=f)))
    return dataclasses.replace(blank, factor=factor)


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return what each test counts along scores (n,); all count anew after a signal."""
    return counted("nelson", x, _tests(p))


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of `shift` SDs.

    NaN with test 3, 4, 7 or 8 on: there is no theory of them together.
    """
    return run_length_of(shift, _tests(p))


@functools.lru_cache(maxsize=256)
def _tests(p: Parameters) -> tuple[Test, ...]:
    f = p.factor
    made = {
        1: Test(f"Nelson 1: one beyond {3 * f:.3g} SDs", 1, 1, 3 * f),
        2: Test(f"Nelson 2: {p.run} on one side", p.run, p.run),
        3: Test("Nelson 3: 6 rising or falling", 6, 6, kind=STEADY),
        4: Test("Nelson 4: 14 up and down in turn", 14, 14, kind=ALTERNATING),
        5: Test(f"Nelson 5: 2 of 3 beyond {2 * f:.3g} SDs", 2, 3, 2 * f),
        6: Test(f"Nelson 6: 4 of 5 beyond {f:.3g} SDs", 4, 5, f),
        # an exam exactly at its level is within 1 SD, hence the low end below 0
        7: Test(f"Nelson 7: 15 within {f:.3g} SDs", 15, 15, -1.0, f, kind=EITHER_SIDE),
        8: Test(f"Nelson 8: 8 beyond {f:.3g} SDs, either side", 8, 8, f, kind=EITHER_SIDE),
    }
    return tuple(made[test] for test in p.tests)
