"""Look for the groups of an arrangement in every slice of a series."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group, Landmark
from qiqa.core.series import Series, SeriesHeader
from qiqa.locate._constellation import Match, match, match_near
from qiqa.locate._disks import Plane, likeness, resampled
from qiqa.locate._symmetry import Symmetry, symmetries

__all__ = [
    "RUN", "FlatLayout", "Sighting", "flat_layouts", "good", "in_slice", "near_in_slice",
    "sightings",
]  # fmt: skip

_SCORE = 0.5
"""Mean likeness from which a layout counts as found. Chosen on simulated spheres; what is no
phantom of this kind reaches 0.3."""
_RESIDUAL_MM = 2.0
"""RMS distance from their places up to which inserts are those of the layout: phantoms on public
scans stay below 1 mm, the best of what heads show is 3.7 mm."""
_MISSING = 0.25
"""Share of the inserts that may be unseen."""
RUN = 0.8
"""Slices with this share of the best score show the same inserts."""
_FEW_SLICES = 4
_MANY_IMAGES, _FEW_IMAGES = 8, 3
"""Images of a slice that are looked at: fewer where many slices show the same inserts."""
_GROUND = 0.01
"""Contrast, as a share of the brightest signal, below which an image shows nothing."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FlatLayout:
    """Places that one or more groups share, seen along their axis."""

    groups: tuple[Group, ...]
    axes: NDArray[np.float64]
    """(3, 3), rows u, v and the axis: right-handed, in phantom coordinates."""
    places: NDArray[np.float64]
    """(n, 2) along u and v, about their center."""
    centers: tuple[NDArray[np.float64], ...]
    """Center of each group in phantom coordinates."""
    symmetries: tuple[Symmetry, ...]

    @property
    def fold(self) -> int:
        """How many turns look the same."""
        return sum(not item.mirror for item in self.symmetries)

    @property
    def chiral(self) -> bool:
        """Whether the layout seen from behind is another one."""
        return not any(item.mirror for item in self.symmetries)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A layout found in one or more neighboring slices."""

    layout: FlatLayout
    match: Match
    k: float
    """Middle of the slices that show it."""
    slices: tuple[int, ...]
    plane: Plane
    header: SeriesHeader
    """Of the images that `k` and `slices` count in: the series', or slices cut anew from it."""
    half_length_mm: float | None = None
    """In slices cut anew: how far from `k` on either side along the axis it is seen."""

    @functools.cache  # noqa: B019 - lives as long as the sighting
    def landmark_likeness(self, diameter_mm: float, bright: bool) -> NDArray[np.float32]:
        """Return how much every point looks like a landmark of this size."""
        r = diameter_mm / 2
        found = likeness(self.plane, r, r, _GROUND * float(self.plane.images.max()))
        return found.bright if bright else found.dark


def flat_layouts(phantom: Arrangement) -> tuple[FlatLayout, ...]:
    """Return the flat groups of a phantom, those that look alike together."""
    found: list[FlatLayout] = []
    for group in phantom.group:
        if not group.flat or group.fiducials:
            continue
        axes = _axes(group)
        at = np.array(group.centers_mm) @ axes.T
        center = at.mean(axis=0)
        places = at[:, :2] - center[:2]
        for number, known in enumerate(found):
            same = known.groups[0]
            alike = known.places.shape == places.shape and np.allclose(
                known.places, places, atol=0.5
            )
            if alike and _size(same) == _size(group) and np.allclose(known.axes, axes):
                found[number] = dataclasses.replace(
                    known,
                    groups=(*known.groups, group),
                    centers=(*known.centers, center @ axes),
                )
                break
        else:
            found.append(FlatLayout((group,), axes, places, (center @ axes,), symmetries(places)))
    return tuple(found)


def _size(group: Group) -> tuple[str, float, float]:
    return group.shape, group.inner_diameter_mm, group.outer_diameter_mm


