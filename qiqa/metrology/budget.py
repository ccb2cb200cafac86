"""From contributions to a combined standard uncertainty, degrees of freedom and an interval."""

from __future__ import annotations

import math

from qiqa.core.measurement import BudgetLine, Interval

__all__ = ["combine", "coverage_factor", "student_interval"]


def combine(lines: tuple[BudgetLine, ...]) -> tuple[float, float]:
    """Return combined standard uncertainty and effective degrees of freedom.

    Root sum of squares of independent contributions (GUM 5.1.2) and the Welch-Satterthwaite
    formula (GUM G.4.1); infinite where every line is infinitely well known.

    >>> u, dof = combine((BudgetLine(name="a", standard_uncertainty=3.0, degrees_of_freedom=4.0),
    ...                   BudgetLine(name="b", standard_uncertainty=4.0)))
    >>> u, round(dof, 2)
    (5.0, 30.86)
    """
    u = math.sqrt(sum(line.standard_uncertainty**2 for line in lines))
    weight = sum(
        line.standard_uncertainty**4 / line.degrees_of_freedom
        for line in lines
        if math.isfinite(line.degrees_of_freedom)
    )
    return u, (u**4 / weight if weight > 0 else math.inf)


def coverage_factor(degrees_of_freedom: float, coverage: float = 0.95) -> float:
    """Return k so that value ± k u covers, by Student's t.

    >>> round(coverage_factor(2.0), 2), round(coverage_factor(math.inf), 2)
    (4.3, 1.96)
    """
    from scipy.special import ndtri, stdtrit

    tail = 0.5 + coverage / 2
    if not math.isfinite(degrees_of_freedom):
        return float(ndtri(tail))
    return float(stdtrit(max(degrees_of_freedom, 1.0), tail))


def student_interval(
    value: float, standard_uncertainty: float, degrees_of_freedom: float, coverage: float = 0.95
) -> Interval:
    """Return the symmetric coverage interval."""
    half = coverage_factor(degrees_of_freedom, coverage) * standard_uncertainty
    return Interval(low=value - half, high=value + half, coverage=coverage)
