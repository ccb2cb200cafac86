"""Scores of participants of one round of proficiency testing, after ISO 13528:2022."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.robust import RobustEstimate, algorithm_a

__all__ = [
    "AssignedValue",
    "ProficiencyRound",
    "Score",
    "classify",
    "consensus",
    "e_n_scores",
    "percent_differences",
    "score_round",
    "z_prime_scores",
    "z_scores",
    "zeta_scores",
]

FloatArray = NDArray[np.float64]
_NEGLIGIBLE = 0.3
"""Of sigma_pt: below, the uncertainty of the assigned value may be left out (formula 10)."""


class Score(enum.StrEnum):
    """What a score says of a participant."""

    ACCEPTABLE = "acceptable"
    WARNING = "warning"
    ACTION = "action"
    NOT_SCORED = "not_scored"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AssignedValue:
    """What the results are held against."""

    value: float
    standard_uncertainty: float
    source: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProficiencyRound:
    """Scores of one measurand; n participants."""

    assigned: AssignedValue
    sigma_pt: float
    """Standard deviation for proficiency assessment, in the unit of the results."""
    statistic: str
    """`z`, or `z'` where the uncertainty of the assigned value is too large to be left out."""
    scores: FloatArray
    """(n,) NaN for a participant without a result."""
    verdicts: tuple[Score, ...]
    differences_percent: FloatArray
    """(n,) D%: result minus assigned value, in percent of it; NaN without a result."""
    remarks: tuple[str, ...]
    """What to know before believing the scores."""


def consensus(estimate: RobustEstimate) -> AssignedValue:
    """Return the assigned value from the participants' own results, with 1.25 s*/sqrt(n).

    >>> round(consensus(algorithm_a([1.0, 2.0, 3.0, 4.0])).value, 6)
    2.5
    """
    return AssignedValue(
        value=estimate.mean,
        standard_uncertainty=estimate.standard_uncertainty,
        source=f"consensus of {estimate.n} participants, {estimate.method}",
    )


def score_round(
    results: ArrayLike,
    *,
    assigned: AssignedValue | None = None,
    sigma_pt: float | None = None,
) -> ProficiencyRound:
    """Return the scores of a round.

    Parameters
    ----------
    results
        (n,) one a participant; NaN where there is none.
    assigned
        Certified or reference value; without it the consensus by algorithm A.
    sigma_pt
        What participants ought to differ by; without it their robust standard deviation, which
        makes few of them stand out however bad all are.

    Raises
    ------
    NotMeasurable
        Too few or too equal results for a consensus.
    UsageError
        An uncertainty or `sigma_pt` that is not a number of its kind.
    """
    x = np.asarray(results, dtype=np.float64).ravel()
    remarks = []
    estimate = algorithm_a(x) if assigned is None or sigma_pt is None else None
    if assigned is None and estimate is not None:
        assigned = consensus(estimate)
        remarks.append("the assigned value is the participants' consensus: not traceable")
    if sigma_pt is None and estimate is not None:
        sigma_pt = estimate.sd
        remarks.append("sigma_pt is the participants' own scatter: scores are relative to it")
    assert assigned is not None  # noqa: S101
    assert sigma_pt is not None  # noqa: S101
    u = assigned.standard_uncertainty
    statistic = "z" if u < _NEGLIGIBLE * sigma_pt else "z'"
    if statistic == "z":
        scores = z_scores(x, assigned.value, sigma_pt)
    else:
        scores = z_prime_scores(x, assigned.value, sigma_pt, u)
        remarks.append(
            f"u(x_pt) is {u / sigma_pt:.2f} sigma_pt, not below {_NEGLIGIBLE}: z' counts it; a "
            "reference of smaller uncertainty, or more participants, would allow z"
        )
    percent = np.full(x.size, math.nan)
    if assigned.value != 0:
        percent = percent_differences(x, assigned.value)
    else:
        remarks.append("the assigned value is zero: there are no percent differences")
    return ProficiencyRound(
        assigned=assigned,
        sigma_pt=sigma_pt,
        statistic=statistic,
        scores=scores,
        verdicts=tuple(classify(score) for score in scores),
        differences_percent=percent,
        remarks=tuple(remarks),
    )


def z_scores(results: ArrayLike, assigned: float, sigma_pt: float) -> FloatArray:
    """Return (x - x_pt) / sigma_pt (formula 14); results (n,)."""
    return _scores(results, assigned, _positive("sigma_pt", sigma_pt))


def z_prime_scores(
    results: ArrayLike, assigned: float, sigma_pt: float, assigned_u: float
) -> FloatArray:
    """Return (x - x_pt) / sqrt(sigma_pt² + u(x_pt)²) (formula 15); results (n,)."""
    u = _not_negative("assigned_u", assigned_u)
    both = np.hypot(_positive("sigma_pt", sigma_pt), u)
    return _scores(results, assigned, both)


def zeta_scores(
    results: ArrayLike, results_u: ArrayLike, assigned: float, assigned_u: float
) -> FloatArray:
    """Return (x - x_pt) / sqrt(u(x)² + u(x_pt)²) (formula 19).

    A large zeta with a small z: the participant's own uncertainty is stated too small.

    Parameters
    ----------
    results, results_u
        (n,) and their standard uncertainties.
    assigned, assigned_u
        Assigned value and its standard uncertainty.
    """
    both = np.hypot(_not_negative("results_u", results_u), _not_negative("assigned_u", assigned_u))
    return _scores(results, assigned, _positive("the uncertainties", both))


def e_n_scores(
    results: ArrayLike, results_expanded: ArrayLike, assigned: float, assigned_expanded: float
) -> FloatArray:
    """Return (x - x_pt) / sqrt(U(x)² + U(x_pt)²) (formula 20); |E_n| < 1 is acceptable.

    As `zeta_scores`, with expanded uncertainties of 95 % coverage. E_n rewards a participant who
    states a large uncertainty: look at that too.
    """
    return zeta_scores(results, results_expanded, assigned, assigned_expanded)


def percent_differences(results: ArrayLike, assigned: float) -> FloatArray:
    """Return D%: 100 (x - x_pt) / x_pt (formula 12); results (n,)."""
    if assigned == 0:
        raise NotMeasurable("percent of an assigned value of zero has no meaning")
    return 100 * _scores(results, assigned, np.asarray(assigned, dtype=np.float64))


def classify(score: float, limits: Sequence[float] = (2.0, 3.0)) -> Score:
    """Return what a z, z' or zeta score says (ISO 13528, 9.4.2); for E_n give limits (1, 1).

    >>> classify(2.0).value, classify(-2.5).value, classify(3.0).value
    ('acceptable', 'warning', 'action')
    """
    if math.isnan(score):
        return Score.NOT_SCORED
    warning, action = limits
    size = abs(score)
    if size >= action:
        return Score.ACTION
    return Score.ACCEPTABLE if size <= warning else Score.WARNING


def _scores(results: ArrayLike, assigned: float, by: FloatArray) -> FloatArray:
    if not math.isfinite(assigned):
        raise UsageError(f"the assigned value is {assigned:g}: give a number")
    return np.asarray((np.asarray(results, dtype=np.float64) - assigned) / by, dtype=np.float64)


def _positive(name: str, given: ArrayLike) -> FloatArray:
    value = np.asarray(given, dtype=np.float64)
    if (value <= 0).any() or np.isinf(value).any():
        raise UsageError(f"{name}: {value.min():g} is no number above zero")
    return value


def _not_negative(name: str, given: ArrayLike) -> FloatArray:
    value = np.asarray(given, dtype=np.float64)
    if (value < 0).any() or np.isinf(value).any():
        raise UsageError(f"{name}: {value.min():g} is no number of at least zero")
    return value
