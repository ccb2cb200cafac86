"""Groups of copies in a set, and where they cross a border: patient, site, split, label."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vetting import TextArray
from qiqa.vetting.signature.layout import unpack
from qiqa.vetting.signature.search import Near, exact_groups, near_pairs

__all__ = ["Copies", "Partner", "copies", "crossing"]

Rows = NDArray[np.int64]


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

    def rows(self, group: int) -> Rows:
        """Return the rows of a group, ascending."""
        alone = np.array([group], dtype=np.int64)
        return self.members.get(group, alone)

    def neighbors(self) -> dict[int, list[tuple[int, float]]]:
        """Return group -> near groups with their similarity, the most similar first."""
        found: dict[int, list[tuple[int, float]]] = {}
        pairs = zip(
            self.near.first.tolist(),
            self.near.second.tolist(),
            self.near.similarity.tolist(),
            strict=True,
        )
        for a, b, similarity in pairs:
            found.setdefault(a, []).append((b, similarity))
            found.setdefault(b, []).append((a, similarity))
        for pairs_of in found.values():
            pairs_of.sort(key=lambda one: (-one[1], one[0]))
        return found


def copies(signatures: NDArray[np.uint8] | None, least: float) -> Copies:
    """Return which signatures are those of copies.

    Parameters
    ----------
    signatures
        (n, bytes)
    least
        Similarity [%] that near copies have at least; what is below `LEAST_SIMILARITY` is not
        found in any case.
    """
    if signatures is None or not len(signatures):
        nothing = np.zeros(0, dtype=np.int64)
        return Copies(nothing, {}, Near(nothing, nothing, np.zeros(0)))
    codes = unpack(signatures)
    group = exact_groups(codes)
    known = np.flatnonzero(group >= 0)
    order = known[np.argsort(group[known], kind="stable")]
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    members = {int(rows[0]): rows for rows in np.split(order, cuts) if len(rows) > 1}
    near = near_pairs(codes, known[group[known] == known])
    kept = near.similarity >= least
    near = dataclasses.replace(
        near,
        first=near.first[kept],
        second=near.second[kept],
        similarity=near.similarity[kept],
    )
    return Copies(group, members, near)


def crossing(found: Copies, column: TextArray) -> dict[int, Partner]:
    """Return row -> a copy of it that has another value in a column.

    Where there are several, one with equal pixels is taken before a near one, the most similar near
    one, and of equals the first row. Rows whose value is unknown are not compared.

    Parameters
    ----------
    found
        The copies.
    column
        (n,) "" unknown.
    """
    neighbors = found.neighbors()
    groups = sorted({*found.members, *neighbors})
    firsts = {group: _first_of_two_values(found.rows(group), column) for group in groups}
    crossed: dict[int, Partner] = {}
    for group in groups:
        at = [(group, 100.0), *neighbors.get(group, [])]
        for row in found.rows(group).tolist():
            value = str(column[row])
            if not value:
                continue
            for other, similarity in at:
                others = [r for r in firsts[other] if column[r] != value]
                if others:
                    crossed[row] = Partner(others[0], similarity, other == group)
                    break
    return crossed


def _first_of_two_values(rows: Rows, column: TextArray) -> list[int]:
    """Return the first row of each of the first two known values: one differs from any third."""
    found: list[int] = []
    for row in rows.tolist():
        if column[row] and all(column[row] != column[r] for r in found):
            found.append(row)
        if len(found) == 2:
            break
    return found
