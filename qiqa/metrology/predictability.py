"""How well a label (scanner, site) is told from features, on subjects held out."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.diagnosis import BatchAuc, Leak, Predictability
from qiqa.core.errors import UsageError
from qiqa.kernels.threads import thread_count
from qiqa.metrology.auc import MacroAuc, macro_auc
from qiqa.metrology.chance import Chance, NullRefit, Tally
from qiqa.metrology.held_out import Refit, Task, auc_later, deal, held_out
from qiqa.metrology.leaking import leaks as leaks_of

__all__ = ["FEWEST_GROUPS", "NullRefit", "Refit", "predictability"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
TextArray = NDArray[np.str_]

FEWEST_GROUPS = 5
"""Subjects below which a label is left out: one for each fold."""
_FEWEST_DRAWN = 20
"""Subjects of a label that stay, where it has them, in a part that is drawn."""


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
    most_rows: int = 100_000,
    most_again: int = 3_000,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _most: None,
) -> tuple[Predictability, ...]:
    """Return how well each model tells the label from the features.

    Numbers do not depend on `threads`.

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
        Whether each feature is shuffled in turn and looked at alone, to see what tells the label.
    most_rows
        Of more rows the AUC is that of a part, drawn by group, each label evenly; `rows` says how
        many it was, `rows_given` of how many.
    most_again
        The same for what is done a hundred times: p, which then compares this part with itself
        permuted, and leaks. `rows_again` says how many rows it was.
    threads
        None: one for each processor.
    progress
        Told permuted tables done, and how many there can be.

    Raises
    ------
    UsageError
        If lengths do not agree, there are fewer than 2 folds, or a model is not known.
    """
    if not len(values) == len(labels) == len(groups) or folds < 2:
        raise UsageError(
            f"{len(values)} rows of features, {len(labels)} labels, {len(groups)} groups, "
            f"{folds} folds: lengths must agree and folds be 2 or more"
        )
    task = _task(labels, groups, strata)
    if task.names.size < 2:
        return tuple(_nothing(model, task, folds, refit is not None) for model in models)
    workers = thread_count(threads)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            looked = _Look(values, labels, task, folds, refit, null_refit, pool, workers)
            return looked(
                models, features, permutations, leaks, most_rows, most_again, rng, progress
            )
        finally:  # an interruption, or p known early: what has not begun is not wanted
            pool.shutdown(wait=False, cancel_futures=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """One table, and how it is looked at."""

    values: FloatArray
    labels: TextArray
    task: Task
    folds: int
    refit: Refit | None
    null_refit: NullRefit | None
    pool: concurrent.futures.ThreadPoolExecutor
    workers: int

    def __call__(
        self,
        models: Sequence[str],
        features: Sequence[str],
        permutations: int,
        leaks: bool,
        most_rows: int,
        most_again: int,
        rng: np.random.Generator,
        progress: Callable[[int, int], None],
    ) -> tuple[Predictability, ...]:
        whole = _drawn(self.task, most_rows, rng)
        part = _drawn(whole, most_again, rng) if permutations or leaks else whole
        dealt = deal(self.values, whole, whole.labels, self.folds, self.refit, rng)
        auc = {}
        for model in models:
            found = held_out(model, dealt, self.pool, rng)
            auc[model] = macro_auc(found, whole.labels, dealt.fold, whole.groups)
        reached = {model: one.value for model, one in auc.items()}
        if part is not whole:
            dealt = deal(self.values, part, part.labels, self.folds, self.refit, rng)
            waiting = {model: auc_later(model, dealt, self.pool, rng) for model in models}
            reached = {model: value() for model, value in waiting.items()}
        chance = Chance(self.values, self.labels, part, self.folds, self.null_refit)
        done = iter(range(1, permutations + 1))
        tallies = chance(
            reached, permutations, rng, self.pool, self.workers,
            lambda: progress(next(done), permutations),
        )  # fmt: skip
        made = []
        for model, one in auc.items():
            lost = leaks_of(model, dealt, features, self.pool, rng) if leaks else ()
            again = part.rows.size if permutations or leaks else 0
            made.append(_noun(model, one, whole, tallies[model], lost, self, again))
        return tuple(made)


def _task(labels: TextArray, groups: TextArray, strata: TextArray | None) -> Task:
    names = np.unique(labels)
    sizes = {name: np.unique(groups[labels == name]).size for name in names.tolist()}
    kept = [name for name, size in sizes.items() if size >= FEWEST_GROUPS]
    rows = np.flatnonzero(np.isin(labels, kept))
    places = np.unique(labels[rows], return_inverse=True)
    layers = np.zeros(rows.size, dtype=np.intp)
    if strata is not None:
        layers = np.unique(strata[rows], return_inverse=True)[1]
    return Task(
        rows,
        places[0],
        places[1],
        np.unique(groups[rows], return_inverse=True)[1],
        layers,
        tuple(name for name, size in sizes.items() if size < FEWEST_GROUPS),
    )


def _drawn(task: Task, most: int, rng: np.random.Generator) -> Task:
    """Return about `most` rows of a task, whole groups, the same share of each label.

    A label keeps 20 of its groups where it has them: few must not become too few to be told.
    """
    if task.rows.size <= most:
        return task
    _, first = np.unique(task.groups, return_index=True)
    share = most / task.rows.size
    chosen = np.zeros(first.size, dtype=bool)
    home = task.labels[first]
    for label in np.unique(home):
        members = rng.permutation(np.flatnonzero(home == label))
        chosen[members[: max(math.ceil(share * members.size), _FEWEST_DRAWN)]] = True
    return task.part(np.flatnonzero(chosen[task.groups]))


def _noun(
    model: str,
    auc: MacroAuc,
    task: Task,
    tally: Tally,
    leaks: tuple[Leak, ...],
    look: _Look,
    again: int,
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
        p=tally.p,
        permutations=tally.drawn,
        folds=look.folds,
        rows=task.rows.size,
        subjects=int(np.unique(task.groups).size),
        refitted=look.refit is not None,
        batches=batches,
        leaks=leaks,
        left_out=task.left_out,
        rows_given=look.task.rows.size,
        rows_again=again,
    )


def _nothing(model: str, task: Task, folds: int, refitted: bool) -> Predictability:
    unknown = (math.nan, math.nan)
    return Predictability(
        model=model, auc=math.nan, standard_error=math.nan, interval=unknown, p=math.nan,
        permutations=0, folds=folds, rows=task.rows.size,
        subjects=int(np.unique(task.groups).size), refitted=refitted, left_out=task.left_out,
        rows_given=task.rows.size, rows_again=0,
        reason=f"fewer than 2 batches with {FEWEST_GROUPS} subjects or more",
    )  # fmt: skip
