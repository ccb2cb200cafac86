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
from qiqa.metrology.estimable import Aliasing, aliasing
from qiqa.metrology.factors import KnownFactor, RandomFactor, Spread, spread
from qiqa.metrology.maximum import Maximum, maximize
from qiqa.metrology.restricted import (
    Design,
    State,
    dense,
    design_of,
    evaluate,
    expected_information,
    level_traces,
)

__all__ = ["RESIDUAL", "Effects", "MixedFit", "fit_mixed"]

FloatArray = NDArray[np.float64]

RESIDUAL = "residual"
"""Name of the component that all readings have of their own."""

_STARTS = (0.5, 0.1, 0.9)
"""Share of the scatter given to the factors together at the start of each climb."""
_LEAD = 8.0
"""In further climbs one factor begins with so many times the variance of each other."""
_FEW = 500
"""Readings; where there are more, a second top of the likelihood has not been seen."""

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
    y, x, noise = _checked(y, x, names, known_variance, residual)
    _check_names([*(f.name for f in random), *(f.name for f in known), RESIDUAL], "component")
    _check_names(names, "fixed effect")
    alias = aliasing(x, names)
    spreads = (*(spread(f, y.size) for f in random), *(spread(f, y.size) for f in known))
    design = _design(y, x[:, alias.kept], spreads, noise)
    free = np.array([s.estimated for s in spreads] + [residual is None])
    component_names = (*(s.name for s in spreads), RESIDUAL)
    total = _scatter(design, free)
    floor = np.zeros(free.size)
    if residual is None and not noise.min() > 0:
        floor[-1] = _FLOOR * total
    starts = _starts(design, free, total, residual or 0.0)
    if free.any():
        _check_told_apart(design, starts[0], free, component_names)
    best = _best(design, starts, free, floor)
    return _assemble(best, alias, spreads, component_names, free, floor)


def _checked(
    y: FloatArray,
    x: FloatArray,
    names: Sequence[str],
    known_variance: FloatArray | None,
    residual: float | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return readings, columns and variances known beforehand, or say what is wrong with them."""
    y, x = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    noise = np.zeros(y.shape) if known_variance is None else np.asarray(known_variance, dtype=float)
    if y.ndim != 1 or x.shape != (y.size, len(names)) or noise.shape != y.shape:
        raise UsageError(
            f"readings {y.shape}, columns {x.shape}, names {len(names)}, known variances "
            f"{noise.shape} do not fit together",
            hint="pass y (n,), x (n, p), p names and known_variance (n,)",
        )
    for what, finite in (
        ("reading", np.isfinite(y)),
        ("column", np.isfinite(x).all(axis=1)),
        ("known variance", np.isfinite(noise) & (noise >= 0)),
    ):
        if not finite.all():
            raise UsageError(
                f"{what} {int(np.argmin(finite))} (counted from 0) is not a number in range",
                hint="leave out readings without a value; variances are zero or more",
            )
    if residual is not None and not (math.isfinite(residual) and residual >= 0):
        raise UsageError(f"residual variance {residual}", hint="zero or more, or None to estimate")
    return y, x, noise


def _check_names(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UsageError(
            f"{what} named twice: {', '.join(twice)}",
            hint=f"one name for each; {RESIDUAL!r} is taken" if what == "component" else None,
        )


def _design(y: FloatArray, x: FloatArray, spreads: Sequence[Spread], noise: FloatArray) -> Design:
    if y.size <= x.shape[1]:
        raise FitError(
            f"{y.size} readings for {x.shape[1]} independent columns leave no scatter to see",
            hint="take more readings or use fewer columns",
        )
    return design_of(y, x, [s.z for s in spreads], noise)


def _scatter(design: Design, free: NDArray[np.bool_]) -> float:
    """Return the mean square about the fixed effects alone: what the variances have to share."""
    rest = design.y - design.x @ np.linalg.lstsq(design.x, design.y, rcond=None)[0]
    total = float(rest @ rest / (design.y.size - design.x.shape[1]))
    rounding = 1e-24 * float(np.mean(design.y**2))
    if free[-1] and not design.known.min() > 0 and total <= rounding:
        raise FitError(
            "the fixed effects reproduce the readings exactly: no variance can be estimated",
            hint="give the known variance of the readings",
        )
    return max(total, float(design.known.mean()), float(np.finfo(float).tiny))


def _starts(
    design: Design, free: NDArray[np.bool_], total: float, residual: float
) -> list[FloatArray]:
    """Return variances to begin with; a known factor's multiplies what is known, so it is 1."""
    factors = np.flatnonzero(free[:-1])
    alike = np.ones(factors.size)
    parts = [(share, alike) for share in _STARTS]
    if factors.size > 1 and design.y.size <= _FEW:
        parts += [(0.8, alike + (_LEAD - 1) * row) for row in np.eye(factors.size)]
    starts = []
    for share, of_factors in parts:
        theta = np.ones(free.size)
        for k, part in zip(factors, of_factors / max(1.0, of_factors.sum()), strict=True):
            z = dense(design.z[:, design.columns(int(k))])
            length = float(np.sum(z**2)) / design.y.size
            theta[k] = share * total * part / length if length > 0 else total
        theta[-1] = (1 - share) * total if free[-1] else residual
        starts.append(theta)
    return starts


def _check_told_apart(
    design: Design, theta: FloatArray, free: NDArray[np.bool_], names: Sequence[str]
) -> None:
    """Refuse variances that enter the likelihood only together, or not at all.

    The space that the matrices P V_i P span does not depend on the variances, so that where the
    expected information is singular at one value, it is at all.
    """
    state = evaluate(design, theta)
    if state is None:
        raise FitError(
            "readings with no variance at all",
            hint="give every reading a known variance, or let the residual be estimated",
        )
    at = np.flatnonzero(free)
    free_names = [names[int(k)] for k in at]
    size = theta[at]
    info = expected_information(state)[np.ix_(at, at)] * np.outer(size, size)
    seen = np.diag(info)
    unseen = [name for name, v in zip(free_names, seen, strict=True) if v < 1e-12]
    if unseen:
        raise FitError(
            f"no reading tells the variance of: {', '.join(unseen)}",
            hint="a factor whose levels the fixed effects already tell apart cannot be random too",
        )
    scale = np.sqrt(seen)
    values, vectors = np.linalg.eigh(info / np.outer(scale, scale))
    if values[0] < 1e-9:
        mixed = [name for name, v in zip(free_names, vectors[:, 0], strict=True) if abs(v) > 1e-3]
        raise FitError(
            f"the readings do not tell apart the variances of: {', '.join(mixed)}",
            hint="repeat readings within the levels of one of them, or leave it out",
        )


def _best(
    design: Design, starts: Sequence[FloatArray], free: NDArray[np.bool_], floor: FloatArray
) -> State:
    best: Maximum | None = None
    for start in starts if free.any() else starts[:1]:
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
            f"the likelihood has no maximum that {len(starts)} starts found",
            hint="give every reading a known variance, or use fewer factors",
        )
    return best.state


def _assemble(
    state: State,
    alias: Aliasing,
    spreads: tuple[Spread, ...],
    component_names: tuple[str, ...],
    free: NDArray[np.bool_],
    floor: FloatArray,
) -> MixedFit:
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
        component_names=component_names,
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
