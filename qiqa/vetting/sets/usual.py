"""The usual value of a parameter in each group of series, and who departs from it."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.words import Words
from qiqa.vetting.sets.coding import Groups

__all__ = ["Usual", "difference", "usual_number", "usual_word"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What most series of each group have in common."""

    value: FloatArray
    """(groups,) number, or place of the word; NaN where no value is known."""
    stated: IntArray
    """(groups,) series that state one."""
    agreeing: IntArray
    """(groups,) series that have this one, within the tolerance."""
    departure: FloatArray
    """(n,) distance from the usual value over the tolerance; NaN where it is not stated. Words
    that differ: infinite."""


def difference(values: FloatArray, usual: FloatArray) -> FloatArray:
    """Return how much values differ [%] of the larger of the two: 0 alike, 100 for one of zero."""
    larger = np.maximum(np.abs(values), np.abs(usual))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(larger > 0, 100 * np.abs(values - usual) / larger, values - usual)


def usual_number(values: FloatArray, groups: Groups, tolerance: float) -> Usual:
    """Return the lower median of each group, which is a value that one of its series has.

    Parameters
    ----------
    values
        (n,) NaN is not stated.
    groups
        Of the n rows.
    tolerance
        [%] of the larger of two values, within which they are alike.
    """
    clean = np.where(np.isfinite(values), values, np.nan)
    order = np.lexsort((clean, groups.codes))  # NaN comes last in its group
    stated = np.bincount(groups.codes[np.isfinite(clean)], minlength=groups.sizes.size)
    middle = groups.starts[:-1] + np.maximum(stated - 1, 0) // 2
    usual = np.where(stated > 0, clean[order][middle], np.nan)
    departure = difference(clean, usual[groups.codes]) / tolerance
    return _noun(usual, stated, departure, groups)


def usual_word(column: Words, groups: Groups) -> Usual:
    """Return the most common word of each group; of several the first in their order."""
    known = column.codes >= 0
    width = max(len(column.names), 1)
    pairs, counts = np.unique(groups.codes[known] * width + column.codes[known], return_counts=True)
    stated = np.bincount(groups.codes[known], minlength=groups.sizes.size)
    usual = np.full(groups.sizes.size, np.nan)
    # most common last, so that it is written last; of equal ones the first in order
    order = np.lexsort((-pairs, counts))
    usual[pairs[order] // width] = pairs[order] % width
    same = column.codes == usual[groups.codes]
    departure = np.where(known, np.where(same, 0.0, np.inf), np.nan)
    return _noun(usual, stated, departure, groups)


def _noun(usual: FloatArray, stated: IntArray, departure: FloatArray, groups: Groups) -> Usual:
    near = departure <= 1
    agreeing = np.bincount(groups.codes[near], minlength=groups.sizes.size)
    return Usual(usual, stated, agreeing, departure)
