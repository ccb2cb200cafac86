"""Values that fit another label than their own: exchanged inserts, units, phantoms."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from qiqa.core.trial import Flag, Readings, numbered
from qiqa.harmonize.scanners.differences import Differences

__all__ = ["values_and_labels"]

FloatArray = NDArray[np.float64]

_ALIKE = 0.05
"""Inserts whose references agree within this share cannot be told apart by values."""
_FLOOR = 0.01
"""Least scatter of an insert, as a share of its reference: below it a deviation is not odd."""
_OFF = 5.0
"""Scaled deviations from which a value is not where it belongs."""
_BETTER = 4.0
"""How much less another label must cost."""
_CAP = 100.0
"""Scaled deviations beyond which more of them say nothing more: one wild value decides nothing."""
_POWERS = (3, 6, 9, -3, -6, -9)
_SCALE_TOLERANCE = 0.4
_FOREIGN = 0.3
"""Share by which most values of a wrong phantom are off."""
_MANY_EXAMS = 20
"""From here on one exam does not move the median of all."""
_FEWEST_INSERTS = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Exams:
    """Means by exam (e) and insert (p); NaN where an exam has none."""

    names: list[str]
    inserts: list[str]
    first: NDArray[np.intp]
    """(e,) one reading of each exam."""
    value: FloatArray
    reference: FloatArray


def values_and_labels(found: Differences) -> tuple[tuple[Flag, ...], set[str]]:
    """Return what is labeled wrongly by its values, and the exams that are."""
    exams = _exams(found)
    flags, names = list[Flag](), set[str]()
    usual = _usual(exams)
    for e, exam in enumerate(exams.names):
        flag = _judge(exams, usual, e, found.readings, found.basis)
        if flag is not None:
            flags.append(flag)
            names.add(exam)
    return tuple(flags), names


def _exams(found: Differences) -> _Exams:
    r = found.readings
    names, of_exam = numbered(r.exam)
    inserts, of_insert = numbered(r.insert)
    shape = (len(names), len(inserts))
    place = of_exam * len(inserts) + of_insert
    count = np.bincount(place, minlength=len(names) * len(inserts))
    with np.errstate(invalid="ignore"):
        value, reference = (
            (np.bincount(place, weights=x, minlength=count.size) / count).reshape(shape)
            for x in (r.value, found.reference)
        )
    return _Exams(
        names=names,
        inserts=inserts,
        first=np.unique(of_exam, return_index=True)[1],
        value=value,
        reference=reference,
    )


def _usual(exams: _Exams) -> tuple[FloatArray, FloatArray]:
    """Return by exam and insert what the other exams differ by, and how much they scatter."""
    off = exams.value - exams.reference
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an insert that no other exam has
        span = np.nanmax(exams.reference) - np.nanmin(exams.reference)
        size = np.where((exams.reference > 0).all(), np.abs(exams.reference), span)
        floor = _FLOOR * np.where(np.isnan(size), 0.0, size)
        if len(exams.names) > _MANY_EXAMS:
            middle = np.nanmedian(off, axis=0)
            scatter = 1.4826 * np.nanmedian(np.abs(off - middle), axis=0)
            return np.broadcast_to(middle, off.shape), np.maximum(scatter, floor)
        middle, scatter = np.zeros_like(off), np.zeros_like(off)
        for e in range(len(exams.names)):
            others = np.delete(off, e, axis=0)
            enough = np.isfinite(others).sum(axis=0) >= 3
            m = np.where(enough, np.nanmedian(others, axis=0), 0.0)
            s = 1.4826 * np.nanmedian(np.abs(others - m), axis=0)
            middle[e], scatter[e] = m, np.where(enough, s, 2 * floor[e])
    return middle, np.maximum(scatter, floor)


def _judge(
    exams: _Exams,
    usual: tuple[FloatArray, FloatArray],
    e: int,
    readings: Readings,
    basis: str,
) -> Flag | None:
    there = np.flatnonzero(np.isfinite(exams.value[e]))
    value, reference = exams.value[e, there], exams.reference[e, there]
    if basis == "stated" and there.size >= _FEWEST_INSERTS and (value == reference).all():
        return Flag(
            kind="reference_is_reading",
            where=f"{readings.scanner[exams.first[e]]}, exam {exams.names[e]}",
            reason="every value is its reference to the last digit: the reference is this reading",
            hint="state references that come from elsewhere; the exam is left out",
        )
    expected, scatter = reference + usual[0][e, there], usual[1][e, there]
    scatter = np.where(scatter > 0, scatter, np.finfo(float).tiny)
    off = np.abs(value - expected) / scatter
    where = f"{readings.scanner[exams.first[e]]}, exam {exams.names[e]}"
    power = _power_of_ten(value, reference)
    if power is not None:  # whatever the other exams say: they may all be so
        reason = f"values are 1e{power} times their references: another unit than stated"
        return Flag(kind="wrong_unit", where=where, reason=reason, hint=_UNIT)
    if not (off > _OFF).any():
        return None
    exchanged = _exchanged(value, reference, expected, scatter)
    if exchanged:
        labels = [exams.inserts[i] for i in there]
        said = ", ".join(f"{labels[i]} reads as {labels[j]}" for i, j in exchanged)
        return Flag(kind="swapped_inserts", where=where, reason=said, hint=_SWAP)
    unit = _other_unit(exams, e, there, off, scatter, readings)
    if unit is not None:
        return Flag(
            kind="wrong_phantom_unit",
            where=where,
            reason=f"values fit phantom unit {unit} and not "
            f"{readings.phantom_unit[exams.first[e]]}, which is stated",
            hint="look at the serial number on the phantom",
        )
    size = np.maximum(np.abs(reference), _FLOOR * np.ptp(reference))
    # where all references are zero nothing is a share of them
    relative = np.abs(value - reference) / np.where(size > 0, size, np.inf)
    foreign = ((relative > _FOREIGN) & (off > _OFF)).mean() > 0.5
    if there.size >= _FEWEST_INSERTS and foreign and not _always(exams, e, readings):
        share = 100.0 * float(np.median(relative))
        reason = f"values are off by {share:.0f} % in the median, and no exchange explains it"
        return Flag(kind="wrong_phantom", where=where, reason=reason, hint=_PHANTOM)
    return None


_UNIT = "correct the unit, or the rescale slope that was lost, and send the exam again"
_SWAP = "look at the picture of where it was measured; correct the labels and send it again"
_PHANTOM = "was it this phantom, at the temperature that is stated?"


def _power_of_ten(value: FloatArray, reference: FloatArray) -> int | None:
    ratio = value[reference != 0] / reference[reference != 0]
    ratio = ratio[ratio > 0]
    if ratio.size == 0 or 2 * ratio.size < value.size:
        return None
    middle = float(np.median(ratio))
    near = [p for p in _POWERS if abs(middle / 10.0**p - 1.0) <= _SCALE_TOLERANCE]
    return near[0] if near else None


def _exchanged(
    value: FloatArray, reference: FloatArray, expected: FloatArray, scatter: FloatArray
) -> list[tuple[int, int]]:
    """Return (place, place that its value belongs to) for a clearly better assignment."""
    cost = np.minimum(np.abs(value[:, None] - expected[None, :]) / scatter[None, :], _CAP) ** 2
    rows, columns = linear_sum_assignment(cost)
    moved = [
        (int(i), int(j))
        for i, j in zip(rows, columns, strict=True)
        if i != j and not _alike(reference[i], reference[j])
    ]
    if not moved:
        return []
    stated, best = float(np.trace(cost)), float(cost[rows, columns].sum())
    away = all(cost[i, i] > _OFF**2 for i, _ in moved)
    return moved if away and stated > _BETTER * best else []


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _ALIKE * max(abs(one), abs(other))


def _other_unit(
    exams: _Exams,
    e: int,
    there: NDArray[np.intp],
    off: FloatArray,
    scatter: FloatArray,
    readings: Readings,
) -> str | None:
    """Return the phantom unit whose references the values fit, if not those of the stated one."""
    units = readings.phantom_unit[exams.first]
    if units[e] == "" or float(np.median(off)) <= _OFF:
        return None
    best, found = float(np.median(off)) / _BETTER, None
    for unit in np.unique(units[(units != units[e]) & (units != "")]):
        known = exams.reference[units == unit][:, there]
        complete = np.isfinite(known).all(axis=1)
        if not complete.any():
            continue
        misfit = float(np.median(np.abs(exams.value[e, there] - known[complete][0]) / scatter))
        if misfit < best:
            best, found = misfit, str(unit)
    return found


def _always(exams: _Exams, e: int, readings: Readings) -> bool:
    """Say whether the scanner's other exams are off as much: then it is the scanner."""
    same = readings.scanner[exams.first] == readings.scanner[exams.first[e]]
    same[e] = False
    if not same.any():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        off = np.nanmedian(np.abs(exams.value[same] / exams.reference[same] - 1.0), axis=1)
    return bool((off > _FOREIGN).mean() > 0.5)
