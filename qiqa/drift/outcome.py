"""What a walk found, as the state that a chart shows."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.drift import (
    ApprovedBaseline,
    Chart,
    Curve,
    DriftFinding,
    Segment,
    SeriesState,
    TimeSeries,
)
from qiqa.drift.changes import Change
from qiqa.drift.levels import Levels
from qiqa.drift.policy import Policy
from qiqa.drift.preparing import Prepared
from qiqa.drift.ruling import SINGLE, Ruling
from qiqa.drift.scatter import Growth
from qiqa.drift.walking import Prediction, Walk

__all__ = ["Found", "Outcome", "Piece", "refused", "state"]

FloatArray = NDArray[np.float64]
_MANY = 3
"""Changes of one series from which on something else than faults is the likelier cause."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One change that a rule signalled; exams by their place in the series."""

    kind: str
    """`step`, `trend` or `variance`."""
    rule: str
    first: int
    """First exam of the new segment."""
    likely: int
    """Likeliest first changed exam, told from all exams."""
    signal: int
    before: int
    """Last exam that is surely unchanged (95 %)."""
    latest: int
    """Latest first changed exam (95 %)."""
    change: Change | None = None
    growth: Growth | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Charts of a stretch that starts at exam `first`, drawn from one exam to before another."""

    charts: tuple[Chart, ...]
    first: int
    shown_from: int
    shown_to: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A whole walk."""

    series: TimeSeries
    prepared: Prepared
    walk: Walk
    prediction: Prediction
    """Each exam from all before it."""
    held: Prediction
    """The same, after an approved baseline from its exams only: what is drawn."""
    levels: Levels
    ruling: Ruling
    baseline: ApprovedBaseline | None
    found: tuple[Found, ...]
    pieces: tuple[Piece, ...]
    policy: Policy

    @property
    def last(self) -> int:
        """The last exam that is used."""
        return int(np.flatnonzero(self.prepared.usable)[-1])


def refused(series: TimeSeries, reason: str, prepared: Prepared | None = None) -> SeriesState:
    """Return the state of a series that cannot be charted, with the reason."""
    nothing = np.full(len(series), np.nan)
    left_out = [""] * len(series) if prepared is None else prepared.left_out
    return SeriesState(
        series=series,
        kind="continuous" if prepared is None else prepared.kind,
        adjusted=series.value,
        score=nothing,
        expected=nothing,
        low=nothing,
        high=nothing,
        left_out=np.array(left_out, dtype=np.str_),
        notes=(*(() if prepared is None else prepared.notes), reason),
        reason=reason,
    )


def state(outcome: Outcome, *, detail: bool) -> SeriesState:
    """Return the state of a charted series; `detail` False leaves out what only a drawing needs."""
    from qiqa.drift.finding import findings
    from qiqa.drift.forecasting import forecast
    from qiqa.drift.judging import reason, verdict

    series, prepared = outcome.series, outcome.prepared
    coming = forecast(outcome)
    found = findings(outcome, coming)
    nothing = np.empty(0)
    expected, low, high, adjusted = _drawn(outcome) if detail else (nothing,) * 4
    judged = verdict(outcome, found)
    return SeriesState(
        series=series,
        kind=prepared.kind,
        adjusted=adjusted,
        adjusted_for=_adjusted_for(outcome),
        score=outcome.held.score,
        expected=expected,
        low=low,
        high=high,
        left_out=np.array(_reasons(outcome, found) if detail else (), dtype=np.str_),
        segments=segments(outcome),
        baseline=outcome.baseline,
        charts=_joined(outcome) if detail else (),
        findings=found,
        notes=tuple(dict.fromkeys((*prepared.notes, *_notes(outcome)))),
        forecast=coming,
        verdict=judged,
        reason=reason(int(outcome.prediction.learned.sum())) if judged == "not_evaluated" else "",
    )


def _reasons(outcome: Outcome, found: tuple[DriftFinding, ...]) -> list[str]:
    """Return why each exam does not count: as prepared, or a spike."""
    spikes = {f.exam for f in found if f.kind.value == "spike"}
    names = outcome.series.exam.tolist()
    return [
        why or ("spike" if name in spikes else "")
        for why, name in zip(outcome.prepared.left_out, names, strict=True)
    ]


def _shift(outcome: Outcome) -> FloatArray:
    """Return what brings each value to the covariates' means, on the charted scale (n,)."""
    count = len(outcome.prepared.covariates)
    slope = np.nan_to_num(outcome.levels.slope[:count])
    return np.asarray(-slope @ outcome.prepared.x)


