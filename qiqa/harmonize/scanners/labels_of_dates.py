"""Dates, copies and places that cannot all be true."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import Flag, Readings, numbered

__all__ = ["copied", "odd_units", "out_of_order", "two_places"]

_CHANCE_OF_COPY = 0.01
"""Below it two exams do not agree by chance, given how coarse their digits are."""
_FEWEST_TO_KNOW = 4
"""Exams of a scanner from which on it has a usual phantom unit."""
_TRAVEL = np.timedelta64(45, "D")
"""Another scanner reads the unit within this time: it had no reason to travel."""
_MOST_VISITS = 12
"""Visits of a scanner up to which every choice of wrong dates is tried."""


def out_of_order(readings: Readings, today: dt.date) -> tuple[tuple[Flag, ...], NDArray[np.bool_]]:
    """Return exams dated after today, and numbered visits that are dated in another order.

    And which readings (n,) are therefore of a date that is not believed.

    Of the dates that contradict each other the fewest are called wrong; where that leaves a choice,
    those whose time between visits is least like that of the other scanners.
    """
    flags, wrong = list[Flag](), np.zeros(len(readings), dtype=np.bool_)
    late = readings.at.astype("datetime64[D]") > np.datetime64(today)
    for exam in np.unique(readings.exam[late]):
        rows = readings.exam == exam
        wrong |= rows
        date = readings.at[rows].min().astype("datetime64[D]")
        where = _where(readings, rows)
        reason = f"is dated {date}, after today ({today})"
        flags.append(Flag(kind="dates_out_of_order", where=where, reason=reason, hint=_CLOCK))
    visits = _visits(readings)
    pace = _pace(visits)
    for scanner, (numbers, days) in visits.items():
        for i in _wrong(numbers, days, pace):
            j = _contradicted(numbers, days, i)
            order = "after" if days[i] > days[j] else "before"
            rows = (readings.scanner == scanner) & (readings.visit == numbers[i])
            wrong |= rows
            reason = (
                f"visit {numbers[i]:g} is dated {_date(days[i])}, {order} visit {numbers[j]:g} "
                f"({_date(days[j])})"
            )
            where = _where(readings, rows)
            flags.append(Flag(kind="dates_out_of_order", where=where, reason=reason, hint=_CLOCK))
    return tuple(flags), wrong


_CLOCK = "look at the scanner's clock and at the form; until then the exam counts for no date"

Visits = dict[str, tuple[list[float], list[float]]]


def _visits(readings: Readings) -> Visits:
    """Return scanner -> numbers of its visits, rising, and the day of each."""
    made: Visits = {}
    day = readings.at.astype("datetime64[D]").astype(np.float64)
    names, scanner = numbered(readings.scanner)
    stated = np.isfinite(readings.visit)
    for i, name in enumerate(names):
        own = np.flatnonzero((scanner == i) & stated)
        visit, date = readings.visit[own], day[own]
        numbers = np.unique(visit)
        days = [float(np.median(date[visit == v])) for v in numbers]
        made[name] = ([float(v) for v in numbers], days)
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
        return _wrong_of_many(numbers, days, pace)
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


def _wrong_of_many(numbers: list[float], days: list[float], pace: float) -> tuple[int, ...]:
    """Return the visits that are not in the longest row in order, that of the usual pace."""
    best: list[tuple[int, float]] = []  # visits in the row that ends here, minus how odd it is
    back: list[int] = []
    for i, day in enumerate(days):
        chosen, last = (1, 0.0), -1
        for j in range(i):
            if days[j] <= day:
                odd = abs(day - days[j] - pace * (numbers[i] - numbers[j]))
                chosen, last = max((chosen, last), ((best[j][0] + 1, best[j][1] - odd), j))
        best.append(chosen)
        back.append(last)
    kept, at = set[int](), max(range(len(days)), key=lambda i: best[i])
    while at >= 0:
        kept.add(at)
        at = back[at]
    return tuple(i for i in range(len(days)) if i not in kept)


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
    names, exam = numbered(readings.exam)
    inserts, insert = numbered(readings.insert)
    chance = [_chance(readings.value[insert == i]) for i in range(len(inserts))]
    pairs = len(names) * (len(names) - 1) / 2
    seen: dict[bytes, int] = {}
    flags, again = list[Flag](), set[str]()
    order = np.lexsort((readings.value, insert, exam))
    ends = np.searchsorted(exam[order], np.arange(len(names) + 1))
    blocks = [order[ends[e] : ends[e + 1]] for e in range(len(names))]
    # the first in time is the original
    for e in sorted(range(len(names)), key=lambda e: readings.at[blocks[e]].min()):
        rows = blocks[e]
        if pairs * math.prod(chance[i] for i in np.unique(insert[rows])) > _CHANCE_OF_COPY:
            continue
        first = seen.setdefault(insert[rows].tobytes() + readings.value[rows].tobytes(), e)
        if first != e:
            flags.append(
                Flag(
                    kind="copied_values",
                    where=_where(readings, exam == e),
                    reason=f"all {rows.size} values are those of {names[first]} to the last digit",
                    hint="send the exam again; the copy is left out",
                )
            )
            again.add(str(names[e]))
    return tuple(flags), again


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
    site = _homes(readings)
    days = readings.at.astype("datetime64[D]")
    stated = zip(readings.phantom_unit.tolist(), days.tolist(), site.tolist(), strict=True)
    seen: dict[tuple[str, dt.date], set[str]] = {}
    for unit, day, place in sorted({*stated}):
        if unit:
            seen.setdefault((unit, day), set()).add(place)
    return tuple(
        Flag(
            kind="unit_in_two_places",
            where=f"phantom unit {unit}",
            reason=f"is read at {' and '.join(sorted(places))} on {day}",
            hint="which serial number stands on each phantom?",
        )
        for (unit, day), places in seen.items()
        if len(places) > 1
    )


def _homes(readings: Readings) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Return the site of each reading; its scanner, where no site is stated."""
    return np.where(readings.site == "", readings.scanner, readings.site)


def odd_units(readings: Readings) -> tuple[tuple[Flag, ...], set[str]]:
    """Return exams that state another unit than the scanner's, which was at home around then.

    The scanner reads this unit in no other exam, and it is read at one other site only, once within
    45 days: a unit that travels is read at several.
    """
    site = _homes(readings)
    _, first = np.unique(numbered(readings.exam)[1], return_index=True)
    sites, home = numbered(site[first])
    units, unit = numbered(readings.phantom_unit[first])
    scanner, at = numbered(readings.scanner[first])[1], readings.at[first]
    stated = readings.phantom_unit[first] != ""
    flags, names_of_exams = list[Flag](), set[str]()
    for place in np.flatnonzero(stated):
        own = unit[scanner == scanner[place]]
        away = (unit == unit[place]) & (home != home[place])
        if own.size < _FEWEST_TO_KNOW or (own == unit[place]).sum() > 1:
            continue
        if np.unique(home[away]).size != 1 or np.abs(at[away] - at[place]).min() > _TRAVEL:
            continue
        names, count = np.unique(unit[stated & (scanner == scanner[place])], return_counts=True)
        exam = first[place]
        names_of_exams.add(str(readings.exam[first[place]]))
        flags.append(
            Flag(
                kind="odd_phantom_unit",
                where=f"{readings.scanner[exam]}, exam {readings.exam[exam]}",
                reason=f"states unit {units[unit[place]]}, which is read at "
                f"{sites[home[away][0]]} around then; "
                f"this scanner reads {units[names[np.argmax(count)]]} else",
                hint="look at the serial number on the phantom",
            )
        )
    return tuple(flags), names_of_exams
