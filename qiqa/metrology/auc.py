"""Area under the ROC curve over many labels, with a standard error that knows subjects."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["MacroAuc", "auc_of_wins", "macro_auc", "wins_in_fold"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True)
class MacroAuc:
    """Mean over labels of the AUC of one label against the rest."""

    value: float
    standard_error: float
    interval: tuple[float, float]
    """95 % coverage."""
    each: FloatArray
    """(k,) AUC of each label."""
    each_error: FloatArray
    """(k,) their standard errors."""


def macro_auc(scores: FloatArray, labels: IntArray, folds: IntArray, groups: IntArray) -> MacroAuc:
    """Return the macro one-versus-rest AUC of held-out scores.

    Only pairs within one fold are compared: scores of two folds come from two models. The standard
    error is from DeLong's components summed by group (Obuchowski, Biometrics 1997;53:567), the
    interval from it on the logit scale. Where every pair is in order there is no scatter to go by:
    the lower end is then 0.025^(1/n), n the groups of the smallest label (all of n trials a
    success). Scores that are equal throughout have learned nothing: 0.5, exactly.

    Parameters
    ----------
    scores
        (n, k), higher is likelier.
    labels
        (n,) 0 to k - 1, each with rows on both sides in some fold.
    folds
        (n,) number of the fold in which a row was held out.
    groups
        (n,) 0 to g - 1; rows of one group are not independent.
    """
    count = scores.shape[1]
    share = np.zeros((len(labels), count))
    each = np.zeros(count)
    for k in range(count):
        each[k], share[:, k] = _one_auc(scores[:, k], labels == k, folds)
    total = np.zeros((int(groups.max()) + 1, count))
    np.add.at(total, groups, share)
    g = int(np.count_nonzero(np.bincount(groups)))
    inflate = g / max(g - 1, 1)
    value = float(each.mean())
    error = math.sqrt(inflate * float((total.mean(axis=1) ** 2).sum()))
    fewest = min(np.unique(groups[labels == k]).size for k in range(count))
    errors = np.sqrt(inflate * (total**2).sum(axis=0))
    return MacroAuc(value, error, _interval(value, error, fewest), each, errors)


def wins_in_fold(scores: FloatArray, labels: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return of each label (k,) the pairs of one fold that are in order, and all its pairs.

    A pair is a row of the label and a row of another; equal scores count a half. What `macro_auc`
    compares, without its error: many times as fast.

    Parameters
    ----------
    scores
        (n, k), higher is likelier.
    labels
        (n,) 0 to k - 1.
    """
    n, count = scores.shape
    own = np.bincount(labels, minlength=count).astype(float)
    # a label without training rows is -inf throughout, which ranks like any other tie
    from scipy.stats import rankdata  # slow to load, and few ask for it

    ranks = rankdata(scores, axis=0)
    sums = np.bincount(labels, weights=ranks[np.arange(n), labels], minlength=count)
    pairs = own * (n - own)
    return np.where(pairs > 0.0, sums - 0.5 * own * (own + 1.0), 0.0), pairs


def auc_of_wins(parts: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """Return the macro AUC of several folds by `wins_in_fold`; NaN where a label has no pair."""
    wins, pairs = (np.sum([part[side] for part in parts], axis=0) for side in (0, 1))
    if not pairs.all():
        return math.nan
    return float((wins / pairs).mean())


def _one_auc(
    score: FloatArray, own: NDArray[np.bool_], folds: IntArray
) -> tuple[float, FloatArray]:
    """Return AUC over pairs of one fold, and each row's part in its error."""
    wins, pairs = 0.0, 0.0
    part = np.zeros(score.size)
    weight = np.zeros(score.size)
    for fold in np.unique(folds):
        inside = folds == fold
        mine, rest = inside & own, inside & ~own
        n, m = int(mine.sum()), int(rest.sum())
        if n == 0 or m == 0:
            continue
        above = _below(score[mine], score[rest])
        below = _below(score[rest], score[mine])
        wins += float(above.sum())
        pairs += n * m
        part[mine], weight[mine] = above, m
        part[rest], weight[rest] = n - below, n
    if pairs == 0.0:
        return math.nan, np.full(score.size, math.nan)
    auc = wins / pairs
    return auc, (part - auc * weight) / pairs


def _below(values: FloatArray, others: FloatArray) -> FloatArray:
    """Return how many of the others are below each value; equal ones count a half."""
    ordered = np.sort(others)
    sides = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return np.asarray(0.5 * sum(sides))


def _interval(value: float, error: float, fewest: int) -> tuple[float, float]:
    if not math.isfinite(value):
        return math.nan, math.nan
    if value >= 1.0 or value <= 0.0 or error <= 0.0:
        bound = 0.025 ** (1.0 / fewest)
        if value >= 1.0:
            return bound, 1.0
        return (0.0, 1.0 - bound) if value <= 0.0 else (value, value)
    half = 1.959964 * error / (value * (1.0 - value))
    middle = float(special.logit(value))
    return float(special.expit(middle - half)), float(special.expit(middle + half))
