"""From found fiducials and the way they are laid to the record of a pose."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.pose import InsertPosition, PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.rigid import fit_rigid
from qiqa.locate._blobs import Coarse
from qiqa.locate._ways import LEAST_ROUND, Chosen, describe_turn, roundness

__all__ = ["Laid", "build_pose"]

_Array = NDArray[np.float64]

MOST_WAYS = 8
"""Ways up to which each is told: more than the equal places of one plate, twice."""
TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """What was found at the places of the definition, before one of the equal ways is chosen."""

    center_mm: _Array
    """(m, 3)."""
    seen: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    """Whether the images reach there."""
    lead: int
    """By how many places this shift of the lattice leads the next."""


def build_pose(
    series: Series, phantom: Arrangement, group: Group, coarse: Coarse, laid: Laid, chosen: Chosen
) -> PhantomPose:
    """Fit the phantom, turned the chosen way, to the found fiducials, and say what it rests on.

    Where several ways are left, each of them is an alternative, with its inserts.
    """
    first = _turned(series, phantom, group, coarse, laid, chosen, chosen.ways[0])
    if len(chosen.ways) == 1:
        return first
    whole = dataclasses.replace(first, inserts=(), labels="unresolved", symmetry=_symmetry(chosen))
    if len(chosen.ways) > MOST_WAYS:
        return whole
    others = [_turned(series, phantom, group, coarse, laid, chosen, way) for way in chosen.ways[1:]]
    return dataclasses.replace(whole, alternatives=(first, *others))


def _turned(
    series: Series, phantom: Arrangement, group: Group, coarse: Coarse, laid: Laid, chosen: Chosen,
    way: _Array,
) -> PhantomPose:  # fmt: skip
    """Return the pose of one way; its inserts are named as if it were the only one."""
    places = np.asarray(group.centers_mm)
    order = np.linalg.norm((places @ way.T)[:, None] - places[None], axis=2).argmin(axis=1)
    center, seen, visible = laid.center_mm[order], laid.seen[order], laid.visible[order]
    mirrored = bool(np.linalg.det(way) < 0)
    rotation, shift = fit_rigid(places[seen], center[seen], mirrored=mirrored)
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = rotation, shift
    to_voxel = np.linalg.inv(series.header.affine) @ world
    gaps = np.linalg.norm(places @ rotation.T + shift - center, axis=1)
    residual = float(np.sqrt(np.mean(gaps[seen] ** 2)))
    single = len(chosen.ways) == 1
    turn, tilt = _turn_and_tilt(rotation)
    basis = (
        f"{int(seen.sum())} fiducials on the lattice, {residual:.2f} mm RMS from a rigid fit; "
        f"the next shift of the lattice explains {laid.lead} fewer"
    )
    return PhantomPose(
        phantom_id=phantom.id,
        variant=None,
        kind=group.name,
        score=chosen.agreement,
        runner_up=chosen.runner_up,
        runner_up_score=chosen.runner_up_agreement,
        phantom_to_voxel=to_voxel,
        slice_numbers=(None,) * series.header.shape[2],
        rotation_deg=turn,
        tilt_deg=tilt,
        offset_mm=_off_center(series, to_voxel),
        mirrored=mirrored,
        reversed_order=bool(to_voxel[2, 2] < 0),
        residual_mm=residual,
        symmetry="none",
        evidence=(
            basis,
            *chosen.evidence,
            _absent_words(group, seen, visible, single),
        ),
        inserts=_inserts(phantom, coarse, to_voxel, world, (seen, gaps)),
        labels="independent" if single else "none",
    )


def _absent_words(
    group: Group, seen: NDArray[np.bool_], visible: NDArray[np.bool_], single: bool
) -> str:
    lost = [label for label, s, v in zip(group.labels, seen, visible, strict=True) if v and not s]
    out = int((~visible & ~seen).sum())
    words = f"{out} places out of view; " if out else ""
    if not lost:
        return f"{words}no place in view is empty"
    if not single:
        return f"{words}{len(lost)} places in view are empty"
    known = [label for label in lost if label in group.absent]
    said = f" ({', '.join(known)} is left out of most units)" if known else ""
    return f"{words}in view but empty: {', '.join(lost)}{said}"


def _symmetry(chosen: Chosen) -> str:
    best = chosen.ways[0]
    others = "; ".join(describe_turn(best.T @ way) for way in chosen.ways[1:6])
    more = f"; and {len(chosen.ways) - 6} more" if len(chosen.ways) > 6 else ""
    return f"{len(chosen.ways)} ways of placing the phantom fit alike: as taken; {others}{more}"


def _turn_and_tilt(rotation: _Array) -> tuple[float, tuple[float, float]]:
    """Return turn about the plates' normal, and its tilts, against the standard placing [degree].

    Standard: phantom x, y, z along left, posterior, superior.
    """
    lps = TO_LPS @ rotation
    if np.linalg.det(lps) < 0:
        lps = lps @ np.diag([-1.0, 1.0, 1.0])
    x, y, z = lps.T
    tilt = math.degrees(math.atan2(y[0], y[1])), math.degrees(math.atan2(y[2], y[1]))
    return math.degrees(math.atan2(x[2] - z[0], x[0] + z[2])), tilt


def _off_center(series: Series, to_voxel: _Array) -> tuple[float, float, float]:
    """Return phantom center minus center of the volume, along i, j, k [mm]."""
    middle = (np.asarray(series.header.shape[:3]) - 1) / 2
    off = (to_voxel[:3, 3] - middle) * np.asarray(series.header.voxel_size_mm)
    return float(off[0]), float(off[1]), float(off[2])


def _inserts(
    phantom: Arrangement,
    coarse: Coarse,
    to_voxel: _Array,
    world: _Array,
    fiducials: tuple[NDArray[np.bool_], _Array],
) -> tuple[InsertPosition, ...]:
    inserts = []
    for group in phantom.group:
        places = np.asarray(group.centers_mm)
        at = places @ to_voxel[:3, :3].T + to_voxel[:3, 3]
        if group.fiducials:
            seen, gaps = fiducials
        else:
            half = group.inner_diameter_mm / 2, group.outer_diameter_mm / 2
            points = places @ world[:3, :3].T + world[:3, 3]
            seen = roundness(coarse, points, *half) > LEAST_ROUND
            gaps = np.full(len(places), math.nan)
        inserts += [
            InsertPosition(
                label=label,
                group=group.name,
                center_voxel=(float(v[0]), float(v[1]), float(v[2])),
                seen=bool(s),
                distance_mm=float(gap) if s else math.nan,
            )
            for label, v, s, gap in zip(group.labels, at, seen, gaps, strict=True)
        ]
    return tuple(inserts)
