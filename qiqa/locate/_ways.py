"""Which of the equal ways of laying a lattice is the phantom's: cues that rule ways out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.locate._blobs import Coarse

__all__ = ["Chosen", "choose_way", "describe_turn", "roundness"]

_Array = NDArray[np.float64]

SPHERE_LEAD = 0.15
"""By how much the mean likeness of the spheres must lead for a way to be ruled out."""
LEAST_ROUND = 0.3
"""Mean likeness of the spheres below which they are taken as not seen at all."""
POST_LEAD = 0.12
"""The same for landmarks; a share of six that moved must show."""
LEAST_POST = 0.5
"""Mean contrast of the landmarks below which they are taken as not seen at all."""
LEAST_IN_VIEW = 0.5
"""Share of the spheres, or of the landmarks, in view that a way can be judged by."""
DIRECTIONS = 48


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The ways that are left, the best first, and why."""

    ways: tuple[_Array, ...]
    """Symmetries (3, 3): the definition is turned by one of these before it is laid."""
    agreement: float
    """Mean over the share of fiducials and all cues, for the best way; 1 is perfect."""
    runner_up: str
    runner_up_agreement: float
    evidence: tuple[str, ...]


def choose_way(
    coarse: Coarse,
    place: _Array,
    phantom: Arrangement,
    fiducial: Group,
    ways: list[_Array],
    absent: NDArray[np.int64],
    share: float,
) -> Chosen:
    """Rule out ways by the spheres, then by landmarks, then by the fiducial that units lack.

    Each cue keeps the ways whose score comes near the best; a cue that is not seen keeps all.

    Parameters
    ----------
    coarse
        Signal.
    place : (4, 4)
        Phantom (turned by one of `ways`) to the millimetres of the series.
    phantom, fiducial
        Definition and its group of fiducials.
    ways
        Symmetries of the fiducials.
    absent : (m,)
        Places in view, as laid without a turn, where no fiducial was found.
    share
        Of the places in view that hold a fiducial; the same for all ways.
    """
    spheres = _sphere_scores(coarse, place, phantom, ways)
    posts = _post_scores(coarse, place, phantom, ways)
    gap = _gap_scores(fiducial, ways, absent)
    alive = np.arange(len(ways))
    evidence: list[str] = []
    cues = (
        ("large spheres", spheres, SPHERE_LEAD, LEAST_ROUND),
        ("landmarks", posts, POST_LEAD, LEAST_POST),
        ("the place of the fiducial that units are built without", gap, 0.5, 0.5),
    )
    for name, score, lead, least in cues:
        alive, words = _ruled(alive, name, score, lead, least)
        evidence.append(words)
    total = np.nanmean([np.full(len(ways), share), spheres, posts, gap], axis=0)
    # among ways that fit alike the headers are believed: not mirrored comes first
    proper = np.array([np.linalg.det(way) for way in ways])
    alive = alive[np.lexsort((-total[alive], -proper[alive]))]
    best = int(alive[0])
    others = [i for i in range(len(ways)) if i != best]
    second = max(others, key=lambda i: (i in alive, total[i]))
    return Chosen(
        tuple(ways[i] for i in alive),
        float(total[best]),
        describe_turn(ways[best].T @ ways[second]),
        float(total[second]),
        tuple(evidence),
    )


def _ruled(
    alive: NDArray[np.int64], name: str, score: _Array, lead: float, least: float
) -> tuple[NDArray[np.int64], str]:
    """Return the ways that a cue leaves, and words; a way that it cannot judge is left."""
    here = score[alive]
    if not np.isfinite(here).any():
        return alive, f"{name}: too few in view, or none empty"
    top = float(np.nanmax(here))
    if top < least:
        return alive, f"{name}: not seen (best {top:.2f})"
    keep = ~(here < top - lead)
    best = f"{name}: best {top:.2f}"
    if keep.all():
        agree = "agrees with the way" if len(alive) == 1 else f"tells none of the {len(alive)} ways"
        return alive, f"{best}, {agree} that {'was' if len(alive) == 1 else 'were'} left"
    out = float(here[~keep].max())
    ruled = f"ruled out at {out:.2f} or less: {int((~keep).sum())} of {len(alive)} ways"
    return alive[keep], f"{best}, {ruled}"


def _sphere_scores(
    coarse: Coarse, place: _Array, phantom: Arrangement, ways: list[_Array]
) -> _Array:
    """Return the mean likeness of all large spheres, for each way; NaN without any."""
    groups = [g for g in phantom.group if not g.fiducials and g.shape == "sphere"]
    if not groups:
        return np.full(len(ways), np.nan)
    parts = []
    for group in groups:
        turned = np.stack([np.asarray(group.centers_mm) @ way.T for way in ways])
        centers = turned.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]
        half = group.inner_diameter_mm / 2, group.outer_diameter_mm / 2
        parts.append(roundness(coarse, centers, *half).reshape(len(ways), -1))
    return _mean_in_view(np.concatenate(parts, axis=1))


