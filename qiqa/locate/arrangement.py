"""Spheres or tubes at known places: found as a constellation, labeled by what breaks its symmetry.

Contrast is not trusted: the same insert is bright at one inversion time and dark at the next. What
is looked for is round and of the right size, at the places of the definition, under any turn and
from either side. Labels come from landmarks, and from other series of the same exam that show the
phantom in the same place; where these leave several, they stay open, and only then may measured
values choose, which is said (`labels = "by_values"`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import LocateError
from qiqa.core.phantom import Phantom
from qiqa.core.pose import InsertPosition, Override, PhantomPose
from qiqa.core.series import Series, SeriesHeader
from qiqa.locate._along import tubes_along
from qiqa.locate._joint import Verdict, settle
from qiqa.locate._labeling import Labeling, labelings
from qiqa.locate._lattice import fiducial_group, locate_volume
from qiqa.locate._plates import settled_by_plates
from qiqa.locate._sighting import FlatLayout, Sighting, flat_layouts, sightings

__all__ = ["MOST_SLICES", "locate", "locate_together"]

MOST_SLICES = 64
"""Stacks of more slices are volumes."""


def locate(series: Series, phantom: Phantom, override: Override) -> PhantomPose:
    """Find the phantom in one series, on its own.

    Raises
    ------
    LocateError
        If no slice shows its inserts.
    """
    del override  # nothing is set by hand here
    found = locate_together([series], phantom)[0]
    if isinstance(found, LocateError):
        raise found
    return found


def locate_together(
    all_series: Sequence[Series], phantom: Phantom
) -> list[PhantomPose | LocateError]:
    """Find the phantom in several series of one exam; what one leaves open another may settle.

    Returns
    -------
    list
        For each series its pose, or why there is none.
    """
    if not isinstance(phantom, Arrangement):
        raise TypeError(f"{phantom.id} is no arrangement")
    layouts = flat_layouts(phantom)
    found: list[PhantomPose | LocateError] = [_nothing(s, phantom) for s in all_series]
    seen: list[list[Sighting]] = [[] for _ in all_series]
    for number, series in enumerate(all_series):
        volume = series.header.shape[2] > MOST_SLICES
        if volume and fiducial_group(phantom) is not None:
            found[number] = _in_volume(series, phantom, layouts)
            continue
        if not volume:
            seen[number] = _of_places(sightings(series, layouts))
        if not seen[number]:
            anew = [tubes_along(series, layout, across=volume) for layout in layouts]
            seen[number] = _of_places([item for item in anew if item is not None])
    frames: dict[str, list[int]] = {}
    for number, series in enumerate(all_series):
        frame = series.header.frame_of_reference_uid or f"{number}"
        frames.setdefault(frame, []).append(number)
    for members in frames.values():
        read, owners = [], []
        for number in members:
            for sighting in seen[number]:
                read.append(labelings(sighting, phantom))
                owners.append(number)
        verdict = settle(read)
        for number in set(owners):
            mine = [place for place, owner in enumerate(owners) if owner == number]
            found[number] = _pose(all_series[number], phantom, verdict, mine, len(read))
    return found


def _in_volume(
    series: Series, phantom: Arrangement, layouts: tuple[FlatLayout, ...]
) -> PhantomPose | LocateError:
    """Return the pose in a volume, by fiducials, and by plates where these leave several ways."""
    try:
        return settled_by_plates(series, locate_volume(series, phantom), phantom, layouts)
    except LocateError as error:
        return error


def _of_places(found: list[Sighting]) -> list[Sighting]:
    """Leave out weaker sightings of the same slices."""
    kept: list[Sighting] = []
    for item in found:
        if not any(set(item.slices) & set(other.slices) for other in kept):
            kept.append(item)
    return kept


def _nothing(series: Series, phantom: Arrangement) -> LocateError:
    return LocateError(
        f"{phantom.name} not found: no slice shows its inserts at their places",
        where=series.header.description or series.header.series_uid,
        hint="slices must lie in the plane of spheres; tubes may lie across slices, along them, "
        "or in a volume",
    )


def _pose(
    series: Series, phantom: Arrangement, verdict: Verdict, mine: list[int], together: int
) -> PhantomPose:
    """Return the pose of one series; with the other explanations where several are left."""
    poses = [
        _one(series, phantom, [item for item in (choice[n] for n in mine) if item is not None])
        for choice in verdict.choices
        if any(choice[n] is not None for n in mine)
    ]
    first = poses[0]
    others = together - len(mine)
    views = "view" if others == 1 else "views"
    shared = (f"agrees with {others} other {views} of the same exam",) if others > 0 else ()
    if len(poses) == 1:
        return dataclasses.replace(first, labels="independent", evidence=(*first.evidence, *shared))
    words = f"{len(poses)} ways of placing it fit alike"
    return dataclasses.replace(
        first,
        labels="unresolved",
        inserts=(),
        symmetry=words,
        evidence=(*first.evidence, *shared),
        alternatives=tuple(poses),
    )


def _one(series: Series, phantom: Arrangement, read: list[Labeling]) -> PhantomPose:
    """Return the pose that labelings of one series give."""
    best = max(read, key=lambda item: item.sighting.match.score)
    match, header = best.sighting.match, series.header
    to_voxel = np.linalg.inv(header.affine) @ best.to_world
    middle = (np.array(header.shape[:3]) - 1) / 2
    center = to_voxel @ np.array([*np.mean(best.group.centers_mm, axis=0), 1.0])
    offset = (center[:3] - middle) * np.array(header.voxel_size_mm)
    numbers: list[int | None] = [None] * header.shape[2]
    inserts: list[InsertPosition] = []
    evidence = []
    for item in read:
        inserts += _inserts(item, header)
        if item.sighting.header is header:
            for k in item.sighting.slices:
                numbers[k] = [g.name for g in phantom.group].index(item.group.name) + 1
        evidence.append(_words(item))
    turn = best.turn
    flat = best.sighting.header is header
    directions = header.affine[:3, :3] / np.array(header.voxel_size_mm)
    axis = directions.T @ best.to_world[:3, :3] @ np.array(best.group.axis)
    return PhantomPose(
        phantom_id=phantom.id,
        variant=None,
        kind="+".join(dict.fromkeys(item.group.name for item in read)),
        score=match.score,
        runner_up="the same inserts elsewhere",
        runner_up_score=match.runner_up,
        phantom_to_voxel=to_voxel,
        slice_numbers=tuple(numbers),
        rotation_deg=math.degrees(math.atan2(turn[1, 0], turn[0, 0])),
        tilt_deg=(0.0, 0.0) if flat else _tilt(axis),
        offset_mm=(float(offset[0]), float(offset[1]), float(offset[2])),
        mirrored=False,
        reversed_order=best.turned_over if flat else bool(axis[2] < 0),
        residual_mm=match.residual_mm,
        symmetry="none",
        evidence=tuple(evidence),
        inserts=tuple(inserts),
    )


def _tilt(axis: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of an axis, given along i, j, k, against the nearest of these [degree]."""
    main = int(np.argmax(np.abs(axis)))
    one, two = (math.degrees(math.atan(axis[n] / axis[main])) for n in range(3) if n != main)
    return one, two


