"""Rigid motions between point sets, and the symmetries that a point set has."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_rigid", "placed_alike", "symmetries"]

_Array = NDArray[np.float64]


def fit_rigid(source: _Array, target: _Array, *, mirrored: bool = False) -> tuple[_Array, _Array]:
    """Return rotation (3, 3) and shift (3,) that take `source` nearest to `target`.

    Least squares by singular values (Kabsch 1976, doi 10.1107/S0567739476001873).

    Parameters
    ----------
    source, target : (n, 3)
        Points that belong together, at least three not on a line.
    mirrored
        Whether the best improper rotation (determinant -1) is wanted.
    """
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((target - goal).T @ (source - middle))
    wanted = -1.0 if mirrored else 1.0
    hand = wanted * np.sign(np.linalg.det(u @ vt))
    rotation = u @ np.diag([1.0, 1.0, hand]) @ vt
    return rotation, goal - rotation @ middle


def placed_alike(one: _Array, other: _Array, turn_deg: float, shift_mm: float) -> bool:
    """Say whether two rigid maps (4, 4) differ by no more than a turn and a shift of the origin."""
    turn = one[:3, :3].T @ other[:3, :3]
    angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1.0, 1.0)))
    return bool(angle <= turn_deg and np.linalg.norm(one[:3, 3] - other[:3, 3]) <= shift_mm)


def symmetries(points: _Array, tolerance: float = 0.01) -> list[_Array]:
    """Return the orthogonal matrices (3, 3) that map a set of points onto itself.

    Rotations about, and mirrorings through, the origin; the identity comes first. Every symmetry
    takes one basis of three points to another of the same lengths and angles, so these are tried.

    Parameters
    ----------
    points : (n, 3)
        The set; it must span space.
    tolerance
        Largest distance between a point's image and the point of the set that it meets.

    Raises
    ------
    ValueError
        If the points lie in a plane.
    """
    lengths = np.linalg.norm(points, axis=1)
    usable = [i for i in np.argsort(lengths, kind="stable") if lengths[i] > tolerance]
    basis: list[int] = []
    for i in usable:
        trial = points[[*basis, i]]
        if np.linalg.svd(trial, compute_uv=False)[-1] > 0.1 * lengths[i]:
            basis.append(int(i))
        if len(basis) == 3:
            break
    if len(basis) < 3:
        raise ValueError("the points lie in a plane")
    start = points[basis]
    gram = start @ start.T
    alike = [[j for j in usable if abs(lengths[j] - lengths[i]) < tolerance] for i in basis]
    scale = tolerance * float(lengths.max())
    found = []
    for images in itertools.product(*alike):
        goal = points[list(images)]
        if np.abs(goal @ goal.T - gram).max() > scale:
            continue
        matrix = np.asarray(np.linalg.solve(start, goal).T, dtype=np.float64)
        moved = points @ matrix.T
        gaps = np.linalg.norm(moved[:, None] - points[None], axis=2).min(axis=1)
        if gaps.max() < tolerance:
            found.append(matrix)
    return sorted(found, key=lambda m: float(np.abs(m - np.eye(3)).max()))
