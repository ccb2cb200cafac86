"""Is a scanner's level unlike that of the others: bias against the fleet."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from qiqa.core.drift import DriftFinding, Kind, Segment, SeriesState
from qiqa.metrology.outliers import extreme_deviates

__all__ = ["FEWEST", "Level", "biased", "level_of"]

FEWEST = 5
"""Scanners below which none can be called unlike the others."""
_FEWEST_EXAMS = 3
_WIDE = 2.8
"""Half of the 95 % interval in SDs of one exam: with three exams of one level it is 2.5."""
CHANCE = 0.01
"""Of naming a scanner of a fleet without bias, for one measurement."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where one series stands now, without its values."""

    scanner: str
    name: str
    quantity: str
    insert: str
    slice: int
    role: str
    unit: str
    series_key: str
    value: float
    since: dt.datetime
    until: dt.datetime
    slopes: tuple[tuple[str, float, float], ...]
    """Covariate, slope, the covariate's value that the level holds for."""

    @property
    def key(self) -> tuple[str, str, int, str, str]:
        """What must be the same for two levels to be compared."""
        return self.name, self.insert, self.slice, self.role, self.unit


def level_of(state: SeriesState) -> Level | None:
    """Return the latest level of a charted series that is known; None where there is none.

    A level is known from three exams on, once its standard error is below the SD of one exam: one
    that was brought to a temperature by an unknown slope is not.
    """
    known = [s for s in state.segments if s.counted >= _FEWEST_EXAMS and _is_known(s)]
    if not known:
        return None
    segment = max(known, key=lambda s: s.last)
    s = state.series
    return Level(
        scanner=s.scanner,
        name=s.name,
        quantity=s.quantity,
        insert=s.insert,
        slice=s.slice,
        role=s.role,
        unit=s.unit,
        series_key=s.series_key,
        value=segment.level,
        since=s.at[segment.first].astype("datetime64[us]").astype(dt.datetime),
        until=s.at[segment.last].astype("datetime64[us]").astype(dt.datetime),
        slopes=tuple((name, slope, center) for name, slope, _, center in state.adjusted_for),
    )


def _is_known(segment: Segment) -> bool:
    ends = segment.level_interval
    if ends is None or not math.isfinite(segment.level):
        return False
    return ends[1] - ends[0] < 2.0 * _WIDE * segment.sd


def biased(levels: Sequence[Level]) -> tuple[DriftFinding, ...]:
    """Return scanners whose level of a measurement is unlike that of all others.

    Levels are brought to one value of each covariate first. The size is the distance from the mean
    of the scanners that are not named, with the interval that a further scanner like them would
    have.
    """
    groups: dict[tuple[str, str, int, str, str], dict[str, Level]] = {}
    for level in levels:
        own = groups.setdefault(level.key, {})
        # of several charts of one scanner (phantom units, coils) the latest
        if level.scanner not in own or own[level.scanner].until < level.until:
            own[level.scanner] = level
    made: list[DriftFinding] = []
    for group in groups.values():
        if len(group) >= FEWEST:
            made += _unlike(list(group.values()))
    return tuple(made)


def _unlike(group: list[Level]) -> list[DriftFinding]:
    values = _at_one_place(group)
    out = extreme_deviates(values, most=len(group) // 3, chance=CHANCE)
    others = np.delete(values, list(out))
    mean, sd, count = float(others.mean()), float(others.std(ddof=1)), others.size
    reach = float(special.stdtrit(count - 1, 0.975)) * sd * math.sqrt(1.0 + 1.0 / count)
    made = []
    for place in out:
        level, size = group[place], float(values[place]) - mean
        made.append(
            DriftFinding(
                scanner=level.scanner,
                name=level.name,
                quantity=level.quantity,
                insert=level.insert,
                slice=level.slice,
                role=level.role,
                kind=Kind.BIAS,
                rule="peers",
                date=level.since,
                date_interval=(level.since, level.until),
                signalled=level.until,
                size=size,
                size_interval=(size - reach, size + reach),
                unit=level.unit,
                verdict="tolerance",
                hint=f"unlike {count} other scanners: scan another's phantom unit before judging",
                score=size / (sd * math.sqrt(1.0 + 1.0 / count)),
                series_key=level.series_key,
            )
        )
    return made


def _at_one_place(group: list[Level]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the levels brought to the median of each covariate that all of them know."""
    known = [{name: (slope, center) for name, slope, center in level.slopes} for level in group]
    shared = set.intersection(*(set(k) for k in known)) if known else set()
    values = np.array([level.value for level in group])
    for name in sorted(shared):
        place = float(np.median([k[name][1] for k in known]))
        values = values + np.array([k[name][0] * (place - k[name][1]) for k in known])
    return values
