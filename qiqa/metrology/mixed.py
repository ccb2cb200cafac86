"""Linear mixed models by restricted maximum likelihood: scanners, units, visits as random factors.

y = X b + sum_k Z_k u_k + e: fixed effects b, effects u_k of the levels of random factors, and
errors e whose variances are known, a common residual, or the sum of both.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError, UsageError
from qiqa.metrology.estimable import Aliasing
from qiqa.metrology.factors import KnownFactor, RandomFactor, Spread
from qiqa.metrology.layout import Layout, confounded_variances, lay_out, scatter, starts
from qiqa.metrology.maximum import Maximum, maximize
from qiqa.metrology.restricted import State, expected_information, level_traces

__all__ = ["Effects", "MixedFit", "fit_mixed"]

FloatArray = NDArray[np.float64]

_FLOOR = 1e-12
"""Of the scatter: the smallest residual variance where readings have no known one."""
_SUNK = 1e3
"""Times the floor: a residual that is on its way there; its SD is 30 millionths of the scatter."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """Predicted effects of the levels of one factor (BLUP)."""

    factor: str
    levels: tuple[str, ...]
    value: FloatArray
    """(levels,) in the unit of y, divided by that of the factor's scale where it has one."""
    standard_uncertainty: FloatArray
    """(levels,) of predicted minus true effect, taking the variances as known; that which allows
    for their being estimated comes from `contrasts.estimate`. NaN where the variance of the factor
    was found to be zero."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedFit:
    """A fitted model. Confidence of its numbers: `contrasts` and `components`."""

    names: tuple[str, ...]
    """p columns of X."""
    fixed: FloatArray
    """(p,) effects; NaN where the readings do not determine one, see `aliasing`."""
    fixed_covariance: FloatArray
    """(p, p), variances taken as known; NaN in rows and columns of effects not determined."""
    aliasing: Aliasing
    spreads: tuple[Spread, ...]
    """Random, then known factors."""
    component_names: tuple[str, ...]
    """Of the factors in the same order, then `residual`."""
    variance: FloatArray
    """(factors + 1,) in the order of `component_names`; known factors have 1 (times theirs)."""
    variance_covariance: FloatArray
    """(factors + 1, factors + 1), from the expected information; zero where held."""
    estimated: NDArray[np.bool_]
    """(factors + 1,) False where held at a known value."""
    floor: FloatArray
    """(factors + 1,) smallest variances that were allowed."""
    effects: Mapping[str, Effects]
    """Factor -> predicted effects."""
    log_restricted_likelihood: float
    """With the constant -(n - p) log(2 pi) / 2, as lme4 and SAS have it."""
    state: State

    @property
    def readings(self) -> int:
        """How many readings it rests on."""
        return int(self.state.design.y.size)

    def at_boundary(self, component: str) -> bool:
        """Whether a variance was found to be zero."""
        k = self.component_names.index(component)
        return bool(self.estimated[k] and self.variance[k] <= self.floor[k])

    def identifiable(self, contrast: Mapping[str, float]) -> bool:
        """Whether the readings determine a combination of fixed effects, {name: weight}."""
        return self.aliasing.estimable(self.weights(contrast))

    def weights(self, contrast: Mapping[str, float]) -> FloatArray:
        """Return a combination of fixed effects as (p,) weights."""
        out = np.zeros(len(self.names))
        for name, weight in contrast.items():
            if name not in self.names:
                raise UsageError(
                    f"no fixed effect {name!r}",
                    hint=f"fixed effects of this model: {', '.join(self.names)}",
                )
            out[self.names.index(name)] += weight
        return out


def fit_mixed(
    y: FloatArray,
    x: FloatArray,
    names: Sequence[str],
    random: Sequence[RandomFactor] = (),
    known: Sequence[KnownFactor] = (),
    *,
    known_variance: FloatArray | None = None,
    residual: float | None = None,
) -> MixedFit:
    """Fit a linear mixed model by restricted maximum likelihood.

    Parameters
    ----------
    y
        (n,) readings.
    x
        (n, p) columns of the fixed effects. Where they are not independent, effects that the
        readings do not determine are NaN and `aliasing` names the columns.
    names
        p names of the columns.
    random
        Factors whose variance is estimated.
    known
        Factors whose covariance is known and held, such as the shared uncertainty of a reference.
    known_variance
        (n,) variance that each reading is known to have of its own; zero where not given.
    residual
        Variance added to that of every reading; estimated where None. Pass 0 to have only the
        known variances.

    Raises
    ------
    UsageError
        An array of the wrong length, a value that is not finite, a name that is used twice.
    FitError
        Fewer readings than the model needs, variances that no reading tells apart, readings
        without scatter.
    """
    layout = lay_out(y, x, names, random, known, known_variance, residual)
    total = scatter(layout)
    floor = np.zeros(layout.estimated.size)
    if layout.estimated[-1] and not layout.design.known.min() > 0:
        floor[-1] = _FLOOR * total
    _check_told_apart(layout)
    best = _best(layout, starts(layout, total), floor)
    return _assemble(best, layout, floor)


def _check_told_apart(layout: Layout) -> None:
    for group in confounded_variances(layout):
        if len(group) == 1:
            raise FitError(
                f"no reading tells the variance of: {group[0]}",
                hint="a factor whose levels the fixed effects tell apart cannot be random too",
            )
        raise FitError(
            f"the readings do not tell apart the variances of: {', '.join(group)}",
            hint="repeat readings within the levels of one of them, or leave it out",
        )


def _best(layout: Layout, begins: Sequence[FloatArray], floor: FloatArray) -> State:
    design, free = layout.design, layout.estimated
    best: Maximum | None = None
    for start in begins if free.any() else begins[:1]:
        top = best.state if best is not None and best.converged else None
        end = maximize(design, start, free, floor, top)
        if end is not None and (
            best is None or end.state.log_likelihood > best.state.log_likelihood
        ):
            best = end
    if best is not None and floor[-1] > 0 and best.state.theta[-1] <= _SUNK * floor[-1]:
        raise FitError(
            "the residual variance ran into zero: the factors alone explain the readings",
            hint="give the known variance of the readings, or leave out the finest factor",
        )
    if best is None or not best.converged:
        raise FitError(
            f"the likelihood has no maximum that {len(begins)} starts found",
            hint="give every reading a known variance, or use fewer factors",
        )
    return best.state


def _assemble(state: State, layout: Layout, floor: FloatArray) -> MixedFit:
    alias, spreads, free = layout.aliasing, layout.spreads, layout.estimated
    p = len(alias.names)
    told = np.array([alias.estimable(row) for row in np.eye(p)], dtype=bool).reshape(p)
    fixed = np.zeros(p)
    fixed[alias.kept] = state.beta
    covariance = np.zeros((p, p))
    covariance[np.ix_(alias.kept, alias.kept)] = state.phi
    fixed[~told] = np.nan
    covariance[~told] = np.nan
    covariance[:, ~told] = np.nan
    at = np.flatnonzero(free)
    spread_of_variance = np.zeros((free.size, free.size))
    if at.size:
        info = expected_information(state)[np.ix_(at, at)]
        size = 1 / np.sqrt(np.diag(info))
        inverse = np.linalg.inv(info * np.outer(size, size)) * np.outer(size, size)
        spread_of_variance[np.ix_(at, at)] = inverse
    for k, one in enumerate(spreads):
        if math.isfinite(one.degrees_of_freedom):
            spread_of_variance[k, k] = 2.0 / one.degrees_of_freedom
    return MixedFit(
        names=alias.names,
        fixed=fixed,
        fixed_covariance=covariance,
        aliasing=alias,
        spreads=spreads,
        component_names=layout.component_names,
        variance=state.theta,
        variance_covariance=spread_of_variance,
        estimated=free,
        floor=floor,
        effects=_effects(state, spreads, free & (state.theta <= floor)),
        log_restricted_likelihood=state.log_likelihood,
        state=state,
    )


def _effects(
    state: State, spreads: Sequence[Spread], at_boundary: NDArray[np.bool_]
) -> dict[str, Effects]:
    """Return the best linear unbiased predictions of all factors (Henderson 1975)."""
    traces = level_traces(state)
    out = {}
    for k, one in enumerate(spreads):
        variance = float(state.theta[k])
        independent = variance * (one.z.T @ state.py)
        if one.estimated:
            u2 = variance - variance**2 * traces[state.design.columns(k)]
        else:
            z = one.z.toarray()
            error = variance * np.eye(z.shape[1]) - variance**2 * (z.T @ state.project(z))
            u2 = np.sum((one.root @ error) * one.root, axis=1)
        out[one.name] = Effects(
            factor=one.name,
            levels=one.levels,
            value=independent if one.estimated else one.root @ independent,
            standard_uncertainty=np.sqrt(np.where(at_boundary[k], np.nan, np.maximum(u2, 0.0))),
        )
    return out
