"""What the history says about the values of one exam: for its page, and in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qiqa.core.result import QcResult
from qiqa.core.rows import result_rows

if TYPE_CHECKING:
    from qiqa.core.drift import SeriesState
    from qiqa.report.trend import TrendPoints
    from qiqa.store import Store

__all__ = ["trend_lines", "trends", "watched"]

_FEWEST = 3
"""Exams before this one from which on watching is worth its time."""
_MOST = 3
"""Series that are named in lines; the page has all."""


def watched(result: QcResult, store: Store) -> tuple[SeriesState, ...]:
    """Return the charts of what was measured, where there are enough exams before this one."""
    scanner, at = result.scanner.identity, result.acquired_at
    if scanner is None or at is None:
        return ()
    kept = store.columns(scanner=scanner, until=at)
    if not any(np.isfinite(series.value).sum() >= _FEWEST for series in kept):
        return ()  # compiled code is not loaded for nothing
    from qiqa.cli.drift_sources import records_of
    from qiqa.workflows.looking_back import look_back

    return look_back(result, kept, records_of(store, scanner))


def trends(
    result: QcResult, store: Store, states: tuple[SeriesState, ...]
) -> tuple[TrendPoints, ...]:
    """Return a trend of each value: as charted, else the plain earlier values."""
    from qiqa.report.trend import TrendPoints, trend_of

    made = [trend_of(state) for state in states]
    charted = {(state.series.series_key, state.series.unit) for state in states}
    for row in result_rows(result):
        key = row["series_key"]
        if key is None or row["value"] is None or (key, row["unit"]) in charted:
            continue
        past = store.previous(key, result.acquired_at)
        if past:
            made.append(
                TrendPoints(
                    name=row["name"],
                    unit=row["unit"],
                    dates=tuple(p.acquired_at for p in past),
                    values=tuple(p.value for p in past),
                    standard_uncertainties=tuple(p.standard_uncertainty for p in past),
                    role=row["role"],
                )
            )
    return tuple(made)


def trend_lines(states: tuple[SeriesState, ...]) -> list[str]:
    """Return a line for each series that moved or has an open alarm; of many, how many more."""
    from qiqa.report.drift_names import series_shown
    from qiqa.report.drift_text import standing

    moved = [s for s in states if s.verdict in ("action", "tolerance") or _alarmed(s)]
    moved.sort(key=lambda s: s.verdict != "action")
    lines = []
    for state in moved[:_MOST]:
        role = f" ({state.series.role})" if state.series.role else ""
        lines.append(f"trend: {state.series.label}{role}: {standing(series_shown(state))}")
    if len(moved) > _MOST:
        lines.append(f"trend: and {len(moved) - _MOST} more: see the report, or qiqa drift")
    return lines


def _alarmed(state: SeriesState) -> bool:
    return any(f.alarm_id and f.state == "open" for f in state.findings)
