"""Differences of single features between batches: place, scatter, and share of ranks."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from qiqa.core.diagnosis import FeatureTests
from qiqa.core.features import FeatureTable
from qiqa.metrology.designs import batch_columns, covariate_columns

__all__ = ["adjusted_q", "batch_tests", "one_row_each", "rank_kept"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]

_FEWEST = 3
"""Values of a batch, below which it takes no part in the test of a feature."""
_FEWEST_VARIANCE = 5


def one_row_each(table: FeatureTable) -> FeatureTable:
    """Return the mean row of each subject in each batch: repeats are not independent.

    A covariate that is a number is averaged, of a text the first that is known is taken.
    """
    keys = np.char.add(np.char.add(table.subject, "\x1f"), table.batch)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    if first.size == len(table):
        return table
    made = table.take(first)
    known = np.isfinite(table.values)
    count, total = (np.zeros((first.size, table.values.shape[1])) for _ in range(2))
    np.add.at(count, place, known)
    np.add.at(total, place, np.where(known, table.values, 0.0))
    with np.errstate(invalid="ignore"):
        values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return dataclasses.replace(made, values=values)


def batch_tests(table: FeatureTable) -> tuple[FeatureTests, ...]:
    """Return the tests of each feature, with q over all features.

    Covariates are fitted together with batch, and their part taken out, before ranks and scatter
    are compared. Rows that lack a covariate are left out.

    A feature with fewer than two batches of three values has NaN.
    """
    table = one_row_each(table)
    if table.covariates:
        columns, _, known = covariate_columns(table.covariates)
        table, columns = table.take(known), columns[known]
    else:
        columns = np.zeros((len(table), 0))
    made = [_one(table, columns, j) for j in range(len(table.features))]
    kinds = ("kruskal", "additive", "multiplicative")
    q = {k: adjusted_q(np.array([getattr(t, f"{k}_p") for t in made])) for k in kinds}
    return tuple(
        dataclasses.replace(
            test,
            kruskal_q=float(q["kruskal"][i]),
            additive_q=float(q["additive"][i]),
            multiplicative_q=float(q["multiplicative"][i]),
        )
        for i, test in enumerate(made)
    )


def adjusted_q(p: FloatArray) -> FloatArray:
    """Return q (n,) of Benjamini and Hochberg (J R Stat Soc B 1995;57:289); NaN stays NaN."""
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q


def _one(table: FeatureTable, columns: FloatArray, j: int) -> FeatureTests:
    y, batch = table.values[:, j], table.batch
    known = np.isfinite(y)
    names, sizes = np.unique(batch[known], return_counts=True)
    kept = known & np.isin(batch, names[sizes >= _FEWEST])
    y, batch, columns = y[kept], batch[kept], columns[kept]
    names, place, sizes = np.unique(batch, return_inverse=True, return_counts=True)
    nothing = FeatureTests(
        feature=table.features[j], n=int(y.size), kruskal_p=math.nan, epsilon_squared=math.nan,
        additive_p=math.nan, multiplicative_p=math.nan, variance_ratio=math.nan,
    )  # fmt: skip
    if names.size < 2 or y.size <= names.size + columns.shape[1] or np.ptp(y) == 0.0:
        return nothing
    y = (y - y.mean()) / y.std()
    design = np.hstack([batch_columns(batch), columns])
    weight, rank = _fit(y, design)
    covariate_part = columns @ weight[names.size :]
    left = y - design @ weight
    plain = np.hstack([np.ones((y.size, 1)), columns])
    weight_plain, rank_plain = _fit(y, plain)
    additive = _f_test(left, rank, y - plain @ weight_plain, rank_plain)
    adjusted = y - covariate_part
    h, p = stats.kruskal(*(adjusted[place == k] for k in range(names.size)))
    inside = [left[place == k] for k in range(names.size)]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = stats.levene(*inside, center="median").pvalue
    variances = [float(part.var(ddof=1)) for part in inside if part.size >= _FEWEST_VARIANCE]
    return dataclasses.replace(
        nothing,
        kruskal_p=float(p),
        epsilon_squared=(float(h) - names.size + 1) / (y.size - names.size),
        additive_p=additive,
        multiplicative_p=float(spread),
        variance_ratio=_ratio(variances),
    )


def _fit(y: FloatArray, design: FloatArray) -> tuple[FloatArray, int]:
    weight, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    return np.asarray(weight, dtype=np.float64), int(rank)


def _f_test(left: FloatArray, rank: int, without: FloatArray, rank_without: int) -> float:
    """Return p of the larger of two nested models; NaN where batch adds no column."""
    more, rest = rank - rank_without, left.size - rank
    inside = float(left @ left)
    if more < 1 or rest < 1:
        return math.nan
    gain = max(float(without @ without) - inside, 0.0)
    if inside <= 1e-24 * left.size:  # batches explain everything: no scatter to compare with
        return 0.0 if gain > 0.0 else math.nan
    return float(special.fdtrc(more, rest, gain / more / (inside / rest)))


def _ratio(variances: list[float]) -> float:
    if len(variances) < 2 or min(variances) <= 0.0:
        return math.nan
    return max(variances) / min(variances)


def rank_kept(before: FeatureTable, after: FeatureTable) -> tuple[tuple[str, float, float], ...]:
    """Return of each feature the median and lowest Spearman correlation within batches.

    Batches with fewer than five values, or without scatter, take no part; NaN where none is left.
    """
    made = []
    batches = [np.flatnonzero(before.batch == name) for name in np.unique(before.batch)]
    for j, name in enumerate(before.features):
        found = [_spearman(before.values[rows, j], after.values[rows, j]) for rows in batches]
        known = [value for value in found if math.isfinite(value)]
        middle = float(np.median(known)) if known else math.nan
        made.append((name, middle, min(known, default=math.nan)))
    return tuple(made)


def _spearman(x: FloatArray, y: FloatArray) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < _FEWEST_VARIANCE:
        return math.nan
    a, b = (stats.rankdata(part[known]) for part in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0.0 else math.nan
