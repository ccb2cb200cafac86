"""Persons of each category: what shares, tables of counts and tests of a set rest on."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words
from qiqa.vetting.sets.coding import persons

__all__ = ["Categories", "People", "counts_of_persons"]

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
_LARGEST = 2**62


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """Columns of words side by side, one row for each person and combination of them."""

    columns: tuple[Words, ...]
    rows: IntArray
    """(m,) row of the table that stands for each."""


class People:
    """The persons of a set.

    Parameters
    ----------
    observed
        All series.
    """

    def __init__(self, observed: VetTable) -> None:
        self.observed = observed
        self._persons = persons(observed)

    def categories(self, names: tuple[str, ...], numbers: str = "") -> Categories:
        """Return words counted once a person, however many series there are of them.

        A person with several words, or of several sites, counts once for each. Rows that lack a
        word, or the number, are left out.

        Parameters
        ----------
        names
            Columns of words.
        numbers
            A column of numbers that has to be known; of a person's several the first counts.
        """
        columns = tuple(self.observed.text(name) for name in names)
        known = np.ones(len(self.observed), dtype=bool)
        for column in columns:
            known &= column.codes >= 0
        if numbers:
            known &= np.isfinite(self.observed.number(numbers))
        rows = np.flatnonzero(known)
        joint = self._persons[rows]
        reach = len(self.observed)
        for column in columns:
            width = max(len(column.names), 1)
            if reach > _LARGEST // width:  # made dense, so that the product stays a whole number
                joint = np.unique(joint, return_inverse=True)[1].reshape(-1)
                reach = len(self.observed)
            joint = joint * width + column.codes[rows]
            reach *= width
        first = np.unique(joint, return_index=True)[1]
        return Categories(tuple(c.take(rows[first]) for c in columns), rows[first])

    def numbers(self, name: str, by: str) -> tuple[FloatArray, Words]:
        """Return a number of each person at each place, and the place."""
        found = self.categories((by,), numbers=name)
        return self.observed.number(name)[found.rows], found.columns[0]


def counts_of_persons(first: Words, second: Words) -> IntArray:
    """Return (r, c) how often each pair of names occurs; rows where one is unknown do not count."""
    r, c = len(first.names), len(second.names)
    known = (first.codes >= 0) & (second.codes >= 0)
    joint = first.codes[known] * c + second.codes[known]
    return np.bincount(joint, minlength=r * c).reshape(r, c)
