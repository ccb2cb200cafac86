"""Dates, copies and places that cannot all be true."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np

from qiqa.core.trial import Flag, Readings

__all__ = ["copied", "out_of_order", "two_places"]

_CHANCE_OF_COPY = 0.01
"""Below it two exams do not agree by chance, given how coarse their digits are."""
_MOST_VISITS = 12
"""Visits of a scanner up to which every choice of wrong dates is tried."""


def out_of_order(readings: Readings, today: dt.date) -> tuple[Flag, ...]:
    """Return exams dated after today, and numbered visits that are dated in another order.

    Of the dates that contradict each other the fewest are called wrong; where that leaves a choice,
    those whose time between visits is least like that of the other scanners.
    """
    flags = []
    late = readings.at.astype("datetime64[D]") > np.datetime64(today)
    for exam in np.unique(readings.exam[late]):
        date = readings.at[readings.exam == exam].min().astype("datetime64[D]")
        where = _where(readings, readings.exam == exam)
        reason = f"is dated {date}, after today ({today})"
        flags.append(Flag(kind="dates_out_of_order", where=where, reason=reason, hint=_CLOCK))
    visits = _visits(readings)
    pace = _pace(visits)
    for scanner, (numbers, days) in visits.items():
        for i in _wrong(numbers, days, pace):
            j = _contradicted(numbers, days, i)
            order = "after" if days[i] > days[j] else "before"
            rows = (readings.scanner == scanner) & (readings.visit == numbers[i])
            reason = (
                f"visit {numbers[i]:g} is dated {_date(days[i])}, {order} visit {numbers[j]:g} "
                f"({_date(days[j])})"
            )
            where = _where(readings, rows)
            flags.append(Flag(kind="dates_out_of_order", where=where, reason=reason, hint=_CLOCK))
    return tuple(flags)


_CLOCK = "look at the scanner's clock and at the form; until then the exam counts for no date"

Visits = dict[str, tuple[list[float], list[float]]]


def _visits(readings: Readings) -> Visits:
    """Return scanner -> numbers of its visits, rising, and the day of each."""
    made: Visits = {}
    day = readings.at.astype("datetime64[D]").astype(np.float64)
    for scanner in np.unique(readings.scanner):
        own = (readings.scanner == scanner) & np.isfinite(readings.visit)
        numbers = np.unique(readings.visit[own])
        days = [float(np.median(day[own & (readings.visit == v)])) for v in numbers]
        made[str(scanner)] = ([float(v) for v in numbers], days)
    return made


def _pace(visits: Visits) -> float:
    """Return days a step of the visit's number over all scanners, by the median."""
    steps = [
        (d1 - d0) / (v1 - v0)
        for numbers, days in visits.values()
        for (v0, d0), (v1, d1) in itertools.pairwise(zip(numbers, days, strict=True))
    ]
    return float(np.median(steps)) if steps else 0.0


def _wrong(numbers: list[float], days: list[float], pace: float) -> tuple[int, ...]:
    """Return the fewest visits without which the others are in order."""
    count = len(numbers)
    if all(a <= b for a, b in itertools.pairwise(days)):
        return ()
    if count > _MOST_VISITS:
        return tuple(i for i in range(1, count) if days[i] < max(days[:i]))
    for size in range(1, count):
        choices = []
        for out in itertools.combinations(range(count), size):
            kept = [i for i in range(count) if i not in out]
            if all(days[a] <= days[b] for a, b in itertools.pairwise(kept)):
                odd = sum(
                    abs(days[b] - days[a] - pace * (numbers[b] - numbers[a]))
                    for a, b in itertools.pairwise(kept)
                )
                # fewer pairs are left where an end is taken out: compare the mean
                choices.append((odd / max(1, len(kept) - 1), out))
        if choices:
            return min(choices)[1]
    return ()


def _contradicted(numbers: list[float], days: list[float], wrong: int) -> int:
    """Return the visit nearest in number whose date contradicts that of `wrong`."""
    against = [
        j
        for j in range(len(days))
        if (numbers[j] > numbers[wrong]) != (days[j] > days[wrong]) and j != wrong
    ]
    return min(against, key=lambda j: abs(numbers[j] - numbers[wrong]))


def _date(day: float) -> str:
    return str(np.datetime64(int(day), "D"))


def _where(readings: Readings, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    """Return scanner and exams of some readings, as a person would look for them."""
    exams = sorted({str(exam) for exam in readings.exam[rows]})
    shown = ", ".join(exams[:3]) + (", ..." if len(exams) > 3 else "")
    return f"{readings.scanner[rows][0]}, exam {shown}"


def copied(readings: Readings) -> tuple[tuple[Flag, ...], set[str]]:
    """Return exams that repeat another's values to the last digit, and their names."""
    seen: dict[tuple[tuple[str, float], ...], str] = {}
    flags, names = list[Flag](), set[str]()
    exams = dict.fromkeys(readings.exam.tolist())
    pairs = len(exams) * (len(exams) - 1) / 2
    chance = {str(i): _chance(readings.value[readings.insert == i]) for i in {*readings.insert}}
    for exam in exams:
        rows = np.flatnonzero(readings.exam == exam)
        digits = sorted(zip(readings.insert[rows].tolist(), readings.value[rows].tolist()))  # noqa: B905
        if pairs * math.prod(chance[insert] for insert in dict(digits)) > _CHANCE_OF_COPY:
            continue
        first = seen.setdefault(tuple(digits), exam)
        if first != exam:
            flags.append(
                Flag(
                    kind="copied_values",
                    where=_where(readings, readings.exam == exam),
                    reason=f"all {len(digits)} values are those of {first} to the last digit",
                    hint="send the exam again; the copy is left out",
                )
            )
            names.add(exam)
    return tuple(flags), names


def _chance(value: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return how likely two values of an insert are the same to the last digit.

    Normal values in steps of d with an SD s are so with a chance of d / (2 s sqrt(pi)); as many
    pairs as are so count where they are more: values of two kinds of scanner are not normal.
    """
    each, count = np.unique(value, return_counts=True)
    steps = np.diff(each)
    sd = 1.4826 * float(np.median(np.abs(value - np.median(value))))
    if steps.size == 0 or sd == 0.0:
        return 1.0
    seen = float((count * (count - 1)).sum()) / (value.size * (value.size - 1))
    return min(1.0, max(seen, float(steps.min()) / (2.0 * sd * math.sqrt(math.pi))))


def two_places(readings: Readings) -> tuple[Flag, ...]:
    """Return phantom units that were read at two sites on one day."""
    site = np.where(readings.site == "", readings.scanner, readings.site)
    day = readings.at.astype("datetime64[D]")
    flags = []
    for unit in np.unique(readings.phantom_unit[readings.phantom_unit != ""]):
        own = readings.phantom_unit == unit
        for date in np.unique(day[own]):
            sites = np.unique(site[own & (day == date)])
            if sites.size > 1:
                flags.append(
                    Flag(
                        kind="unit_in_two_places",
                        where=f"phantom unit {unit}",
                        reason=f"is read at {' and '.join(sites)} on {date}",
                        hint="which serial number stands on each phantom?",
                    )
                )
    return tuple(flags)