def _inserts(item: Labeling, header: SeriesHeader) -> list[InsertPosition]:
    """Return where inserts are in the images of the series, also where slices were cut anew."""
    match, own = item.sighting.match, item.sighting.header
    places = item.sighting.layout.places @ match.turn.T + match.shift
    back = np.eye(4) if own is header else np.linalg.inv(header.affine) @ own.affine
    half = item.sighting.half_length_mm
    found = []
    for label, n in zip(item.group.labels, item.order, strict=True):
        i, j = item.sighting.plane.voxel(places[n])
        at = back @ np.array([i, j, item.sighting.k, 1.0])
        found.append(
            InsertPosition(
                label=label,
                group=item.group.name,
                center_voxel=(float(at[0]), float(at[1]), float(at[2])),
                seen=bool(match.seen[n]),
                distance_mm=float(match.distance_mm[n]),
                half_length_mm=math.nan if half is None else half,
            )
        )
    return found


def _words(item: Labeling) -> str:
    match, group = item.sighting.match, item.group
    seen = f"{int(match.seen.sum())} of {len(group.labels)} {group.title} seen"
    side = "from behind" if item.turned_over else "from the front"
    marks = f"; {', '.join(item.landmarks)} where expected" if item.landmarks else ""
    anew = "" if item.sighting.half_length_mm is None else "; in slices cut anew across them"
    return f"{seen}, {match.residual_mm:.1f} mm from their places, {side}{marks}{anew}"