def _mean_in_view(scores: _Array) -> _Array:
    """Return the mean of each row, NaN where less than half of it is in view."""
    seen = np.isfinite(scores)
    enough = seen.sum(axis=1) >= LEAST_IN_VIEW * scores.shape[1]
    total = np.where(seen, scores, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(enough, total, np.nan)


def roundness(coarse: Coarse, centers_mm: _Array, inner_mm: float, outer_mm: float) -> _Array:
    """Return how far signal around points depends on the distance alone, as behind a sphere's wall.

    The share of the variance that is between content, wall and surroundings, whatever their
    brightness: what a sphere holds plays no part in finding it. NaN where it reaches out of view.

    Parameters
    ----------
    centers_mm : (n, 3)
        Points in the frame of the series.
    inner_mm, outer_mm
        Radius of the content, and of the wall.
    """
    # farther out than half way: bright content reaches over its edge by half a voxel
    wall = outer_mm - 0.4 * (outer_mm - inner_mm)
    radii = np.array([0.3 * inner_mm, 0.6 * inner_mm, 0.8 * inner_mm, wall, wall, outer_mm + 1.7])
    kind = np.array([0, 0, 0, 1, 1, 2])
    directions = _directions()
    offsets = radii[:, None, None] * directions[None]
    points = centers_mm[:, None, None, :] + offsets[None]
    values = _sample(coarse, points)
    mean = values.mean(axis=(1, 2))
    total = ((values - mean[:, None, None]) ** 2).sum(axis=(1, 2))
    between = np.zeros(len(centers_mm))
    for k in range(3):
        part = values[:, kind == k].mean(axis=(1, 2))
        between += (kind == k).sum() * values.shape[2] * (part - mean) ** 2
    floor = values[0].size * (0.01 * coarse.bright) ** 2
    return np.asarray(between / np.maximum(total, floor))


def _directions() -> _Array:
    """Return directions spread evenly over the sphere, (n, 3)."""
    n = np.arange(DIRECTIONS) + 0.5
    z = 1 - 2 * n / DIRECTIONS
    turn = math.pi * (1 + math.sqrt(5)) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)


def _sample(coarse: Coarse, points_mm: _Array) -> _Array:
    """Return the signal at points (..., 3), linear between cells, NaN outside."""
    from scipy.ndimage import map_coordinates

    inverse = np.linalg.inv(coarse.affine)
    index = points_mm @ inverse[:3, :3].T + inverse[:3, 3]
    values = map_coordinates(coarse.values, np.moveaxis(index, -1, 0), order=1, cval=np.nan)
    return np.asarray(values, dtype=np.float64)


def _post_scores(coarse: Coarse, place: _Array, phantom: Arrangement, ways: list[_Array]) -> _Array:
    """Return the mean contrast of landmarks against what is around them, for each way."""
    if not phantom.landmark:
        return np.full(len(ways), np.nan)
    contrasts = []
    for mark in phantom.landmark:
        points = np.asarray(mark.center_mm) + _rings(
            phantom.find_group(mark.group).axis, mark.diameter_mm / 2
        )
        turned = np.stack([points @ way.T for way in ways])
        values = _sample(coarse, turned @ place[:3, :3].T + place[:3, 3])
        inside = values[:, 0].mean(axis=(1, 2))
        around = np.median(values[:, 1].reshape(len(ways), -1), axis=1)
        high, low = (inside, around) if mark.bright else (around, inside)
        lit = high > 0.05 * coarse.bright
        contrast = np.where(lit, np.clip(1 - low / np.where(lit, high, 1), 0, 1), 0.0)
        contrasts.append(np.where(np.isfinite(inside + around), contrast, np.nan))
    return _mean_in_view(np.stack(contrasts, axis=1))


def _rings(axis: tuple[float, float, float], radius_mm: float) -> _Array:
    """Return points (2, along, around, 3) inside and outside a rod along `axis`."""
    along = np.asarray(axis) / np.linalg.norm(axis)
    u = np.cross(along, [1.0, 0.0, 0.0] if abs(along[0]) < 0.9 else [0.0, 1.0, 0.0])
    u /= np.linalg.norm(u)
    w = np.cross(along, u)
    turn = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    around = np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * w
    heights = np.array([-6.0, -3.0, 0.0, 3.0, 6.0])[:, None, None] * along
    return np.stack([heights + r * around for r in (0.6 * radius_mm, radius_mm + 3.5)])


def _gap_scores(fiducial: Group, ways: list[_Array], absent: NDArray[np.int64]) -> _Array:
    """Return 1 for ways that put a fiducial which units may lack where none was found.

    NaN where no such place is empty: a unit may be complete.
    """
    places = np.asarray(fiducial.centers_mm)
    lacking = [places[fiducial.labels.index(label)] for label in fiducial.absent]
    scores = np.zeros(len(ways))
    for at, way in enumerate(ways):
        for point in lacking:
            gaps = np.linalg.norm(places[absent] - way @ point, axis=1)
            scores[at] = max(scores[at], float((gaps < 1.0).any()))
    return scores if scores.any() else np.full(len(ways), np.nan)


def describe_turn(matrix: _Array) -> str:
    """Return words for a turn or mirroring of the phantom.

    >>> describe_turn(np.diag([-1.0, 1.0, -1.0]))
    'turned by 180 degrees about y'
    >>> describe_turn(np.diag([-1.0, 1.0, 1.0]))
    'mirrored in x'
    """
    mirrored = np.linalg.det(matrix) < 0
    turn = -matrix if mirrored else matrix
    angle = math.degrees(math.acos(max(-1.0, min(1.0, (np.trace(turn) - 1) / 2))))
    values, vectors = np.linalg.eig(turn)
    axis = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    axis = axis / axis[np.argmax(np.abs(axis))]
    words = "".join(
        f"{'-' if c < 0 else '+'}{name}"
        for c, name in zip(axis, "xyz", strict=True)
        if abs(c) > 0.1
    ).removeprefix("+")
    if angle < 1:
        return "mirrored in x, y and z" if mirrored else "as it is"
    if mirrored and abs(angle - 180) < 1:
        return f"mirrored in {words}"
    tail = ", and mirrored in x, y and z" if mirrored else ""
    return f"turned by {angle:.0f} degrees about {words}{tail}"
