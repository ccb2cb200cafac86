"""What watching a scanner is about: series over time, events, baselines, findings, alarms."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DRIFT_SCHEMA",
    "EVENT_KINDS",
    "Alarm",
    "AlarmDecision",
    "AlarmState",
    "ApprovedBaseline",
    "Chart",
    "Curve",
    "DriftFinding",
    "FleetState",
    "Forecast",
    "Kind",
    "ScannerState",
    "ScannerSummary",
    "Segment",
    "SeriesState",
    "ServiceEvent",
    "TimeSeries",
]

DRIFT_SCHEMA = "qiqa.drift/1"

EVENT_KINDS = (
    "service",
    "software",
    "coil",
    "gradient",
    "phantom",
    "calibration",
    "room",
    "protocol",
    "other",
)
"""What can be done to a scanner, its phantom or its room."""

FloatArray = NDArray[np.float64]
Bounds = tuple[float, float]
Dates = tuple[dt.datetime, dt.datetime]


class Kind(enum.StrEnum):
    """What a finding of drift is."""

    STEP = "step"
    TREND = "trend"
    SPIKE = "spike"
    VARIANCE = "variance"
    BIAS = "bias"
    MISSING = "missing"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeSeries:
    """Values of one measurement on one scanner that may share a chart, oldest first.

    Arrays have the length n of the exams. A value that could not be measured is NaN.
    """

    scanner: str
    name: str
    quantity: str
    unit: str
    at: NDArray[np.datetime64]
    """(n,) when it was acquired, by the scanner's wall clock."""
    value: FloatArray
    """(n,) in `unit`."""
    standard_uncertainty: FloatArray
    """(n,) in `unit`; NaN where none was stated."""
    epoch: NDArray[np.str_]
    """(n,) text that changes whenever a setting changes that may change the number."""
    exam: NDArray[np.str_]
    """(n,) name of the exam, for a person to find it."""
    insert: str = ""
    slice: int = 0
    role: str = ""
    phantom_unit: str = ""
    series_key: str = ""
    covariates: tuple[str, ...] = ()
    """Names of what each exam also says, for instance `temperature_degc`."""
    covariate_values: FloatArray = dataclasses.field(
        default_factory=lambda: np.empty((0, 0), dtype=np.float64)
    )
    """(c, n); NaN where an exam does not say."""
    tolerance: Bounds | None = None
    """Specification: lowest and highest value that passes; ends may be infinite."""
    action: Bounds | None = None
    """Specification: lowest and highest value that is still in tolerance."""
    reference: float = math.nan

    def __len__(self) -> int:
        return len(self.value)

    @property
    def label(self) -> str:
        """Name with insert and slice, as a person reads it."""
        parts = [self.name, self.insert, f"slice {self.slice}" if self.slice else ""]
        return " ".join(part for part in parts if part)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """What was done to a scanner."""

    at: dt.datetime
    """Wall clock."""
    scanner: str
    """Identity; `*`: all scanners."""
    kind: str
    """One of EVENT_KINDS."""
    text: str
    new_epoch: bool = True
    """Whether values before and after may differ because of it."""
    by: str = ""
    record_id: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedBaseline:
    """Exams from which a person lets limits be made, with the reason."""

    scanner: str
    name: str = ""
    """One measurement; empty: all of the scanner."""
    first: dt.datetime
    last: dt.datetime
    """First and last exam of it, both included."""
    left_out: tuple[tuple[dt.datetime, str], ...] = ()
    """Exams between them that do not count, each with its reason."""
    reason: str
    by: str
    at: dt.datetime
    """When it was approved, UTC."""
    record_id: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a trend crosses a specification limit."""

    limit: float
    level: str
    """`tolerance` or `action`."""
    date: dt.datetime | None
    """None: later than can be said, or never."""
    interval: tuple[dt.datetime | None, dt.datetime | None]
    """95 %; None: open at that end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding:
    """One thing that happened to a series; a row of `findings` in `qiqa.drift/1`."""

    scanner: str
    name: str
    quantity: str
    insert: str = ""
    slice: int = 0
    role: str = ""
    kind: Kind
    rule: str
    """Rule that raised it."""
    date: dt.datetime | None
    """When it most likely began."""
    date_interval: Dates | None
    """95 %."""
    signalled: dt.datetime | None = None
    """Exam at which the rule raised it."""
    size: float = math.nan
    """In `unit`; a step in level, a trend a year, a spike's distance, a ratio of SDs."""
    size_interval: Bounds | None = None
    """95 %."""
    unit: str = ""
    verdict: str
    """`pass`: noted, nothing to do; `tolerance`: look into it; `action`: act; `not_evaluated`."""
    message: str = ""
    """One sentence for a person."""
    hint: str = ""
    """What to do next."""
    causes: tuple[str, ...] = ()
    """What is known to have changed at that time."""
    score: float = math.nan
    """Distance from what was expected, in SDs, where the rule has one."""
    series_key: str = ""
    exam: str = ""
    alarm_id: int = 0
    """Number of the alarm in the history; 0: none."""
    state: str = "new"
    """`new`, `open`, `acknowledged` or `closed`."""
    forecast: Forecast | None = None


