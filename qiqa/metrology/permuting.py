"""Folds that keep subjects whole, and labels permuted within what may be permuted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["grouped_folds", "permuted_labels"]

IntArray = NDArray[np.intp]


def grouped_folds(
    labels: IntArray, groups: IntArray, folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each row: groups stay whole, each label is spread evenly.

    Parameters
    ----------
    labels, groups
        (n,) numbers from 0 on. A group with several labels is dealt with those of its most
        common one.
    """
    first, main = _main_labels(labels, groups)
    fold_of = np.zeros(first.size, dtype=np.intp)
    start = 0
    for label in np.unique(main):
        members = rng.permutation(np.flatnonzero(main == label))
        fold_of[members] = (start + np.arange(members.size)) % folds
        start += members.size  # the next label goes on where this one ended: folds of one size
    return fold_of[np.searchsorted(first, groups)]


def permuted_labels(
    labels: IntArray, groups: IntArray, strata: IntArray, rng: np.random.Generator
) -> IntArray:
    """Return labels as they could have been if they meant nothing.

    A group with one label swaps it, for all of its rows, with another such group of its stratum;
    within a group with several labels they are permuted among its rows.

    Parameters
    ----------
    labels, groups, strata
        (n,) numbers from 0 on; the stratum of a group is that of its first row.
    """
    made = labels.copy()
    names, first_row = np.unique(groups, return_index=True)
    by_group = np.argsort(groups, kind="stable")
    begin = np.searchsorted(groups[by_group], names)
    sorted_labels = labels[by_group]
    several = np.minimum.reduceat(sorted_labels, begin) < np.maximum.reduceat(sorted_labels, begin)
    end = np.append(begin[1:], groups.size)
    for i in np.flatnonzero(several):
        rows = by_group[begin[i] : end[i]]
        made[rows] = rng.permutation(labels[rows])
    label_of, stratum_of = labels[first_row].copy(), strata[first_row]
    for stratum in np.unique(stratum_of[~several]):
        places = np.flatnonzero((stratum_of == stratum) & ~several)
        label_of[places] = rng.permutation(label_of[places])
    place = np.searchsorted(names, groups)
    moved = ~several[place]
    made[moved] = label_of[place[moved]]
    return made


def _main_labels(labels: IntArray, groups: IntArray) -> tuple[IntArray, IntArray]:
    """Return the groups in order and the most common label of each."""
    names, place = np.unique(groups, return_inverse=True)
    table = np.zeros((names.size, int(labels.max()) + 1), dtype=np.intp)
    np.add.at(table, (place, labels), 1)
    return names, table.argmax(axis=1)
