"""One random level a subject, many responses at once: variance ratios by restricted likelihood.

y = X b + u[subject] + e with Var(u) = ratio Var(e). For one ratio the likelihood needs sums over
subjects with equally many rows only, so that a search over the ratio never sees the rows again
(Bates et al. 2015, J Stat Softw 67(1), section 3, for one grouping factor).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError

__all__ = ["RandomIntercept", "random_intercept"]

FloatArray = NDArray[np.float64]

_GRID = np.exp(np.linspace(-9.0, 14.0, 47))
"""Ratios to begin from: subjects that differ by a hundredth of the scatter, or a thousand times."""
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_STEPS = 40
"""Each leaves 0.618 of the bracket: 1e-8 of it at the end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomIntercept:
    """Fits of p responses with k columns and s subjects."""

    slopes: FloatArray
    """(k, p)."""
    covariance: FloatArray
    """(p, k, k) of the slopes, in units of the residual variance."""
    ratio: FloatArray
    """(p,) variance between subjects over that within; 0 at the boundary."""
    spread: FloatArray
    """(p,) residual SD."""
    level: FloatArray
    """(s, p) predicted levels of the subjects."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """What the likelihood needs: totals, and sums over subjects with equally many rows."""

    rows: int
    visits: FloatArray
    """(m,) different numbers of rows."""
    subjects: FloatArray
    """(m,) how many subjects have them."""
    gram: FloatArray
    """(k, k)."""
    grams: FloatArray
    """(m, k, k) of subjects' totals."""
    cross: FloatArray
    """(k, p)."""
    crosses: FloatArray
    """(m, k, p)."""
    square: FloatArray
    """(p,)."""
    squares: FloatArray
    """(m, p)."""


def random_intercept(
    values: FloatArray, design: FloatArray, subject: NDArray[np.int64]
) -> RandomIntercept:
    """Return the fit of each response.

    Parameters
    ----------
    values
        (n, p) without gaps.
    design
        (n, k) columns of full rank.
    subject
        (n,) numbers of the subjects, from 0 on.

    Raises
    ------
    FitError
        Where no subject has two rows, or rows are too few for the columns.
    """
    count = np.bincount(subject)
    if count.max(initial=0) < 2:
        raise FitError(
            "every subject has one row: what is the subject's and what is scatter cannot be told"
            " apart",
            hint="fit without subjects, or give repeated rows of some",
        )
    rows, columns = design.shape
    if rows <= columns:
        raise FitError(f"{rows} rows for {columns} columns of covariates and batches")
    # centers against cancellation; a constant is in the span of the columns or harmless
    origin = values.mean(axis=0)
    held = _sums(values - origin, design, subject, count)
    ratio = _best(held)
    slopes, covariance, spread = _solve(held, ratio)
    rest = values - origin - design @ slopes
    total = _totals(rest, subject, len(count))
    level = total * (ratio / (1 + count[:, None] * ratio))
    return RandomIntercept(
        slopes=slopes + _constant(design) * origin,
        covariance=covariance,
        ratio=ratio,
        spread=spread,
        level=level,
    )


def _constant(design: FloatArray) -> FloatArray:
    """Return (k, 1) slopes that give 1 in every row.

    Raises
    ------
    FitError
        Where the columns have no constant in them.
    """
    slopes, *_ = np.linalg.lstsq(design, np.ones(len(design)), rcond=None)
    if np.abs(design @ slopes - 1).max() > 1e-8:
        raise FitError("the columns hold no constant", hint="add a column of ones")
    return np.asarray(slopes[:, None])


def _totals(rows: FloatArray, subject: NDArray[np.int64], subjects: int) -> FloatArray:
    """Return (s, p) sums of rows over each subject."""
    order = np.argsort(subject, kind="stable")
    begins = np.searchsorted(subject[order], np.arange(subjects))
    return np.add.reduceat(rows[order], begins, axis=0)


