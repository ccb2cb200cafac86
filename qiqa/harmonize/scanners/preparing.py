"""Readings made ready for a model: compared, freed of wrong labels, split where a scanner moved."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.trial import Flag, Readings
from qiqa.harmonize.scanners.differences import Differences, differences
from qiqa.harmonize.scanners.labeling import labeling_errors
from qiqa.harmonize.scanners.moves import split_at_moves

__all__ = ["Prepared", "prepare"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What a model sees, and what it does not."""

    found: Differences
    """Epochs are as stated, and one more where a scanner moved."""
    flags: tuple[Flag, ...]
    left_out: int
    """Readings of exams with wrong labels, and of wrong dates where the scanner moved."""


def prepare(
    readings: Readings,
    *,
    today: dt.date,
    percent: bool | None = None,
    keep_flagged: bool = False,
) -> Prepared:
    """Compare readings with their references and name what is wrong with them.

    Parameters
    ----------
    readings
        Values beside their references.
    today
        No exam can be later.
    percent
        Whether differences are in percent; None: they are where all references are above zero.
    keep_flagged
        Whether exams with errors of labeling stay in.

    Raises
    ------
    NotMeasurable
        If nothing can be compared.
    """
    found = differences(readings, percent=percent)
    labels = labeling_errors(found, today)
    flags = [*found.flags, *labels.flags]
    left_out = 0 if keep_flagged else int(labels.suspect.sum())
    if left_out == len(found.readings):
        first = labels.flags[0]
        raise NotMeasurable(
            f"{readings.name}: every exam is labeled wrongly; the first: {first.where}: "
            f"{first.reason}",
            hint=first.hint,
        )
    # which unit it was is not known: it must not connect scanners
    known = np.where(labels.unit_unknown, "", found.readings.phantom_unit)
    corrected = dataclasses.replace(found.readings, phantom_unit=known)
    if left_out:
        # a consensus without them
        kept = ~labels.suspect
        found = differences(corrected.take(kept), percent=percent)
        found = dataclasses.replace(found, dated=~labels.misdated[kept])
    else:
        found = dataclasses.replace(found, readings=corrected, dated=~labels.misdated)
    placed, moved = split_at_moves(found)
    left_out += len(found.readings) - len(placed.readings)
    return Prepared(found=placed, flags=(*flags, *moved), left_out=left_out)
