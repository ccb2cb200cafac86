"""Covariates kept as curves: penalized splines, bent as much as all features together ask for.

Eilers & Marx 1996, Stat Sci 11:89: cubic B-splines on even knots, second differences penalized.
The weight of the penalty is that of the restricted likelihood, where the bends are a random effect
(Wood 2011, J R Stat Soc B 73:3), shared by all features: one weight a covariate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize_scalar

from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat.design import columns
from qiqa.harmonize.combat.model import SmoothBasis, Term
from qiqa.kernels.location_scale import group_sums, squares_in_groups

__all__ = ["basis", "with_curves"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]

_DEGREE = 3
_SPLINES = 12
"""More change nothing but time: the penalty decides how much a curve bends."""
_FEWEST = 6
"""Different values below which a curve is no more than their means."""
_WEIGHTS = (1e-4, 1e8)
"""Penalties to search: nearly free, nearly a line."""
_ROUNDS = 20


def basis(smooth: SmoothBasis, values: FloatArray) -> FloatArray:
    """Return the penalized columns (n, r) of values inside the knots' range."""
    splines = BSpline.design_matrix(values, smooth.knots, _DEGREE).toarray()
    return np.asarray(splines @ smooth.rotation)


def with_curves(
    terms: Sequence[Term],
    smooth: Sequence[str],
    table: FeatureTable,
    values: FloatArray,
    batch: Places,
    groups: int,
) -> tuple[Term, ...]:
    """Return the terms with those named in `smooth` as curves, bent as the features ask for.

    Parameters
    ----------
    terms
        Covariates of the table.
    smooth
        Names of numeric ones.
    table
        (n, p) features, for the covariates.
    values
        (n, p). Where one is missing the mean of its batch stands in, which touches the weight of
        the penalty alone.
    batch
        (n,) numbers of the batches.
    groups
        How many there are.

    Raises
    ------
    UsageError
        For a covariate with too few different values for a curve.
    """
    curved = tuple(_as_curve(term, table) if term.name in smooth else term for term in terms)
    design = columns(curved, table)
    rows = np.bincount(batch, minlength=groups).astype(np.float64)
    membership = (batch[:, None] == np.arange(groups)[None, :]).astype(np.float64)
    design -= (membership.T @ design / rows[:, None])[batch]
    owner = _owners(curved)
    size = np.linalg.norm(design, axis=0)
    # columns that are not penalized are scaled, against rounding; that changes no curve
    design = np.ascontiguousarray(design / np.where(owner < 0, size, 1.0))
    cross, squares = _moments(values, batch, rows, design)
    gram = design.T @ design
    wrong = _criterion(gram, cross, squares, owner, len(values) - groups)
    weights = _climb(wrong, len(set(smooth)))
    freedom = _freedom(gram, owner, weights)
    finished, start = [], 0
    for term in curved:
        stop = start + term.width
        if term.smooth is None:
            finished.append(term)
        else:
            chosen = dataclasses.replace(
                term.smooth,
                penalty=float(weights[owner[stop - 1]]),
                degrees_of_freedom=float(freedom[start:stop].sum()),
            )
            finished.append(dataclasses.replace(term, smooth=chosen))
        start = stop
    return tuple(finished)


def _as_curve(term: Term, table: FeatureTable) -> Term:
    different = len(np.unique(table.covariates[term.name]))
    if different < _FEWEST:
        raise UsageError(
            f"has {different} different values; a curve needs {_FEWEST}",
            where=term.name,
            hint="keep it as a line, or as texts, which gives each value a level of its own",
        )
    step = (term.high - term.low) / (_SPLINES - _DEGREE)
    knots = np.asarray(term.low + step * np.arange(-_DEGREE, _SPLINES + 1), dtype=np.float64)
    # rounding must not put the largest value outside
    knots[_SPLINES] = max(knots[_SPLINES], term.high)
    bends = np.diff(np.eye(_SPLINES), n=2, axis=0)
    size, direction = np.linalg.eigh(bends.T @ bends)
    # the first two directions, level and line, are not penalized
    rotation = direction[:, 2:] / np.sqrt(size[2:])
    made = SmoothBasis(knots=knots, rotation=rotation, penalty=1.0, degrees_of_freedom=np.nan)
    return dataclasses.replace(term, smooth=made)


