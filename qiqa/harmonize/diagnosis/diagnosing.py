"""Did the harmonization work? What still tells the batch, and what it cost."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.counting import so_many
from qiqa.core.diagnosis import (
    HarmonizationDiagnosis,
    InjectedEffect,
    KeptEffect,
    Placebo,
    Predictability,
)
from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat.correcting import FEW_FEATURES
from qiqa.harmonize.diagnosis.injecting import injected_effect, placebo
from qiqa.harmonize.diagnosis.judging import judge, over_correction
from qiqa.harmonize.diagnosis.retained import effect_kept
from qiqa.metrology.batch_effects import batch_tests, rank_kept
from qiqa.metrology.learners import MODELS
from qiqa.metrology.predictability import NullRefit, Refit, predictability

__all__ = ["RefitTables", "diagnose"]

RefitTables = Callable[[FeatureTable, FeatureTable], FeatureTable]
"""(train, test) -> test, corrected by what is fitted on train alone, each row by itself."""

_NO_EFFECT: tuple[tuple[KeptEffect, ...], float, tuple[float, float]] = (
    (),
    math.nan,
    (math.nan, math.nan),
)


def diagnose(
    before: FeatureTable,
    after: FeatureTable,
    *,
    rng: np.random.Generator,
    refit: RefitTables | None = None,
    interest: str = "",
    models: Sequence[str] = MODELS,
    folds: int = 5,
    permutations: int = 99,
    strata: NDArray[np.str_] | None = None,
    method: str = "",
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _most: None,
) -> HarmonizationDiagnosis:
    """Return whether batches can still be told apart after a harmonization, and what it cost.

    Parameters
    ----------
    before, after
        The same rows and features. Covariates of `before` are held constant in tests of features.
    refit
        Fits on its first table, corrects its second. Without it nothing can be called "no longer
        seen", and no effect can be injected.
    interest
        Covariate whose effect must stay; empty: none.
    models
        Of `qiqa.metrology.learners.MODELS`; "no longer seen" needs all.
    permutations
        Tables with permuted labels, at most, for the chance of each model.
    strata
        (n,) labels are only swapped within the same text; None: anywhere.
    method
        Name of the harmonization, for the report.
    threads
        None: one for each processor; no number depends on it.
    progress
        Told permuted tables done, and how many there can be: nearly all of the time.

    Raises
    ------
    UsageError
        If the tables do not hold the same rows and features, there is one batch only, or too
        few permutations are asked for to see anything.
    """
    _check(before, after, models, permutations)
    tell = _Telling(before, models, folds, strata, threads, progress)
    seen_before = tell(before.values, rng)
    seen_after, all_rows = _told_after(tell, before, after, rng, refit, permutations)
    effects, share, share_ends = _NO_EFFECT
    if interest:
        effects, share, share_ends = effect_kept(before, after, interest, rng)
    injected, control = _cost(before, after, refit, rng)
    over = over_correction(seen_after, injected, control, interest, (share, share_ends))
    batches = tuple(
        (str(name), int(np.unique(before.subject[before.batch == name]).size))
        for name in np.unique(before.batch)
    )
    judged = judge(seen_after, batches, before.batch_name, over)
    return HarmonizationDiagnosis(
        answer=judged.answer,
        headline=judged.headline,
        reasons=judged.reasons,
        help=judged.help,
        over_corrected=over,
        warnings=(*_few_features(before), *_warnings(all_rows, seen_before, seen_after)),
        batch_name=before.batch_name,
        batches=batches,
        rows=len(before),
        subjects=int(np.unique(before.subject).size),
        features=len(before.features),
        before=seen_before,
        after=seen_after,
        after_all_rows=all_rows,
        tests_before=batch_tests(before),
        tests_after=batch_tests(after),
        rank_kept=rank_kept(before, after),
        interest=interest,
        kept=effects,
        kept_share=share,
        kept_interval=share_ends,
        injected=injected,
        placebo=control,
        method=method,
    )


class _Telling:
    """The batches of one table told by the same models in the same folds, from any features."""

    def __init__(
        self,
        table: FeatureTable,
        models: Sequence[str],
        folds: int,
        strata: NDArray[np.str_] | None,
        threads: int | None,
        progress: Callable[[int, int], None],
    ) -> None:
        self.table, self.models, self.folds, self.strata = table, models, folds, strata
        self.threads, self.progress = threads, progress

    def __call__(
        self,
        values: NDArray[np.float64],
        rng: np.random.Generator,
        refit: Refit | None = None,
        null_refit: NullRefit | None = None,
        *,
        permutations: int = 0,
        leaks: bool = False,
    ) -> tuple[Predictability, ...]:
        return predictability(
            values,
            self.table.batch,
            self.table.subject,
            models=self.models,
            rng=rng,
            features=self.table.features,
            folds=self.folds,
            permutations=permutations,
            strata=self.strata,
            refit=refit,
            null_refit=null_refit,
            leaks=leaks,
            threads=self.threads,
            progress=self.progress,
        )


def _told_after(
    tell: _Telling,
    before: FeatureTable,
    after: FeatureTable,
    rng: np.random.Generator,
    refit: RefitTables | None,
    permutations: int,
) -> tuple[tuple[Predictability, ...], tuple[Predictability, ...]]:
    """Return how batches are told afterwards: refitted in every fold, and fitted on all rows.

    Both are the same where nothing can be refitted.
    """
    if refit is None:
        told = tell(after.values, rng, permutations=permutations, leaks=True)
        return told, told
    nothing_left = _without_difference(before, after, refit)
    told = tell(
        before.values,
        rng,
        _of_folds(before, refit),
        nothing_left,
        permutations=permutations,
        leaks=True,
    )
    return told, tell(after.values, rng)


def _check(
    before: FeatureTable, after: FeatureTable, models: Sequence[str], permutations: int
) -> None:
    for name, same in (
        ("features", before.features == after.features),
        ("rows", np.array_equal(before.row, after.row)),
        ("subjects", np.array_equal(before.subject, after.subject)),
        ("batches", np.array_equal(before.batch, after.batch)),
    ):
        if not same:
            raise UsageError(
                f"the tables before and after do not hold the same {name} in the same order",
                hint="give the table that was harmonized, and what became of it",
            )
    if np.unique(before.batch).size < 2:
        raise UsageError(
            f"all rows are of one {before.batch_name}: there is nothing to tell apart",
            hint="two or more are needed",
        )
    fewest = math.ceil(len(models) / 0.05) - 1
    if permutations < fewest:
        raise UsageError(
            f"{permutations} permutations: with {len(models)} models the smallest p they can give "
            "is too large to see anything",
            hint=f"at least {fewest}",
        )


def _of_folds(before: FeatureTable, refit: RefitTables) -> Refit:
    def values(
        train: NDArray[np.intp], test: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        fitted_on = before.take(train)
        return refit(fitted_on, fitted_on).values, refit(fitted_on, before.take(test)).values

    return values


def _without_difference(before: FeatureTable, after: FeatureTable, refit: RefitTables) -> NullRefit:
    """Return the same harmonization of a table in which it can take out all that differs.

    Batches of the harmonized table, which differ in nothing, are permuted among subjects; then
    each gets the level and scatter back that it had before, and is harmonized again. With nothing
    to take out, a harmonization that shrinks would take out part of what is there by chance, and
    held-out rows would be told the wrong way round.
    """
    back = {name: _level_and_scatter(before, after, name) for name in np.unique(before.batch)}

    def of_labels(batch: NDArray[np.str_]) -> Refit:
        values = after.values.copy()
        for name, (level, scatter) in back.items():
            rows = batch == name
            values[rows] = level + scatter * values[rows]
        return _of_folds(dataclasses.replace(after, batch=batch, values=values), refit)

    return of_labels


def _level_and_scatter(
    before: FeatureTable, after: FeatureTable, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (p,) a and b: a + b * after has the mean and SD of this batch before."""
    rows = before.batch == name
    old, new = before.values[rows], after.values[rows]
    both = np.isfinite(old) & np.isfinite(new)
    n = np.maximum(both.sum(axis=0), 1)
    middle = [np.where(both, part, 0.0).sum(axis=0) / n for part in (old, new)]
    squares = [
        (np.where(both, part - mean, 0.0) ** 2).sum(axis=0)
        for part, mean in zip((old, new), middle, strict=True)
    ]
    # What no longer varies cannot be given scatter back: it gets its level.
    still = ~(squares[1] > 0.0)
    scatter = np.sqrt(np.where(still, 1.0, squares[0]) / np.where(still, 1.0, squares[1]))
    return middle[0] - scatter * middle[1], scatter


