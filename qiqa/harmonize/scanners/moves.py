"""Scanners that moved without a change of settings: what is judged is where they are since."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.trial import Flag, numbered
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.harmonize.scanners.stability import cell_of, exam_means

__all__ = ["split_at_moves", "stated_epoch"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_FEWEST = 3
"""Exams on each side of a step."""
_CHANCE = 0.05
"""Of naming any step in a trial in which nothing moved."""
_LEAST_INFORMATION = 1.5 - 1e-9
"""Of a step, in exams: what three before and three after have of one unit."""
_FEWEST_FREEDOM = 4
"""Of exams on other scanners, to say how well they know what units differ by."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """Exams of one scanner in one epoch in the order of time, e of them."""

    off: FloatArray
    """(e,) from their mean, less what other scanners say that units differ by."""
    group: IntArray
    """(e,) units that other scanners compare are of one group; others stand each for themselves."""
    unit: IntArray
    """(e,)"""
    unit_covariance: FloatArray
    """(units, units) of what other scanners say."""
    certificate: FloatArray
    """(e,) stated uncertainty of the unit; 0 where none is stated."""

    def take(self, rows: slice) -> _Course:
        """Return some of the exams."""
        return dataclasses.replace(
            self,
            off=self.off[rows],
            group=self.group[rows],
            unit=self.unit[rows],
            certificate=self.certificate[rows],
        )


def split_at_moves(found: Differences) -> tuple[Differences, tuple[Flag, ...]]:
    """Return differences with a new epoch where a scanner moved, and what moved.

    The mean of an exam is compared before and after every exam of its epoch; the scatter comes
    from successive exams (moving range) but for those across the step, which would widen it. The
    limit of t allows for all exams of all scanners (Bonferroni). The halves are looked at again.
    An exam whose date is not believed shows no step; where there is one it is left out, since
    nobody knows on which side it was.

    What phantom units differ by is no move: it is taken from other scanners that read both. A step
    where the unit changed and nobody else read both is `moved_or_unit`, and divides nothing.

    This is for telling since when a scanner is where it is; what happened is for `qiqa drift`.
    """
    cells, cell = cell_of(found)
    off, exam_cell, first = exam_means(found, cell)
    at, dated = found.readings.at[first], found.dated[first]
    unit_names, of_reading = numbered(known_units(found))
    unit = of_reading[first]
    stated = _certificates(found, first)
    chance = _CHANCE / max(1, off.size)
    epoch = found.readings.epoch.astype(object)
    flags: list[Flag] = []
    unplaced = np.zeros(len(found.readings), dtype=np.bool_)
    for i, (scanner, name) in enumerate(cells):
        own = np.flatnonzero((exam_cell == i) & dated)
        own = own[np.argsort(at[own], kind="stable")]
        if own.size < 2 * _FEWEST:
            continue
        others = [k for k, (other, _) in enumerate(cells) if other != scanner]
        course = _course(off, exam_cell, unit, own, np.isin(exam_cell, others), stated)
        places = _steps(course, chance)
        gone = (cell == i) & ~found.dated
        if places:
            unplaced |= gone
        for place in sorted(places):
            before, since = at[own[place - 1]], at[own[place]]
            size = _size(course.off, place, places)
            rows = (cell == i) & (found.readings.at >= since)
            day = np.datetime_as_string(since, unit="D")
            epoch[rows] = f"{name}; moved {day}".removeprefix("; ")
            lost = ", without those dated wrongly" if gone.any() else ""
            flags.append(_moved(scanner, size, found.unit, before, day, lost))
        for place, size in _unclear(course, places, chance):
            pair = [unit_names[unit[own[k]]] for k in (place - 1, place)]
            flags.append(_moved_or_unit(scanner, size, found.unit, at[own[place]], pair))
    if not flags:
        return found, ()
    changed = dataclasses.replace(found.readings, epoch=epoch.astype(np.str_))
    found = dataclasses.replace(found, readings=changed)
    return (found.take(~unplaced) if unplaced.any() else found), tuple(flags)


def _moved(
    scanner: str, size: float, unit: str, before: np.datetime64, day: str, lost: str
) -> Flag:
    return Flag(
        kind="moved",
        where=scanner,
        reason=f"moved by {size:+.2g} {unit}".rstrip()
        + f" between {np.datetime_as_string(before, unit='D')} and {day}, and no "
        f"change of settings is on record; it is judged by the exams since{lost}",
        hint="qiqa drift says what happened",
    )


def _moved_or_unit(
    scanner: str, size: float, unit: str, since: np.datetime64, pair: list[str]
) -> Flag:
    return Flag(
        kind="moved_or_unit",
        where=scanner,
        reason=f"differs by {size:+.2g} {unit}".rstrip()
        + f" since {np.datetime_as_string(since, unit='D')}, when the phantom unit changed from "
        f"{pair[0]} to {pair[1]}: the scanner moved, or the units differ by more than is stated",
        hint="read both units on one scanner, on one day",
    )


def _certificates(found: Differences, first: IntArray) -> FloatArray:
    """Return the stated uncertainty of the references of each exam, 0 where none is stated."""
    _, exam = np.unique(found.readings.exam, return_inverse=True)
    known = np.isfinite(found.reference_u)
    total = np.bincount(exam, weights=np.where(known, found.reference_u, 0.0))
    mean = total / np.maximum(np.bincount(exam, weights=known), 1.0)
    return np.asarray(mean[exam[first]], dtype=np.float64)


def _course(
    off: FloatArray,
    exam_cell: IntArray,
    unit: IntArray,
    own: IntArray,
    others: NDArray[np.bool_],
    stated: FloatArray,
) -> _Course:
    """Return the exams of one scanner less what others say that its units differ by."""
    units = int(unit.max()) + 1
    value, group, covariance = np.zeros(units), np.arange(units), np.zeros((units, units))
    if np.unique(unit[own]).size > 1 and others.any():
        value, group, covariance = _differences_of_units(
            off[others], exam_cell[others], unit[others], units
        )
    x = off[own] - value[unit[own]]
    return _Course(
        off=x,
        group=group[unit[own]],
        unit=unit[own],
        unit_covariance=covariance,
        certificate=stated[own],
    )


def _differences_of_units(
    off: FloatArray, cell: IntArray, unit: IntArray, units: int
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return what units differ by on some scanners, which were compared, and the covariance.

    By sums of scanner and unit. Units that no chain of scanners compares are of different groups;
    within a group only differences have a meaning.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    names, place = np.unique(cell, return_inverse=True)
    count = np.zeros((names.size, units))
    np.add.at(count, (place, unit), 1.0)
    total = np.zeros((names.size, units))
    np.add.at(total, (place, unit), off)
    # normal equations of the units after those of the scanners are taken out
    share = count / count.sum(axis=1, keepdims=True)
    normal = np.diag(count.sum(axis=0)) - count.T @ share
    side = (total - share * total.sum(axis=1, keepdims=True)).sum(axis=0)
    inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
    value = np.asarray(inverse @ side, dtype=np.float64)
    centers = total.sum(axis=1) / count.sum(axis=1)
    left = float(np.sum((off - centers[place]) ** 2)) - float(side @ value)
    freedom = off.size - names.size - int(np.linalg.matrix_rank(inverse, hermitian=True))
    if freedom < _FEWEST_FREEDOM:
        # nobody knows how well they are known: as if nobody had compared them
        return np.zeros(units), np.arange(units, dtype=np.intp), np.zeros((units, units))
    seen = sparse.csr_array(np.abs(normal) > 1e-9)
    group = connected_components(seen, directed=False)[1]
    return value, group.astype(np.intp), np.asarray(inverse * max(left, 0.0) / freedom)


def stated_epoch(epoch: str) -> str:
    """Return an epoch as it was stated, without the moves that were found in it.

    >>> stated_epoch("VA30; moved 2025-03-01"), stated_epoch("moved 2025-03-01")
    ('VA30', '')
    """
    return re.sub(r"(^|; )moved \d{4}-\d{2}-\d{2}", "", epoch)


def _steps(course: _Course, chance: float) -> set[int]:
    """Return where exams step: places of the first exam after each."""
    n = course.off.size
    if n < 2 * _FEWEST:
        return set()
    best, most = 0, 0.0
    for k in range(_FEWEST, n - _FEWEST + 1):
        t, freedom = _t_of_step(course, k)
        beyond = t - float(special.stdtrit(freedom, 1.0 - chance / 2)) if freedom > 0 else -1.0
        if beyond > 0.0 and t > most:
            best, most = k, t
    if not best:
        return set()
    return {
        best,
        *_steps(course.take(slice(0, best)), chance),
        *(best + other for other in _steps(course.take(slice(best, n)), chance)),
    }


def _t_of_step(course: _Course, k: int) -> tuple[float, float]:
    """Return t of the step before exam k after the means of groups, and its freedom; 0: no test."""
    step = (np.arange(course.off.size) >= k).astype(np.float64)
    group = np.unique(course.group, return_inverse=True)[1]
    apart = step - (np.bincount(group, weights=step) / np.bincount(group))[group]
    information = float(apart @ apart)
    if information < _LEAST_INFORMATION:
        return 0.0, 0.0
    sd, freedom = _scatter(course, k)
    weight = apart / information
    of_unit = np.bincount(course.unit, weights=weight, minlength=len(course.unit_covariance))
    u2 = sd**2 / information + float(of_unit @ course.unit_covariance @ of_unit)
    return (abs(float(weight @ course.off)) / math.sqrt(u2) if u2 > 0 else 0.0), freedom


def _scatter(course: _Course, k: int) -> tuple[float, float]:
    """Return the SD from successive exams of one unit but for those across k, and its freedom."""
    total, count, largest = 0.0, 0, 0.0
    for one in np.unique(course.unit):
        at = np.flatnonzero(course.unit == one)
        ranges = np.abs(np.diff(course.off[at]))
        across = (at[:-1] < k) & (at[1:] >= k)
        total, count = total + float(ranges[~across].sum()), count + int((~across).sum())
        largest = max(largest, float(ranges.max(initial=0.0)))
    if count == 0 or largest == 0.0:
        return 0.0, 0.0
    # the moving range knows a little less than two thirds of what as many degrees of freedom do
    return max(total / count / 1.128379, 1e-9 * largest), 0.62 * count


def _unclear(course: _Course, places: set[int], chance: float) -> list[tuple[int, float]]:
    """Return places where a new unit began, and a step that it or a move may have made."""
    made = []
    ends = sorted({0, course.off.size, *places})
    for begin, end in itertools.pairwise(ends):
        part = course.take(slice(begin, end))
        for k in range(_FEWEST, end - begin - _FEWEST + 1):
            if np.isin(part.group[:k], part.group[k:]).any():
                continue
            size = float(part.off[k:].mean() - part.off[:k].mean())
            sd, freedom = _scatter(part, k)
            u2 = sd**2 * (1.0 / k + 1.0 / (end - begin - k))
            u2 += float(part.certificate[k - 1] ** 2 + part.certificate[k] ** 2)
            limit = float(special.stdtrit(freedom, 1.0 - chance / 2)) if freedom > 0 else math.inf
            if abs(size) > limit * math.sqrt(u2):
                made.append((begin + k, size))
    return made


def _size(x: FloatArray, place: int, places: set[int]) -> float:
    """Return the step at a place: from the mean back to the step before, to the one after."""
    ends = sorted({0, x.size, *places})
    i = ends.index(place)
    left, right = x[ends[i - 1] : place], x[place : ends[i + 1]]
    return float(right.mean() - left.mean()) if left.size and right.size else math.nan
