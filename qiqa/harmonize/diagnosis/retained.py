"""What a harmonization left of an effect that must stay."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.diagnosis import KeptEffect
from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.metrology.batch_effects import adjusted_q, one_row_each
from qiqa.metrology.designs import batch_columns, covariate_columns

__all__ = ["effect_kept"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_DRAWS = 400
"""Tables drawn anew for the interval of the share."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Slopes:
    """(q, p) slopes of interest over residual SD, their errors on the same scale, and p values."""

    value: FloatArray
    error: FloatArray
    half: FloatArray
    p: FloatArray


def effect_kept(
    before: FeatureTable, after: FeatureTable, interest: str, rng: np.random.Generator
) -> tuple[tuple[KeptEffect, ...], float, tuple[float, float]]:
    """Return the slope of each feature on a covariate, before and after, and the share kept.

    Batch and the other covariates are in the model; slopes are over the SD that the model leaves.
    Errors are robust to unequal scatter and to rows of one subject (Liang and Zeger, Biometrika
    1986;73:13). The share is the slope through the origin of the slopes after on those before, of
    effects with q < 0.05 before; its interval is the middle 95 % of 400 tables with subjects drawn
    anew within their batch. NaN where no effect was there before.

    Raises
    ------
    UsageError
        If the covariate is not in the table, or has one value only.
    """
    if interest not in before.covariates:
        raise UsageError(
            f"there is no covariate {interest!r}: {', '.join(before.covariates) or 'none at all'}",
            hint="name one of them, or add the column to the table",
        )
    first, second = one_row_each(before), one_row_each(after)
    _, _, known = covariate_columns(first.covariates)
    first, second = first.take(known), second.take(known)
    design, at, units = _design(first, interest)
    subject = np.unique(first.subject, return_inverse=True)[1]
    old, new = (_slopes(design, t.values, at, subject) for t in (first, second))
    q = adjusted_q(old.p.ravel()).reshape(old.p.shape)
    made = tuple(
        KeptEffect(
            feature=name,
            unit=units[i],
            before=float(old.value[i, j]),
            before_interval=_ends(old, i, j),
            after=float(new.value[i, j]),
            after_interval=_ends(new, i, j),
            before_q=float(q[i, j]),
        )
        for i in range(len(units))
        for j, name in enumerate(first.features)
    )
    real = q < 0.05
    if not real.any():
        return made, math.nan, (math.nan, math.nan)
    share = _share(old.value, new.value, real)
    drawn = []
    for _ in range(_DRAWS):
        rows = _drawn_rows(first, rng)
        a, b = (_values(design[rows], t.values[rows], at) for t in (first, second))
        drawn.append(_share(a, b, real))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return made, share, (float(low), float(high))


def _design(table: FeatureTable, interest: str) -> tuple[FloatArray, IntArray, tuple[str, ...]]:
    """Return columns, where those of interest stand, and what they are per."""
    others = {k: v for k, v in table.covariates.items() if k != interest}
    wanted, units, _ = covariate_columns({interest: table.covariates[interest]})
    if wanted.shape[1] == 0:
        raise UsageError(f"covariate {interest!r} has one value in all rows that know it")
    base = batch_columns(table.batch)
    if others:
        base = np.hstack([base, covariate_columns(others)[0]])
    at = np.arange(base.shape[1], base.shape[1] + wanted.shape[1])
    return np.hstack([base, wanted]), at, units


def _patterns(values: FloatArray) -> list[tuple[NDArray[np.bool_], IntArray]]:
    """Return which rows are known, and the features that know just these."""
    known = np.isfinite(values)
    masks, place = np.unique(known, axis=1, return_inverse=True)
    return [(masks[:, k], np.flatnonzero(place == k)) for k in range(masks.shape[1])]


def _slopes(design: FloatArray, values: FloatArray, at: IntArray, subject: IntArray) -> _Slopes:
    shape = (at.size, values.shape[1])
    made = _Slopes(*(np.full(shape, np.nan) for _ in range(4)))
    for rows, columns in _patterns(values):
        x, y, groups = design[rows], values[np.ix_(rows, columns)], subject[rows]
        inverse = np.linalg.pinv(x)
        weight = inverse @ y
        left = y - x @ weight
        free = len(x) - np.linalg.matrix_rank(x)
        count = np.unique(groups).size
        if free < 2 or count < 3:
            continue
        spread = np.sqrt((left**2).sum(axis=0) / free)
        for i, k in enumerate(at):
            total = np.zeros((int(subject.max()) + 1, columns.size))
            np.add.at(total, groups, inverse[k][:, None] * left)
            error = np.sqrt((total**2).sum(axis=0) * count / (count - 1) * (len(x) / free))
            with np.errstate(invalid="ignore", divide="ignore"):
                t = np.abs(weight[k]) / error
                made.value[i, columns] = weight[k] / spread
                made.error[i, columns] = error / spread
            # subjects, less what the model spends: rows of one subject are not counted twice
            freedom = max(count - (len(x) - free), 1)
            made.half[i, columns] = special.stdtrit(freedom, 0.975) * made.error[i, columns]
            made.p[i, columns] = 2.0 * special.stdtr(freedom, -t)
    return made


def _values(design: FloatArray, values: FloatArray, at: IntArray) -> FloatArray:
    found = np.full((at.size, values.shape[1]), np.nan)
    for rows, columns in _patterns(values):
        x, y = design[rows], values[np.ix_(rows, columns)]
        weight, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
        free = len(x) - int(rank)
        if free < 2:
            continue
        spread = np.sqrt(((y - x @ weight) ** 2).sum(axis=0) / free)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, columns] = weight[at] / spread
    return found


def _share(old: FloatArray, new: FloatArray, real: NDArray[np.bool_]) -> float:
    used = real & np.isfinite(old) & np.isfinite(new)
    below = float((old[used] ** 2).sum())
    return float((old[used] * new[used]).sum()) / below if below > 0.0 else math.nan


def _drawn_rows(table: FeatureTable, rng: np.random.Generator) -> IntArray:
    """Return rows of subjects drawn with replacement; a subject counts in its first batch."""
    subjects, first, place = np.unique(table.subject, return_index=True, return_inverse=True)
    home = table.batch[first]
    order = np.argsort(place, kind="stable")
    begin = np.searchsorted(place[order], np.arange(subjects.size + 1))
    chosen = []
    for name in np.unique(home):
        members = np.flatnonzero(home == name)
        chosen += rng.choice(members, members.size).tolist()
    return np.concatenate([order[begin[i] : begin[i + 1]] for i in chosen])


def _ends(slopes: _Slopes, i: int, j: int) -> tuple[float, float]:
    value, half = float(slopes.value[i, j]), float(slopes.half[i, j])
    return value - half, value + half
