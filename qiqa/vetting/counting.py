"""Series counted: by action, site, scanner and reason, and which of them a person should see."""

from __future__ import annotations

import collections
import math
from array import array
from collections.abc import Iterable, Mapping

import numpy as np

from qiqa.core.vet_result import (
    FeatureSummary,
    GroupCount,
    ReasonCount,
    SeriesKey,
    Shown,
    VetCounts,
    VetRow,
)
from qiqa.core.vetting import LABELS, Action, Observation, VetPolicy

__all__ = ["MOST_SHOWN", "count", "shown_keys", "summarize"]

MOST_SHOWN = 6
"""Worst and typical series for each reason: one line of a printed page each."""


def count(rows: Iterable[VetRow], policy: VetPolicy) -> VetCounts:
    """Count all series, and choose the worst and the typical ones of each reason.

    Goes through `rows` twice and keeps two numbers for each observation, no row.

    Parameters
    ----------
    rows
        In the order of their keys; the same each time.
    policy
        Whose limits count.
    """
    tally = _Tally(policy)
    for row in rows:
        tally.add(row)
    chosen = {code: tally.chosen(code) for code in sorted(tally.values)}
    wanted = {index for worst, typical in chosen.values() for index in (*worst, *typical)}
    kept = {i: row for i, row in enumerate(rows) if i in wanted} if wanted else {}
    reasons = {}
    for code, (worst, typical) in chosen.items():
        reasons[code] = ReasonCount(
            code=code,
            seen=len(tally.values[code]),
            above=tally.above[code],
            only=tally.only[code],
            worst=tuple(_shown(kept[i], code) for i in worst),
            typical=tuple(_shown(kept[i], code) for i in typical),
        )
    return tally.counts(reasons)


def shown_keys(counts: VetCounts) -> tuple[SeriesKey, ...]:
    """Return the series whose thumbnails the data card wants, in order."""
    shown = (one for r in counts.reasons.values() for one in (*r.worst, *r.typical))
    return tuple(sorted({one.key for one in shown}))


def summarize(names: tuple[str, ...], values: np.ndarray) -> tuple[FeatureSummary, ...]:
    """Return median and 90 % range of each measured column.

    Parameters
    ----------
    names
        Of the p columns.
    values
        (n, p); NaN where it could not be measured.
    """
    made = []
    for index, name in enumerate(names):
        column = np.asarray(values[:, index], dtype=np.float64)
        finite = column[np.isfinite(column)]
        some = finite.size > 0
        low, median, high = np.percentile(finite, (5, 50, 95)) if some else (np.nan,) * 3
        made.append(
            FeatureSummary(
                name=name,
                measured=int(finite.size),
                missing=int(column.size - finite.size),
                low=float(low),
                median=float(median),
                high=float(high),
            )
        )
    return tuple(made)


class _Tally:
    """What one pass over the rows leaves."""

    def __init__(self, policy: VetPolicy) -> None:
        self.policy = policy
        self.series = 0
        self.overridden: set[str] = set()
        self.lapsed: set[str] = set()
        self.patients: set[str] = set()
        self.actions: collections.Counter[Action] = collections.Counter()
        self.labels: collections.Counter[Action] = collections.Counter()
        self.corrections: collections.Counter[str] = collections.Counter()
        self.modalities: collections.Counter[str] = collections.Counter()
        self.groups: dict[tuple[str, str], collections.Counter[Action]] = {}
        self.above: collections.Counter[str] = collections.Counter()
        self.only: collections.Counter[str] = collections.Counter()
        self.values: dict[str, array[float]] = {}
        self.places: dict[str, array[int]] = {}

    def add(self, row: VetRow) -> None:
        """Count one series."""
        action = row.decision.action
        self.actions[action] += 1
        self.modalities[row.modality] += 1
        self.groups.setdefault((row.site, row.scanner), collections.Counter())[action] += 1
        self.corrections.update(row.decision.asked_corrections)
        self.labels[action] += row.modality == LABELS
        if row.decision.override is not None:
            self.overridden.add(row.series_uid)
        if row.decision.lapsed:
            self.lapsed.add(row.series_uid)
        if row.patient_hash:
            self.patients.add(row.patient_hash)
        largest = _largest(row.observations)
        for code, one in largest.items():
            self.values.setdefault(code, array("d")).append(one.value)
            self.places.setdefault(code, array("q")).append(self.series)
            rule = self.policy.rules.get(code)
            self.above[code] += rule is not None and one.value > rule.limit
        if len(row.decision.reasons) == 1:
            self.only[row.decision.reasons[0]] += 1
        self.series += 1

    def chosen(self, code: str) -> tuple[list[int], list[int]]:
        """Return places of the worst and of the typical series of one reason."""
        values = np.frombuffer(self.values[code], dtype=np.float64)
        places = np.frombuffer(self.places[code], dtype=np.int64)
        ranked = np.where(np.isnan(values), -np.inf, values)
        # stable: the first series wins among equals
        order = np.argsort(-ranked, kind="stable")
        worst = places[order[:MOST_SHOWN]].tolist()
        rule = self.policy.rules.get(code)
        above = int(np.sum(values > rule.limit)) if rule is not None else 0
        ordered = order[: above or len(order)]
        rest = ordered[MOST_SHOWN:]
        middle = ranked[ordered[(len(ordered) - 1) // 2]]
        with np.errstate(invalid="ignore"):
            away = np.abs(ranked[rest] - middle)  # inf - inf: as good as any other
        near = np.argsort(np.where(np.isnan(away), 0.0, away), kind="stable")
        return worst, places[rest[near[:MOST_SHOWN]]].tolist()

    def counts(self, reasons: Mapping[str, ReasonCount]) -> VetCounts:
        """Return the noun."""
        groups = [
            GroupCount(site=site, scanner=scanner, actions={a: found[a] for a in Action})
            for (site, scanner), found in sorted(self.groups.items())
        ]
        return VetCounts(
            series=self.series,
            patients=len(self.patients),
            actions={a: self.actions[a] for a in Action},
            modalities=dict(sorted(self.modalities.items())),
            groups=tuple(groups),
            reasons=reasons,
            labels={a: self.labels[a] for a in Action},
            overridden=frozenset(self.overridden),
            lapsed=frozenset(self.lapsed),
            corrections=dict(sorted(self.corrections.items())),
        )


def _largest(observations: Iterable[Observation]) -> dict[str, Observation]:
    """Return the observation with the largest value of each code."""
    found: dict[str, Observation] = {}
    for one in sorted(observations, key=lambda o: (o.code, o.where, o.evidence)):
        before = found.get(one.code)
        if before is None or one.value > before.value or math.isnan(before.value):
            found[one.code] = one
    return found


def _shown(row: VetRow, code: str) -> Shown:
    one = _largest(row.observations)[code]
    return Shown(
        series_uid=row.series_uid,
        path=row.path,
        value=one.value,
        evidence=one.evidence,
        site=row.site,
        action=row.decision.action,
        codes=tuple(sorted({one.code for one in row.observations})),
    )
