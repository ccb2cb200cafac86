"""Variance components as reported: standard deviation, interval, whether it is there at all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from qiqa.core.errors import UsageError
from qiqa.metrology.maximum import maximize
from qiqa.metrology.mixed import MixedFit
from qiqa.metrology.restricted import evaluate, expected_information

__all__ = ["Component", "components", "profile_interval", "satterthwaite_interval"]

_DROP = 3.841458820694124
"""95 % point of chi square with 1 degree of freedom."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One variance, in the unit of the readings squared."""

    name: str
    levels: int
    """How many levels were read; of the residual, how many readings."""
    variance: float
    standard_uncertainty: float
    """Of the variance, from the expected information."""
    degrees_of_freedom: float
    """2 variance^2 / its squared uncertainty (Satterthwaite); NaN where it is zero."""
    interval: tuple[float, float]
    """95 % of the variance, by profile likelihood; from 0 where the readings do not show it."""
    at_boundary: bool
    """It was found to be zero: `interval` says how large it may be all the same."""

    @property
    def sd(self) -> float:
        """Standard deviation, in the unit of the readings."""
        return math.sqrt(self.variance)

    @property
    def sd_interval(self) -> tuple[float, float]:
        """95 % of the standard deviation."""
        return (math.sqrt(self.interval[0]), math.sqrt(self.interval[1]))


def components(fit: MixedFit) -> tuple[Component, ...]:
    """Return all estimated variances with their intervals, in the order of the model.

    Each interval takes about ten climbs of the likelihood of the other variances.
    """
    names = [n for n, free in zip(fit.component_names, fit.estimated, strict=True) if free]
    return tuple(_component(fit, name) for name in names)


def _component(fit: MixedFit, name: str) -> Component:
    k = fit.component_names.index(name)
    variance = float(fit.variance[k])
    u = math.sqrt(float(fit.variance_covariance[k, k]))
    return Component(
        name=name,
        levels=len(fit.spreads[k].levels) if k < len(fit.spreads) else fit.readings,
        variance=variance,
        standard_uncertainty=u,
        degrees_of_freedom=math.nan if fit.at_boundary(name) else 2 * (variance / u) ** 2,
        interval=profile_interval(fit, name),
        at_boundary=fit.at_boundary(name),
    )


def _index(fit: MixedFit, component: str) -> int:
    if component in fit.component_names:
        k = fit.component_names.index(component)
        if fit.estimated[k]:
            return k
    allowed = [n for n, free in zip(fit.component_names, fit.estimated, strict=True) if free]
    raise UsageError(
        f"no estimated variance {component!r}",
        hint=f"estimated in this model: {', '.join(allowed) or 'none'}",
    )


def satterthwaite_interval(fit: MixedFit, component: str) -> tuple[float, float]:
    """Return the 95 % interval of a variance as if it were a multiple of chi square.

    Satterthwaite (1946), Biometrics Bulletin 2:110-114. NaN where the variance is zero, or so
    small that no multiple of chi square is like it. Good for a residual, not for a factor: where
    its variance is small against the scatter of the readings, the interval leaves it out far too
    often. `profile_interval` does not
    (benchmarks/validation/mixed_coverage.py: 93 to 99 % hold the truth, of these 0 to 97 %).
    """
    from scipy.special import gammaincinv

    k = _index(fit, component)
    variance, square = float(fit.variance[k]), float(fit.variance_covariance[k, k])
    dof = 2 * variance**2 / square
    low, high = (2 * float(gammaincinv(dof / 2, q)) if dof > 0 else 0.0 for q in (0.025, 0.975))
    if not high > 0:
        return (math.nan, math.nan)
    return (dof * variance / high, dof * variance / low if low > 0 else math.inf)


def profile_interval(fit: MixedFit, component: str) -> tuple[float, float]:
    """Return the 95 % interval of a variance from the likelihood with all others maximized.

    All values whose -2 log restricted likelihood is within a limit of the best. It holds zero
    where the readings are nearly as likely without the component, and has an upper end also where
    the estimate is zero. The limit is 3.84 times what makes its mean right for a multiple of chi
    square with the degrees of freedom that the levels can have at most (Bartlett 1937, Proc. R.
    Soc. A 160:268-282): 4.15 for the variance between five sites.

    Raises
    ------
    UsageError
        No such variance, or one that is not estimated.
    """
    k = _index(fit, component)
    above = _profile(fit, k)
    best = float(fit.variance[k])
    scale = max(best, math.sqrt(float(fit.variance_covariance[k, k])))
    low = 0.0
    if best > fit.floor[k] and above(0.0) > 0:
        low = _crossing(above, best, _bracket(above, best, 0.5))
    start = best if best > fit.floor[k] else 0.1 * scale
    return (low, _crossing(above, start, _bracket(above, scale, 2.0)))


def _limit(fit: MixedFit, k: int) -> float:
    """Return how far -2 log likelihood may be above its least within the interval."""
    from scipy.special import digamma

    theta = fit.state.theta.copy()
    if k < len(fit.spreads):
        # where a factor's variance outweighs all others, its levels are all there is to see it by
        theta[k] = 1e4 * (theta.max() + float(fit.state.design.known.max()))
    state = evaluate(fit.state.design, theta)
    if state is None:
        return _DROP
    half = theta[k] ** 2 * float(expected_information(state)[k, k])
    return float(_DROP * 2 * half * (math.log(half) - digamma(half)))


def _profile(fit: MixedFit, k: int) -> Callable[[float], float]:
    """Return, of one variance, how far its likelihood is outside the interval.

    The root of the rise of -2 log likelihood, less that of the limit: nearly straight in the
    logarithm of the variance.
    """
    free = fit.estimated.copy()
    free[k] = False
    state = fit.state
    limit = math.sqrt(_limit(fit, k))
    others = state.theta.copy()

    def above(variance: float) -> float:
        start = others.copy()
        # one that had come down to its floor may have to rise for this value
        start = np.where(free & (start <= fit.floor), 0.01 * state.theta.max(), start)
        start[k] = variance
        floor = fit.floor.copy()
        floor[k] = min(floor[k], variance)
        found = maximize(state.design, start, free, floor)
        if found is None:
            return math.inf
        others[free] = found.state.theta[free]
        rise = 2 * (state.log_likelihood - found.state.log_likelihood)
        return math.sqrt(max(rise, 0.0)) - limit

    return above


def _bracket(above: Callable[[float], float], start: float, factor: float) -> float:
    """Return a variance outside the interval."""
    value = start * factor
    for _ in range(200):
        if above(value) > 0:
            break
        value *= factor
    return value


def _crossing(above: Callable[[float], float], inside: float, outside: float) -> float:
    """Return the end of the interval between two variances, to 0.1 % of itself."""
    from scipy.optimize import brentq

    def of_log(x: float) -> float:
        return min(above(math.exp(x)), 1e3)

    if above(inside) > 0:
        return inside
    return math.exp(float(brentq(of_log, math.log(inside), math.log(outside), xtol=1e-3)))
