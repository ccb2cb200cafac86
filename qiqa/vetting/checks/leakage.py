"""What training and test share: patients, studies, sites; and patients with several labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Setting,
    Settings,
)
from qiqa.core.words import Words
from qiqa.vetting.sets.wording import named, table, words

__all__ = ["CHECK", "look"]

IntArray = NDArray[np.intp]
_LEAKS = (
    ("patient", "patient_in_several_splits"),
    ("study", "study_in_several_splits"),
    ("site", "site_in_several_splits"),
)
_MOST_SPLITS = 20
"""In the table of what they share, largest ones."""

CHECK = Check(
    name="leakage",
    needs=Needs.SET,
    title="Leakage between splits",
    reasons=(
        Reason(
            code="patient_in_several_splits",
            severity=Severity.ERROR,
            title="patient in several splits",
            meaning="The same patient is in training and test: the test then measures memory. Said "
            "of the series that are not in the largest of the patient's splits.",
            unit="splits",
        ),
        Reason(
            code="study_in_several_splits",
            severity=Severity.ERROR,
            title="study in several splits",
            meaning="Series of one study are in training and test. Said of those that are not in "
            "the largest of its splits.",
            unit="splits",
        ),
        Reason(
            code="site_in_several_splits",
            severity=Severity.WARNING,
            title="site in several splits",
            meaning="The purpose asks for sites that the training never saw, and this one is in "
            "several splits. Said of the series that are not in the largest of them.",
            unit="splits",
        ),
        Reason(
            code="label_conflict",
            severity=Severity.WARNING,
            title="patient with several labels",
            meaning="Series of one patient have different labels where a patient should have one.",
            unit="labels",
        ),
        Reason(
            code="leakage",
            severity=Severity.WARNING,
            title="shared between splits",
            meaning="How many patients, studies or sites are in more than one split.",
        ),
        Reason(
            code="leakage_unknown",
            severity=Severity.WARNING,
            title="leakage cannot be told",
            meaning="Share of the series whose patient or split is not known: whether they leak "
            "cannot be told.",
            unit="%",
        ),
    ),
    settings=(
        Setting(
            name="site_disjoint",
            default="no",
            meaning="`yes`: sites may not be in several splits either",
        ),
        Setting(
            name="labels",
            default=("label",),
            meaning="columns of words that a patient has one value of; empty where labels belong "
            "to series or change over time",
        ),
    ),
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """Which units (patients, ...) have several values, and how many."""

    unit: Words
    value: Words
    pairs: IntArray
    """(m, 2) unit and value that occur together."""
    several: IntArray
    """(units,) values of each."""

    @property
    def rows(self) -> IntArray:
        """Rows of units with several values, where both are known."""
        known = (self.unit.codes >= 0) & (self.value.codes >= 0)
        large = np.append(self.several, 0)[self.unit.codes] > 1
        return np.flatnonzero(known & large)


def look(observed: VetTable, settings: Settings) -> SetAnswer:
    """Say what is in several splits; where patient or split is unknown, say that."""
    if len(observed) == 0:
        return SetAnswer()
    split = observed.text("split")
    observations: list[tuple[int, Observation]] = []
    statements = [_unknown(observed, split)]
    if split.names:
        for column, code in _LEAKS:
            if column == "site" and settings["site_disjoint"] != "yes":
                continue
            shared = _shared(observed.text(column), split)
            if shared.unit.names:
                observations += _leaks(shared, code, column)
                statements.append(_table(shared, column))
    for name in words(settings, "labels"):
        shared = _shared(observed.text("patient"), observed.text(name))
        observations += _conflicts(shared, name)
    observations.sort(key=lambda one: (one[0], one[1].code))
    return SetAnswer(observations=tuple(observations), statements=tuple(statements))


def _shared(unit: Words, value: Words) -> _Shared:
    known = (unit.codes >= 0) & (value.codes >= 0)
    width = max(len(value.names), 1)
    joint = np.unique(unit.codes[known] * width + value.codes[known])
    pairs = np.stack([joint // width, joint % width], axis=1)
    return _Shared(unit, value, pairs, np.bincount(pairs[:, 0], minlength=len(unit.names)))


def _leaks(shared: _Shared, code: str, column: str) -> Iterator[tuple[int, Observation]]:
    """Yield the series outside the largest split of each unit."""
    size = shared.value.counts
    # place of each split, the largest last; of equal ones the first in the alphabet counts as large
    place = np.empty(size.size, dtype=np.intp)
    place[np.lexsort((-np.arange(size.size), size))] = np.arange(size.size)
    home = np.full(len(shared.unit.names), -1, dtype=np.intp)
    np.maximum.at(home, shared.pairs[:, 0], place[shared.pairs[:, 1]])
    back = np.argsort(place)
    for row in shared.rows.tolist():
        unit, own = shared.unit.codes[row], shared.value.codes[row]
        if place[own] == home[unit]:
            continue
        largest = shared.value.names[back[home[unit]]]
        yield (
            row,
            Observation(
                code=code,
                value=float(shared.several[unit]),
                evidence=f"in {shared.value.names[own]!r}; the same {column} is also in the larger "
                f"split, {largest!r}",
            ),
        )


def _conflicts(shared: _Shared, name: str) -> Iterator[tuple[int, Observation]]:
    for row in shared.rows.tolist():
        unit = shared.unit.codes[row]
        begin, end = np.searchsorted(shared.pairs[:, 0], [unit, unit + 1])
        found = [shared.value.names[k] for k in shared.pairs[begin:end, 1].tolist()]
        yield (
            row,
            Observation(
                code="label_conflict",
                value=float(shared.several[unit]),
                evidence=f"{name}: {shared.value.names[shared.value.codes[row]]!r} here; "
                f"series of this patient have {named(found)}",
            ),
        )


def _table(shared: _Shared, column: str) -> SetStatement:
    """Say how many units each pair of splits has in common."""
    shown = np.sort(np.argsort(-shared.value.counts, kind="stable")[:_MOST_SPLITS])
    names = [shared.value.names[k] for k in shown]
    held = [shared.pairs[shared.pairs[:, 1] == k, 0] for k in shown]
    rows = []
    for a, first in enumerate(held):
        common = [np.intersect1d(first, second, assume_unique=True).size for second in held]
        rows.append((names[a], *(str(c) for c in common)))
    count = int(np.count_nonzero(shared.several > 1))
    return SetStatement(
        code="leakage",
        value=float(count),
        subject=column,
        evidence=f"{count} of {np.count_nonzero(shared.several)} are in several splits",
        rows=table((f"{column} in both", *names), rows),
    )


def _unknown(observed: VetTable, split: Words) -> SetStatement:
    patient = observed.text("patient").known
    n = len(observed)
    if not split.names:
        return SetStatement(
            code="leakage_unknown", value=100.0, subject="split",
            evidence="no split is stated: what training and test share cannot be told",
        )  # fmt: skip
    lost = ~patient | (split.codes < 0)
    return SetStatement(
        code="leakage_unknown",
        value=100.0 * int(np.count_nonzero(lost)) / n,
        subject="patient and split",
        evidence=f"of {n} series {np.count_nonzero(~patient)} have no patient, "
        f"{np.count_nonzero(split.codes < 0)} no split",
    )