def _drawn(outcome: Outcome) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return expected value, control limits and adjusted value in the unit of the values."""
    prediction, prepared = outcome.held, outcome.prepared
    shift = _shift(outcome)
    reach = np.full(prediction.dof.size, np.nan)
    known = prediction.dof > 0
    tail = float(special.ndtr(outcome.ruling.widest)) if math.isfinite(outcome.ruling.widest) else 1
    reach[known] = special.stdtrit(prediction.dof[known], tail) * prediction.scale[known]
    back = prepared.scale.back
    center = prediction.expected + shift
    adjusted = np.where(prepared.usable, back(prepared.y + shift), outcome.series.value)
    return back(center), back(center - reach), back(center + reach), adjusted


def _adjusted_for(outcome: Outcome) -> tuple[tuple[str, float, float, float], ...]:
    fit = outcome.levels
    return tuple(
        (name, float(fit.slope[j]), float(fit.slope_error[j]), outcome.prepared.centers[j])
        for j, name in enumerate(outcome.prepared.covariates)
    )


def segments(outcome: Outcome) -> tuple[Segment, ...]:
    """Return the segments in the unit of the values, oldest first."""
    walk, fit, back = outcome.walk, outcome.levels, outcome.prepared.scale.back
    slopes = {
        number: float(fit.slope[len(outcome.prepared.covariates) + j]) * 365.25
        for j, (number, _) in enumerate(walk.ramps)
    }
    made = []
    for number, begun in enumerate(walk.begun):
        exams = np.flatnonzero(walk.segment == number)
        if exams.size == 0:
            continue
        low, high = fit.interval(number)
        level, low, high, above = back(
            np.array([fit.level[number], low, high, fit.level[number] + fit.sd])
        )
        made.append(
            Segment(
                first=int(exams[0]),
                last=int(exams[-1]),
                why=begun.why,
                label="; ".join(begun.causes),
                level=float(level),
                level_interval=(float(low), float(high)),
                sd=float(abs(above - level)),
                counted=int(fit.counted[number]),
                slope_per_year=slopes.get(number, math.nan),
            )
        )
    return tuple(sorted(made, key=lambda s: s.first))


def _joined(outcome: Outcome) -> tuple[Chart, ...]:
    """Return one chart a rule over all exams, from the charts of the stretches."""
    n = len(outcome.series)
    made = []
    for place, name in enumerate(c.rule for c in outcome.pieces[0].charts):
        labels = [curve.label for curve in outcome.pieces[0].charts[place].curves]
        curves = []
        for k, label in enumerate(labels):
            parts = {field: np.full(n, np.nan) for field in ("value", "low", "high")}
            for piece in outcome.pieces:
                curve = piece.charts[place].curves[k]
                cut = slice(piece.shown_from - piece.first, piece.shown_to - piece.first)
                for field, whole in parts.items():
                    whole[piece.shown_from : piece.shown_to] = getattr(curve, field)[cut]
            curves.append(Curve(label=label, **parts))
        hits = [(c, p) for p in outcome.pieces for c in (p.charts[place],)]
        picked = [
            (int(at) + p.first, int(d), int(s) + p.first)
            for c, p in hits
            for at, d, s in zip(c.signals, c.directions, c.since, strict=True)
            if p.shown_from <= int(at) + p.first < p.shown_to
        ]
        columns = np.array(picked, dtype=np.int64).reshape(-1, 3).T
        made.append(
            Chart(
                rule=name,
                curves=tuple(curves),
                signals=columns[0],
                directions=columns[1],
                since=columns[2],
            )
        )
    return tuple(made)


def _notes(outcome: Outcome) -> list[str]:
    """Return what to know about the chart."""
    notes = []
    learned = int(outcome.prediction.learned.sum())
    missing = outcome.policy.baseline_exams - learned
    if missing > 0:
        notes.append(
            f"{learned} exams so far: {missing} more until a baseline of "
            f"{outcome.policy.baseline_exams}; limits are wide until then"
        )
    scores = outcome.prediction.score
    pairs = np.isfinite(scores[1:]) & np.isfinite(scores[:-1])
    if pairs.sum() >= 20:
        clipped = np.clip(scores, -3.0, 3.0)
        r = float(clipped[1:][pairs] @ clipped[:-1][pairs] / pairs.sum())  # scores have variance 1
        if r > 3.0 / math.sqrt(float(pairs.sum())):
            notes.append(
                f"exams resemble the one before (r = {r:.2f}): false alarms come more often than "
                "allowed for; look for a season or a temperature that is not stated"
            )
    if len(outcome.found) >= _MANY:
        notes.append(
            f"{len(outcome.found)} changes one after another: a season, or a temperature that is "
            "not stated, looks like that"
        )
    rule = next((c for c in outcome.pieces[0].charts if c.rule == SINGLE), None)
    if rule is None:
        notes.append("no rule looks at single exams: spikes are learnt from")
    return notes
