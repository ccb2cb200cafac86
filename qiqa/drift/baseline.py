"""A proposal for a baseline: which exams, whether they belong together, whether it is enough."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import ServiceEvent, TimeSeries
from qiqa.drift.changes import likeliest_change
from qiqa.drift.epochs import epochs_of
from qiqa.drift.kinds import scale_of
from qiqa.metrology.outliers import extreme_deviates

__all__ = ["BaselineProposal", "Outlier", "propose"]

Days = NDArray[np.datetime64]
_FEWEST = 6
"""Exams before a step within them is looked for."""
_CHANCE = 0.01
"""Of naming an exam of one series where nothing is wrong."""
_STEADY_CHANCE = 0.01
"""Of naming a step within the exams of one steady series."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outlier:
    """An exam whose value does not belong to the others of the baseline."""

    at: dt.datetime
    label: str
    """Which measurement."""
    value: float
    median: float
    """Of all exams of the baseline."""
    unit: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineProposal:
    """What a person is asked to approve."""

    scanner: str
    exams: tuple[dt.datetime, ...]
    missing: int
    """Exams that are still missing; 0: enough."""
    outliers: tuple[Outlier, ...]
    unsteady: tuple[str, ...]
    """Measurements whose level steps within these exams, with the date."""
    series: int
    """Measurements that it would hold for."""
    why_from: str
    """Why it begins where it does."""


def propose(
    series: Sequence[TimeSeries],
    *,
    exams: int,
    events: Sequence[ServiceEvent] = (),
    first: dt.datetime | None = None,
    last: dt.datetime | None = None,
) -> BaselineProposal:
    """Return the exams that a baseline of one scanner could rest on.

    Without dates these are the first `exams` ones of the latest epoch, that is, after the last
    change of settings or service that most series saw.

    Parameters
    ----------
    series
        All series of one scanner, at least one.
    exams
        How many exams a baseline needs.
    events
        What was done to scanners.
    first, last
        Dates to begin and end with, both included.
    """
    start, why = (
        (np.datetime64(first, "us"), "as asked") if first else _latest_epoch(series, events)
    )
    end = np.datetime64(last, "us") if last else np.datetime64("9999-01-01", "us")
    times = np.unique(np.concatenate([s.at.astype("datetime64[us]") for s in series]))
    times = times[(times >= start) & (times <= end)]
    if last is None:
        times = times[:exams]
    outliers: list[Outlier] = []
    unsteady: list[str] = []
    held = 0
    for one in series:
        index = np.flatnonzero(np.isin(one.at.astype("datetime64[us]"), times))
        index = index[np.isfinite(one.value[index])]
        if index.size < 3:
            continue
        held += 1
        outliers += _outliers(one, index)
        unsteady += _steps(one, index)
    return BaselineProposal(
        scanner=series[0].scanner,
        exams=tuple(t.astype(dt.datetime) for t in times),
        missing=max(exams - times.size, 0),
        outliers=tuple(sorted(outliers, key=lambda o: o.at)),
        unsteady=tuple(unsteady),
        series=held,
        why_from=why,
    )


def _latest_epoch(
    series: Sequence[TimeSeries], events: Sequence[ServiceEvent]
) -> tuple[np.datetime64, str]:
    """Return when the latest epoch of most series began."""
    begun: dict[np.datetime64, list[tuple[str, ...]]] = {}
    for one in series:
        epochs = epochs_of(one, events)
        current = int(epochs.number[-1])
        exam = epochs.first[current]
        begun.setdefault(one.at[exam].astype("datetime64[us]"), []).append(epochs.causes[current])
    start = max(begun, key=lambda t: (len(begun[t]), t))
    causes = next((c for c in begun[start] if c), ())
    return start, "; ".join(causes) if causes else "the first exam of the present settings"


def _outliers(one: TimeSeries, index: NDArray[np.int64]) -> list[Outlier]:
    y = scale_of(one.quantity, one.unit).forth(one.value[index])
    out = extreme_deviates(y, most=max(index.size // 5, 1), chance=_CHANCE)
    median = float(np.median(one.value[index]))
    return [
        Outlier(
            one.at[index[i]].astype("datetime64[us]").astype(dt.datetime),
            one.label,
            float(one.value[index[i]]),
            median,
            one.unit,
        )
        for i in out
    ]


def _steps(one: TimeSeries, index: NDArray[np.int64]) -> list[str]:
    """Return where a level steps: the largest t of all places, held against as many chances."""
    y = scale_of(one.quantity, one.unit).forth(one.value[index])
    n = y.size
    found = likeliest_change(y, np.ones(n), np.arange(n, dtype=np.float64), only="step")
    if n < _FEWEST or found is None:
        return []
    before, after = y[: found.begins], y[found.begins :]
    rss = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
    if rss <= 0.0:
        return []
    spread = rss / (n - 2) * (1.0 / before.size + 1.0 / after.size)
    t = abs(float(after.mean() - before.mean())) / float(np.sqrt(spread))
    chance = 2.0 * (n - 1) * float(special.stdtr(n - 2, -t))
    day = str(one.at[index[found.begins]])[:10]
    return [f"{one.label} on {day}"] if chance < _STEADY_CHANCE else []