def _axes(group: Group) -> NDArray[np.float64]:
    """Return u, v and the axis of a group, right-handed; u as near to x as can be."""
    axis = np.array(group.axis) / np.linalg.norm(group.axis)
    helper = np.eye(3)[0] if abs(axis[0]) < 0.9 else np.eye(3)[1]
    u = helper - (helper @ axis) * axis
    u /= np.linalg.norm(u)
    return np.array([u, np.cross(axis, u), axis])


def sightings(series: Series, layouts: tuple[FlatLayout, ...]) -> list[Sighting]:
    """Return every layout that slices of a series show, best first."""
    found = []
    for layout in layouts:
        if len(layout.places) < 3:
            continue
        matches = [in_slice(series, layout, k) for k in range(series.header.shape[2])]
        found += _runs(series, layout, matches)
    return sorted(found, key=lambda item: -item.match.score)


def in_slice(series: Series, layout: FlatLayout, k: int) -> tuple[Plane, Match | None]:
    """Return the grid of a slice, and the best place for a layout on it, if any."""
    plane, like = _likeness_in(series, layout, k)
    if like is None:
        return plane, None
    return plane, match(like, layout.places, layout.fold, layout.chiral)


def near_in_slice(
    series: Series, layout: FlatLayout, k: int, near: Match
) -> tuple[Plane, Match | None]:
    """Return the same, but looked for only where it is known to be from another slice."""
    plane, like = _likeness_in(series, layout, k)
    return plane, None if like is None else match_near(like, layout.places, near)


def _likeness_in(
    series: Series, layout: FlatLayout, k: int
) -> tuple[Plane, NDArray[np.float32] | None]:
    most = _MANY_IMAGES if series.header.shape[2] <= _FEW_SLICES else _FEW_IMAGES
    plane = resampled(series.signal[:, :, k, :], series.header.voxel_size_mm[:2], most)
    brightest = float(plane.images.max())
    if not brightest > 0:
        return plane, None
    group = layout.groups[0]
    like = likeness(
        plane, group.inner_diameter_mm / 2, group.outer_diameter_mm / 2, _GROUND * brightest
    )
    return plane, like.round


def good(found: Match | None) -> bool:
    """Say whether a match is the layout and nothing else."""
    return (
        found is not None
        and found.score >= _SCORE
        and float(np.mean(~found.seen)) <= _MISSING
        and found.score > found.runner_up
        and found.residual_mm <= _RESIDUAL_MM
    )


def _runs(
    series: Series, layout: FlatLayout, matches: list[tuple[Plane, Match | None]]
) -> list[Sighting]:
    """Take neighboring slices that show the same place together: tubes, or thin slices."""
    found: list[Sighting] = []
    left = {k for k, (_, m) in enumerate(matches) if good(m)}
    reach = _length(layout.groups[0]) / series.header.voxel_size_mm[2]
    while left:
        best = max(left, key=lambda k: matches[k][1].score)  # type: ignore[union-attr]
        _, top = matches[best]
        assert top is not None  # noqa: S101 - only good ones are left
        run = [best]
        for step in (-1, 1):
            k = best + step
            while (
                k in left and abs(k - best) <= reach and matches[k][1].score >= RUN * top.score  # type: ignore[union-attr]
            ):
                run.append(k)
                k += step
        # the middle one: tubes may lean, and landmarks end before the tubes do
        middle = min(run, key=lambda k: (abs(k - float(np.mean(run))), k))
        plane, shown = matches[middle]
        assert shown is not None  # noqa: S101 - only good ones are in the run
        found.append(
            Sighting(layout, shown, float(np.mean(run)), tuple(sorted(run)), plane, series.header)
        )
        # what lies within one insert of it shows the same one at its end
        left -= {k for k in left if abs(k - best) <= reach} | set(run)
    return found


def _length(group: Group) -> float:
    """Return how far along its axis an insert reaches [mm]; no limit for a tube of any length."""
    if group.shape == "sphere":
        return group.inner_diameter_mm
    return math.inf if group.length_mm is None else group.length_mm


def landmarks_of(phantom: Arrangement, group: str) -> tuple[Landmark, ...]:
    """Return the landmarks that are seen with a group."""
    return tuple(item for item in phantom.landmark if item.group == group)
