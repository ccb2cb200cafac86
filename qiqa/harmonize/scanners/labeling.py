"""Errors of labeling, named before any model sees the values."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import Flag
from qiqa.harmonize.scanners.differences import Differences
from qiqa.harmonize.scanners.labels_of_dates import copied, odd_units, out_of_order, two_places
from qiqa.harmonize.scanners.labels_of_values import values_and_labels

__all__ = ["Labeling", "labeling_errors"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labeling:
    """What is labeled wrongly, and which readings are therefore not to be used."""

    flags: tuple[Flag, ...]
    suspect: NDArray[np.bool_]
    """(n,) readings of exams whose values cannot be believed to be what they are called."""
    unit_unknown: NDArray[np.bool_]
    """(n,) readings of exams whose phantom unit is not what is stated."""
    misdated: NDArray[np.bool_]
    """(n,) readings of exams whose date cannot be true."""


def labeling_errors(found: Differences, today: dt.date) -> Labeling:
    """Look for exchanged inserts, units, phantoms, dates and copies.

    Parameters
    ----------
    found
        Readings beside their references.
    today
        No exam can be later.

    Returns
    -------
    Labeling
        Flags by exam, with what the values or dates say instead; see
        docs/decisions/scanner-bias.md for each rule and its limits.
    """
    readings = found.readings
    flags, suspect = values_and_labels(found)
    copies, again = copied(readings)
    dates, misdated = out_of_order(readings, today)
    # what the values say of a unit needs no second word from the records
    said = {flag.where for flag in flags}
    odd, elsewhere = odd_units(readings)
    odd = tuple(flag for flag in odd if flag.where not in said)
    places = two_places(readings)
    return Labeling(
        flags=(*flags, *copies, *dates, *places, *odd),
        suspect=np.isin(readings.exam, sorted(suspect | again)),
        unit_unknown=np.isin(readings.exam, sorted(elsewhere)),
        misdated=misdated,
    )
