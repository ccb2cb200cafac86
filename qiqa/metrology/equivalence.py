"""Is a value within a claim: two one-sided tests, with an answer when there is too little data."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import Interval
from qiqa.core.trial import ClaimAnswer
from qiqa.metrology.bias import Bias
from qiqa.metrology.budget import student_interval
from qiqa.metrology.sample_size import repeats_for_bias_claim

__all__ = ["Equivalence", "bias_within", "within_claim"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """An answer to: does the value lie between the ends of what is claimed."""

    answer: ClaimAnswer
    p_in: float
    """Of the value lying outside, or at an end: small where it is shown to be within."""
    p_out: float
    """Of the value lying within: small where it is shown to be outside."""
    interval: Interval
    """Of 90 % for alpha 5 %: wholly within for `in`, wholly outside for `out`."""
    allowed: tuple[float, float]
    further: int | None
    """Further readings that would likely bring an answer; None where it is given or none do."""
    reason: str


def within_claim(
    value: float,
    standard_uncertainty: float,
    degrees_of_freedom: float,
    low: float,
    high: float,
    *,
    alpha: float = 0.05,
) -> Equivalence:
    """Return whether a value is shown to be within low to high, shown to be outside, or neither.

    Two one-sided t tests (Schuirmann, J Pharmacokinet Biopharm 1987;15:657) in either direction. A
    wrong `in` and a wrong `out` each have a chance of `alpha` at most. `further` stays None: how
    many readings it takes depends on what the uncertainty is made of, see `bias_within`.

    Parameters
    ----------
    value, standard_uncertainty, degrees_of_freedom
        Estimate; degrees of freedom may be infinite.
    low, high
        What is claimed; either may be infinite.
    alpha
        Chance of a wrong answer.

    Raises
    ------
    NotMeasurable
        No value or uncertainty.
    UsageError
        `low` not below `high`.

    Examples
    --------
    >>> found = within_claim(1.0, 1.0, 9.0, -3.0, 3.0)
    >>> found.answer.value, round(found.p_in, 4)
    ('in', 0.0383)
    """
    _check(value, standard_uncertainty, degrees_of_freedom, low, high, alpha)
    above_low = _tail((value - low) / standard_uncertainty, degrees_of_freedom)
    below_high = _tail((high - value) / standard_uncertainty, degrees_of_freedom)
    p_in = max(above_low, below_high)
    # a value can be outside at one end only, so the smaller needs no correction for two tests
    p_out = min(1 - above_low, 1 - below_high)
    interval = student_interval(value, standard_uncertainty, degrees_of_freedom, 1 - 2 * alpha)
    text = f"{100 * interval.coverage:.0f} % interval {interval.low:.4g} to {interval.high:.4g}"
    claim = f"{low:.4g} to {high:.4g}"
    if p_in < alpha:
        answer, reason = ClaimAnswer.IN, f"{text} lies within {claim}"
    elif p_out < alpha:
        answer, reason = ClaimAnswer.OUT, f"{text} lies outside {claim}"
    else:
        answer, reason = (
            ClaimAnswer.NOT_ENOUGH_DATA,
            f"{text} is neither within {claim} nor outside",
        )
    return Equivalence(
        answer=answer,
        p_in=p_in,
        p_out=p_out,
        interval=interval,
        allowed=(low, high),
        further=None,
        reason=reason,
    )


def bias_within(
    found: Bias, low: float, high: float, *, alpha: float = 0.05, power: float = 0.8
) -> Equivalence:
    """Return whether a bias is within what is allowed, and what is missing if that is open.

    Parameters
    ----------
    found
        Bias; `low` and `high` are in its unit (percent where it is in percent).
    low, high
        What is allowed, both finite.
    alpha
        Chance of a wrong answer.
    power
        Chance with which the further readings bring the answer, if the bias is as estimated.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"a bias is allowed from {low:g} to {high:g}: give two finite ends")
    result = within_claim(
        found.bias, found.standard_uncertainty, found.degrees_of_freedom, low, high, alpha=alpha
    )
    if result.answer is not ClaimAnswer.NOT_ENOUGH_DATA:
        return result
    sd = found.scatter_standard_uncertainty * math.sqrt(found.n)
    try:
        needed = _needed(found, low, high, sd, alpha, power)
    except NotMeasurable as error:
        return dataclasses.replace(result, reason=f"{result.reason}; {error.message}")
    further = max(needed - found.n, 1)
    return dataclasses.replace(
        result,
        further=further,
        reason=f"{result.reason}; {further} further readings would likely tell, if the bias is "
        f"{found.bias:.4g}",
    )


def _needed(found: Bias, low: float, high: float, sd: float, alpha: float, power: float) -> int:
    """Return the readings that show the bias to be on the side of the claim that it seems on."""
    shared = found.reference_standard_uncertainty
    if low < found.bias < high:
        return repeats_for_bias_claim(
            low, high, found.bias, sd, shared_u=shared, power=power, alpha=alpha
        )
    # outside is shown against the near end only: the far one of what is "allowed" is out of reach
    gap = max(found.bias - high, low - found.bias)
    far = gap + 100 * (sd + shared)
    return repeats_for_bias_claim(-gap, far, 0.0, sd, shared_u=shared, power=power, alpha=alpha)


def _tail(t: float, degrees_of_freedom: float) -> float:
    """Return the chance of a t as large or larger."""
    from scipy.special import ndtr, stdtr

    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    if math.isinf(degrees_of_freedom):
        return float(ndtr(-t))
    # fewer than one degree of freedom comes from Satterthwaite's formula only, see budget
    return float(stdtr(max(degrees_of_freedom, 1.0), -t))


def _check(value: float, u: float, dof: float, low: float, high: float, alpha: float) -> None:
    if not (math.isfinite(value) and u > 0 and math.isfinite(u) and dof > 0):
        raise NotMeasurable(
            f"value {value:g} with standard uncertainty {u:g} and {dof:g} degrees of freedom "
            "cannot be held against a claim",
            hint="measure at least twice",
        )
    if not low < high:
        raise UsageError(f"claimed from {low:g} to {high:g}: the first must be the lower")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha is {alpha:g}; a chance of a wrong answer lies from 0 to 0.5")
