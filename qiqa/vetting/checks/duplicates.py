"""Series that are copies of each other, whatever their headers say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

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
from qiqa.vetting.duplicates import Copies, Partner, copies, crossing, neighbors

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="duplicates",
    needs=Needs.SET,
    title="Copies of a series, exact and near",
    reasons=(
        Reason(
            code="duplicate_exact",
            severity=Severity.ERROR,
            title="same pixels as another series",
            meaning="All pixel values are those of another series. A model would count it twice.",
            unit="%",
        ),
        Reason(
            code="duplicate_near",
            severity=Severity.WARNING,
            title="nearly the same images as another series",
            meaning="The images are those of another series, resampled, cropped, turned, rescaled "
            "or a part of it, or those of a scan repeated at once.",
            unit="%",
        ),
        Reason(
            code="duplicate_across_patients",
            severity=Severity.ERROR,
            title="a copy has another patient",
            meaning="The same images stand under two patients: one of them is wrong, and splits by "
            "patient leak.",
            unit="%",
        ),
        Reason(
            code="duplicate_across_sites",
            severity=Severity.ERROR,
            title="a copy has another site",
            meaning="The same images stand under two sites: one of them is wrong, and a validation "
            "on another site is none.",
            unit="%",
        ),
        Reason(
            code="duplicate_across_splits",
            severity=Severity.ERROR,
            title="a copy is in another split",
            meaning="The same images are in two splits, for instance training and test: the test "
            "would be too good.",
            unit="%",
        ),
        Reason(
            code="duplicate_label_conflict",
            severity=Severity.ERROR,
            title="a copy has another label",
            meaning="The same images have two labels: one of them is wrong.",
            unit="%",
        ),
        Reason(
            code="same_object_other_contrast",
            severity=Severity.INFO,
            title="same object and place as another series, other contrast",
            meaning="The images are nearly those of another series whose echo, repetition or "
            "inversion time is another one, as T1 and T2 of a phantom without moving it.",
            unit="%",
        ),
        Reason(
            code="repeated_instance_uid",
            severity=Severity.WARNING,
            title="same SOP Instance UIDs as another series",
            meaning="UIDs that have to be unique in the world stand in two series: one was made "
            "from the other by a program that left them.",
        ),
        Reason(
            code="duplicate_share",
            severity=Severity.INFO,
            title="share of copies in the set",
            meaning="Series of which another copy is in the set.",
            unit="%",
        ),
        Reason(
            code="duplicate_search_incomplete",
            severity=Severity.WARNING,
            title="comparisons left out",
            meaning="So many images look alike that not all were compared; copies may be missed.",
            unit="%",
        ),
    ),
    settings=(
        Setting(
            name="least_similarity",
            default=80.5,
            meaning="Percent of bits that agree in near copies, at least; what the rules call for "
            "begins at their limit",
        ),
    ),
)

_ALL_OF_THEM = (
    ("duplicate_across_patients", "patient"),
    ("duplicate_label_conflict", "label"),
)
"""Of these nobody knows which one is right: each of the copies is named."""
_ALL_BUT_ONE = (
    ("duplicate_across_sites", "site"),
    ("duplicate_across_splits", "split"),
)


def look(table: VetTable, settings: Settings) -> SetAnswer:
    """Return every copy but the one that stays, and what crosses a border.

    The one that stays is the first in the order of the table (series UID, then path), originals
    before what was derived: the check does not know which one has the fewest other faults.
    """
    least = float(str(settings["least_similarity"]))
    kinds = table.text("image_type")
    derived = np.array([*("DERIVED" in name.upper() for name in kinds.names), False])
    last = derived[kinds.codes]
    if not last.any():
        return _look(table, least)
    order = np.argsort(last, kind="stable")
    plain = dataclasses.replace(table, features=(), values=table.values[:, :0])
    made = _look(plain.take(order), least)
    seen = sorted(((int(order[row]), one) for row, one in made.observations),
                  key=lambda one: (one[0], one[1].code))  # fmt: skip
    return dataclasses.replace(made, observations=tuple(seen))


def _look(table: VetTable, least: float) -> SetAnswer:
    found = copies(table, least)
    seen = dict(_plain(found))
    answer = [(row, _said(table, *said)) for row, said in seen.items()]
    for code, name in (*_ALL_OF_THEM, *_ALL_BUT_ONE):
        crossed = crossing(found, table.text(name), earlier=(code, name) in _ALL_BUT_ONE)
        answer += [(row, _said(table, code, partner)) for row, partner in crossed.items()]
    for row, others in neighbors(found.contrast).items():
        before = [one for one in others if one[0] < row]
        if before:
            said = _said(table, "same_object_other_contrast", Partner(*before[0], exact=False))
            answer.append((row, said))
    answer += _repeated_uids(table)
    answer.sort(key=lambda one: (one[0], one[1].code))
    return SetAnswer(
        observations=tuple(answer), statements=_statements(table, found, len(seen), least)
    )


def _plain(found: Copies) -> Iterator[tuple[int, tuple[str, Partner]]]:
    """Yield each copy but the one that stays, with what it is a copy of."""
    for group, rows in sorted(found.members.items()):
        for row in rows[1:].tolist():
            yield row, ("duplicate_exact", Partner(group, 100.0, exact=True))
    for group, others in sorted(neighbors(found.near).items()):
        before = [one for one in others if one[0] < group]
        if before:
            yield group, ("duplicate_near", Partner(*before[0], exact=False))


def _said(table: VetTable, code: str, partner: Partner) -> Observation:
    how = "equal pixels" if partner.exact else f"{partner.similarity:.1f} % of bits agree"
    evidence = f"as series {table.series_uid[partner.row]}: {how}"
    return Observation(code=code, value=partner.similarity, evidence=evidence)


def _repeated_uids(table: VetTable) -> list[tuple[int, Observation]]:
    """Return series whose SOP Instance UIDs, hashed together, are those of an earlier one."""
    column = table.text("instance_uids")
    rows = np.arange(len(column))
    first = np.full(len(column.names) + 1, len(column))
    np.minimum.at(first, column.codes, rows)
    answer = []
    for row in np.flatnonzero(column.known & (first[column.codes] < rows)).tolist():
        at = int(first[column.codes[row]])
        evidence = f"all SOP Instance UIDs are those of series {table.series_uid[at]}"
        answer.append((row, Observation(code="repeated_instance_uid", evidence=evidence)))
    return answer


def _statements(
    table: VetTable, found: Copies, count: int, least: float
) -> tuple[SetStatement, ...]:
    known = int((found.group >= 0).sum())
    exact = sum(len(rows) - 1 for rows in found.members.values())
    made, left_out = found.near.compared, found.near.left_out
    share = SetStatement(
        code="duplicate_share",
        value=100 * count / known if known else float("nan"),
        evidence=f"{exact} exact and {count - exact} near copies among {known} series with a "
        f"signature, of {len(table)}; near from {least:g} % on",
    )
    incomplete = SetStatement(
        code="duplicate_search_incomplete",
        value=100 * left_out / (made + left_out) if left_out else 0.0,
        evidence=f"{made} comparisons made, {left_out} left out where more than 4096 views fell "
        f"together; {found.near.unlisted} times a view had more than 16 partners, of which 16 "
        "were held together in full",
    )
    return share, incomplete
