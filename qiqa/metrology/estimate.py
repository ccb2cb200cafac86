"""A number with its interval: what every comparison of two measurements hands back."""

from __future__ import annotations

import dataclasses
import math

from scipy import special

from qiqa.core.errors import UsageError

__all__ = ["Estimate", "student_interval", "tail"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number with its confidence interval, in the same unit."""

    value: float
    interval: tuple[float, float]
    """Lower and upper end, two-sided, of the confidence asked for."""
    standard_error: float | None = None
    """None where the interval does not rest on one."""
    degrees_of_freedom: float | None = None
    """Infinite where the scatter was known beforehand; None where there are none."""


def tail(confidence: float) -> float:
    """Return the chance left above a two-sided interval: 0.025 for 0.95.

    Raises
    ------
    UsageError
        If the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise UsageError(
            f"confidence is {confidence:g}, it lies between 0 and 1", hint="0.95 is usual"
        )
    return (1 - confidence) / 2


def student_interval(
    value: float, standard_error: float, degrees_of_freedom: float, confidence: float
) -> Estimate:
    """Return value +- t SE; infinite degrees of freedom take the normal distribution.

    >>> found = student_interval(10.0, 1.0, 2, 0.95)
    >>> round(found.interval[1], 3)
    14.303
    """
    chance = 1 - tail(confidence)
    if math.isinf(degrees_of_freedom):
        t = float(special.ndtri(chance))
    else:
        t = float(special.stdtrit(degrees_of_freedom, chance))
    return Estimate(
        value=value,
        interval=(value - t * standard_error, value + t * standard_error),
        standard_error=standard_error,
        degrees_of_freedom=degrees_of_freedom,
    )
