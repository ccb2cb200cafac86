"""Rows that share several words as groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words

__all__ = ["Groups", "grouped", "persons", "scanners"]

IntArray = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows that share several words, one group after the other."""

    codes: IntArray
    """(n,) group of each row, from 0 on in the order of the words."""
    order: IntArray
    """(n,) rows, group by group."""
    starts: IntArray
    """(groups + 1,) where each begins in `order`."""

    @property
    def sizes(self) -> IntArray:
        """Rows of each group."""
        return np.diff(self.starts)

    def first(self, group: int) -> int:
        """Return the first row of a group, for its words."""
        return int(self.order[self.starts[group]])


def grouped(columns: Sequence[IntArray], n: int) -> Groups:
    """Return rows that share all numbers; -1 is a value like any other.

    Parameters
    ----------
    columns
        Each (n,), -1 or above; none of them: one group of all rows.
    n
        Rows.
    """
    joint = np.zeros(n, dtype=np.intp)
    for column in columns:
        step = int(column.max(initial=-1)) + 2
        # made dense each time, so that the product never leaves the range of whole numbers
        joint = np.unique(joint * step + column + 1, return_inverse=True)[1].reshape(-1)
    order = np.argsort(joint, kind="stable")
    sizes = np.bincount(joint) if n else np.zeros(0, dtype=np.intp)
    return Groups(joint, order, np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp))


def persons(table: VetTable) -> IntArray:
    """Return (n,) a number for each patient; a series of an unknown patient is one of its own."""
    made = table.text("patient")
    unknown = made.codes < 0
    codes = made.codes.copy()
    codes[unknown] = len(made.names) + np.arange(np.count_nonzero(unknown))
    return codes


def scanners(table: VetTable) -> Words:
    """Return the scanner of each series, or its site where no scanner is known."""
    return table.text("scanner").over(table.text("site"))
