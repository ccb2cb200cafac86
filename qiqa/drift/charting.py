"""Walk one series: predict each exam, let the rules look, name what changed, go on from there.

A signal of a rule ends a segment. What it was (step or ramp, when, how large) is told from the
exams of the segment and a few after the signal; the next segment begins at the change, with a
level of its own, so that one change is one finding and later ones are seen. A single exam off its
place is a spike: it is named, not learnt from, and the segment goes on.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.drift import ApprovedBaseline, Chart, SeriesState, ServiceEvent, TimeSeries
from qiqa.drift import outcome
from qiqa.drift.changes import likeliest_change, one_ramp, rest
from qiqa.drift.epochs import Epochs, epochs_of
from qiqa.drift.laying import lay
from qiqa.drift.levels import Levels, levels
from qiqa.drift.outcome import Found, Outcome, Piece
from qiqa.drift.policy import Policy, Share
from qiqa.drift.preparing import Prepared, prepare
from qiqa.drift.ruling import SINGLE, Ruling, ruling_of
from qiqa.drift.scatter import grew, growth
from qiqa.drift.screening import quiet_state
from qiqa.drift.walking import Walk

__all__ = ["chart"]

FloatArray = NDArray[np.float64]
_LONGEST_WINDOW = 156
"""Exams that are looked back on to tell what a change was."""
_MOST_WALKS = 3
"""Times that a series is walked along: early on a step and a ramp look alike, and what the exams
since then say decides how it goes on."""
_FEWEST = 3
"""Exams before a level and a scatter can predict anything."""


def chart(
    series: TimeSeries,
    *,
    shares: Sequence[Share],
    events: Sequence[ServiceEvent] = (),
    baseline: ApprovedBaseline | None = None,
    policy: Policy | None = None,
    detail: bool = True,
) -> SeriesState:
    """Return everything that a chart of one series shows.

    Parameters
    ----------
    series
        Values over time, oldest first.
    shares
        Rules with their allowed false alarms, from `Policy.shares`.
    events
        What was done to scanners.
    baseline
        Exams from which a person lets limits be made; None: each exam is predicted from all before
        it.
    policy
        How scanners are watched; None: the default.
    detail
        False leaves out what only a drawing needs: limits, curves and adjusted values.
    """
    policy = policy or Policy()
    prepared = prepare(series, policy.adjust)
    refusal = _refusal(prepared)
    if refusal:
        return outcome.refused(series, refusal, prepared)
    epochs = epochs_of(series, events)
    ruling = ruling_of(tuple(shares))
    if not detail and baseline is None and len(epochs.first) == 1:
        quick = quiet_state(series, prepared, ruling)
        if quick is not None:
            return quick
    kinds: dict[int, str] = {}
    for walks in range(1, _MOST_WALKS + 1):
        watch = _Watch(series, prepared, epochs, baseline, policy, ruling, kinds)
        for first, end in watch.stretches():
            watch.walk_stretch(first, end)
        told_otherwise = watch.kinds_by_now() if walks < _MOST_WALKS else {}
        if not told_otherwise:
            break
        kinds = {**kinds, **told_otherwise}
    return outcome.state(watch.outcome(), detail=detail)


def _refusal(prepared: Prepared) -> str:
    """Say why there can be no chart yet, or nothing."""
    usable = prepared.usable
    count = int(usable.sum())
    needed = _FEWEST + len(prepared.covariates)
    if count < needed:
        exams = "1 usable exam" if count == 1 else f"{count} usable exams"
        return f"{exams}: {needed - count} more before anything can be predicted"
    if prepared.kind == "continuous" and float(np.ptp(prepared.y[usable])) == 0.0:
        same = f"all {count} values are {float(prepared.scale.back(prepared.y[usable])[0]):.6g}"
        return f"{same}: no scatter to judge by; copied, clipped or rounded?"
    return ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Signal:
    """The first thing that a rule saw in a stretch."""

    rule: str
    at: int


class _Watch:
    """One walk: its state, and what was found."""

    def __init__(
        self,
        series: TimeSeries,
        prepared: Prepared,
        epochs: Epochs,
        baseline: ApprovedBaseline | None,
        policy: Policy,
        ruling: Ruling,
        kinds: dict[int, str],
    ) -> None:
        self._kinds = kinds
        self.series, self.prepared, self.policy = series, prepared, policy
        self.ruling = ruling
        self.walk = Walk(prepared, series.at, self.ruling.widest)
        least = max(_FEWEST, policy.baseline_exams // 2)
        held = lay(self.walk, series, epochs, baseline, least)
        self.baseline = baseline if held else None
        self._predict()
        self.found: list[Found] = []
        self.pieces: list[Piece] = []
        self._told: dict[int, Found] = {}

    def _predict(self) -> None:
        """Predict every exam, with the segments as they are now."""
        self.prediction = self.walk.predict()
        self.held = self.walk.predict(held=True) if self.walk.holds else self.prediction
        self._levels: Levels | None = None

    @property
    def levels(self) -> Levels:
        """Levels from all exams that were learnt from; worked out once for a prediction."""
        if self._levels is None:
            self._levels = levels(self.walk, self.prediction.learned)
        return self._levels

    def stretches(self) -> list[tuple[int, int]]:
        """Return [first, end) of exams between which no epoch begins for the first time."""
        starts = sorted({begun.first for begun in self.walk.begun} | {0})
        return list(itertools.pairwise([*starts, len(self.series)]))

    def walk_stretch(self, first: int, end: int) -> None:
        """Chart the exams [first, end), splitting them where something changed."""
        shown_from, after = first, first
        while True:
            charts = self._charts(first, end)
            # the exams that told the last change have had their say
            signal = _first_signal(charts, first, after)
            shown_to = end if signal is None else signal.at + 1
            self.pieces.append(Piece(charts, first, shown_from, shown_to))
            if signal is None:
                return
            change = self._explain(signal, first, end)
            if change is None:  # one exam, or too few: go on looking
                after, shown_from = signal.at + 1, shown_to
                continue
            self.found.append(change)
            self.walk.split(change.first, change.kind, fresh=change.kind == "variance")
            self._predict()
            first, shown_from, after = change.first, shown_to, signal.at + 1

    def _charts(self, first: int, end: int) -> tuple[Chart, ...]:
        """Let every rule look at the exams [first, end)."""
        return self.ruling.charts(
            self.prediction.score[first:end],
            self.held.score[first:end],
            lambda: self._residual(first, end),
            kind=self.prepared.kind,
            tie=self.prepared.floor,  # below half of a step, above what an adjustment does to one
        )

    def _residual(self, first: int, end: int) -> FloatArray:
        """Return exams [first, end) without level, covariates and ramps; NaN: left out."""
        used = self.walk.segment[first:end]
        if not self.prepared.covariates and not self.walk.ramps and len(self.walk.begun) == 1:
            return np.where(used >= 0, self.prepared.y[first:end], np.nan)  # one level: as it is
        fit = self.levels
        covariates = self.walk.covariates()[:, first:end]
        level = np.where(used >= 0, fit.level[used], np.nan)
        return np.asarray(
            self.prepared.y[first:end] - level - np.nan_to_num(fit.slope) @ covariates
        )

    def _explain(self, signal: _Signal, first: int, end: int) -> Found | None:
        """Say what the change was that a rule signalled, or None where nothing can be told."""
        to = min(end, signal.at + 1 + self.policy.confirm_exams)
        index = np.arange(first, to)
        index = index[self.walk.segment[first:to] == self.walk.segment[signal.at]]
        index = index[-_LONGEST_WINDOW:]
        if signal.rule == "variance" and grew(self.prediction.score[index]):
            return self._grown(signal, index)
        index = index[~self._alone(index)]
        place = int(np.searchsorted(index, signal.at, side="right")) - 1
        if place < 1:
            return None
        before = self.prediction.learned & (np.arange(len(self.series)) < first)
        fit = levels(self.walk, before)
        change = likeliest_change(
            self.flat(index),
            self.prepared.variance[index],
            self.walk.days[index],
            sd=fit.sd,
            dof=max(fit.dof, 0),
            earliest=self._least_before(signal),
            latest=min(place, index.size - 2),  # a change is two exams at least
            only=self._kinds.get(signal.at),
            intervals=False,  # told anew from all exams in the end
        )
        if change is None:
            return None
        return Found(
            kind=change.kind,
            rule=signal.rule,
            first=int(index[change.begins]),
            likely=int(index[change.begins]),
            signal=signal.at,
            before=int(index[change.earliest - 1]),
            latest=int(index[change.latest]),
            change=change,
        )

    def _least_before(self, signal: _Signal) -> int:
        """Return how many exams of its level a change needs before it.

        A segment that a change began must be told from the next one; an epoch is what it is.
        """
        begun = self.walk.begun[int(self.walk.segment[signal.at])]
        return _FEWEST if begun.why in ("step", "trend", "variance") else 1

    def _alone(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which exams are off their place while the next one is not: spikes, no change."""
        score = self.prediction.score[index]
        following = np.append(score[1:], np.nan)
        far = np.abs(score) > self.ruling.widest
        return np.asarray(far & (following * np.sign(score) < self.ruling.widest / 2.0))

    def flat(self, index: NDArray[np.int64], keep: tuple[int, ...] = ()) -> FloatArray:
        """Return exams at the covariates' means, without ramps but those of segments `keep`."""
        slope = np.nan_to_num(self.levels.slope)
        for j, (segment, _) in enumerate(self.walk.ramps, start=len(self.prepared.covariates)):
            slope[j] *= segment not in keep
        return np.asarray(self.prepared.y[index] - slope @ self.walk.covariates()[:, index])

    def _grown(self, signal: _Signal, index: NDArray[np.int64]) -> Found | None:
        """Return a change of scatter."""
        index = index[np.isfinite(self.prediction.score[index])]
        # the first exams of a series have no score: counted among those that have one
        place = min(int(np.searchsorted(index, signal.at)), index.size - 1)
        grown = growth(self.prediction.score[index], place, _FEWEST)
        if grown is None:
            return None
        return Found(
            kind="variance",
            rule=signal.rule,
            first=int(index[grown.begins]),
            likely=int(index[grown.begins]),
            signal=signal.at,
            before=int(index[max(grown.earliest - 1, 0)]),
            latest=int(index[grown.latest]),
            growth=grown,
        )

    def kinds_by_now(self) -> dict[int, str]:
        """Return signal -> kind of changes that all exams since then speak of otherwise."""
        asked = [f for f in self.found if f.change is not None and f.signal not in self._kinds]
        told = [(f, self._told_anew(f, only=None)) for f in asked]
        self._told = {f.signal: new for f, new in told if new.kind == f.kind}
        kinds = {f.signal: new.kind for f, new in told if new.kind != f.kind}
        pieces = itertools.pairwise(self.found)
        return kinds | {
            one.signal: "trend"
            for one, following in pieces
            if one.signal not in self._kinds and self._is_one_ramp(one, following)
        }

    def _is_one_ramp(self, one: Found, following: Found) -> bool:
        """Say whether a step and the change after it are better told as one ramp.

        By the information criterion of Schwarz (Ann Stat 1978;6:461): levels before, between and
        after with two beginnings, against one level and one ramp with one beginning.
        """
        own, nxt = (int(self.walk.segment[f.first]) for f in (one, following))
        before = np.flatnonzero(self.walk.segment[: one.first] >= 0)
        if one.kind != "step" or "variance" in (one.kind, following.kind) or before.size == 0:
            return False
        old = int(self.walk.segment[before[-1]])
        index = np.flatnonzero(np.isin(self.walk.segment, (old, own, nxt)))
        index = index[self.prediction.learned[index]][-3 * _LONGEST_WINDOW :]
        place = self.walk.segment[index]
        if min(np.sum(place == s) for s in (old, own, nxt)) < 2 or own == nxt:
            return False
        y, w = self.flat(index, keep=(own, nxt)), 1.0 / self.prepared.variance[index]
        days = self.walk.days[index]
        last_line = following.kind == "trend"
        pieces = sum(
            rest(y[own_part], w[own_part], days[own_part], line=last_line and s == nxt)
            for s in (old, own, nxt)
            for own_part in (place == s,)
        )
        ramp = one_ramp(y, w, days)
        n = y.size
        spare = 2 + last_line  # a level, a beginning, and a slope more
        gain = n * np.log(max(pieces, 1e-300)) + spare * np.log(n) - n * np.log(max(ramp, 1e-300))
        return bool(gain > 0.0)

    def _told_anew(self, found: Found, only: str | None) -> Found:
        """Return a step or ramp told anew from all exams before and after it."""
        if found.change is None:
            return found
        own = int(self.walk.segment[found.first])
        before = np.flatnonzero(self.walk.segment[: found.first] >= 0)
        if own < 0 or before.size == 0:
            return found
        old = int(self.walk.segment[before[-1]])
        index = np.flatnonzero(np.isin(self.walk.segment, (old, own)) & self.prediction.learned)
        index = index[max(0, int(np.searchsorted(index, found.first)) - _LONGEST_WINDOW) :]
        index = index[: 2 * _LONGEST_WINDOW]
        change = likeliest_change(
            self.flat(index, keep=(own,)),
            self.prepared.variance[index],
            self.walk.days[index],
            only=only,
        )
        if change is None:
            return found
        return dataclasses.replace(
            found,
            kind=change.kind,
            likely=min(int(index[change.begins]), found.signal),  # it was seen by then
            before=int(index[change.earliest - 1]),
            latest=int(index[change.latest]),
            change=change,
        )

    def outcome(self) -> Outcome:
        """Return what was found, for a state to be made of."""
        return Outcome(
            series=self.series,
            prepared=self.prepared,
            walk=self.walk,
            prediction=self.prediction,
            held=self.held,
            levels=self.levels,
            ruling=self.ruling,
            baseline=self.baseline,
            found=tuple(self._told.get(f.signal) or self._told_anew(f, f.kind) for f in self.found),
            pieces=tuple(self.pieces),
            policy=self.policy,
        )


