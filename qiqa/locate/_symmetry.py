"""Symmetries of an arrangement: the ways of placing it that look the same."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["Symmetry", "symmetries"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Symmetry:
    """One orthogonal map that takes every place of an arrangement to a place."""

    matrix: NDArray[np.float64]
    """(d, d), about the center of the places; determinant 1 or -1."""
    permutation: tuple[int, ...]
    """Place n goes to place permutation[n]."""

    @property
    def mirror(self) -> bool:
        """Whether it turns left into right."""
        return bool(np.linalg.det(self.matrix) < 0)


def symmetries(places: NDArray[np.float64], tolerance_mm: float = 1.5) -> tuple[Symmetry, ...]:
    """Return all symmetries of points (n, d) in a plane or in space, the identity first.

    Computed, not tabled: every image of a few spanning points at the same distances is tried, and
    kept if it takes all places to places within the tolerance.
    """
    center = places.mean(axis=0)
    points = places - center
    basis = _spanning(points)
    if len(basis) < points.shape[1]:
        raise ValueError("the places do not span their space: symmetries are not finite")
    frame = points[basis].T
    gram = frame.T @ frame
    found: list[Symmetry] = []
    for images in itertools.permutations(range(len(points)), len(basis)):
        target = points[list(images)].T
        if np.abs(target.T @ target - gram).max() > 2 * tolerance_mm * np.abs(frame).max():
            continue
        u, _, vt = np.linalg.svd(target @ frame.T)
        matrix = u @ vt
        moved = points @ matrix.T
        distance = np.linalg.norm(moved[:, None] - points[None], axis=2)
        nearest = distance.argmin(axis=1)
        if distance.min(axis=1).max() > tolerance_mm or len(set(nearest)) < len(points):
            continue
        if all(tuple(nearest) != item.permutation for item in found):
            found.append(Symmetry(matrix, tuple(int(n) for n in nearest)))
    identity = tuple(range(len(points)))
    return tuple(sorted(found, key=lambda item: item.permutation != identity))


def _spanning(points: NDArray[np.float64]) -> list[int]:
    """Return points, as few and as far out as span the space."""
    chosen: list[int] = []
    for index in np.argsort(-np.linalg.norm(points, axis=1), kind="stable"):
        trial = points[[*chosen, int(index)]]
        if np.linalg.matrix_rank(trial, tol=1.0) > len(chosen):
            chosen.append(int(index))
        if len(chosen) == points.shape[1]:
            break
    return chosen