def _cost(
    before: FeatureTable,
    after: FeatureTable,
    refit: RefitTables | None,
    rng: np.random.Generator,
) -> tuple[InjectedEffect | None, Placebo | None]:
    """Return what comes through of a known effect, and what is done where nothing is to be done."""
    if refit is None:
        return None, None

    def harmonize(table: FeatureTable) -> FeatureTable:
        return refit(table, table)

    return injected_effect(before, harmonize, rng), placebo(before, after, harmonize, rng)


def _few_features(table: FeatureTable) -> tuple[str, ...]:
    """Say that features are few: what learns from many has little to learn from."""
    count = len(table.features)
    if count >= FEW_FEATURES:
        return ()
    words = (
        f"{so_many(count, 'feature')}, fewer than {FEW_FEATURES}: a correction that learns from "
        "all of them has little to learn from, and batches that these do not tell others may"
    )
    return (words,)


def _warnings(
    all_rows: Sequence[Predictability],
    before: Sequence[Predictability],
    after: Sequence[Predictability],
) -> tuple[str, ...]:
    found = [
        f"{one.model}: fitted on all rows the AUC is {one.auc:.3f}, below chance: held-out "
        "subjects took part in the correction. It says nothing about what is left"
        for one in all_rows
        if one.below_chance and not one.refitted
    ]
    for one in before[:1]:
        if one.left_out:
            found.append(
                f"too few subjects to be told apart, left out of all AUC: {', '.join(one.left_out)}"
            )
    for one in after[:1]:
        if one.rows_given is not None and one.rows_given > one.rows:
            found.append(
                f"{one.rows_given} rows would take too long: every AUC is that of {one.rows} of "
                "them, drawn by subject"
            )
        if one.rows_again is not None and 0 < one.rows_again < one.rows:
            found.append(
                f"p, and what tells the batch, rest on {one.rows_again} of {one.rows} rows, drawn "
                "by subject: all would take too long"
            )
    known = [one for one in before if math.isfinite(one.auc)]
    if known and all(one.interval[0] <= 0.5 for one in known):
        found.append("no model saw the batch before either: there was little to remove")
    return tuple(found)
