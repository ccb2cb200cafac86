"""What planted faults do to the exams and values of one scanner."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.simulate.history_spec import DAYS_OF_A_WEEK, KINDS, Fault, HistorySpec, checked

__all__ = ["DAYS_OF_A_YEAR", "Effects", "PlantedFault", "plant"]

DAYS_OF_A_YEAR = 365.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One fault as it is in the history: to one quantity, or to whole exams."""

    scanner: str
    name: str
    """Empty where it happens to whole exams, as also the change of software or phantom does,
    beside what it does to each quantity."""
    insert: str
    kind: str
    first: dt.datetime
    """True time of the first exam that is affected, as it was scheduled."""
    last: dt.datetime
    """True time of the last one; for a ramp, of the last at which it still climbs."""
    first_week: int
    """From 1."""
    last_week: int
    size: float
    """In `unit`; NaN where the kind has no size."""
    unit: str
    """That of the quantity, `/year` behind it for a ramp; 1 for a ratio of SDs; `day`."""
    size_sd: float
    """In SD of one exam (a year, for a ramp); NaN where it is no level, or the SD is 0."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Effects:
    """What faults add up to, for m quantities over e scheduled weeks."""

    shift: NDArray[np.float64]
    """(m, e) what is added to the level, in the quantity's unit."""
    spread: NDArray[np.float64]
    """(m, e) factor on the scatter."""
    unmeasured: NDArray[np.bool_]
    """(m, e) rows without a value."""
    absent: NDArray[np.bool_]
    """(m, e) no rows."""
    missed: NDArray[np.bool_]
    """(e,) no exam."""
    copied: NDArray[np.bool_]
    """(e,) listed twice."""
    clock_days: NDArray[np.float64]
    """(e,) clock of the scanner less true time."""
    software: NDArray[np.int64]
    """(e,) upgrades so far."""
    unit: NDArray[np.int64]
    """(e,) changes of the phantom so far."""

    @classmethod
    def none(cls, m: int, e: int) -> Effects:
        """Return the effects of no fault."""
        return cls(
            shift=np.zeros((m, e)),
            spread=np.ones((m, e)),
            unmeasured=np.zeros((m, e), dtype=np.bool_),
            absent=np.zeros((m, e), dtype=np.bool_),
            missed=np.zeros(e, dtype=np.bool_),
            copied=np.zeros(e, dtype=np.bool_),
            clock_days=np.zeros(e),
            software=np.zeros(e, dtype=np.int64),
            unit=np.zeros(e, dtype=np.int64),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a fault acts, and how much."""

    weeks: slice
    rows: list[int]
    size: float
    """As it was given."""
    sizes: NDArray[np.float64]
    """(rows,) levels and rates in the quantities' units."""


def plant(
    spec: HistorySpec, faults: tuple[Fault, ...], scanner: int, at: NDArray[np.datetime64]
) -> tuple[Effects, tuple[PlantedFault, ...]]:
    """Return what the faults of one scanner do, and the truth about each.

    Parameters
    ----------
    spec
        The fleet.
    faults
        What happens to it; faults of other scanners are refused.
    scanner
        Which one, from 1.
    at
        (e,) true times of its scheduled exams.

    Raises
    ------
    UsageError
        If a fault cannot be planted.
    """
    effects = Effects.none(len(spec.metrics), spec.weeks)
    planted: list[PlantedFault] = []
    for fault in faults:
        fault = checked(fault, spec)  # noqa: PLW2901 - the same fault, complete
        if fault.scanner != scanner:
            raise UsageError(
                f"scanner {fault.scanner} is not {scanner}", where=f"fault {fault.kind}"
            )
        place = _place(fault, spec)
        _APPLY[fault.kind](effects, place)
        planted += _truth(fault, place, spec, at)
    return effects, tuple(planted)


def _place(fault: Fault, spec: HistorySpec) -> _Place:
    rows = [
        index
        for index, metric in enumerate(spec.metrics)
        if fault.name in ("", metric.name) and fault.insert in ("", metric.insert)
    ]
    first = fault.week - 1
    last = spec.weeks if fault.weeks is None else min(first + fault.weeks, spec.weeks)
    size = math.nan if fault.size is None else fault.size
    units = {spec.metrics[row].unit for row in rows}
    levels = KINDS[fault.kind].size in ("level", "rate")
    if levels and not fault.in_sd and len(units) > 1:
        raise UsageError(
            f"{size:g} has no unit: the fault is to quantities in {', '.join(sorted(units))}",
            where=f"fault {fault.kind}, size",
            hint="give the name of one quantity, or the size in SD",
        )
    scale = [spec.metrics[row].scatter if fault.in_sd else 1.0 for row in rows]
    return _Place(weeks=slice(first, last), rows=rows, size=size, sizes=size * np.array(scale))


def _truth(
    fault: Fault, place: _Place, spec: HistorySpec, at: NDArray[np.datetime64]
) -> list[PlantedFault]:
    kind = KINDS[fault.kind]
    levels = kind.size in ("level", "rate")
    per_year = "/year" if kind.size == "rate" else ""
    whole = PlantedFault(
        scanner=spec.names[fault.scanner - 1],
        name="",
        insert="",
        kind=fault.kind,
        first=at[place.weeks.start].item(),
        last=at[place.weeks.stop - 1].item(),
        first_week=place.weeks.start + 1,
        last_week=place.weeks.stop,
        size=math.nan if levels else place.size,
        unit={"ratio": "1", "days": "day"}.get(kind.size, ""),
        size_sd=math.nan,
    )
    if kind.whole:
        return [whole]
    found = [whole] if fault.kind in ("upgrade", "phantom") else []
    for row, size in zip(place.rows, place.sizes.tolist(), strict=True):
        metric = spec.metrics[row]
        one = dataclasses.replace(whole, name=metric.name, insert=metric.insert)
        if levels:
            in_sd = size / metric.scatter if metric.scatter else math.nan
            one = dataclasses.replace(
                one,
                size=size,
                unit=metric.unit + per_year,
                size_sd=place.size if fault.in_sd and metric.scatter else in_sd,
            )
        found.append(one)
    return found


def _step(effects: Effects, place: _Place) -> None:
    effects.shift[place.rows, place.weeks] += place.sizes[:, None]


def _ramp(effects: Effects, place: _Place) -> None:
    """Climb by one week's share from the first week on; stay at the height that was reached."""
    weeks = np.arange(effects.shift.shape[1])
    climbed = np.clip(weeks + 1 - place.weeks.start, 0, place.weeks.stop - place.weeks.start)
    years = climbed * DAYS_OF_A_WEEK / DAYS_OF_A_YEAR
    effects.shift[place.rows] += place.sizes[:, None] * years


def _season(effects: Effects, place: _Place) -> None:
    weeks = np.arange(place.weeks.stop - place.weeks.start)
    wave = np.sin(2 * np.pi * weeks * DAYS_OF_A_WEEK / DAYS_OF_A_YEAR)
    effects.shift[place.rows, place.weeks] += place.sizes[:, None] * wave


def _variance(effects: Effects, place: _Place) -> None:
    effects.spread[place.rows, place.weeks] *= place.size


def _upgrade(effects: Effects, place: _Place) -> None:
    effects.software[place.weeks] += 1
    _step(effects, place)


def _phantom(effects: Effects, place: _Place) -> None:
    effects.unit[place.weeks] += 1
    _step(effects, place)


def _stopped(effects: Effects, place: _Place) -> None:
    effects.absent[place.rows, place.weeks] = True


def _unmeasured(effects: Effects, place: _Place) -> None:
    effects.unmeasured[place.rows, place.weeks] = True


def _missed(effects: Effects, place: _Place) -> None:
    effects.missed[place.weeks] = True


def _duplicate(effects: Effects, place: _Place) -> None:
    effects.copied[place.weeks] = True


def _clock(effects: Effects, place: _Place) -> None:
    effects.clock_days[place.weeks] += place.size


_APPLY: dict[str, Callable[[Effects, _Place], None]] = {
    "step": _step,
    "ramp": _ramp,
    "spike": _step,
    "season": _season,
    "variance": _variance,
    "upgrade": _upgrade,
    "phantom": _phantom,
    "missed": _missed,
    "stopped": _stopped,
    "unmeasured": _unmeasured,
    "duplicate": _duplicate,
    "clock": _clock,
}
"""One for each of `KINDS`."""
