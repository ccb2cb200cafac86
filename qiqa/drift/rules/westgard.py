"""Westgard's rules for one control an exam, across exams; and for runs of several controls.

Westgard, Barry, Hunt & Groth (Clin Chem 1981;27:493). 1_2s only warns. R_4s compares controls of
one run: values of different exams hold the drift between them, so that it is refused for one value
an exam; `judge_run` has it.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import Chart
from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.drift.rules._counting import Test, counted, factor_for, run_for, run_length_of, single

__all__ = [
    "ACROSS",
    "DEFAULT",
    "FINDS",
    "TAKES",
    "TITLE",
    "WITHIN",
    "Parameters",
    "chart",
    "judge_run",
    "parameters",
    "run_length",
]

TITLE = "Westgard"
FINDS = ("spike", "step")
TAKES = "scores"
DEFAULT = 0.0
RUN = 10
"""Exams on one side in the textbook."""
ACROSS = ("1_3s", "2_2s", "4_1s", "10_x")
"""Rules that make sense for one value an exam."""
WITHIN = ("1_2s", "1_3s", "2_2s", "R_4s", "4_1s")
"""Rules that one run of several controls can break; 1_2s only warns."""

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of the rule; the defaults are the textbook's.

    Raises
    ------
    NotMeasurable
        For R_4s.
    UsageError
        For a rule that is not known, or none.
    """

    factor: float = 1.0
    """On the zones of 3, 2 and 1 SDs."""
    run: int = RUN
    """Exams on one side that 10_x asks for."""
    rules: tuple[str, ...] = ACROSS

    def __post_init__(self) -> None:
        if "R_4s" in self.rules:
            raise NotMeasurable(
                "R_4s compares controls of one run; with one value an exam a range would hold "
                "the drift between exams",
                where="westgard",
                hint="leave it out, or give runs of two or more controls to judge_run",
            )
        unknown = [rule for rule in self.rules if rule not in ACROSS]
        if unknown or not self.rules:
            raise UsageError(
                f"{', '.join(unknown) or 'no rule'} was given; there are {', '.join(ACROSS)}",
                where="westgard",
                hint="1_2s is always drawn, as a warning",
            )


@functools.cache
def parameters(every: float, rules: tuple[str, ...] = ACROSS) -> Parameters:
    """Return the settings for one false alarm in `every` exams.

    Raises
    ------
    UsageError
        If the rules cannot be that rare, or one is not known.
    NotMeasurable
        For R_4s.
    """
    run = run_for(every, RUN) if "10_x" in rules else RUN
    blank = Parameters(run=run, rules=rules)
    factor = factor_for(every, lambda f: _tests(dataclasses.replace(blank, factor=f)))
    return dataclasses.replace(blank, factor=factor)


def chart(x: NDArray[np.float64], p: Parameters) -> Chart:
    """Return what each rule counts along scores (n,), and the warning; all count anew after one."""
    warning = single("1_2s, a warning only", x, 2 * p.factor)
    return counted("westgard", x, _tests(p), more=(warning,))


def run_length(shift: float, p: Parameters) -> float:
    """Return the zero-state average run length after a step of `shift` SDs."""
    return run_length_of(shift, _tests(p))


def judge_run(controls: FloatArray, rules: tuple[str, ...] = WITHIN) -> tuple[str, ...]:
    """Return which rules the controls of one run break together, in the order of `rules`.

    Parameters
    ----------
    controls
        (c,) scores in SDs of each control from its own mean, in the order of measurement.
    rules
        Names out of `WITHIN`.

    Raises
    ------
    NotMeasurable
        For R_4s with fewer than two controls.
    UsageError
        For a rule that is not known, or a control that is not finite.

    >>> judge_run(np.array([2.3, -2.1]))
    ('1_2s', 'R_4s')
    """
    unknown = [rule for rule in rules if rule not in WITHIN]
    if unknown or not np.isfinite(controls).all():
        raise UsageError(
            f"{', '.join(unknown) or 'a control that is not finite'} was given",
            where="westgard",
            hint=f"give finite controls and names out of {', '.join(WITHIN)}",
        )
    if "R_4s" in rules and controls.size < 2:
        raise NotMeasurable(
            f"R_4s compares controls of one run; this one has {controls.size}",
            where="westgard",
            hint="measure two or more controls a run, or leave R_4s out",
        )
    # R_4s as first written: one control above +2 SDs, another below -2 SDs
    broken = {
        "1_2s": bool((np.abs(controls) > 2.0).any()),
        "1_3s": bool((np.abs(controls) > 3.0).any()),
        "2_2s": _in_a_row(controls, 2, 2.0),
        "R_4s": bool((controls > 2.0).any() and (controls < -2.0).any()),
        "4_1s": _in_a_row(controls, 4, 1.0),
    }
    return tuple(rule for rule in rules if broken[rule])


def _in_a_row(controls: FloatArray, needed: int, level: float) -> bool:
    """Return whether so many neighbors are beyond a level on the same side."""
    length, side = 0, 0
    for control in controls:
        now = int(control > level) - int(control < -level)
        length = 0 if now == 0 else (length + 1 if now == side else 1)
        side = now
        if length >= needed:
            return True
    return False


@functools.lru_cache(maxsize=256)
def _tests(p: Parameters) -> tuple[Test, ...]:
    f = p.factor
    made = {
        "1_3s": Test(f"1_3s: one beyond {3 * f:.3g} SDs", 1, 1, 3 * f),
        "2_2s": Test(f"2_2s: 2 beyond {2 * f:.3g} SDs", 2, 2, 2 * f),
        "4_1s": Test(f"4_1s: 4 beyond {f:.3g} SDs", 4, 4, f),
        "10_x": Test(f"10_x: {p.run} on one side", p.run, p.run),
    }
    return tuple(made[rule] for rule in p.rules)
