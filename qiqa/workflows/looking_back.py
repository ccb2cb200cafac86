"""One exam among the earlier ones of its scanner: what watching says on the day it was made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from qiqa.core.drift import Alarm, AlarmState, Bounds, SeriesState, TimeSeries
from qiqa.core.entered import entered_temperature
from qiqa.core.history import epoch_key
from qiqa.core.result import QcResult
from qiqa.core.rows import result_rows
from qiqa.drift.judging import worst
from qiqa.drift.policy import Policy
from qiqa.workflows.alarming import series_with_alarms
from qiqa.workflows.watching import Records, states_of

__all__ = ["FEWEST", "THIS_EXAM", "look_back"]

FEWEST = 3
"""Earlier values of a series from which on it is charted."""
THIS_EXAM = "this exam"
_TEMPERATURE = "temperature_degc"
_ALARMING = ("tolerance", "action")


def look_back(
    result: QcResult,
    kept: Sequence[TimeSeries],
    records: Records,
    policy: Policy | None = None,
) -> tuple[SeriesState, ...]:
    """Chart what an exam measured among the exams before it, with itself as the newest.

    Parameters
    ----------
    result
        The exam; it need not be kept yet. One without a date has nothing before it.
    kept
        All series of its scanner in the history: the more there are, the wider are the limits of
        each. Exams of the same time or later have no say.
    records
        Service events, approved baselines, alarms.
    policy
        How scanners are watched; None: the default.

    Returns
    -------
    tuple of SeriesState
        One for each value of the exam that has `FEWEST` earlier ones or more. Its findings carry
        the number and state of their alarms; an alarm of the series that is still open is among
        them whatever the chart shows today.
    """
    if result.acquired_at is None:
        return ()
    at = result.acquired_at.replace(tzinfo=None)
    before = [one for one in (_until(series, at) for series in kept) if len(one)]
    measured = {
        (row["series_key"], row["unit"]): (row, epoch)
        for row, epoch in zip(result_rows(result), _epochs(result), strict=True)
        if row["series_key"] is not None and row["value"] is not None
    }
    degc = entered_temperature(dict(result.entries))
    made, charted = [], set()
    for series in before:
        row, epoch = measured.get((series.series_key, series.unit), (None, ""))
        if row is None:
            made.append(series)
            continue
        if np.isfinite(series.value).sum() >= FEWEST:
            charted.add((series.series_key, series.unit))
        made.append(_with_exam(series, row, at, epoch, math.nan if degc is None else degc))
    if not charted:
        return ()
    alarms = [alarm for alarm in records.alarms if _raised_by(alarm, at)]
    states = states_of(
        made, records, policy, chosen=lambda one: (one.series_key, one.unit) in charted
    )
    return tuple(_with_open(series_with_alarms(state, alarms), alarms) for state in states)


def _epochs(result: QcResult) -> list[str]:
    """Return the epoch of each measurement, as the history keeps it."""
    by_stack = {item.stack: epoch_key(item.acquisition) for item in result.series}
    return [by_stack.get(item.measurement.stack or "", "") for item in result.assessments]


def _until(series: TimeSeries, at: dt.datetime) -> TimeSeries:
    """Return the exams of a series before a time."""
    earlier = series.at < np.datetime64(at, "us")
    if earlier.all():
        return series
    return dataclasses.replace(
        series,
        at=series.at[earlier],
        value=series.value[earlier],
        standard_uncertainty=series.standard_uncertainty[earlier],
        epoch=series.epoch[earlier],
        exam=series.exam[earlier],
        covariate_values=series.covariate_values[:, earlier]
        if series.covariates
        else series.covariate_values,
    )


def _with_exam(
    series: TimeSeries, row: dict[str, Any], at: dt.datetime, epoch: str, degc: float
) -> TimeSeries:
    """Return a series with one exam more at its end; limits and reference are that exam's."""
    names, values = series.covariates, series.covariate_values
    if math.isfinite(degc) and _TEMPERATURE not in names:  # the first exam that states it
        values = np.vstack(
            [values.reshape(len(names), len(series)), np.full(len(series), math.nan)]
        )
        names = (*names, _TEMPERATURE)
    if names:
        new = [[degc if name == _TEMPERATURE else math.nan] for name in names]
        values = np.hstack([values, new])
    limits = row["limits"] or {}
    uncertainty, reference = row["standard_uncertainty"], row["reference_value"]
    return dataclasses.replace(
        series,
        at=np.append(series.at, np.datetime64(at, "us")),
        value=np.append(series.value, row["value"]),
        standard_uncertainty=np.append(
            series.standard_uncertainty, math.nan if uncertainty is None else uncertainty
        ),
        epoch=np.append(series.epoch, epoch),
        exam=np.append(series.exam, THIS_EXAM),
        covariates=names,
        covariate_values=values,
        tolerance=_bounds(limits.get("tolerance")),
        action=_bounds(limits.get("action")),
        reference=math.nan if reference is None else reference,
    )


def _bounds(pair: Sequence[float | None] | None) -> Bounds | None:
    """Return a pair of limits of a row; an end that is null is open."""
    if pair is None:
        return None
    low, high = pair
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _raised_by(alarm: Alarm, at: dt.datetime) -> bool:
    """Return whether the exam that raised an alarm is not later than a time."""
    seen = alarm.finding.signalled or alarm.finding.date
    return seen is None or seen.replace(tzinfo=None) <= at


def _with_open(state: SeriesState, alarms: Sequence[Alarm]) -> SeriesState:
    """Return a state with the alarms of its series that are not closed and not among its findings.

    What was raised stays on record until a person closes it, also where later exams tell it
    otherwise, and where only other scanners could (a bias).
    """
    told = {finding.alarm_id for finding in state.findings}
    series = state.series
    left = tuple(
        dataclasses.replace(a.finding, alarm_id=a.record_id, state=a.state.value)
        for a in alarms
        if a.state is not AlarmState.CLOSED
        and a.record_id not in told
        and (a.finding.scanner, a.finding.series_key, a.finding.name)
        == (series.scanner, series.series_key, series.name)
    )
    if not left:
        return state
    findings = (*state.findings, *left)
    found = worst([f.verdict for f in findings])
    return dataclasses.replace(
        state, findings=findings, verdict=found if found in _ALARMING else state.verdict
    )
