"""Which images of a series make its largest stack of parallel slices, from their headers alone."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vetting import Instance

__all__ = ["Grid", "arrange"]

_SAME_PLACE_MM = 0.02
_SAME_DIRECTION = 2e-3
_REGULAR = 0.05
"""Share of the spacing by which regular slices may be off (all three as in `qiqa.io.stacking`)."""
_LARGEST_HOLE = 4.5
"""Spacings; a wider one separates two stacks."""
_SPARSE = 0.5
"""Share of places that volumes may lack before their axis is taken for no axis at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """Images in order: planes[n][k], None where one is missing."""

    planes: tuple[tuple[Instance | None, ...], ...]
    affine: NDArray[np.float64]
    """(4, 4) (i, j, k) to RAS+ mm."""
    missing: int
    """Planes that are None."""


def arrange(instances: Sequence[Instance], thickness_mm: float) -> Grid | None:
    """Return the largest stack, or None where no image has a place.

    Parameters
    ----------
    instances
        Of one series. Of several with the same SOP instance UID the first is used.
    thickness_mm
        Distance along k of a single slice.
    """
    usable = [one for one in _once(instances) if _placed(one)]
    if not usable:
        return None
    group = max(_groups(usable), key=len)
    heights = np.array([one.position_mm for one in group]) @ _normal(group[0])
    rank = np.argsort(heights, kind="stable")
    places: list[list[Instance]] = []
    levels: list[float] = []
    for index in rank:
        if not levels or heights[index] - levels[-1] > _SAME_PLACE_MM:
            levels.append(float(heights[index]))
            places.append([])
        places[-1].append(group[index])
    block = _largest_block(levels, places)
    levels, places = [levels[k] for k in block], [places[k] for k in block]
    slots = _slots(levels)
    planes = _volumes(places, slots)
    missing = sum(one is None for volume in planes for one in volume)
    affine = _affine(places[0][0], places[-1][0], slots[-1], thickness_mm)
    return Grid(planes, affine, missing)


def _once(instances: Sequence[Instance]) -> list[Instance]:
    first: dict[str, Instance] = {}
    for one in instances:
        first.setdefault(one.sop_uid or one.path, one)
    return list(first.values())


def _placed(one: Instance) -> bool:
    """Say whether an image has a size and a place in space that can be believed."""
    if one.position_mm is None or one.orientation is None or one.spacing_mm is None:
        return False
    row, column = one.orientation[:3], one.orientation[3:]
    right = all(0.9 < math.hypot(*vector) < 1.1 for vector in (row, column))
    upright = abs(sum(a * b for a, b in zip(row, column, strict=True))) < 0.1
    return right and upright and min(one.spacing_mm) > 0 and one.rows > 0 and one.columns > 0


def _groups(instances: Sequence[Instance]) -> list[list[Instance]]:
    """Return images of the same size, type and orientation, in the order of their first."""
    by_size: dict[tuple[int, int, int, bool], list[list[Instance]]] = {}
    for one in instances:
        alike = by_size.setdefault((one.rows, one.columns, one.bits, one.signed), [])
        group = next((group for group in alike if _parallel(group[0], one)), None)
        if group is None:
            alike.append([one])
        else:
            group.append(one)
    return [group for alike in by_size.values() for group in alike]


def _parallel(a: Instance, b: Instance) -> bool:
    pairs = zip(a.orientation or (), b.orientation or (), strict=True)
    spacings = zip(a.spacing_mm or (), b.spacing_mm or (), strict=True)
    return all(abs(x - y) <= 1e-3 * x for x, y in spacings) and all(
        abs(x - y) <= _SAME_DIRECTION for x, y in pairs
    )


def _normal(one: Instance) -> NDArray[np.float64]:
    orientation = np.array(one.orientation)
    normal: NDArray[np.float64] = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def _largest_block(levels: Sequence[float], places: Sequence[Sequence[Instance]]) -> range:
    """Return the places between two wide holes that hold most images."""
    steps = np.diff(levels)
    if not len(steps):
        return range(len(levels))
    cuts = np.flatnonzero(steps > _LARGEST_HOLE * np.median(steps)) + 1
    ends = [0, *cuts.tolist(), len(levels)]
    blocks = [range(a, b) for a, b in itertools.pairwise(ends)]
    return max(blocks, key=lambda block: sum(len(places[k]) for k in block))


def _slots(levels: Sequence[float]) -> list[int]:
    """Return the index of each place among regular slices; without holes where none are."""
    if len(levels) < 3:
        return list(range(len(levels)))
    steps = np.diff(levels)
    # the lower median is a step that is there; the mean of a single and a double one is none
    counts = np.rint(steps / np.sort(steps)[(steps.size - 1) // 2])
    spacing = float(steps.sum() / max(counts.sum(), 1.0))
    regular = bool(np.all(counts >= 1))
    if not regular or float(np.abs(steps - counts * spacing).max()) > _REGULAR * spacing:
        return list(range(len(levels)))
    return [0, *np.cumsum(counts).astype(int).tolist()]


def _axis_key(one: Instance) -> tuple[float, ...]:
    return tuple(-1.0 if math.isnan(value) else round(value, 3) for value in one.axis)


def _order(one: Instance) -> tuple[object, ...]:
    number = -1 if one.instance_number is None else one.instance_number
    return (_axis_key(one), one.moment, number, one.path)


def _volumes(
    places: Sequence[Sequence[Instance]], slots: Sequence[int]
) -> tuple[tuple[Instance | None, ...], ...]:
    """Return volumes in the order of what tells images at one place apart."""
    size = max((len(one.axis) for place in places for one in place), default=0)
    keys = [[_axis_key(one) for one in place] for place in places]
    varying = [c for c in range(size) if any(len({key[c] for key in place}) > 1 for place in keys)]
    count = sum(len(place) for place in places)
    for used in (varying, []):
        cells: dict[tuple[tuple[float, ...], int], dict[int, Instance]] = {}
        for slot, place in zip(slots, places, strict=True):
            ranks: dict[tuple[float, ...], int] = {}
            for one in sorted(place, key=_order):
                key = tuple(_axis_key(one)[c] for c in used)
                rank = ranks[key] = ranks.get(key, -1) + 1
                cells.setdefault((key, rank), {})[slot] = one
        if not used or count >= _SPARSE * len(cells) * len(places):
            break
    # A few images at places that others have are sent twice (`slices_repeated`), and no volume of
    # which most is missing. What an axis tells apart stays.
    kept = [key for key in sorted(cells) if not key[1] or 2 * len(cells[key]) >= len(places)]
    last = slots[-1] + 1
    return tuple(tuple(cells[key].get(k) for k in range(last)) for key in kept)


def _affine(
    first: Instance, last: Instance, steps: int, thickness_mm: float
) -> NDArray[np.float64]:
    orientation, spacing = np.array(first.orientation), first.spacing_mm or (1.0, 1.0)
    start, end = np.array(first.position_mm), np.array(last.position_mm)
    affine = np.eye(4)
    affine[:3, 0] = orientation[:3] / np.linalg.norm(orientation[:3]) * spacing[1]
    affine[:3, 1] = orientation[3:] / np.linalg.norm(orientation[3:]) * spacing[0]
    affine[:3, 2] = (end - start) / steps if steps else _normal(first) * thickness_mm
    affine[:3, 3] = start
    affine[:2] *= -1.0  # left and posterior to right and anterior
    return affine
