"""Plates of a phantom in a volume: they may tell the ways apart that its fiducials leave open.

The fiducials tell where the planes of the plates are, whichever way is the true one. Slabs are cut
there, and looked at as slices of a stack are: for spheres, and for the posts that each way, a
mirrored one too, puts at other places.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement
from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series
from qiqa.locate._labeling import mark_seen
from qiqa.locate._recut import Window, cut
from qiqa.locate._sighting import FlatLayout, Sighting, good, in_slice

__all__ = ["settled_by_plates"]

_Array = NDArray[np.float64]

_SLAB_MM = 4.0
"""Thin against spheres of 15 mm: they keep their width within it."""
_AROUND_MM = 50.0
"""What is cut around the outermost spheres: posts and some of what is around them."""
_LEAD = 0.3
"""Mean likeness of the posts by which one way must lead all others; where a post is on none of
them, some of the likeness is that of spheres and walls near by."""
_LIKE = 0.5
"""Mean likeness from which posts count as seen."""


def settled_by_plates(
    series: Series, pose: PhantomPose, phantom: Arrangement, layouts: tuple[FlatLayout, ...]
) -> PhantomPose:
    """Return the one way of a pose whose posts are seen in the plates, or the pose as it is.

    Parameters
    ----------
    series
        Volume.
    pose
        By its fiducials; nothing is done unless it has alternatives.
    phantom, layouts
        Definition and the layouts of its plates.
    """
    if not pose.alternatives:
        return pose
    seen = _plates(series, pose, layouts)
    scores = np.array([_posts(series, way, phantom, seen) for way in pose.alternatives])
    order = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
    best, second = scores[order[0]], scores[order[1]]
    words = f"posts in {len(seen)} plates cut anew: best {best:.2f}, next {second:.2f}"
    if not (best >= _LIKE and best - second >= _LEAD):
        return pose
    way: PhantomPose = pose.alternatives[int(order[0])]
    many = len(pose.alternatives)
    return dataclasses.replace(
        way,
        labels="independent",
        evidence=(*way.evidence, f"{words}, which leaves one of {many} ways"),
    )


def _plates(series: Series, pose: PhantomPose, layouts: tuple[FlatLayout, ...]) -> list[Sighting]:
    """Return the plates that are seen where any of the ways puts them."""
    found: list[Sighting] = []
    cut_at: list[_Array] = []
    for way in pose.alternatives:
        world = series.header.affine @ way.phantom_to_voxel
        for layout in layouts:
            for group in layout.groups:
                at = world[:3, :3] @ np.mean(group.centers_mm, axis=0) + world[:3, 3]
                if all(np.linalg.norm(at - other) > _SLAB_MM for other in cut_at):
                    cut_at.append(at)
                    found += _in_plane(series, layout, world[:3, :3] @ layout.axes.T, at)
    return found


def _in_plane(series: Series, layout: FlatLayout, axes: _Array, at: _Array) -> list[Sighting]:
    """Return the plate whose middle is at a place, if it is seen."""
    reach = float(np.linalg.norm(layout.places, axis=1).max()) + _AROUND_MM
    here = at @ axes
    window = Window.of(series, axes).around(here[:2], reach).slab(float(here[2]), _SLAB_MM)
    new = cut(series, axes, window, _SLAB_MM)
    plane, shown = in_slice(new, layout, 0)
    if shown is None or not good(shown):
        return []
    return [Sighting(layout, shown, 0.0, (0,), plane, new.header)]


def _posts(series: Series, way: PhantomPose, phantom: Arrangement, seen: list[Sighting]) -> float:
    """Return the mean likeness of all landmarks that a way puts into the plates; NaN without."""
    world = series.header.affine @ way.phantom_to_voxel
    found = []
    for mark in phantom.landmark:
        at = world[:3, :3] @ np.array(mark.center_mm) + world[:3, 3]
        for plate in seen:
            i, j, k = (np.linalg.inv(plate.header.affine) @ np.array([*at, 1.0]))[:3]
            if abs(k) <= 0.5:
                place = np.array([i, j]) / plate.plane.to_voxel
                found.append(mark_seen(plate, mark, place))
    return float(np.mean(found)) if found else np.nan
