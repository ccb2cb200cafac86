"""Scanners that moved without a change of settings: what is judged is where they are since."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.trial import Flag
from qiqa.harmonize.scanners.differences import Differences
from qiqa.harmonize.scanners.stability import cell_of, exam_means

__all__ = ["split_at_moves", "stated_epoch"]

FloatArray = NDArray[np.float64]

_FEWEST = 3
"""Exams on each side of a step."""
_CHANCE = 0.05
"""Of naming any step in a trial in which nothing moved."""


def split_at_moves(found: Differences) -> tuple[Differences, tuple[Flag, ...]]:
    """Return differences with a new epoch where a scanner moved, and what moved.

    The mean of an exam is compared before and after every exam of its epoch; the scatter comes
    from successive exams (moving range) but for those across the step, which would widen it. The
    limit of t allows for all exams of all scanners (Bonferroni). The halves are looked at again.
    An exam whose date is not believed shows no step; where there is one it is left out, since
    nobody knows on which side it was.

    This is for telling since when a scanner is where it is; what happened is for `qiqa drift`.
    """
    cells, cell = cell_of(found)
    off, exam_cell, first = exam_means(found, cell)
    at, dated = found.readings.at[first], found.dated[first]
    chance = _CHANCE / max(1, off.size)
    epoch = found.readings.epoch.astype(object)
    flags: list[Flag] = []
    unplaced = np.zeros(len(found.readings), dtype=np.bool_)
    for i, (scanner, name) in enumerate(cells):
        own = np.flatnonzero((exam_cell == i) & dated)
        own = own[np.argsort(at[own], kind="stable")]
        places = _steps(off[own], chance)
        gone = (cell == i) & ~found.dated
        if places:
            unplaced |= gone
        for place in sorted(places):
            before, since = at[own[place - 1]], at[own[place]]
            size = _size(off[own], place, places)
            rows = (cell == i) & (found.readings.at >= since)
            day = np.datetime_as_string(since, unit="D")
            epoch[rows] = f"{name}; moved {day}".removeprefix("; ")
            flags.append(
                Flag(
                    kind="moved",
                    where=scanner,
                    reason=f"moved by {size:+.2g} {found.unit}".rstrip()
                    + f" between {np.datetime_as_string(before, unit='D')} and {day}, and no "
                    "change of settings is on record; it is judged by the exams since"
                    + (", without those dated wrongly" if gone.any() else ""),
                    hint="qiqa drift says what happened",
                )
            )
    if not flags:
        return found, ()
    changed = dataclasses.replace(found.readings, epoch=epoch.astype(np.str_))
    found = dataclasses.replace(found, readings=changed)
    return (found.take(~unplaced) if unplaced.any() else found), tuple(flags)


def stated_epoch(epoch: str) -> str:
    """Return an epoch as it was stated, without the moves that were found in it.

    >>> stated_epoch("VA30; moved 2025-03-01"), stated_epoch("moved 2025-03-01")
    ('VA30', '')
    """
    return re.sub(r"(^|; )moved \d{4}-\d{2}-\d{2}", "", epoch)


def _steps(x: FloatArray, chance: float) -> set[int]:
    """Return where x, in the order of time, steps: places of the first exam after each."""
    n = x.size
    if n < 2 * _FEWEST:
        return set()
    ranges = np.abs(np.diff(x))
    if ranges.sum() == 0.0:
        return set()
    k = np.arange(_FEWEST, n - _FEWEST + 1)
    # mean moving range over d2: what successive exams differ by, but for those across the step
    sd = (ranges.sum() - ranges[k - 1]) / (n - 2) / 1.128379
    sd = np.maximum(sd, 1e-9 * ranges.max())
    total = np.cumsum(x)
    before, after = total[k - 1] / k, (total[-1] - total[k - 1]) / (n - k)
    t = np.abs(after - before) / (sd * np.sqrt(1.0 / k + 1.0 / (n - k)))
    best = int(np.argmax(t))
    # the moving range knows a little less than two thirds of what n - 2 degrees of freedom do
    if t[best] <= float(special.stdtrit(0.62 * (n - 2), 1.0 - chance / 2)):
        return set()
    place = int(k[best])
    return {
        place,
        *_steps(x[:place], chance),
        *(place + other for other in _steps(x[place:], chance)),
    }


def _size(x: FloatArray, place: int, places: set[int]) -> float:
    """Return the step at a place: from the mean back to the step before, to the one after."""
    ends = sorted({0, x.size, *places})
    i = ends.index(place)
    left, right = x[ends[i - 1] : place], x[place : ends[i + 1]]
    return float(right.mean() - left.mean()) if left.size and right.size else math.nan