def _owners(terms: Sequence[Term]) -> NDArray[np.int64]:
    """Return (c,) number of the curve each column is a bend of; -1 where it is not penalized."""
    owner: list[int] = []
    number = -1
    for term in terms:
        if term.smooth is None:
            owner += [-1] * term.width
        else:
            number += 1
            owner += [-1] + [number] * (term.width - 1)
    return np.array(owner)


def _moments(
    values: FloatArray, batch: Places, rows: FloatArray, design: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return products (c, p) of columns and features, and squares (p,) within batches."""
    missing = np.isnan(values)
    if missing.any():
        values = values.copy()
        for b in range(len(rows)):
            inside = batch == b
            part = values[inside]
            gone = missing[inside]
            known = np.maximum((~gone).sum(axis=0), 1)
            mean = np.where(gone, 0.0, part).sum(axis=0) / known
            values[inside] = np.where(gone, mean, part)
    first = values[[int(np.argmax(batch == b)) for b in range(len(rows))]]
    sums, cross, _ = group_sums(values, batch, first, design)
    mean = first + sums / rows[:, None]
    none = np.empty((len(values), 0)), np.empty((0, values.shape[1]))
    squares = squares_in_groups(values, batch, mean, *none).sum(axis=0)
    used = squares > 0  # a feature that does not vary is refused later, by name
    return cross[:, used], squares[used]


def _criterion(
    gram: FloatArray, cross: FloatArray, squares: FloatArray, owner: NDArray[np.int64], free: int
) -> Callable[[FloatArray], float]:
    """Return -2 restricted log-likelihood, up to a constant, as a function of the log weights.

    The residual variance of each feature is profiled out.
    """
    free -= int((owner < 0).sum())
    bends = np.bincount(owner[owner >= 0])

    def wrong(logs: FloatArray) -> float:
        penalty = np.where(owner < 0, 0.0, np.exp(logs)[owner])
        root = cholesky(gram + np.diag(penalty), lower=True)
        fitted = solve_triangular(root, cross, lower=True)
        # what is left of a feature that covariates explain wholly is rounding, not below zero
        left = np.maximum(squares - (fitted**2).sum(axis=0), 1e-12 * squares)
        volume = 2 * np.log(np.diag(root)).sum() - bends @ logs
        return float(free * np.log(left).mean() + volume)

    return wrong


def _climb(wrong: Callable[[FloatArray], float], count: int) -> FloatArray:
    """Return the best weights: one at a time in turn until none moves by a hundredth."""
    low, high = np.log(_WEIGHTS[0]), np.log(_WEIGHTS[1])
    logs = np.zeros(count)
    for _ in range(_ROUNDS):
        before = logs.copy()
        for k in range(count):

            def along(value: float, k: int = k) -> float:
                logs[k] = value
                return wrong(logs)

            # a grid first: the likelihood may have a second, lower top toward the line
            grid = np.linspace(low, high, 15)
            best = int(np.argmin([along(value) for value in grid]))
            bounds = (grid[max(best - 1, 0)], grid[min(best + 1, 14)])
            logs[k] = minimize_scalar(along, bounds=bounds, method="bounded").x
        if count == 1 or np.abs(logs - before).max() < 0.01:
            break
    return np.exp(logs)


def _freedom(gram: FloatArray, owner: NDArray[np.int64], weights: FloatArray) -> FloatArray:
    """Return (c,) effective degrees of freedom of each column."""
    penalty = np.where(owner < 0, 0.0, weights[owner])
    root = cholesky(gram + np.diag(penalty), lower=True)
    return np.asarray(np.diag(cho_solve((root, True), gram)))
