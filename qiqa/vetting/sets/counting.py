"""Persons of each category: what shares, tables of counts and tests of a set rest on."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vetting import VetTable
from qiqa.vetting.sets.coding import Coded, coded, persons

__all__ = ["Categories", "categories", "counts_of_persons", "number_per_person"]

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """Columns of words side by side, one row for each person and combination of them."""

    columns: tuple[Coded, ...]
    rows: IntArray
    """(m,) row of the table that stands for each."""


def categories(observed: VetTable, names: tuple[str, ...], numbers: str = "") -> Categories:
    """Return words counted once a person, however many series there are of them.

    A person with several words, or of several sites, counts once for each. Rows that lack a word,
    or the number, are left out.

    Parameters
    ----------
    names
        Columns of words.
    numbers
        A column of numbers that has to be known; of a person's several the first counts.
    """
    columns = tuple(coded(observed.text(name)) for name in names)
    known = np.ones(len(observed), dtype=bool)
    for column in columns:
        known &= column.codes >= 0
    if numbers:
        known &= np.isfinite(observed.number(numbers))
    rows = np.flatnonzero(known)
    joint = persons(observed)[rows]
    for column in columns:
        joint = joint * max(len(column.names), 1) + column.codes[rows]
        joint = np.unique(joint, return_inverse=True)[1].reshape(-1)
    first = np.unique(joint, return_index=True)[1]
    return Categories(tuple(Coded(c.names, c.codes[rows[first]]) for c in columns), rows[first])


def counts_of_persons(first: Coded, second: Coded) -> IntArray:
    """Return (r, c) how often each pair of names occurs; rows where one is unknown do not count."""
    r, c = len(first.names), len(second.names)
    known = (first.codes >= 0) & (second.codes >= 0)
    joint = first.codes[known] * c + second.codes[known]
    return np.bincount(joint, minlength=r * c).reshape(r, c)


def number_per_person(observed: VetTable, name: str, by: str) -> tuple[FloatArray, Coded]:
    """Return a number of each person at each place, and the place."""
    found = categories(observed, (by,), numbers=name)
    return observed.number(name)[found.rows], found.columns[0]
