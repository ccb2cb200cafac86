"""How many cases, repeats or participants a study of performance needs."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable

import numpy as np
from scipy import special

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.precision import sd_interval, sd_upper_bound

__all__ = [
    "ArmSize",
    "TrialDesign",
    "cases_for_rc_bound",
    "cases_for_rc_width",
    "cases_for_wcv_claim",
    "claim_power",
    "participants_per_arm",
    "repeats_for_bias_claim",
    "wcv_claim_power",
]

_MOST = 100_000
"""Beyond this a study is not planned; the search ends with a refusal."""
_NODES = 200
"""Quantiles of the scatter that a power is averaged over: right to four digits."""


class TrialDesign(enum.StrEnum):
    """On which scanner a participant of a trial is imaged, and how often."""

    SAME_SCANNER = "same_scanner"
    """Before and after on one scanner: its own error cancels in the change."""
    ANY_SCANNER = "any_scanner"
    """Before and after on scanners chosen at random."""
    SINGLE_VISIT = "single_visit"
    """Once, at the end; arms are compared across all scanners."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ArmSize:
    """Participants of one arm, and what they rest on."""

    per_arm: int
    power: float
    """Reached with that many."""
    sd_percent: float
    """Standard deviation of what is compared between arms, of one participant."""


def cases_for_rc_width(width: float, *, repeats: int = 2, coverage: float = 0.95) -> int:
    """Return the test-retest cases for an interval of RC (wSD, wCV) no wider than this.

    Parameters
    ----------
    width
        Upper minus lower end of the interval, relative to the estimate.
    repeats
        Readings of each case.

    Examples
    --------
    >>> cases_for_rc_width(0.5)
    35
    """
    _check(width=width)

    def narrow(cases: int) -> bool:
        found = sd_interval(1.0, cases * _dof(repeats), coverage)
        return found.high - found.low <= width

    return _smallest(narrow, 1, f"an interval of relative width {width:g}")


def cases_for_rc_bound(ratio: float, *, repeats: int = 2, confidence: float = 0.95) -> int:
    """Return the cases for which RC is, with this confidence, below `ratio` times its estimate.

    >>> cases_for_rc_bound(1.25)  # the 35 cases that imaging profiles ask for
    35
    """
    if not ratio > 1:
        raise UsageError(f"ratio is {ratio:g}; an upper bound lies above the estimate: give > 1")

    def close(cases: int) -> bool:
        return sd_upper_bound(1.0, cases * _dof(repeats), confidence) <= ratio

    return _smallest(close, 1, f"an upper bound of {ratio:g} times the estimate")


def wcv_claim_power(
    claimed: float, true: float, degrees_of_freedom: float, *, alpha: float = 0.05
) -> float:
    """Return the chance that wCV is shown to be below the claim, if it truly is `true`.

    >>> round(wcv_claim_power(10.0, 10.0, 35.0), 3)  # at the claim: the chance of a wrong yes
    0.05
    """
    _check(claimed=claimed, true=true, degrees_of_freedom=degrees_of_freedom)
    limit = float(special.chdtri(degrees_of_freedom, 1 - alpha))
    return float(special.chdtr(degrees_of_freedom, limit * (claimed / true) ** 2))


def cases_for_wcv_claim(
    claimed: float, true: float, *, power: float = 0.8, repeats: int = 2, alpha: float = 0.05
) -> int:
    """Return the test-retest cases to show that wCV is below the claim.

    Raises
    ------
    NotMeasurable
        The true value is not below the claim: no number of cases shows it.
    """
    if not true < claimed:
        raise NotMeasurable(
            f"a wCV of {true:g} is not below the claim of {claimed:g}: no number of cases shows it",
            hint="claim more, or measure more precisely",
        )

    def enough(cases: int) -> bool:
        return wcv_claim_power(claimed, true, cases * _dof(repeats), alpha=alpha) >= power

    return _smallest(enough, 1, f"a power of {power:g}")


