"""How well a label (scanner, site) is told from features, on subjects held out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.diagnosis import BatchAuc, Leak, Predictability
from qiqa.core.errors import QiqaError, UsageError
from qiqa.metrology.auc import MacroAuc, macro_auc
from qiqa.metrology.learners import scores
from qiqa.metrology.permuting import grouped_folds, permuted_labels

__all__ = ["FEWEST_GROUPS", "NullRefit", "Refit", "predictability"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
TextArray = NDArray[np.str_]
Refit = Callable[[IntArray, IntArray], tuple[FloatArray, FloatArray]]
"""Training and test rows -> features of both, corrected by what the training rows tell."""
NullRefit = Callable[[TextArray], Refit]
"""(n,) permuted labels -> the same correction, of features whose labels do not differ."""

FEWEST_GROUPS = 5
"""Subjects below which a label is left out: one for each fold."""
_ENOUGH = 10
"""Permuted tables at least as high, after which p is known well enough not to be small."""
_MOST_CELLS = 20_000_000
"""Of shuffled copies in memory at once: 160 MB."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Fold:
    """Features of one split, made once and used for every permutation."""

    train: IntArray
    test: IntArray
    train_values: FloatArray
    test_values: FloatArray


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    """What is to be told from what: rows of labels with enough groups."""

    rows: IntArray
    names: TextArray
    labels: IntArray
    groups: IntArray
    strata: IntArray
    left_out: tuple[str, ...]


def predictability(
    values: FloatArray,
    labels: TextArray,
    groups: TextArray,
    *,
    models: Sequence[str],
    rng: np.random.Generator,
    features: Sequence[str] = (),
    folds: int = 5,
    permutations: int = 0,
    strata: TextArray | None = None,
    refit: Refit | None = None,
    null_refit: NullRefit | None = None,
    leaks: bool = False,
) -> tuple[Predictability, ...]:
    """Return how well each model tells the label from the features.

    Parameters
    ----------
    values
        (n, p) features; NaN where there is none.
    labels, groups
        (n,) what is to be told, and whose rows belong together.
    models
        Of `qiqa.metrology.learners.MODELS`.
    features
        p names, for what leaks.
    permutations
        Tables with permuted labels, at most; 0: no p. Drawing ends early where p is not small
        (Besag and Clifford, Biometrika 1991;78:301).
    strata
        (n,) labels are only swapped within; None: anywhere.
    refit
        Corrects the features of a split by its training rows only; None: they are taken as given.
    null_refit
        Does the same for permuted labels. What a correction of few rows is wrong by moves held-out
        rows of one label together, and is then in the chance as well; without it p is too small.
    leaks
        Whether each feature is shuffled in turn, to see what tells the label.

    Raises
    ------
    UsageError
        If lengths do not agree, there are fewer than 2 folds, or scikit-learn is missing.
    """
    if not len(values) == len(labels) == len(groups) or folds < 2:
        raise UsageError(
            f"{len(values)} rows of features, {len(labels)} labels, {len(groups)} groups, "
            f"{folds} folds: lengths must agree and folds be 2 or more"
        )
    task = _task(labels, groups, strata)
    if task.names.size < 2:
        return tuple(_nothing(model, task, folds, refit is not None) for model in models)
    fold = grouped_folds(task.labels, task.groups, folds, rng)
    splits = [_split(values, task.rows, fold == k, refit) for k in np.unique(fold)]
    auc = {}
    for model in models:
        found = _held_out(model, splits, task.labels, task.names.size, rng)
        auc[model] = macro_auc(found, task.labels, fold, task.groups)
    reached = {model: one.value for model, one in auc.items()}
    chance = _Chance(values, labels, task, folds, null_refit)
    chances = chance(reached, permutations, rng)
    made = []
    for model, one in auc.items():
        lost = _leaks(model, splits, task, fold, features, rng) if leaks else ()
        made.append(_noun(model, one, task, chances[model], lost, folds, refit is not None))
    return tuple(made)


def _task(labels: TextArray, groups: TextArray, strata: TextArray | None) -> _Task:
    names = np.unique(labels)
    sizes = {name: np.unique(groups[labels == name]).size for name in names.tolist()}
    kept = [name for name, size in sizes.items() if size >= FEWEST_GROUPS]
    rows = np.flatnonzero(np.isin(labels, kept))
    places = np.unique(labels[rows], return_inverse=True)
    layers = np.zeros(rows.size, dtype=np.intp)
    if strata is not None:
        layers = np.unique(strata[rows], return_inverse=True)[1]
    return _Task(
        rows,
        places[0],
        places[1],
        np.unique(groups[rows], return_inverse=True)[1],
        layers,
        tuple(name for name, size in sizes.items() if size < FEWEST_GROUPS),
    )


def _split(
    values: FloatArray, rows: IntArray, held: NDArray[np.bool_], refit: Refit | None
) -> _Fold:
    """Return the features of one split; train and test count within the rows of the task."""
    train, test = np.flatnonzero(~held), np.flatnonzero(held)
    if refit is None:
        return _Fold(train, test, values[rows[train]], values[rows[test]])
    return _Fold(train, test, *refit(rows[train], rows[test]))


