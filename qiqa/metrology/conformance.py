"""Does a scanner or site meet the claims of an imaging profile: precision, bias, linearity."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.measurement import Interval
from qiqa.core.trial import ClaimAnswer
from qiqa.metrology.bias import Bias
from qiqa.metrology.budget import student_interval
from qiqa.metrology.equivalence import within_claim
from qiqa.metrology.linearity import Linearity
from qiqa.metrology.precision import sd_upper_bound
from qiqa.metrology.sample_size import cases_for_wcv_claim

__all__ = [
    "Conformance",
    "bias_conformance",
    "linearity_conformance",
    "precision_conformance",
]

_R_SQUARED = 0.90
"""Obuchowski et al., Acad Radiol 2016;23:496, table 4."""
_SLOPE = (0.95, 1.05)
"""As imaging profiles write it where they name a window."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """One claim held against what was found."""

    claim: str
    """`precision`, `bias`, `quadratic` or `departure`, `slope`, `r_squared`."""
    answer: ClaimAnswer
    value: float
    interval: Interval | None
    """What was compared: one-sided for precision, two-sided for bias and slope, None for R²."""
    allowed: tuple[float, float]
    p_value: float
    """Of the claim not holding; for a bend, of there being none; NaN for R², which has no test."""
    reason: str


def precision_conformance(
    found: float,
    degrees_of_freedom: float,
    claimed: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Conformance:
    """Return whether wCV (or wSD, RC, RDC) is shown to be below the claim.

    Tests that it is the claim or more: with chi square of `degrees_of_freedom` times (found /
    claimed)². The claim is met where the one-sided upper bound lies below it.

    Parameters
    ----------
    found, claimed
        In the same unit.
    degrees_of_freedom
        Of `found`: with 35 cases measured twice, 35.
    alpha
        Chance of a wrong yes, and of a wrong no.
    power
        For the number of cases that would do.

    Examples
    --------
    >>> result = precision_conformance(4.8, 71.0, 6.0)
    >>> result.answer.value, round(result.interval.high, 2)
    ('in', 5.58)
    """
    from scipy.special import chdtr

    if not (found > 0 and claimed > 0 and math.isfinite(claimed) and degrees_of_freedom > 0):
        raise UsageError(
            f"found {found:g} with {degrees_of_freedom:g} degrees of freedom against a claim of "
            f"{claimed:g}: all must be above zero"
        )
    p = float(chdtr(degrees_of_freedom, degrees_of_freedom * (found / claimed) ** 2))
    upper = sd_upper_bound(found, degrees_of_freedom, 1 - alpha)
    lower = sd_upper_bound(found, degrees_of_freedom, alpha)
    text = f"{found:.3g}, with {100 * (1 - alpha):.0f} % confidence below {upper:.3g}"
    if p < alpha:
        answer, reason = ClaimAnswer.IN, f"{text}: less than the claim of {claimed:.3g}"
    elif 1 - p < alpha:
        answer = ClaimAnswer.OUT
        reason = (
            f"{found:.3g}, with {100 * (1 - alpha):.0f} % confidence above {lower:.3g}: more than "
            f"the claim of {claimed:.3g}"
        )
    else:
        answer = ClaimAnswer.NOT_ENOUGH_DATA
        reason = f"{text}: not less than the claim of {claimed:.3g}" + _cases(
            found, claimed, alpha, power
        )
    return Conformance(
        claim="precision",
        answer=answer,
        value=found,
        interval=Interval(low=0.0, high=upper, coverage=1 - alpha, kind="scatter"),
        allowed=(0.0, claimed),
        p_value=p,
        reason=reason,
    )


def bias_conformance(
    found: Bias, low: float, high: float, *, coverage: float = 0.95
) -> Conformance:
    """Return whether the interval of a bias lies wholly inside what is allowed.

    Profiles use the two-sided 95 % interval, which is stricter than two one-sided tests at 5 %
    (`equivalence.bias_within`): a wrong yes has a chance of 2.5 % at either end.

    Parameters
    ----------
    found
        Bias of one reference or the mean over several, in percent where the claim is.
    low, high
        Allowed, in the unit of the bias.
    coverage
        Of the interval that is compared.
    """
    inside = _window(
        "bias", found.bias, found.standard_uncertainty, found.degrees_of_freedom, (low, high),
        coverage,
    )  # fmt: skip
    if inside.answer is not ClaimAnswer.NOT_ENOUGH_DATA:
        return inside
    shared, scatter = found.reference_standard_uncertainty, found.scatter_standard_uncertainty
    more = (
        "; most of the uncertainty is that of the reference, which more readings do not reduce"
        if shared > scatter
        else ""
    )
    return dataclasses.replace(inside, reason=inside.reason + more)


def linearity_conformance(
    found: Linearity,
    *,
    slope: tuple[float, float] = _SLOPE,
    r_squared: float = _R_SQUARED,
    allowed_bend: float | None = None,
    alpha: float = 0.05,
) -> tuple[Conformance, Conformance, Conformance]:
    """Return whether a bend is ruled out, the slope is within its window, and R² is large enough.

    Table 4 of Obuchowski et al. 2016: a quadratic term is tested, then the interval of the slope
    of the straight line compared. A term that cannot be told from zero is no proof that there is
    none: with `allowed_bend` the upper end of the interval of the largest departure is compared
    instead.

    Parameters
    ----------
    found
        Fit of measured on reference values.
    slope
        Allowed window of the slope.
    r_squared
        That R² must exceed.
    allowed_bend
        Largest departure allowed, in the unit of the measured values; None: only test the term.
    alpha
        Chance of calling a straight line bent; the interval of the slope has coverage 1 - alpha.
    """
    line = _window(
        "slope", found.slope, found.slope_standard_uncertainty, found.degrees_of_freedom, slope,
        1 - alpha,
    )  # fmt: skip
    good = found.r_squared > r_squared
    return (
        _bend(found, allowed_bend, alpha),
        line,
        Conformance(
            claim="r_squared",
            answer=ClaimAnswer.IN if good else ClaimAnswer.OUT,
            value=found.r_squared,
            interval=None,
            allowed=(r_squared, 1.0),
            p_value=math.nan,
            reason=f"R² is {found.r_squared:.4f}; more than {r_squared:g} is asked for",
        ),
    )


def _bend(found: Linearity, allowed: float | None, alpha: float) -> Conformance:
    bend = found.quadratic
    if allowed is None:
        straight = bend.p_value >= alpha
        return Conformance(
            claim="quadratic",
            answer=ClaimAnswer.IN if straight else ClaimAnswer.OUT,
            value=bend.coefficient,
            interval=student_interval(
                bend.coefficient, bend.standard_uncertainty, bend.degrees_of_freedom, 1 - alpha
            ),
            allowed=(0.0, 0.0),
            p_value=bend.p_value,
            reason=f"the quadratic term {'cannot' if straight else 'can'} be told from zero "
            f"(p {bend.p_value:.2g})",
        )
    off = found.nonlinearity
    answer = ClaimAnswer.NOT_ENOUGH_DATA
    if off.interval.high < allowed:
        answer = ClaimAnswer.IN
    elif off.interval.low > allowed:
        answer = ClaimAnswer.OUT
    return Conformance(
        claim="departure",
        answer=answer,
        value=off.largest,
        interval=off.interval,
        allowed=(0.0, allowed),
        p_value=bend.p_value,
        reason=f"the largest departure from the line is {off.largest:.3g} ({off.interval.low:.3g} "
        f"to {off.interval.high:.3g}) at {off.at:.4g}; {allowed:.3g} is allowed",
    )


def _window(
    claim: str,
    value: float,
    standard_uncertainty: float,
    degrees_of_freedom: float,
    allowed: tuple[float, float],
    coverage: float,
) -> Conformance:
    """Return whether the two-sided interval lies wholly inside, wholly outside, or neither."""
    found = within_claim(
        value, standard_uncertainty, degrees_of_freedom, *allowed, alpha=(1 - coverage) / 2
    )
    return Conformance(
        claim=claim,
        answer=found.answer,
        value=value,
        interval=found.interval,
        allowed=allowed,
        p_value=found.p_in,
        reason=f"{claim} {value:.4g}: {found.reason}",
    )


def _cases(found: float, claimed: float, alpha: float, power: float) -> str:
    """Return how many cases would show it, in words."""
    try:
        needed = cases_for_wcv_claim(claimed, found, power=power, alpha=alpha)
    except NotMeasurable as error:
        return f"; {error.message}"
    return f"; if it truly is {found:.3g}, {needed} cases measured twice would likely show it"
