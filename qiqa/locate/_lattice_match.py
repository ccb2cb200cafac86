"""Found places matched to the places of a lattice, under any rotation, with strays and gaps."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import LocateError
from qiqa.geometry.rigid import fit_rigid

__all__ = ["Lattice", "Match", "match_lattice"]

_Array = NDArray[np.float64]
_Cells = NDArray[np.int64]

LENGTH_TOLERANCE = 0.08
"""Of the spacing: neighbors are this near to it; distortion stretches by less."""
SQUARE_TOLERANCE = 0.12
"""Largest cosine between two steps that should be square."""
NEAR_CELL = 0.1
"""Of the spacing: a place this near to a node of the lattice is on it."""
REACHES = (1.8, 2.9, 99.0)
"""Cells around the start that are fitted, in turn: a few degrees wrong at the first corner would
miss nodes farther away."""
HYPOTHESES = 24
LEAST_MATCHED = 14
"""Chance matches of as many strays as are let in reach half of it."""
LEAST_SHARE = 0.6
"""Of the places in the field of view."""
LEAST_LEAD = 4
"""By how many places the best way to lay the lattice must lead the next."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Places of the definition as whole numbers of steps."""

    places_mm: _Array
    """(m, 3)."""
    cells: _Cells
    """(m, 3)."""
    spacing_mm: float

    @staticmethod
    def of(places_mm: _Array) -> Lattice:
        """Read spacing and steps off the places.

        Raises
        ------
        LocateError
            If they do not lie on a cubic lattice along the axes.
        """
        gaps = np.linalg.norm(places_mm[:, None] - places_mm[None], axis=2)
        spacing = float(gaps[gaps > 1e-6].min())
        steps = (places_mm - places_mm[0]) / spacing
        cells = np.rint(steps).astype(np.int64)
        if np.abs(steps - cells).max() > 0.01:
            raise LocateError(
                f"the fiducials of the definition are not on a cubic lattice of {spacing:g} mm",
                hint="locating by fiducials needs them on a lattice along the axes",
            )
        return Lattice(places_mm, cells, spacing)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Which found place is which place of the definition, but for the lattice's symmetry."""

    rotation: _Array
    shift_mm: _Array
    place: NDArray[np.int64]
    """(n,) index of the place of the definition."""
    found: NDArray[np.int64]
    """(n,) index of the found place."""
    absent: NDArray[np.int64]
    """Places in the field of view where nothing was found."""
    lead: int
    """By how many places this way leads the next."""


def match_lattice(
    found_mm: _Array, lattice: Lattice, in_view: Callable[[_Array], NDArray[np.bool_]]
) -> Match:
    """Lay the lattice over found places.

    Corners of three places a step apart and square to each other propose an orientation; places
    on its nodes refine it; the shift by whole steps that explains most places decides.

    Parameters
    ----------
    found_mm : (n, 3)
        Places, strays among them.
    lattice
        Where they should be.
    in_view
        Says for points (m, 3) whether the images reach there.

    Raises
    ------
    LocateError
        If no way explains enough, or two explain alike; the message says what was seen.
    """
    best: tuple[int, Match] | None = None
    runner_up = -99
    for frame, at in _corners(found_mm, lattice.spacing_mm):
        grown = _grow(found_mm, frame, at, lattice.spacing_mm)
        if grown is None:
            continue
        first, second = _lay(*grown, lattice, in_view)
        if best is None or first[0] > best[0]:
            best, runner_up = first, second
    if best is None or len(best[1].place) < LEAST_MATCHED:
        n = 0 if best is None else len(best[1].place)
        raise LocateError(
            f"{len(found_mm)} ball-like places, of which {n} fit a lattice of "
            f"{lattice.spacing_mm:g} mm; at least {LEAST_MATCHED} are needed"
        )
    score, match = best
    n, gone = len(match.place), len(match.absent)
    if n < LEAST_SHARE * (n + gone):
        raise LocateError(f"{n} places fit the lattice, but {gone} more in view are empty")
    if score - runner_up < LEAST_LEAD:
        raise LocateError(
            f"{n} places fit a lattice of {lattice.spacing_mm:g} mm, but it can be laid over them "
            "in more than one way: too little of the phantom is in view"
        )
    return dataclasses.replace(match, lead=score - runner_up)


