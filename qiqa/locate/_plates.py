"""Plates of a phantom in a volume: they may tell the ways apart that its fiducials leave open.

The fiducials tell where the planes of the plates are, whichever way is the true one. Slabs are cut
there, and read as slices of a stack are: spheres, and the posts that only one way puts there.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import LocateError
from qiqa.core.pose import PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.rigid import placed_alike
from qiqa.locate._labeling import Labeling
from qiqa.locate._recut import Window, cut
from qiqa.locate._sighting import FlatLayout, Sighting, good, in_slice

__all__ = ["plates_in_volume", "settled_by_plates"]

_Array = NDArray[np.float64]

_SLAB_MM = 4.0
"""Thin against spheres of 15 mm: they keep their width within it."""
_AROUND_MM = 50.0
"""What is cut around the outermost spheres: posts and some of what is around them."""
_TURN_DEG, _SHIFT_MM = 4.0, 6.0
"""Fiducials and plates of one volume agree within this; equal ways differ by far more."""


def plates_in_volume(
    series: Series, layouts: tuple[FlatLayout, ...], pose: PhantomPose | LocateError
) -> list[Sighting]:
    """Return the plates that are seen where the ways that are left put them; none if one is left.

    Parameters
    ----------
    series
        Volume.
    layouts
        Of the plates.
    pose
        By the fiducials.
    """
    if isinstance(pose, LocateError) or not pose.alternatives:
        return []
    found: list[Sighting] = []
    cut_at: list[_Array] = []
    for way in pose.alternatives:
        world = series.header.affine @ way.phantom_to_voxel
        for layout in layouts:
            for center in layout.centers:
                at = world[:3, :3] @ center + world[:3, 3]
                if all(np.linalg.norm(at - other) > _SLAB_MM for other in cut_at):
                    cut_at.append(at)
                    found += _in_plane(series, layout, world[:3, :3], at)
    return found


def _in_plane(series: Series, layout: FlatLayout, turn: _Array, at: _Array) -> list[Sighting]:
    """Return the plate whose middle is at a place, if it is seen."""
    axes = turn @ layout.axes.T
    reach = float(np.linalg.norm(layout.places, axis=1).max()) + _AROUND_MM
    here = at @ axes
    window = Window.of(series, axes).around(here[:2], reach).slab(float(here[2]), _SLAB_MM)
    new = cut(series, axes, window, _SLAB_MM)
    plane, shown = in_slice(new, layout, 0)
    if shown is None or not good(shown):
        return []
    return [Sighting(layout, shown, 0.0, (0,), plane, new.header)]


def settled_by_plates(
    series: Series, pose: PhantomPose | LocateError, chosen: list[list[Labeling]]
) -> PhantomPose | LocateError:
    """Return the pose by fiducials, that one way of which agrees with how plates are read.

    Parameters
    ----------
    series, pose
        Volume, and its pose with the ways that fiducials leave.
    chosen
        Labelings of the plates, for each explanation that is left of all series together.
    """
    if isinstance(pose, LocateError):
        return pose
    left = [way for way in pose.alternatives if _agrees(series, way, chosen)]
    if len(left) != 1:
        return pose
    (way,) = left
    seen = list(dict.fromkeys(item.group.title for read in chosen for item in read))
    marks = dict.fromkeys(mark for read in chosen for item in read for mark in item.landmarks)
    words = f"{' and '.join(seen)} in slices cut anew agree with one of {len(pose.alternatives)}"
    told = f": {', '.join(marks)} where expected" if marks else ""
    return dataclasses.replace(
        way,
        labels="independent",
        symmetry="none",
        alternatives=(),
        evidence=(*way.evidence, f"{words} ways{told}"),
    )


def _agrees(series: Series, way: PhantomPose, chosen: list[list[Labeling]]) -> bool:
    world = series.header.affine @ way.phantom_to_voxel
    return any(
        placed_alike(world, item.to_world, _TURN_DEG, _SHIFT_MM) for read in chosen for item in read
    )
