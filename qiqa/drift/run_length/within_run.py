"""Chance that Westgard's rules reject one run of controls, exact.

The controls of a run are independent normal scores. The rules only look at which zone a score lies
in (bounded by 1, 2 and 3 SDs on both sides), so that the chance follows by stepping through the run
with what the rules remember. 1_2s is a warning in Westgard's procedure; R_4s looks within the run
only: one control above +2 SDs and one below -2 SDs, in either order (Westgard, Barry, Hunt & Groth
1981, Clin Chem 27:493).
"""

from __future__ import annotations

import collections
import math

from scipy.special import ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.quadrature import check

__all__ = ["MULTIRULE", "RULES", "rejection"]

RULES = ("1_2s", "1_3s", "2_2s", "R_4s", "4_1s")
"""Rules that one run alone can break."""

MULTIRULE = ("1_3s", "2_2s", "R_4s", "4_1s")
"""Westgard's rejection rules within a run."""

Memory = tuple[int, int, bool, bool]
"""Signed run beyond 1 SD and beyond 2 SDs on one side; whether above +2 and below -2 was seen."""

FRESH: Memory = (0, 0, False, False)


def rejection(
    rules: tuple[str, ...], controls: int, shift: float = 0.0, ratio_of_sd: float = 1.0
) -> float:
    """Return the chance that at least one of the rules rejects a run.

    Without shift and with a ratio of 1 it is the chance of a false rejection, else of detection.

    Parameters
    ----------
    rules
        Names out of `RULES`.
    controls
        Controls in the run, N.
    shift
        Systematic error of all controls, in SDs.
    ratio_of_sd
        SD of the controls over their SD in control: random error.

    Raises
    ------
    UsageError
        If a rule is not known or a number cannot be used.

    >>> round(rejection(("1_2s",), 2), 3), round(rejection(("1_3s",), 4, shift=2.0), 2)
    (0.089, 0.5)
    """
    unknown = [rule for rule in rules if rule not in RULES]
    if unknown or not rules:
        raise UsageError(
            f"{', '.join(unknown) or 'no rule'} was given; known are {', '.join(RULES)}",
            hint="name one or more of them",
        )
    if not 1 <= controls <= 1000 or not math.isfinite(shift):
        raise UsageError(
            f"{controls} controls with a shift of {shift:g}; needed are 1 to 1000 and a finite one",
            hint="2 or 4 controls are usual",
        )
    check("ratio_of_sd", ratio_of_sd, 0.0)
    chances = _zones(shift, ratio_of_sd)
    alive: dict[Memory, float] = {FRESH: 1.0}
    for _ in range(controls):
        after: dict[Memory, float] = collections.defaultdict(float)
        for memory, chance in alive.items():
            for zone, probability in chances.items():
                now = _remember(memory, zone)
                if not _broken(rules, now, zone):
                    after[now] += chance * probability
        alive = after
    return 1 - sum(alive.values())


def _zones(shift: float, ratio: float) -> dict[int, float]:
    """Return the chance of each zone: 0 within 1 SD, ±1 to 2, ±2 to 3, ±3 beyond."""

    def above(level: float) -> float:
        return float(ndtr((shift - level) / ratio))

    def below(level: float) -> float:
        return float(ndtr((-level - shift) / ratio))

    chances = {
        sign * zone: tail(zone) - (tail(zone + 1) if zone < 3 else 0.0)
        for sign, tail in ((1, above), (-1, below))
        for zone in (1, 2, 3)
    }
    return chances | {0: 1 - above(1) - below(1)}


def _remember(memory: Memory, zone: int) -> Memory:
    """Return what the rules remember after one more control."""
    beyond_1, beyond_2, high, low = memory
    return (
        _run(beyond_1, zone, 1, 4),
        _run(beyond_2, zone, 2, 2),
        high or zone >= 2,
        low or zone <= -2,
    )


def _run(before: int, zone: int, level: int, longest: int) -> int:
    """Return the signed length of the run at or beyond a level after one more control."""
    if abs(zone) < level:
        return 0
    sign = 1 if zone > 0 else -1
    return sign * min(longest, abs(before) + 1 if before * sign > 0 else 1)


def _broken(rules: tuple[str, ...], memory: Memory, zone: int) -> bool:
    """Return whether a rule is broken with this control."""
    beyond_1, beyond_2, high, low = memory
    broken = {
        "1_2s": abs(zone) >= 2,
        "1_3s": abs(zone) >= 3,
        "2_2s": abs(beyond_2) >= 2,
        "R_4s": high and low,
        "4_1s": abs(beyond_1) >= 4,
    }
    return any(broken[rule] for rule in rules)
