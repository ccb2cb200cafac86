"""The sigma metric: how many standard deviations lie between bias and the total allowable error."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from qiqa.core.errors import UsageError
from qiqa.core.measurement import Interval

__all__ = ["SigmaMetric", "sigma_metric"]

_NODES = 100
"""Quantiles of the bias that the interval is averaged over."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SigmaMetric:
    """(allowable error - |bias|) / CV; negative where the bias alone exceeds what is allowed."""

    sigma: float
    interval: Interval


def sigma_metric(
    allowable_error: float,
    bias: float,
    cv: float,
    *,
    bias_u: float,
    bias_dof: float = math.inf,
    cv_dof: float,
    coverage: float = 0.95,
) -> SigmaMetric:
    """Return the sigma metric (Westgard) with its interval.

    The generalized interval of Weerahandi (J Am Stat Assoc 1993;88:899): quantiles of the metric
    over what bias (Student's t about the estimate) and standard deviation (chi square) may be, by
    integration and not at random. The room for error is that on the side where the bias was found:
    folding a bias that may be zero would make bias out of noise. So the upper end may lie above
    what no bias at all would give.

    Parameters
    ----------
    allowable_error
        Total allowable error TEa; in one unit, or percent, with `bias` and `cv`.
    bias, bias_u, bias_dof
        Estimate, its standard uncertainty (zero where it is known) and degrees of freedom.
    cv, cv_dof
        Standard deviation or coefficient of variation, and its degrees of freedom.
    coverage
        Of the interval.

    Raises
    ------
    UsageError
        `allowable_error`, `cv` or degrees of freedom not above zero; `bias_u` negative.

    Examples
    --------
    >>> found = sigma_metric(10.0, 1.0, 2.0, bias_u=0.4, bias_dof=19.0, cv_dof=19.0)
    >>> found.sigma
    4.5
    """
    given = {
        "allowable_error": allowable_error, "cv": cv, "cv_dof": cv_dof, "bias_dof": bias_dof,
    }  # fmt: skip
    for name, value in given.items():
        if not value > 0:
            raise UsageError(f"{name} is {value:g}: give a number above zero")
    if not (math.isfinite(bias) and bias_u >= 0 and math.isfinite(bias_u)):
        raise UsageError(f"bias {bias:g} with standard uncertainty {bias_u:g}: give two numbers")
    low, high = (
        _quantile(chance, allowable_error - abs(bias), bias_u, bias_dof, cv, cv_dof)
        for chance in ((1 - coverage) / 2, (1 + coverage) / 2)
    )
    return SigmaMetric(
        sigma=(allowable_error - abs(bias)) / cv,
        interval=Interval(low=low, high=high, coverage=coverage),
    )


def _quantile(
    chance: float, room: float, room_u: float, room_dof: float, cv: float, cv_dof: float
) -> float:
    """Return what room / standard deviation lies below with this chance."""
    if math.isinf(cv_dof):
        return (room + room_u * float(_t(room_dof, np.array(chance)))) / cv
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    rooms = room + room_u * _t(room_dof, (nodes + 1) / 2)
    positive = rooms > 0

    def over(metric: float) -> float:
        """Return the chance of a lower metric, less the one that is asked for."""
        # chi square of the standard deviation found, if the one that gives this metric is true
        chi = cv_dof * (metric * cv / np.where(rooms == 0, np.inf, rooms)) ** 2
        if metric >= 0:
            less = np.where(positive, special.chdtr(cv_dof, chi), 1.0)
        else:
            less = np.where(positive, 0.0, special.chdtrc(cv_dof, chi))
        return float(np.sum(weights / 2 * less)) - chance

    width = 1 + (abs(room) + room_u) / cv
    low, high = room / cv - width, room / cv + width
    while over(low) > 0:
        low -= high - low
    while over(high) < 0:
        high += high - low
    return float(optimize.brentq(over, low, high))


def _t(degrees_of_freedom: float, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    if math.isinf(degrees_of_freedom):
        return np.asarray(special.ndtri(chance))
    return np.asarray(special.stdtrit(degrees_of_freedom, chance))
