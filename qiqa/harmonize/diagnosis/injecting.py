"""What a harmonization does to a known effect, and where there is nothing to correct."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.diagnosis import InjectedEffect, Placebo
from qiqa.core.errors import QiqaError
from qiqa.core.features import FeatureTable

__all__ = ["Harmonize", "halved", "injected_effect", "placebo", "scatter_within"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Harmonize = Callable[[FeatureTable], FeatureTable]
"""Fits on a table and corrects it."""

_FEWEST = 20
"""Subjects of a batch that is split in two: halves of ten."""


def scatter_within(table: FeatureTable) -> FloatArray:
    """Return (p,) the SD of each feature within batches, pooled; NaN where there is none."""
    total = np.zeros(table.values.shape[1])
    free = np.zeros(table.values.shape[1])
    for name in np.unique(table.batch):
        part = table.values[table.batch == name]
        known = np.isfinite(part)
        count = known.sum(axis=0)
        mean = np.where(known, part, 0.0).sum(axis=0) / np.maximum(count, 1)
        total += (np.where(known, part - mean, 0.0) ** 2).sum(axis=0)
        free += np.maximum(count - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(total / free))


def halved(table: FeatureTable, rng: np.random.Generator) -> BoolArray:
    """Return (n,) rows of a random half of the subjects of each batch.

    A subject who was in several batches is on one side in all of them, dealt with its first.
    """
    subjects, first, place = np.unique(table.subject, return_index=True, return_inverse=True)
    home = table.batch[first]
    chosen = np.zeros(subjects.size, dtype=bool)
    for name in np.unique(home):
        members = rng.permutation(np.flatnonzero(home == name))
        # of an odd number the one in the middle goes either way
        size = (members.size + int(rng.integers(2))) // 2
        chosen[members[:size]] = True
    return np.asarray(chosen[place])


def injected_effect(
    table: FeatureTable,
    harmonize: Harmonize,
    rng: np.random.Generator,
    *,
    size_sd: float = 0.5,
    draws: int = 10,
) -> InjectedEffect:
    """Return how much of a known effect comes through a harmonization that is not told of it.

    Half of the subjects of each batch get `size_sd` SD (within batches) more or less of each
    feature; the sign is drawn for each feature. The table is harmonized with and without; the
    share is what that changes in this half more than in the other. Nothing but the harmonization
    itself is then in it: no scatter of subjects. Shares are medians over features, intervals those
    of their mean over `draws` halves.

    A batch with one subject has no two halves and takes no part.
    """
    sd = scatter_within(table)
    base = harmonize(table)
    after_sd = scatter_within(base)
    shares, of_scatter, of_batches = [], [], []
    for _ in range(draws):
        half = halved(table, rng)
        sign = rng.choice((-1.0, 1.0), sd.size)
        added = np.where(half[:, None], size_sd * sd * sign, 0.0)
        moved = harmonize(dataclasses.replace(table, values=table.values + added))
        with np.errstate(invalid="ignore", divide="ignore"):
            change = (moved.values - base.values) / (size_sd * sd * sign)
            each, batches = _between_halves(change, half, table)
            ratio = np.where(after_sd > 1e-12 * sd, sd / after_sd, 0.0)
        shares.append(each)
        of_scatter.append(each * ratio)
        of_batches.append(batches)
    found = np.array(shares)
    if not np.isfinite(found).any():
        return _not_injected(size_sd, "no batch has two subjects and scatter")
    seen = np.array(of_scatter)
    known = np.isfinite(seen).any(axis=0)
    # Median over features: one with a heavy tail would stand for all.
    share, ends = _mean_interval(np.nanmedian(found[:, known], axis=1))
    told, told_ends = _mean_interval(np.nanmedian(seen[:, known], axis=1))
    of_each = np.array(of_batches).mean(axis=0)
    each_feature = [
        (table.features[j], float(np.nanmean(seen[:, j]))) for j in np.flatnonzero(known)
    ]
    return InjectedEffect(
        size_sd=size_sd,
        draws=draws,
        share=share,
        share_interval=ends,
        share_of_scatter=told,
        share_of_scatter_interval=told_ends,
        batch_range=(float(np.nanmin(of_each)), float(np.nanmax(of_each))),
        features=tuple(sorted(each_feature, key=lambda item: item[1])),
    )


def _between_halves(
    change: FloatArray, half: BoolArray, table: FeatureTable
) -> tuple[FloatArray, FloatArray]:
    """Return (p,) mean over batches by size, and (b,) median over features of each batch."""
    names = np.unique(table.batch)
    found = np.full((names.size, change.shape[1]), np.nan)
    size = np.zeros(found.shape)
    for k, name in enumerate(names):
        rows = table.batch == name
        sides = [_column_means(change[rows & side]) for side in (half, ~half)]
        found[k] = sides[0] - sides[1]
        size[k] = np.where(np.isfinite(found[k]), rows.sum(), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.nansum(found * size, axis=0) / size.sum(axis=0)
    rows = [row[np.isfinite(row)] for row in found]
    return each, np.array([np.median(row) if row.size else np.nan for row in rows])


def _column_means(part: FloatArray) -> FloatArray:
    known = np.isfinite(part)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, part, 0.0).sum(axis=0) / known.sum(axis=0))


def _mean_interval(values: FloatArray) -> tuple[float, tuple[float, float]]:
    known = values[np.isfinite(values)]
    mean = float(known.mean())
    if known.size < 2:
        return mean, (math.nan, math.nan)
    t = float(special.stdtrit(known.size - 1, 0.975))
    half = t * float(known.std(ddof=1)) / math.sqrt(known.size)
    return mean, (mean - half, mean + half)


def _not_injected(size_sd: float, reason: str) -> InjectedEffect:
    unknown = (math.nan, math.nan)
    return InjectedEffect(
        size_sd=size_sd, draws=0, share=math.nan, share_interval=unknown,
        share_of_scatter=math.nan, share_of_scatter_interval=unknown, batch_range=unknown,
        reason=reason,
    )  # fmt: skip


def placebo(
    table: FeatureTable,
    after: FeatureTable,
    harmonize: Harmonize,
    rng: np.random.Generator,
    *,
    draws: int = 5,
) -> Placebo:
    """Return how much is corrected where there is nothing to correct.

    The subjects of the largest batch are split at random into two batches. With n subjects mean
    and SD of each half are wrong by sqrt(2/n) SD together, so a correction of both moves values by
    that much. What is the same change for all rows is left out. A harmonization that refuses is
    told in `reason`.
    """
    names = np.unique(table.batch)
    sizes = [np.unique(table.subject[table.batch == name]).size for name in names]
    largest, size = str(names[int(np.argmax(sizes))]), int(max(sizes))
    real = _moved(table, after)
    made = Placebo(
        batch=largest, subjects=size, draws=0, correction_sd=math.nan,
        by_chance_sd=math.sqrt(2.0 / size), real_correction_sd=real,
    )  # fmt: skip
    if size < _FEWEST:
        return dataclasses.replace(
            made, reason=f"the largest batch has {size} subjects; {_FEWEST} are needed for halves"
        )
    part = table.take(table.batch == largest)
    # What no longer varies within one batch would be refused as a covariate.
    varied = {k: v for k, v in part.covariates.items() if np.unique(v).size > 1}
    part = dataclasses.replace(part, covariates=varied)
    found = []
    try:
        for _ in range(draws):
            side = np.where(halved(part, rng), "half 1", "half 2")
            split = dataclasses.replace(part, batch=side)
            found.append(_moved(split, harmonize(split)))
    except QiqaError as error:
        return dataclasses.replace(made, reason=f"the harmonization refused: {error.message}")
    return dataclasses.replace(made, draws=draws, correction_sd=float(np.median(found)))


def _moved(before: FeatureTable, after: FeatureTable) -> float:
    """Return the RMS change over SD within batches, less what is one change for all rows.

    It is the median over features: one with a heavy tail would stand for all.

    A new unit or origin of a feature, the same in all batches, corrects no batch: the straight line
    of values after on values before is taken out first, and its slope brings back the unit.
    """
    scatter = scatter_within(before)
    parts = []
    for j in range(scatter.size):
        x, y = before.values[:, j], after.values[:, j]
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() < 3 or not scatter[j] > 0.0:
            continue
        a = x[known] - x[known].mean()
        b = y[known] - y[known].mean()
        slope = float(a @ b) / float(a @ a)
        if abs(slope) > 1e-12:
            rest = (b - slope * a) / (slope * scatter[j])
            parts.append(math.sqrt(float(rest @ rest) / rest.size))
    return float(np.median(parts)) if parts else math.nan