def _sums(
    values: FloatArray, design: FloatArray, subject: NDArray[np.int64], count: NDArray[np.int64]
) -> _Sums:
    total_x, total_y = (_totals(a, subject, len(count)) for a in (design, values))
    visits, kind = np.unique(count, return_inverse=True)
    parts = [(total_x[kind == m], total_y[kind == m]) for m in range(len(visits))]
    return _Sums(
        rows=len(values),
        visits=visits.astype(np.float64),
        subjects=np.bincount(kind).astype(np.float64),
        gram=design.T @ design,
        grams=np.array([x.T @ x for x, _ in parts]),
        cross=design.T @ values,
        crosses=np.array([x.T @ y for x, y in parts]),
        square=np.einsum("ij,ij->j", values, values),
        squares=np.array([np.einsum("ij,ij->j", y, y) for _, y in parts]),
    )


def _wrong(held: _Sums, ratio: FloatArray) -> FloatArray:
    """Return (p,) -2 restricted log-likelihood, up to a constant, each response at its own ratio.

    The residual variance is profiled out.
    """
    weight = ratio / (1 + held.visits[:, None] * ratio)  # (m, p)
    gram = held.gram - np.einsum("mp,mij->pij", weight, held.grams)
    cross = held.cross - np.einsum("mp,mkp->kp", weight, held.crosses)
    left = held.square - (weight * held.squares).sum(axis=0)
    root = np.linalg.cholesky(gram)
    fitted = np.linalg.solve(root, cross.T[:, :, None])[:, :, 0]
    # what is left of a response that the columns explain wholly is rounding, not below zero
    left = np.maximum(left - (fitted**2).sum(axis=1), 1e-12 * held.square)
    left = np.maximum(left, np.finfo(np.float64).tiny)
    volume = 2 * np.log(np.einsum("pii->pi", root)).sum(axis=1)
    volume += held.subjects @ np.log1p(held.visits[:, None] * ratio)
    return np.asarray((held.rows - len(held.gram)) * np.log(left) + volume)


def _best(held: _Sums) -> FloatArray:
    """Return (p,) ratios at the top of the likelihood: a grid, then golden sections in the log."""
    p = len(held.square)
    grid = np.array([_wrong(held, np.full(p, ratio)) for ratio in _GRID])
    place = grid.argmin(axis=0)
    low = np.log(_GRID[np.maximum(place - 1, 0)])
    high = np.log(_GRID[np.minimum(place + 1, len(_GRID) - 1)])
    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_inner, at_outer = _wrong(held, np.exp(inner)), _wrong(held, np.exp(outer))
    for _ in range(_STEPS):
        lower = at_inner < at_outer
        low, high = np.where(lower, low, inner), np.where(lower, outer, high)
        width = _GOLDEN * (high - low)
        kept, kept_value = np.where(lower, inner, outer), np.where(lower, at_inner, at_outer)
        new = np.where(lower, high - width, low + width)
        at_new = _wrong(held, np.exp(new))
        inner, outer = np.where(lower, new, kept), np.where(lower, kept, new)
        at_inner = np.where(lower, at_new, kept_value)
        at_outer = np.where(lower, kept_value, at_new)
    ratio = np.exp((low + high) / 2)
    nothing = np.zeros(p)
    return np.where(_wrong(held, nothing) <= _wrong(held, ratio), nothing, ratio)


def _solve(held: _Sums, ratio: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return slopes (k, p), their covariance over the residual variance, and residual SDs."""
    weight = ratio / (1 + held.visits[:, None] * ratio)
    gram = held.gram - np.einsum("mp,mij->pij", weight, held.grams)
    cross = held.cross - np.einsum("mp,mkp->kp", weight, held.crosses)
    covariance = np.linalg.inv(gram)
    slopes = np.einsum("pij,jp->ip", covariance, cross)
    left = held.square - (weight * held.squares).sum(axis=0) - (slopes * cross).sum(axis=0)
    spread = np.sqrt(np.maximum(left, 0.0) / (held.rows - len(held.gram)))
    return slopes, covariance, spread
