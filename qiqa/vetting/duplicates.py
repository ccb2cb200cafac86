"""Groups of copies in a set, and where they cross a border: patient, site, split, label."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vet_table import VetTable
from qiqa.core.words import Words
from qiqa.vetting.signature.layout import unpack
from qiqa.vetting.signature.search import Near, exact_groups, near_pairs

__all__ = ["Copies", "Partner", "copies", "crossing", "neighbors"]

Rows = NDArray[np.int64]

TIMES = ("te_ms", "tr_ms", "ti_ms")
OTHER_TIME = 0.2
"""Share by which a time differs in another contrast. Copies keep their header's times, or have
none; repeats of a protocol differ by a few percent, as repetition times do that follow a pulse."""
_CONTRAST = re.compile(
    r"(?P<exam>.+?)(?:_(?P<channel>[0-9]{4})|[_-](?P<contrast>"
    r"t1|t1w|t1c|t1ce|t1gd|t1n|t1post|t2|t2w|t2f|t2star|t2starw|flair|pd|pdw|dwi|adc|swi|bold|tof|"
    r"angio|inplanet1|inplanet2|unit1))\.nii(\.gz)?",
    re.IGNORECASE,
)
"""Names of BIDS, of nnU-Net (channels of four digits) and of public sets of brains."""


@dataclasses.dataclass(frozen=True, slots=True)
class Partner:
    """The series that another one is a copy of."""

    row: int
    similarity: float
    """Share of bits that agree [%]; 100 also for equal pixels."""
    exact: bool


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Who is a copy of whom."""

    group: Rows
    """(n,) first row with the same pixels; -1 where there is no signature."""
    members: dict[int, Rows]
    """First row of a group -> all rows of it, ascending; groups of one are left out."""
    near: Near
    """Pairs of first rows of groups."""
    contrast: Near
    """Pairs that would be near, but whose headers state another contrast."""

    def rows(self, group: int) -> Rows:
        """Return the rows of a group, ascending."""
        alone = np.array([group], dtype=np.int64)
        return self.members.get(group, alone)


def neighbors(pairs: Near) -> dict[int, list[tuple[int, float]]]:
    """Return row -> rows paired with it and their similarity [%], the most similar first."""
    found: dict[int, list[tuple[int, float]]] = {}
    plain = (one.tolist() for one in (pairs.first, pairs.second, pairs.similarity))
    for a, b, similarity in zip(*plain, strict=True):
        found.setdefault(a, []).append((b, similarity))
        found.setdefault(b, []).append((a, similarity))
    for paired in found.values():
        paired.sort(key=lambda one: (-one[1], one[0]))
    return found


def copies(table: VetTable, least: float) -> Copies:
    """Return which series are copies of which.

    A near pair whose headers state another echo, repetition or inversion time is not one of
    copies: it is one object in two contrasts, in the same place.

    Parameters
    ----------
    table
        The set.
    least
        Similarity [%] that near copies have at least; what is below `LEAST_SIMILARITY` is not
        found in any case.
    """
    if table.signatures is None or not len(table.signatures):
        nothing = np.zeros(0, dtype=np.int64)
        none = Near(nothing, nothing, np.zeros(0))
        return Copies(np.full(len(table), -1, dtype=np.int64), {}, none, none)
    codes = unpack(table.signatures)
    group = exact_groups(codes)
    known = np.flatnonzero(group >= 0)
    often = known[np.bincount(group[known], minlength=len(group))[group[known]] > 1]
    order = often[np.argsort(group[often], kind="stable")]
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    members = {int(rows[0]): rows for rows in np.split(order, cuts) if len(rows)}
    near = near_pairs(codes, known[group[known] == known], space=table.space)
    listed = near.similarity >= least
    other = _other_contrast(table, near.first, near.second)
    return Copies(group, members, _only(near, listed & ~other), _only(near, listed & other))


def _only(near: Near, kept: NDArray[np.bool_]) -> Near:
    return dataclasses.replace(
        near,
        first=near.first[kept],
        second=near.second[kept],
        similarity=near.similarity[kept],
    )


def _other_contrast(table: VetTable, first: Rows, second: Rows) -> NDArray[np.bool_]:
    """Whether a time that sets the contrast is stated for both and differs; (m,)."""
    found = _named_apart(table, first, second)
    for name in TIMES:
        if name in table.numbers:
            a, b = table.numbers[name][first], table.numbers[name][second]
            # NaN, not stated: neither greater nor less
            found |= np.abs(a - b) > OTHER_TIME * np.maximum(np.abs(a), np.abs(b))
    return found


def _named_apart(table: VetTable, first: Rows, second: Rows) -> NDArray[np.bool_]:
    """Whether two files are named as contrasts of one exam: `a_t1.nii.gz` and `a_flair.nii.gz`."""
    found = np.zeros(len(first), dtype=np.bool_)
    for m, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        one, other = _exam_and_contrast(table.path[a]), _exam_and_contrast(table.path[b])
        found[m] = one is not None and other is not None and one[0] == other[0] and one != other
    return found


def _exam_and_contrast(path: str) -> tuple[str, str] | None:
    named = _CONTRAST.fullmatch(path)
    if named is None:
        return None
    exam, channel = named["exam"], named["channel"]
    # a case that is numbered itself: `case_012_0001`, not `image_0001`
    if channel and not any(c.isdigit() for c in exam.rpartition("/")[2]):
        return None
    return exam, channel or named["contrast"].lower()


def crossing(found: Copies, column: Words, *, earlier: bool = False) -> dict[int, Partner]:
    """Return row -> a copy of it that has another value in a column.

    Where there are several, one with equal pixels is taken before a near one, the most similar near
    one, and of equals the first row. Rows whose value is unknown are not compared.

    Parameters
    ----------
    found
        The copies.
    column
        (n,)
    earlier
        Only copies in rows before it: without the rows returned, nothing crosses any more.
    """
    near = neighbors(found.near)
    groups = sorted({*found.members, *near})
    values = column.codes
    firsts = {group: _first_of_two_values(found.rows(group), values) for group in groups}
    crossed: dict[int, Partner] = {}
    for group in groups:
        at = [(group, 100.0), *near.get(group, [])]
        for row in found.rows(group).tolist():
            value = values[row]
            if value < 0:
                continue
            for other, similarity in at:
                others = [
                    r for r in firsts[other] if values[r] != value and not (earlier and r > row)
                ]
                if others:
                    crossed[row] = Partner(others[0], similarity, other == group)
                    break
    return crossed


def _first_of_two_values(rows: Rows, values: Rows) -> list[int]:
    """Return the first row of each of the first two known values: one differs from any third."""
    found: list[int] = []
    for row in rows.tolist():
        if values[row] >= 0 and all(values[row] != values[r] for r in found):
            found.append(row)
        if len(found) == 2:
            break
    return found