def _first_signal(charts: Sequence[Chart], first: int, after: int) -> _Signal | None:
    """Return the earliest signal, from exam `after` on, of more than one exam."""
    found = [
        _Signal(chart.rule, first + at)
        for chart in charts
        for at, since in (
            *zip(chart.signals.tolist(), chart.since.tolist(), strict=True),
            *_in_a_row(chart),
        )
        if since < at and first + at >= after
    ]
    return min(found, key=lambda signal: signal.at, default=None)


def _in_a_row(chart: Chart) -> list[tuple[int, int]]:
    """Return the last and first of every three exams in a row off their place on one side.

    Three in a row are a shift, whatever the rules of shifts say: where one exam is all that an
    epoch has from before, ranks cannot tell which of the two levels is the odd one, and what is off
    is not learnt from, so that every exam would be called a spike for good. By chance it happens
    less often than one exam off does by its third power.
    """
    if chart.rule != SINGLE:
        return []
    place = np.cumsum(np.isfinite(chart.curves[0].value))  # exams that are left out part no row
    at, side = chart.signals, chart.directions
    return [
        (int(at[i + 2]), int(at[i]))
        for i in range(at.size - 2)
        if place[at[i + 2]] - place[at[i]] == 2 and side[i] == side[i + 1] == side[i + 2]
    ]
