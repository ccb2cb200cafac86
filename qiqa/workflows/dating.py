"""Exams whose dates cannot be right: dated ahead of today, or before an exam stored earlier."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import TimeSeries

__all__ = ["clock_notes", "last_before", "up_to"]

_SLACK = np.timedelta64(1, "D")
"""Clocks of other time zones are up to a day ahead."""


def up_to(
    series: Sequence[TimeSeries], now: dt.datetime
) -> tuple[tuple[TimeSeries, ...], tuple[str, ...]]:
    """Return series without exams that are dated ahead of `now`, and what was left out in words.

    One exam dated 2099 would be the newest for good: every level would be judged by it, and every
    exam until then would count as missed.
    """
    end = np.datetime64(now, "us") + _SLACK
    kept = []
    ahead: dict[str, set[dt.datetime]] = {}
    for one in series:
        ok = one.at < end
        if ok.all():
            kept.append(one)
            continue
        ahead.setdefault(one.scanner, set()).update(one.at[~ok].astype("datetime64[us]").tolist())
        if ok.any():
            kept.append(_part(one, ok))
    notes = tuple(
        f"{scanner}: {len(times)} dated after {now:%Y-%m-%d} left out, exams up to "
        f"{max(times):%Y-%m-%d}: correct the date, or say with --as-of what day it is"
        for scanner, times in sorted(ahead.items())
    )
    return tuple(kept), notes


def last_before(series: Sequence[TimeSeries], now: dt.datetime) -> dt.datetime:
    """Return the time of the last exam that is not dated ahead of `now`; `now` without one."""
    end = np.datetime64(now, "us") + _SLACK
    last = [one.at[one.at < end][-1] for one in series if one.at[0] < end]
    if not last:
        return now
    found: dt.datetime = max(last).astype("datetime64[us]").astype(dt.datetime)
    return found


def _part(one: TimeSeries, ok: NDArray[np.bool_]) -> TimeSeries:
    covariates = one.covariate_values
    return dataclasses.replace(
        one,
        at=one.at[ok],
        value=one.value[ok],
        standard_uncertainty=one.standard_uncertainty[ok],
        epoch=one.epoch[ok],
        exam=one.exam[ok],
        covariate_values=covariates[:, ok] if covariates.size else covariates,
    )


def clock_notes(series: Sequence[TimeSeries]) -> tuple[str, ...]:
    """Say where an exam of a scanner is dated before one that was stored earlier."""
    dates: dict[int, np.datetime64] = {}
    for names, at in {id(one.exam): (one.exam, one.at) for one in series}.values():
        try:
            numbers = names.astype(np.int64).tolist()
        except ValueError:
            continue  # named otherwise than by the order in which they were stored
        dates.update(zip(numbers, at, strict=True))
    order = sorted(dates)
    stamps = np.array([dates[number] for number in order], dtype="datetime64[us]")
    back = [(order[i], order[i + 1]) for i in np.flatnonzero(stamps[1:] < stamps[:-1]).tolist()]
    if not back or len(back) > max(3, len(order) // 20):
        return ()
    return tuple(
        f"exam {later} is dated {str(dates[later])[:10]}, before exam {earlier} "
        f"({str(dates[earlier])[:10]}): was the clock set back, or was it kept later?"
        for earlier, later in back
    )
