"""Which of the equal ways of placing an arrangement is the true one: landmarks decide.

A layout that is found leaves as many labelings as it has symmetries, times the groups that share
it. Posts and lugs are expected at other places in each; where they are seen, and where rivals
expect them and nothing is, tells the labelings apart. Values are not looked at here.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group, Landmark
from qiqa.core.series import SeriesHeader
from qiqa.locate._disks import PIXEL_MM
from qiqa.locate._sighting import FlatLayout, Sighting, landmarks_of

__all__ = ["Labeling", "labelings", "mark_seen"]

_NEAR_MM = 8.0
"""Landmarks nearer than this to each other cannot tell two labelings apart."""
_SEEN = 0.5
"""Likeness from which a landmark counts as seen."""
_REACH_MM = 4.0
"""How far from its place a landmark is looked for."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Labeling:
    """One way of reading a sighting."""

    sighting: Sighting
    group: Group
    order: tuple[int, ...]
    """Insert n of the group is at place order[n] of the match."""
    turn: NDArray[np.float64]
    """(2, 2), layout to image."""
    to_world: NDArray[np.float64]
    """(4, 4), phantom mm to RAS+ mm."""
    evidence: float
    """How much better the landmarks fit than those of rivals, about -1 to 1; 0 without any."""
    landmarks: tuple[str, ...]
    """Names of the landmarks that were seen where this labeling puts them."""
    turned_over: bool
    """Whether the phantom's axis runs against the slice normal."""


def labelings(sighting: Sighting, phantom: Arrangement) -> list[Labeling]:
    """Return all ways of reading a sighting, best supported by landmarks first."""
    drafts = []
    layout = sighting.layout
    for group, center in zip(layout.groups, layout.centers, strict=True):
        for symmetry in layout.symmetries:
            turn = sighting.match.turn @ symmetry.matrix
            marks = landmarks_of(phantom, group.name)
            places = _in_plane(marks, layout, center) @ turn.T + sighting.match.shift
            drafts.append(_Draft(group, center, symmetry.permutation, turn, marks, places))
    found = []
    for draft in drafts:
        own, others = _compared(sighting, draft, [d for d in drafts if d is not draft])
        evidence = (float(np.mean(own)) if own else 0.0) - (float(np.mean(others)) if others else 0)
        to_world, over = _world(sighting, draft.turn, draft.center, sighting.header)
        names = tuple(m.name for m, s in zip(draft.marks, own, strict=True) if s > _SEEN)
        found.append(
            Labeling(
                sighting, draft.group, draft.order, draft.turn, to_world, evidence, names, over
            )
        )
    return sorted(found, key=lambda item: -item.evidence)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """One labeling before it is compared with the others."""

    group: Group
    center: NDArray[np.float64]
    order: tuple[int, ...]
    turn: NDArray[np.float64]
    marks: tuple[Landmark, ...]
    places: NDArray[np.float64]


def _compared(
    sighting: Sighting, draft: _Draft, rivals: list[_Draft]
) -> tuple[list[float], list[float]]:
    """Return how well landmarks are seen where a labeling puts them, and where only rivals do."""
    own = [
        mark_seen(sighting, mark, place)
        for mark, place in zip(draft.marks, draft.places, strict=True)
    ]
    others = []
    for rival in rivals:
        for mark, place in zip(rival.marks, rival.places, strict=True):
            apart = np.linalg.norm(draft.places - place, axis=1)
            if apart.min(initial=np.inf) > _NEAR_MM:
                others.append(mark_seen(sighting, mark, place))
    return own, others


def _in_plane(
    marks: tuple[Landmark, ...], layout: FlatLayout, center: NDArray[np.float64]
) -> NDArray[np.float64]:
    at = np.array([m.center_mm for m in marks]).reshape(-1, 3) - center
    return np.asarray((at @ layout.axes.T)[:, :2])


def mark_seen(sighting: Sighting, mark: Landmark, place: NDArray[np.float64]) -> float:
    """Return how much the place looks like the landmark; 0 outside of the image."""
    like = sighting.landmark_likeness(mark.diameter_mm, mark.bright)
    i, j = np.rint(place / PIXEL_MM).astype(int)
    r = int(_REACH_MM / PIXEL_MM)
    part = like[max(i - r, 0) : max(i + r + 1, 0), max(j - r, 0) : max(j + r + 1, 0)]
    return float(part.max()) if part.size else 0.0


def _world(
    sighting: Sighting,
    turn: NDArray[np.float64],
    center: NDArray[np.float64],
    header: SeriesHeader,
) -> tuple[NDArray[np.float64], bool]:
    """Return phantom mm -> RAS mm, and whether the axis runs against the slice normal.

    Seen from behind, a layout is mirrored; that the axis then points the other way is what keeps
    the phantom an object and not its mirror image.
    """
    affine = header.affine
    sizes = np.array(header.voxel_size_mm)
    image_axes = affine[:3, :3] / sizes
    handedness = np.sign(np.linalg.det(image_axes)) * np.sign(np.linalg.det(turn))
    rotation = np.zeros((3, 3))
    rotation[:2, :2], rotation[2, 2] = turn, handedness
    grid = sighting.plane.voxel(sighting.match.shift)
    origin = affine[:3, :3] @ np.array([*grid, sighting.k]) + affine[:3, 3]
    matrix = np.eye(4)
    matrix[:3, :3] = image_axes @ rotation @ sighting.layout.axes
    matrix[:3, 3] = origin - matrix[:3, :3] @ center
    return matrix, bool(handedness < 0)
