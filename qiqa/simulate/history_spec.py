"""What years of weekly exams are made of: quantities, fleet, habits of the room, faults."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import math

from qiqa.core.errors import UsageError
from qiqa.simulate.history_metrics import USUAL, Metric

__all__ = ["KINDS", "Fault", "FaultKind", "HistorySpec", "checked"]

DAYS_OF_A_WEEK = 7
_LONGEST = 52 * 200
"""Two hundred years: far beyond any scanner, and well inside what a date can hold."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistorySpec:
    """A fleet and its years; the defaults are six scanners in order over three years.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """

    scanners: int = 6
    start: dt.date = dt.date(2021, 1, 4)
    """Day of the first exam."""
    weeks: int = 156
    metrics: tuple[Metric, ...] = USUAL
    phi: float = 0.2
    """Correlation of an exam's deviation with that of the week before."""
    heavy_fraction: float = 0.01
    """Share of values that scatter `heavy_ratio` times as much as the others."""
    heavy_ratio: float = 4.0
    temperature_degc: float = 21.0
    """Mean of the room over a year; values are stated for it."""
    temperature_season_degc: float = 1.0
    """Amplitude over the year, warmest in the middle of July."""
    temperature_sd_degc: float = 0.4
    """SD from one exam to the next."""
    temperature_between_degc: float = 0.5
    """SD of the means of the scanners' rooms."""

    def __post_init__(self) -> None:
        _within("scanners", self.scanners, 1, 100_000)
        _within("weeks", self.weeks, 1, _LONGEST)
        _within("year of the start", self.start.year, 1900, 2200)
        _within("phi", self.phi, -0.99, 0.99)
        _within("heavy_fraction", self.heavy_fraction, 0.0, 1.0)
        _within("heavy_ratio", self.heavy_ratio, 1.0, 1000.0)
        _within("temperature_degc", self.temperature_degc, -20.0, 60.0)
        for name in ("temperature_season_degc", "temperature_sd_degc", "temperature_between_degc"):
            _within(name, getattr(self, name), 0.0, 20.0)
        if not self.metrics:
            raise UsageError("there is no quantity to simulate", where="metrics")
        labels = [metric.label for metric in self.metrics]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise UsageError(f"{twice[0]!r} is there more than once", where="metrics")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the scanners' names, which say that they are simulated."""
        width = max(2, len(str(self.scanners)))
        return tuple(f"SIM {number:0{width}d}" for number in range(1, self.scanners + 1))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """What one kind of fault is and needs."""

    meaning: str
    size: str = ""
    """What its size is: `level`, `rate`, `ratio` or `days`; empty: it has none."""
    default_size: float = math.nan
    """In SD for a level, SD a year for a rate."""
    weeks: int | None = None
    """How long it lasts where nothing is said; None: to the end."""
    whole: bool = False
    """True where it happens to the exam, not to one quantity of it."""


KINDS: dict[str, FaultKind] = {
    "step": FaultKind(meaning="the level moves", size="level", default_size=-3.0),
    "ramp": FaultKind(meaning="the level drifts, size a year", size="rate", default_size=2.0),
    "spike": FaultKind(meaning="one exam is off", size="level", default_size=8.0, weeks=1),
    "season": FaultKind(meaning="yearly wave, size: amplitude", size="level", default_size=2.0),
    "variance": FaultKind(meaning="SD times size", size="ratio", default_size=3.0),
    "upgrade": FaultKind(meaning="new software, level moves", size="level", default_size=2.0),
    "phantom": FaultKind(meaning="another phantom, level moves", size="level", default_size=3.0),
    "missed": FaultKind(meaning="no exams", weeks=4, whole=True),
    "stopped": FaultKind(meaning="the quantity is not in the exams any more"),
    "unmeasured": FaultKind(meaning="rows without a value", weeks=3),
    "duplicate": FaultKind(meaning="exams listed twice", weeks=2, whole=True),
    "clock": FaultKind(
        meaning="the clock is set wrong, size: days", size="days", default_size=-365.0, weeks=3,
        whole=True,
    ),
}  # fmt: skip
"""Kinds of faults by name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to plant; see `KINDS`."""

    kind: str
    scanner: int = 1
    """Number of the scanner, from 1."""
    name: str = ""
    """Name of one quantity; empty: all of the scanner."""
    insert: str = ""
    """One insert; empty: all that have the name."""
    week: int
    """First week that is affected, from 1."""
    weeks: int | None = None
    """How many weeks; None: the kind's own (see `KINDS`), to the end for most."""
    size: float | None = None
    """None: the kind's own."""
    in_sd: bool = True
    """Levels and rates: size in SD of one exam, else in the unit of the quantity."""


def checked(fault: Fault, spec: HistorySpec) -> Fault:
    """Return the fault with its kind's own size and duration filled in.

    Raises
    ------
    UsageError
        If it cannot be planted in such a history.
    """
    where = f"fault {fault.kind}"
    if fault.kind not in KINDS:
        _unknown(fault.kind, tuple(KINDS), "kind of fault", "fault")
    kind = KINDS[fault.kind]
    _within("scanner", fault.scanner, 1, spec.scanners, where)
    _within("week", fault.week, 1, spec.weeks, where)
    if fault.weeks is not None:
        _within("weeks", fault.weeks, 1, _LONGEST, where)
    if kind.whole and (fault.name or fault.insert):
        raise UsageError(f"{fault.name or fault.insert!r}: it happens to the whole exam",
                         where=where, hint="leave name and insert away")  # fmt: skip
    if fault.name:
        _check_name(fault, spec, where)
    elif fault.insert:
        raise UsageError("an insert needs the name of the quantity too", where=where)
    if not kind.size and fault.size is not None:
        raise UsageError(f"{fault.size:g}: this fault has no size", where=where)
    size = kind.default_size if fault.size is None else fault.size
    if kind.size == "ratio":
        _within("size", size, 0.0, 1000.0, where)
    elif kind.size == "days":
        _within("size", size, -36500.0, 36500.0, where)
    elif kind.size:
        _within("size", size, -1e12, 1e12, where)
    weeks = kind.weeks if fault.weeks is None else fault.weeks
    return dataclasses.replace(fault, size=size, weeks=weeks)


def _check_name(fault: Fault, spec: HistorySpec, where: str) -> None:
    names = tuple(dict.fromkeys(metric.name for metric in spec.metrics))
    if fault.name not in names:
        _unknown(fault.name, names, "quantity of this history", where)
    inserts = tuple(m.insert for m in spec.metrics if m.name == fault.name and m.insert)
    if fault.insert and fault.insert not in inserts:
        _unknown(fault.insert, inserts, f"insert with {fault.name}", where)


def _unknown(given: str, known: tuple[str, ...], what: str, where: str) -> None:
    near = difflib.get_close_matches(given, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(known) if known else "none"
    raise UsageError(f"{given!r} is no {what}{meant}", where=where, hint=f"there is: {listed}")


def _within(name: str, value: float, low: float, high: float, where: str | None = None) -> None:
    """Refuse a number outside its range, NaN too."""
    if not low <= value <= high:
        place = name if where is None else f"{where}, {name}"
        raise UsageError(f"{value:g} is outside {low:g} to {high:g}", where=place)