def _corners(found: _Array, spacing: float) -> list[tuple[_Array, int]]:
    """Return frames (rows: axes) and the found place at their corner, most neighbors first."""
    steps = found[None] - found[:, None]
    lengths = np.linalg.norm(steps, axis=2)
    near = np.abs(lengths - spacing) < LENGTH_TOLERANCE * spacing
    proposals: list[tuple[int, _Array, int]] = []
    for at in np.flatnonzero(near.sum(axis=1) >= 2).tolist():
        arms = steps[at, near[at]] / lengths[at, near[at], None]
        around = steps[at, lengths[at] < 1.9 * spacing]
        for a, b in itertools.combinations(arms, 2):
            if abs(a @ b) > SQUARE_TOLERANCE:
                continue
            third = np.cross(a, b)
            u, _, vt = np.linalg.svd(np.stack([a, b, third / np.linalg.norm(third)]))
            frame = u @ vt
            off = around @ frame.T / spacing
            on = np.linalg.norm(off - np.rint(off), axis=1) < NEAR_CELL
            proposals.append((int(on.sum()), frame, at))
    proposals.sort(key=lambda p: -p[0])
    chosen: list[tuple[_Array, int]] = []
    seen: set[int] = set()
    # one a corner: the others at the same place say the same but for quarter turns
    for _, frame, at in proposals:
        if at not in seen:
            seen.add(at)
            chosen.append((np.asarray(frame, dtype=np.float64), at))
        if len(chosen) == HYPOTHESES:
            break
    return chosen


def _grow(
    found: _Array, frame: _Array, at: int, spacing: float
) -> tuple[_Array, _Array, _Cells, NDArray[np.int64]] | None:
    """Return rotation, shift, cells and the found places on them, after refining in rings."""
    rotation, shift = frame.T, found[at]
    cells, index = np.zeros((0, 3), np.int64), np.zeros(0, np.int64)
    for reach in REACHES:
        steps = (found - shift) @ rotation / spacing
        nodes = np.rint(steps).astype(np.int64)
        gap = np.linalg.norm(steps - nodes, axis=1)
        use = (gap < NEAR_CELL) & (np.linalg.norm(nodes, axis=1) < reach)
        order = np.flatnonzero(use)[np.argsort(gap[use], kind="stable")]
        cells, first = np.unique(nodes[order], axis=0, return_index=True)
        index = order[first]
        if len(cells) < 4 or np.linalg.matrix_rank(cells - cells.mean(axis=0)) < 2:
            return None
        rotation, shift = fit_rigid(np.asarray(cells * spacing, dtype=np.float64), found[index])
    return rotation, shift, cells, index


def _lay(
    rotation: _Array,
    shift: _Array,
    cells: _Cells,
    index: NDArray[np.int64],
    lattice: Lattice,
    in_view: Callable[[_Array], NDArray[np.bool_]],
) -> tuple[tuple[int, Match], int]:
    """Return the best way to lay the definition over occupied cells, and the next one's score."""
    steps = (cells[:, None] - lattice.cells[None]).reshape(-1, 3)
    offsets, counts = np.unique(steps, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:12]
    at_cell = {tuple(cell): int(i) for cell, i in zip(cells, index, strict=True)}
    ways: list[tuple[int, Match]] = []
    for offset in offsets[order]:
        laid = lattice.cells + offset
        where = np.array([at_cell.get(tuple(cell), -1) for cell in laid])
        visible = in_view(laid * lattice.spacing_mm @ rotation.T + shift)
        place = np.flatnonzero(where >= 0)
        absent = np.flatnonzero((where < 0) & visible)
        # places on the lattice that this way cannot explain count against it
        strays = len(cells) - len(place)
        origin = offset * lattice.spacing_mm - lattice.places_mm[0]
        whole = shift + rotation @ origin
        score = len(place) - len(absent) - strays
        ways.append((score, Match(rotation, whole, place, where[place], absent, 0)))
    ways.sort(key=lambda way: -way[0])
    return ways[0], (ways[1][0] if len(ways) > 1 else -99)
