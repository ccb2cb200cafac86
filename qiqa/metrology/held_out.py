"""Scores of rows that a model was not trained on, fold by fold, in threads."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.metrology.auc import auc_of_wins, wins_in_fold
from qiqa.metrology.learners import scores
from qiqa.metrology.permuting import grouped_folds

__all__ = ["Dealt", "Fold", "Refit", "Task", "auc_later", "deal", "held_out", "only"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
TextArray = NDArray[np.str_]
Pool = concurrent.futures.ThreadPoolExecutor
Refit = Callable[[IntArray, IntArray], tuple[FloatArray, FloatArray]]
"""Training and test rows -> features of both, corrected by what the training rows tell."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """What is to be told from what: rows of labels with enough groups."""

    rows: IntArray
    names: TextArray
    labels: IntArray
    groups: IntArray
    strata: IntArray
    left_out: tuple[str, ...]

    def part(self, inside: IntArray) -> Task:
        """Return some of the rows, by their place among those of the task."""
        return dataclasses.replace(
            self,
            rows=self.rows[inside],
            labels=self.labels[inside],
            groups=np.unique(self.groups[inside], return_inverse=True)[1],
            strata=self.strata[inside],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Fold:
    """Features of one split; rows count within those of the task."""

    train: IntArray
    test: IntArray
    train_values: FloatArray
    test_values: FloatArray


@dataclasses.dataclass(frozen=True, slots=True)
class Dealt:
    """Rows dealt into folds, and the features of each split."""

    labels: IntArray
    fold: IntArray
    splits: tuple[Fold, ...]
    count: int
    """Labels that there are."""


def deal(
    values: FloatArray,
    task: Task,
    labels: IntArray,
    folds: int,
    refit: Refit | None,
    rng: np.random.Generator,
) -> Dealt:
    """Return the rows of a task dealt into folds by these labels, corrected in each split."""
    fold = grouped_folds(labels, task.groups, folds, rng)
    splits = []
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        rows = task.rows[train], task.rows[test]
        parts = (values[rows[0]], values[rows[1]]) if refit is None else refit(*rows)
        splits.append(Fold(train, test, *parts))
    return Dealt(labels, fold, tuple(splits), task.names.size)


def only(dealt: Dealt, feature: int) -> Dealt:
    """Return the same folds with one feature alone."""
    splits = tuple(
        dataclasses.replace(
            one,
            train_values=one.train_values[:, [feature]],
            test_values=one.test_values[:, [feature]],
        )
        for one in dealt.splits
    )
    return dataclasses.replace(dealt, splits=splits)


def held_out(model: str, dealt: Dealt, pool: Pool, rng: np.random.Generator) -> FloatArray:
    """Return (n, k) scores of each row by the model trained without its fold."""
    found = np.zeros((dealt.labels.size, dealt.count))
    jobs = [
        (one, pool.submit(_scores, model, one, dealt, seed))
        for one, seed in zip(dealt.splits, _seeds(dealt.splits, rng), strict=True)
    ]
    for one, job in jobs:
        found[one.test] = job.result()
    return found


def auc_later(
    model: str, dealt: Dealt, pool: Pool, rng: np.random.Generator
) -> Callable[[], float]:
    """Have the model trained and asked in the pool; what is returned waits for its macro AUC."""
    seeds = _seeds(dealt.splits, rng)

    def work() -> float:
        # all folds in one go: handing each over takes longer than to train on 40 rows
        return auc_of_wins(
            [
                wins_in_fold(_scores(model, one, dealt, seed), dealt.labels[one.test])
                for one, seed in zip(dealt.splits, seeds, strict=True)
            ]
        )

    return pool.submit(work).result


def _scores(model: str, one: Fold, dealt: Dealt, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    labels = dealt.labels[one.train]
    return scores(model, one.train_values, labels, one.test_values, dealt.count, rng)


def _seeds(splits: Sequence[Fold], rng: np.random.Generator) -> list[int]:
    return [int(seed) for seed in rng.integers(2**63, size=len(splits))]