def claim_power(
    low: float,
    high: float,
    true: float,
    *,
    scatter_u: float,
    degrees_of_freedom: float,
    shared_u: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Return the chance that two one-sided tests show a value to lie between low and high.

    By averaging over the distribution of the standard deviation: without `shared_u` the exact power
    (Owen's Q; Phillips, J Pharmacokinet Biopharm 1990;18:137).

    Parameters
    ----------
    low, high
        What is allowed.
    true
        The value that is assumed.
    scatter_u
        True standard uncertainty of the estimate from scatter.
    degrees_of_freedom
        That its estimate will have.
    shared_u
        Known standard uncertainty that repeats do not reduce: that of the reference.
    alpha
        Chance of a wrong yes at either end.

    Examples
    --------
    >>> s = math.sqrt(math.log1p(0.3**2))  # bioequivalence, CV 30 %, ratio 0.95, 40 subjects
    >>> round(claim_power(math.log(0.8), math.log(1.25), math.log(0.95),
    ...                   scatter_u=s * math.sqrt(2 / 40), degrees_of_freedom=38.0), 4)
    0.8158
    """
    _check(scatter_u=scatter_u, degrees_of_freedom=degrees_of_freedom)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    chance = (nodes + 1) / 2
    # of the square of the estimated over the true standard deviation
    ratio = special.chdtri(degrees_of_freedom, 1 - chance) / degrees_of_freedom
    found = np.sqrt(scatter_u**2 * ratio + shared_u**2)
    effective = found**4 * degrees_of_freedom / (scatter_u**2 * ratio) ** 2
    half = special.stdtrit(np.minimum(effective, 1e9), 1 - alpha) * found
    u = math.hypot(scatter_u, shared_u)
    inside = special.ndtr((high - half - true) / u) - special.ndtr((low + half - true) / u)
    return float(np.sum(weights / 2 * np.maximum(inside, 0.0)))


def repeats_for_bias_claim(
    low: float,
    high: float,
    true: float,
    sd: float,
    *,
    shared_u: float = 0.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Return the readings of a reference that show a bias to lie within what is allowed.

    Parameters
    ----------
    low, high
        Allowed bias.
    true
        Bias that is assumed.
    sd
        Standard deviation of one reading.
    shared_u
        Standard uncertainty of the reference, which repeats do not reduce.

    Raises
    ------
    NotMeasurable
        The bias assumed is outside, or the reference too uncertain for any number of readings.

    Examples
    --------
    >>> repeats_for_bias_claim(-2.0, 2.0, 0.0, 1.0)
    4
    """
    _check(sd=sd)
    if not low < true < high:
        raise NotMeasurable(
            f"a bias of {true:g} is not within {low:g} to {high:g}: no number of readings shows it"
        )
    z = float(special.ndtri(1 - alpha)) * shared_u
    best = 1.0
    if shared_u > 0:
        ends = special.ndtr(((high - z - true) / shared_u, (low + z - true) / shared_u))
        best = float(ends[0] - ends[1])
    if best < power:
        raise NotMeasurable(
            f"the reference is too uncertain ({shared_u:g}) for what is allowed ({low:g} to "
            f"{high:g}): readings without number show a bias of {true:g} to be within with a "
            f"chance of {max(best, 0.0):.2g} at most",
            hint="use a reference of smaller uncertainty",
        )

    def enough(n: int) -> bool:
        return (
            claim_power(
                low,
                high,
                true,
                scatter_u=sd / math.sqrt(n),
                degrees_of_freedom=n - 1,
                shared_u=shared_u,
                alpha=alpha,
            )
            >= power
        )

    return _smallest(enough, 2, f"a power of {power:g}")


def participants_per_arm(
    effect_percent: float,
    wcv_percent: float,
    *,
    site_cv_percent: float = 0.0,
    subject_cv_percent: float = 0.0,
    response_cv_percent: float = 0.0,
    design: TrialDesign = TrialDesign.SAME_SCANNER,
    power: float = 0.8,
    alpha: float = 0.05,
) -> ArmSize:
    """Return the participants per arm that show a treatment effect, on the logarithmic scale.

    Two arms of equal size, randomized within sites; two-sided t test of the change (or, for a
    single visit, of the value), with the noncentral t distribution. Contributions add as variances
    of logarithms: wCV and site once for every visit, subject for a single visit only, response in
    any design.

    Parameters
    ----------
    effect_percent
        By how much the value (its change) of one arm differs from that of the other.
    wcv_percent
        Within-subject coefficient of variation on one scanner.
    site_cv_percent
        Coefficient of variation between scanners or sites on the same subject.
    subject_cv_percent
        Between subjects, of the true value.
    response_cv_percent
        Between subjects of one arm, of the true change.
    design
        Which of these count.

    Examples
    --------
    >>> participants_per_arm(10.0, 4.8, response_cv_percent=15.0).per_arm
    48
    """
    if not effect_percent > -100 or effect_percent == 0:
        raise UsageError(f"effect_percent is {effect_percent:g}: above -100 and not zero")
    _check(wcv_percent=wcv_percent)
    within, site, subject, response = (
        math.log1p((cv / 100) ** 2)
        for cv in (wcv_percent, site_cv_percent, subject_cv_percent, response_cv_percent)
    )
    variance = {
        TrialDesign.SAME_SCANNER: 2 * within + response,
        TrialDesign.ANY_SCANNER: 2 * (within + site) + response,
        TrialDesign.SINGLE_VISIT: within + site + subject + response,
    }[TrialDesign(design)]
    effect, sd = abs(math.log1p(effect_percent / 100)), math.sqrt(variance)

    def reached(n: int) -> float:
        dof, shift = 2 * (n - 1), effect / (sd * math.sqrt(2 / n))
        t = float(special.stdtrit(dof, 1 - alpha / 2))
        return float(1 - special.nctdtr(dof, shift, t) + special.nctdtr(dof, shift, -t))

    n = _smallest(lambda n: reached(n) >= power, 2, f"a power of {power:g}")
    return ArmSize(per_arm=n, power=reached(n), sd_percent=100 * math.sqrt(math.expm1(variance)))


def _dof(repeats: int) -> int:
    if repeats < 2:
        raise UsageError(f"repeats is {repeats}: a case needs at least two readings")
    return repeats - 1


def _check(**given: float) -> None:
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} is {value:g}: give a number above zero")


def _smallest(enough: Callable[[int], bool], first: int, wanted: str) -> int:
    """Return the smallest number from `first` on that is enough; power rises with the number."""
    high = first
    while not enough(high):
        if high >= _MOST:
            raise NotMeasurable(f"{wanted} needs more than {_MOST} of them")
        high *= 2
    low = max(high // 2, first - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high