def _held_out(
    model: str, splits: Sequence[_Fold], labels: IntArray, count: int, rng: np.random.Generator
) -> FloatArray:
    found = np.zeros((labels.size, count))
    for one in splits:
        found[one.test] = scores(
            model, one.train_values, labels[one.train], one.test_values, count, rng
        )
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Chance:
    """How often labels without meaning do as well: everything done again, from the folds on."""

    values: FloatArray
    labels: TextArray
    task: _Task
    folds: int
    null_refit: NullRefit | None

    def __call__(
        self, reached: Mapping[str, float], permutations: int, rng: np.random.Generator
    ) -> dict[str, tuple[float, int]]:
        """Return of each model p and the number of tables that it rests on.

        A table that the correction refuses (a label may get the same value throughout) is no draw.
        """
        higher = dict.fromkeys(reached, 0)
        found = dict.fromkeys(reached, (math.nan, 0))
        drawn = 0
        for _ in range(permutations):
            open_ones = [model for model in reached if higher[model] < _ENOUGH]
            if not open_ones:
                break
            try:
                labels, fold, splits = self._table(rng)
            except QiqaError:
                continue
            drawn += 1
            for model in open_ones:
                told = _held_out(model, splits, labels, self.task.names.size, rng)
                value = macro_auc(told, labels, fold, self.task.groups).value
                # A label that a fold happens to lack gives no AUC: counted against, never for.
                higher[model] += int(not value < reached[model])
                stopped = higher[model] == _ENOUGH
                p = higher[model] / drawn if stopped else (higher[model] + 1) / (drawn + 1)
                found[model] = (p, drawn)
        return found

    def _table(self, rng: np.random.Generator) -> tuple[IntArray, IntArray, list[_Fold]]:
        task = self.task
        labels = permuted_labels(task.labels, task.groups, task.strata, rng)
        fold = grouped_folds(labels, task.groups, self.folds, rng)
        refit = None
        if self.null_refit is not None:
            named = self.labels.copy()
            named[task.rows] = task.names[labels]
            refit = self.null_refit(named)
        splits = [_split(self.values, task.rows, fold == k, refit) for k in np.unique(fold)]
        return labels, fold, splits


def _leaks(
    model: str,
    splits: Sequence[_Fold],
    task: _Task,
    fold: IntArray,
    features: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Leak, ...]:
    """Return what each feature adds, most first: Breiman's permutation importance.

    Shuffled copies of a held-out fold are scored together by one trained model.
    """
    count, p = task.names.size, splits[0].train_values.shape[1]
    found = np.zeros((p + 1, task.labels.size, count))
    for one in splits:
        seed = int(rng.integers(2**31))
        step = max(1, _MOST_CELLS // max(one.test_values.size, 1))
        for begin in range(0, p + 1, step):
            shuffled = range(begin, min(begin + step, p + 1))
            copies = np.repeat(one.test_values[None], len(shuffled), axis=0)
            for copy, j in zip(copies, shuffled, strict=True):
                if j < p:  # the last copy is as it was
                    copy[:, j] = rng.permutation(copy[:, j])
            flat = scores(
                model,
                one.train_values,
                task.labels[one.train],
                copies.reshape(-1, p),
                count,
                np.random.default_rng(seed),
            )
            found[begin : begin + len(shuffled), one.test] = flat.reshape(len(shuffled), -1, count)
    auc = [macro_auc(part, task.labels, fold, task.groups).value for part in found]
    names = features or [str(j + 1) for j in range(p)]
    made = [Leak(feature=names[j], auc_lost=auc[p] - auc[j]) for j in range(p)]
    return tuple(sorted(made, key=lambda leak: -leak.auc_lost))


def _noun(
    model: str,
    auc: MacroAuc,
    task: _Task,
    chance: tuple[float, int],
    leaks: tuple[Leak, ...],
    folds: int,
    refitted: bool,
) -> Predictability:
    batches = tuple(
        BatchAuc(
            batch=str(name),
            subjects=int(np.unique(task.groups[task.labels == k]).size),
            auc=float(auc.each[k]),
            standard_error=float(auc.each_error[k]),
        )
        for k, name in enumerate(task.names)
    )
    return Predictability(
        model=model,
        auc=auc.value,
        standard_error=auc.standard_error,
        interval=auc.interval,
        p=chance[0],
        permutations=chance[1],
        folds=folds,
        rows=task.rows.size,
        subjects=int(np.unique(task.groups).size),
        refitted=refitted,
        batches=batches,
        leaks=leaks,
        left_out=task.left_out,
    )


def _nothing(model: str, task: _Task, folds: int, refitted: bool) -> Predictability:
    unknown = (math.nan, math.nan)
    return Predictability(
        model=model, auc=math.nan, standard_error=math.nan, interval=unknown, p=math.nan,
        permutations=0, folds=folds, rows=task.rows.size,
        subjects=int(np.unique(task.groups).size), refitted=refitted, left_out=task.left_out,
        reason=f"fewer than 2 batches with {FEWEST_GROUPS} subjects or more",
    )  # fmt: skip
