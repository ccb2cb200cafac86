"""Tubes in a stack along them, or in a volume: seen in slices that are cut anew across them.

Which way the tubes run is tried along the axes of the images, then at a lean; the places in one
slab after the other tell the direction itself, and slices are cut once more across that.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.series import Series
from qiqa.locate._constellation import Match
from qiqa.locate._disks import Plane
from qiqa.locate._recut import Window, cut, divided, leaned, middle_mm
from qiqa.locate._sighting import RUN, FlatLayout, Sighting, good, in_slice, near_in_slice

__all__ = ["tubes_along"]

_Array = NDArray[np.float64]

_IMAGES = 2
"""Images of a slice that are looked at: contrast differs among them, geometry does not."""
_COARSEST = 0.25
"""Largest voxel side, of the inner diameter of a tube: four voxels across show that it is round."""
_REACH = 0.75
"""Share of the layout that the images must reach over each way: so many inserts must be seen."""
_SLAB_MM = 8.0
"""Thickness of a slab: a lean of ten degrees moves a tube by less than its wall within it."""
_LEAN_DEG = 14.0
"""Lean of the directions that are tried after the axes: a slab shows tubes that lean against its
normal by up to ten degrees, so that these reach to about twenty."""
_LEANS = 8
_WORTH = 0.35
"""Score in the first slab from which a direction is worth another look."""
_ALIGNED_DEG = 0.5
"""The slabs are cut anew until they lie across the tubes within this."""
_ROUNDS = 3
_NEAR_MM = 44.0
"""How far along the tubes slabs are cut at first, on either side; all of it where that is not all
of the tubes."""
_AROUND_MM = 35.0
"""What is cut around the centers of the outermost tubes: the tube and what a pattern looks at."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A layout in one slab of a cut."""

    axes: _Array
    at: _Array
    """(3,) center of the layout, in the frame of the series."""
    match: Match


def tubes_along(series: Series, layout: FlatLayout, across: bool) -> Sighting | None:
    """Return where a layout of tubes is, from slices cut across them; None where it is not seen.

    Parameters
    ----------
    series
        Stack or volume.
    layout
        Of tubes.
    across
        Whether tubes along the third axis of the images are looked for too: a stack has been
        looked at that way before.
    """
    group = layout.groups[0]
    header = series.header
    if group.shape != "tube" or len(layout.places) < 3:
        return None
    sizes = np.array(header.voxel_size_mm)
    extent = sizes * np.array(header.shape[:3])
    if sizes.max() > _COARSEST * group.inner_diameter_mm:
        return None
    if extent.min() < _REACH * float(np.ptp(layout.places, axis=0).min()):
        return None
    few = divided(series, _IMAGES)
    first = _first_look(few, layout, (0, 1, 2) if across else (0, 1))
    return None if first is None else _followed(few, layout, first)


def _first_look(series: Series, layout: FlatLayout, which: tuple[int, ...]) -> _Seen | None:
    """Return the layout in the slab, among all directions tried, that shows it best."""
    directions = series.header.affine[:3, :3] / np.array(series.header.voxel_size_mm)
    straight = [np.roll(directions, 2 - axis, axis=1) for axis in which]
    found = [_in_slab(series, layout, axes) for axes in straight]
    shown = [item for item in found if item is not None]
    best = max(shown, key=lambda item: item.match.score, default=None)
    if best is not None and good(best.match):
        return best
    # best first, and no more once one is good
    order = sorted(
        range(len(straight)),
        key=lambda n: -(found[n].match.score if found[n] else 0.0),  # type: ignore[union-attr]
    )
    for n in order:
        item = found[n]
        if item is None or item.match.score < _WORTH:
            continue
        for axes in _leaning(straight[n]):
            leant = _in_slab(series, layout, axes)
            if leant is not None and good(leant.match):
                return leant
    return None


def _leaning(axes: _Array) -> list[_Array]:
    lean = math.radians(_LEAN_DEG)
    found = []
    for turn in np.linspace(0.0, 2 * math.pi, _LEANS, endpoint=False):
        side = math.cos(turn) * axes[:, 0] + math.sin(turn) * axes[:, 1]
        found.append(leaned(axes, math.cos(lean) * axes[:, 2] + math.sin(lean) * side))
    return found


