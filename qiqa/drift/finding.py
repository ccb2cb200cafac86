"""Findings of one series: what the rules signalled, spikes, and steps where an epoch begins."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
from scipy import special

from qiqa.core.drift import Bounds, DriftFinding, Forecast, Kind
from qiqa.drift.judging import outside
from qiqa.drift.outcome import Found, Outcome
from qiqa.drift.ruling import SINGLE

__all__ = ["findings"]

_EPOCH_CHANCE = 0.01
"""A level that differs at a known change by less than chance does in one of a hundred is not
named."""
_EPOCH_EXAMS = 3
"""Exams after a known change before its step is told."""
_PAST = "before the approved baseline"
_BACK_EXAMS, _BACK_CHANCE, _BACK_SDS = 5, 0.05, 0.5
"""When a level counts as back: exams, chance of no difference, largest difference in SDs."""
_SOON_DAYS = 60.0
"""A forecast crossing nearer than that calls for action now."""


def findings(outcome: Outcome, coming: Forecast | None) -> tuple[DriftFinding, ...]:
    """Return what happened to a series, oldest first."""
    made = [_changed(outcome, found, coming) for found in outcome.found]
    made += _spikes(outcome)
    made += _epochs(outcome)
    return tuple(sorted(made, key=lambda f: f.date or dt.datetime.max))


def when(outcome: Outcome, exam: int) -> dt.datetime:
    """Return the time of an exam."""
    moment: dt.datetime = outcome.series.at[exam].astype("datetime64[us]").astype(dt.datetime)
    return moment


def _common(outcome: Outcome) -> dict[str, Any]:
    s = outcome.series
    return {
        "scanner": s.scanner,
        "name": s.name,
        "quantity": s.quantity,
        "insert": s.insert,
        "slice": s.slice,
        "role": s.role,
        "series_key": s.series_key,
    }


def _changed(outcome: Outcome, found: Found, coming: Forecast | None) -> DriftFinding:
    """Return the finding of one change."""
    size, interval, unit = _size(outcome, found)
    last = found is outcome.found[-1]
    forecast = coming if last and found.kind == "trend" else None
    verdict, hint = _meaning(outcome, found, forecast)
    return DriftFinding(
        **_common(outcome),
        kind=Kind(found.kind),
        rule=found.rule,
        date=when(outcome, found.likely),
        date_interval=(when(outcome, found.before), when(outcome, found.latest)),
        signalled=when(outcome, found.signal),
        size=size,
        size_interval=interval,
        unit=unit,
        verdict=verdict,
        hint=hint,
        score=_in_sds(outcome, found),
        exam=str(outcome.series.exam[found.signal]),
        forecast=forecast,
    )


def _in_sds(outcome: Outcome, found: Found) -> float:
    """Return a step in SDs of one exam, on the charted scale."""
    if found.kind != "step" or found.change is None or not outcome.levels.sd > 0.0:
        return math.nan
    return found.change.size / outcome.levels.sd


def _size(outcome: Outcome, found: Found) -> tuple[float, Bounds, str]:
    """Return size, its 95 % interval and unit, in the unit of the values."""
    unit = outcome.series.unit
    if found.growth is not None:
        return found.growth.ratio, found.growth.interval, "1"
    change = found.change
    assert change is not None  # noqa: S101 - a change is a growth or a shift
    back = outcome.prepared.scale.back
    before = outcome.walk.segment[found.before]
    level = float(outcome.levels.level[before]) if before >= 0 else math.nan
    sizes = np.array([change.size, *change.interval])
    if found.kind == "trend":
        sizes = np.array([change.slope, *change.slope_interval]) * 365.25
        unit = f"{unit}/year" if unit not in ("", "1") else "1/year"
        # the slope where the ramp begins, on a scale that bends
        bend = float(np.diff(back(np.array([level - 1e-6, level + 1e-6])))[0]) / 2e-6
        sizes = sizes * (bend if math.isfinite(bend) and bend > 0 else 1.0)
    else:
        sizes = back(level + sizes) - back(np.array([level]))
    return float(sizes[0]), (float(sizes[1]), float(sizes[2])), unit


def _meaning(outcome: Outcome, found: Found, forecast: Forecast | None) -> tuple[str, str]:
    """Return the verdict on a change and what to do next."""
    if outcome.baseline is not None and when(outcome, found.first) < outcome.baseline.first:
        return "pass", _PAST
    goes_on = found.kind == "trend" and found is outcome.found[-1]
    if _long_ago(outcome, found.signal) and not goes_on and not _level_outside(outcome):
        return "pass", "more than a year ago: history, unless you know better"
    back = _back_since(outcome, found)
    if back is not None:
        return "pass", f"it is back where it was since {back:%Y-%m-%d}: nothing to do"
    if not _confirmed(found):
        return "pass", "later exams do not confirm it: nothing to do"
    if _level_outside(outcome):
        return "action", "the level is outside of its limit: repeat the scan, then stop or service"
    if forecast is not None:
        first = forecast.interval[0] or forecast.date
        soon = when(outcome, outcome.last) + dt.timedelta(days=_SOON_DAYS)
        if first is not None and first <= soon:
            return "action", f"it reaches its {forecast.level} limit soon: call service"
        return "tolerance", f"it is on its way to its {forecast.level} limit: plan service"
    if found.kind == "variance":
        return "tolerance", "scans repeat less well: look at positioning, coil and cables"
    if found.kind == "trend":
        return "tolerance", "watch it; no limit is reached within a year"
    return "tolerance", "find what changed that day; if it is meant to stay, approve a new baseline"


def _back_since(outcome: Outcome, found: Found) -> dt.datetime | None:
    """Return since when the level is again what it was before this change or one before it.

    Again means: five exams or more, no difference at 5 %, and less than half an SD of one exam.
    None where it is not. A scatter that grew is not undone by a level.
    """
    if found.kind == "variance":
        return None
    until = outcome.found[: outcome.found.index(found) + 1]
    moments = [_same_level(outcome, other) for other in until if other.kind != "variance"]
    return next((moment for moment in moments if moment is not None), None)


def _same_level(outcome: Outcome, found: Found) -> dt.datetime | None:
    """Return since when the level is what it was before one change; None where it is not."""
    walk, fit = outcome.walk, outcome.levels
    old, now = int(walk.segment[found.before]), int(walk.segment[outcome.last])
    ramps = {number for number, _ in walk.ramps}
    if old < 0 or old == now or now in ramps or old in ramps:
        return None
    if fit.counted[now] < _BACK_EXAMS or fit.counted[old] < _EPOCH_EXAMS:
        return None
    size, _, chance = fit.difference(old, now)
    if not (chance > _BACK_CHANCE and abs(size) < _BACK_SDS * fit.sd):
        return None
    return when(outcome, walk.begun[now].first)


def _long_ago(outcome: Outcome, exam: int) -> bool:
    """Say whether an exam lies so long before the last one that it is history."""
    days = (when(outcome, outcome.last) - when(outcome, exam)).total_seconds() / 86400.0
    return days > outcome.policy.history_days


def _confirmed(found: Found) -> bool:
    """Say whether all exams together still speak for a change: its interval leaves out none."""
    if found.growth is not None:
        return found.growth.interval[0] > 1.0
    ends = (math.nan, math.nan) if found.change is None else found.change.interval
    return ends[0] > 0.0 or ends[1] < 0.0


def _level_outside(outcome: Outcome) -> bool:
    """Say whether the present level, as far as it is known, is outside of the action limits."""
    current = int(outcome.walk.segment[outcome.last])
    level = outcome.levels.level[current]
    if current in {number for number, _ in outcome.walk.ramps}:
        level = float(outcome.prediction.expected[outcome.last])
    value = float(outcome.prepared.scale.back(np.array([level]))[0])
    return outside(value, outcome.series.action or outcome.series.tolerance)


def _spikes(outcome: Outcome) -> list[DriftFinding]:
    """Return single exams off their place that no other change explains."""
    score = outcome.held.score
    far = np.flatnonzero(np.abs(score) > outcome.ruling.widest)
    explained = {i for f in outcome.found for i in range(f.first, f.signal + 1)}
    return [_spike(outcome, int(i)) for i in far if int(i) not in explained]


def _spike(outcome: Outcome, exam: int) -> DriftFinding:
    p = outcome.held
    back = outcome.prepared.scale.back
    expected, y = float(p.expected[exam]), float(outcome.prepared.y[exam])
    reach = float(special.stdtrit(p.dof[exam], 0.975)) * float(p.scale[exam])
    ends = back(np.array([expected, expected + reach, expected - reach, y]))
    newest = exam == outcome.last
    value_outside = outside(float(outcome.series.value[exam]), outcome.series.action)
    before = outcome.baseline is not None and when(outcome, exam) < outcome.baseline.first
    verdict = "pass" if not newest or before else ("action" if value_outside else "tolerance")
    return DriftFinding(
        **_common(outcome),
        kind=Kind.SPIKE,
        rule=SINGLE,
        date=when(outcome, exam),
        date_interval=(when(outcome, _first_off(outcome, exam)), when(outcome, exam)),
        signalled=when(outcome, exam),
        size=float(ends[3] - ends[0]),
        size_interval=(float(ends[3] - ends[1]), float(ends[3] - ends[2])),
        unit=outcome.series.unit,
        verdict=verdict,
        hint=_PAST if before else _spike_hint(outcome, exam, newest=newest),
        score=float(p.score[exam]),
        exam=str(outcome.series.exam[exam]),
    )


def _first_off(outcome: Outcome, exam: int) -> int:
    """Return the first exam of those in a row that are off on one side, of which this is one."""
    score = outcome.held.score
    known = np.flatnonzero(np.isfinite(score[: exam + 1]))
    off = score[known] * np.sign(score[exam]) > outcome.ruling.widest
    place = known.size - 1
    while place > 0 and off[place - 1]:
        place -= 1
    return int(known[place])


def _spike_hint(outcome: Outcome, exam: int, *, newest: bool) -> str:
    """Return what to do about one exam off its place."""
    if newest:
        return "repeat the scan: one exam does not tell a fault from a slip"
    later = outcome.held.score[exam + 1 :]
    later = later[np.isfinite(later)]
    if later.size and abs(float(later[0])) > outcome.ruling.widest:
        return "the next exam was off too: look at what these exams have in common"
    return "it was back at the next exam: nothing to do unless it comes again"


def _epochs(outcome: Outcome) -> list[DriftFinding]:
    """Return steps where settings, service or software changed: a cause is known."""
    walk, fit = outcome.walk, outcome.levels
    made = []
    for number, begun in enumerate(walk.begun):
        earlier = np.flatnonzero((walk.segment >= 0) & (np.arange(len(walk.segment)) < begun.first))
        if begun.why != "epoch" or not begun.causes or earlier.size == 0:
            continue
        old = int(walk.segment[earlier[-1]])
        if fit.counted[number] < _EPOCH_EXAMS or fit.counted[old] < 2:
            continue
        size, error, chance = fit.difference(old, number)
        if chance < _EPOCH_CHANCE:
            made.append(_epoch(outcome, begun.first, int(earlier[-1]), old, size, error))
    return made


def _epoch(
    outcome: Outcome, first: int, before: int, old: int, size: float, error: float
) -> DriftFinding:
    back = outcome.prepared.scale.back
    reach = float(special.stdtrit(outcome.levels.dof, 0.975)) * error
    level = float(outcome.levels.level[old])
    low, mid, high = back(level + np.array([size - reach, size, size + reach])) - back(
        np.array([level])
    )
    causes = outcome.walk.begun[int(outcome.walk.segment[first])].causes
    past = outcome.baseline is not None and when(outcome, first) < outcome.baseline.first
    past = past or (_long_ago(outcome, first) and not _level_outside(outcome))
    verdict = "pass" if past else ("action" if _level_outside(outcome) else "tolerance")
    return DriftFinding(
        **_common(outcome),
        kind=Kind.STEP,
        rule="epoch",
        date=when(outcome, first),
        date_interval=(when(outcome, before), when(outcome, first)),
        signalled=when(outcome, first),
        size=float(mid),
        size_interval=(float(low), float(high)),
        unit=outcome.series.unit,
        verdict=verdict,
        hint="a known change moved the level: judge the new one, then approve it as baseline",
        causes=causes,
        score=size / outcome.levels.sd,
        exam=str(outcome.series.exam[first]),
    )