class AlarmState(enum.StrEnum):
    """What became of an alarm."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDecision:
    """What a person said about an alarm."""

    alarm_id: int
    at: dt.datetime
    """UTC."""
    by: str
    state: AlarmState
    comment: str
    corrective_action: str = ""
    record_id: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A finding that was raised once and stays on record."""

    record_id: int
    raised_at: dt.datetime
    """UTC."""
    finding: DriftFinding
    decisions: tuple[AlarmDecision, ...] = ()

    @property
    def state(self) -> AlarmState:
        """Return what the last decision says; open without one."""
        return self.decisions[-1].state if self.decisions else AlarmState.OPEN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One statistic of a chart with its control limits; arrays (n,), NaN where there is none."""

    label: str
    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chart:
    """What a rule computed along one series."""

    rule: str
    curves: tuple[Curve, ...]
    signals: NDArray[np.int64]
    """(s,) exams at which the rule signals, ascending."""
    directions: NDArray[np.int64]
    """(s,) +1 above, -1 below, 0 neither."""
    since: NDArray[np.int64]
    """(s,) first exam that the rule counts to the change."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of exams with one level."""

    first: int
    last: int
    """Index of its first and last exam, both included."""
    why: str
    """What began it: `start`, `epoch`, `event`, `baseline`, `step`, `trend`."""
    label: str = ""
    level: float = math.nan
    level_interval: Bounds | None = None
    """95 % of the level."""
    sd: float = math.nan
    """SD of one exam about the level, in the unit of the values."""
    counted: int = 0
    """Exams that the level rests on."""
    slope_per_year: float = math.nan
    """NaN: level, not a ramp."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesState:
    """One series with everything that its chart shows. Arrays (n,) go along its exams."""

    series: TimeSeries
    kind: str
    """Kind of quantity: `continuous`, `bounded`, `count` or `discrete`."""
    adjusted: FloatArray
    """Values brought to the covariates' means; the values themselves where nothing is adjusted."""
    adjusted_for: tuple[tuple[str, float, float, float], ...] = ()
    """Covariate, slope per its unit, standard error of the slope, value it was brought to."""
    score: FloatArray
    """Standard normal while nothing changes; NaN while the level is being learnt or left out."""
    expected: FloatArray
    """What the exams before it (or the baseline) predict."""
    low: FloatArray
    high: FloatArray
    """Control limits of a single exam, in the unit of the values."""
    left_out: NDArray[np.str_]
    """Why an exam is not used, empty where it is."""
    segments: tuple[Segment, ...] = ()
    baseline: ApprovedBaseline | None = None
    charts: tuple[Chart, ...] = ()
    findings: tuple[DriftFinding, ...] = ()
    notes: tuple[str, ...] = ()
    """What to know about the chart: too few exams, ties, exams that resemble the one before."""
    forecast: Forecast | None = None
    verdict: str = "not_evaluated"
    reason: str = ""
    """Why it is not evaluated and what is missing; empty where it is."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScannerState:
    """One scanner with every series of it: what its page shows."""

    scanner: str
    label: str = ""
    """Maker, model, field; empty where not known."""
    series: tuple[SeriesState, ...]
    findings: tuple[DriftFinding, ...] = ()
    """Those of all series and of the scanner itself (missed exams, bias), worst first."""
    events: tuple[ServiceEvent, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    exams: int = 0
    first_exam: dt.datetime | None = None
    last_exam: dt.datetime | None = None
    every_days: float = math.nan
    """Days from exam to exam, as scheduled or as seen; NaN: irregular."""
    verdict: str = "not_evaluated"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerSummary:
    """One scanner as a line of the fleet's page."""

    scanner: str
    label: str
    verdict: str
    findings: tuple[DriftFinding, ...]
    """Worst first."""
    charted: int
    """Series that have a chart."""
    learning: int
    """Series that still need exams before there can be one."""
    exams: int
    last_exam: dt.datetime | None
    overdue_days: float = 0.0
    page: str = ""
    """File of the scanner's page, empty where none was written."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """All scanners: what the fleet's page shows, what needs attention first."""

    now: dt.datetime
    """Wall clock for which it was made."""
    scanners: tuple[ScannerSummary, ...]
    false_alarms_per_year: float
    """Allowed over all scanners, from which the limits were made."""
    notes: tuple[str, ...] = ()
    source: str = ""
    """Database or file."""