def _in_slab(series: Series, layout: FlatLayout, axes: _Array) -> _Seen | None:
    """Return the layout in one slab through the middle of the signal."""
    whole = Window.of(series, axes)
    middle = middle_mm(series, axes)
    window = whole.slab(middle, _SLAB_MM)
    _, shown = in_slice(cut(series, axes, window, _SLAB_MM), layout, 0)
    if shown is None:
        return None
    at = axes @ np.array([*(window.low[:2] + shown.shift), middle])
    return _Seen(axes, at, shown)


def _followed(series: Series, layout: FlatLayout, first: _Seen) -> Sighting | None:
    """Follow a layout from slab to slab, and cut anew until the slabs lie across the tubes."""
    seen = first
    for _ in range(_ROUNDS):
        new, run, shown = _slabs(series, layout, seen, _NEAR_MM)
        if len(run) < 2:
            return None
        axes = seen.axes
        points = np.array([_center(new, axes, k, shown[k][1]) for k in run])
        middle = points.mean(axis=0)
        direction = np.linalg.svd(points - middle)[2][0]
        direction *= np.sign(direction @ axes[:, 2])
        off = math.degrees(math.acos(min(float(direction @ axes[:, 2]), 1.0)))
        best = shown[_middle(run)][1]
        assert best is not None  # noqa: S101 - only good ones are in the run
        if off <= _ALIGNED_DEG or len(run) < 4:
            break
        seen = _Seen(leaned(axes, direction), middle, best)
    if run[0] == 0 or run[-1] == len(shown) - 1:
        new, run, shown = _slabs(series, layout, seen, math.inf)
    return _sighting(new, layout, run, shown)


def _sighting(
    new: Series,
    layout: FlatLayout,
    run: list[int],
    shown: list[tuple[Plane, Match | None]],
) -> Sighting | None:
    """Return a sighting whose place is that of all slabs of the run together."""
    if len(run) < 2:
        return None
    k = _middle(run)
    best = shown[k][1]
    assert best is not None  # noqa: S101 - only good ones are in the run
    shifts = [item.shift for n in run if (item := shown[n][1]) is not None]
    placed = dataclasses.replace(best, shift=np.median(shifts, axis=0))
    middle = float(np.mean(run))
    half = len(run) * new.header.voxel_size_mm[2] / 2
    return Sighting(layout, placed, middle, tuple(run), shown[k][0], new.header, half)


def _middle(run: list[int]) -> int:
    return run[(len(run) - 1) // 2]


def _slabs(
    series: Series, layout: FlatLayout, seen: _Seen, length_mm: float
) -> tuple[Series, list[int], list[tuple[Plane, Match | None]]]:
    """Return slabs across an axis, which of them show the layout without a gap, and how."""
    axes = seen.axes
    here = seen.at @ axes
    reach = float(np.linalg.norm(layout.places, axis=1).max()) + _AROUND_MM
    whole = Window.of(series, axes).around(here[:2], reach)
    new = cut(series, axes, whole.part(here[2], length_mm), _SLAB_MM)
    start = new.header.affine[:3, 3] @ axes
    near = dataclasses.replace(seen.match, shift=here[:2] - start[:2])
    middle = int(np.clip(round((here[2] - start[2]) / _SLAB_MM), 0, new.header.shape[2] - 1))
    shown: list[tuple[Plane, Match | None]] = [
        near_in_slice(new, layout, k, near) for k in range(new.header.shape[2])
    ]
    return new, _run(shown, middle), shown


def _run(shown: list[tuple[Plane, Match | None]], middle: int) -> list[int]:
    """Return the slabs next to each other that show the same, from the one it was found in."""

    def score(k: int) -> float:
        item = shown[k][1]
        return item.score if item is not None and good(item) else 0.0

    near = range(max(middle - 1, 0), min(middle + 2, len(shown)))
    best = max(near, key=score)
    if not score(best) > 0:
        return []
    run = [best]
    for step in (-1, 1):
        k = best + step
        while 0 <= k < len(shown) and score(k) >= RUN * score(best):
            run.append(k)
            k += step
    return sorted(run)


def _center(new: Series, axes: _Array, k: int, found: Match | None) -> _Array:
    assert found is not None  # noqa: S101 - only good ones are in the run
    affine = new.header.affine
    place = affine[:3, 3] + axes[:, :2] @ found.shift + affine[:3, 2] * k
    return np.asarray(place)
