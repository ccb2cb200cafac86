"""What each feature tells of a label: alone, and beside all others."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.diagnosis import Leak
from qiqa.metrology.auc import auc_of_wins, wins_in_fold
from qiqa.metrology.held_out import Dealt, Fold, auc_later, only
from qiqa.metrology.learners import scores

__all__ = ["leaks"]

FloatArray = NDArray[np.float64]
Wins = tuple[FloatArray, FloatArray]

_MOST_CELLS = 20_000_000
"""Of shuffled copies in memory at once: 160 MB."""


def leaks(
    model: str,
    dealt: Dealt,
    features: Sequence[str],
    pool: concurrent.futures.ThreadPoolExecutor,
    rng: np.random.Generator,
) -> tuple[Leak, ...]:
    """Return what each feature tells the model, most lost without it first.

    Beside all others: the AUC that is lost where the feature is shuffled among held-out rows
    (Breiman, Mach Learn 2001;45:5). Of two features that say the same neither loses much, so the
    AUC of the model that has nothing but this feature stands beside it.
    """
    p = dealt.splits[0].train_values.shape[1]
    alone: list[Callable[[], float]] = [
        auc_later(model, only(dealt, j), pool, rng) for j in range(p)
    ]
    seeds = rng.integers(2**63, size=len(dealt.splits))
    jobs = [
        pool.submit(_shuffled, model, one, dealt, int(seed))
        for one, seed in zip(dealt.splits, seeds, strict=True)
    ]
    parts = [job.result() for job in jobs]
    auc = [auc_of_wins([of_fold[j] for of_fold in parts]) for j in range(p + 1)]
    names = features or [str(j + 1) for j in range(p)]
    made = [
        Leak(feature=names[j], auc_lost=auc[p] - auc[j], auc_alone=alone[j]()) for j in range(p)
    ]
    return tuple(sorted(made, key=lambda leak: -leak.auc_lost))


def _shuffled(model: str, one: Fold, dealt: Dealt, seed: int) -> list[Wins]:
    """Return the wins in one fold with each feature shuffled, and last with none.

    Shuffled copies are scored together by one trained model.
    """
    p = one.train_values.shape[1]
    rng = np.random.default_rng(seed)
    labels = dealt.labels[one.train]
    step = max(1, _MOST_CELLS // max(one.test_values.size, 1))
    found: list[Wins] = []
    for begin in range(0, p + 1, step):
        shuffled = range(begin, min(begin + step, p + 1))
        copies = np.repeat(one.test_values[None], len(shuffled), axis=0)
        for copy, j in zip(copies, shuffled, strict=True):
            if j < p:  # the last copy is as it was
                copy[:, j] = rng.permutation(copy[:, j])
        again = np.random.default_rng(seed)  # the same trees for all copies
        flat = scores(model, one.train_values, labels, copies.reshape(-1, p), dealt.count, again)
        each = flat.reshape(len(shuffled), -1, dealt.count)
        found += [wins_in_fold(part, dealt.labels[one.test]) for part in each]
    return found
