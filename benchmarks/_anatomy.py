"""Made-up heads for the search of duplicates: like each other, yet each its own.

Shares no code with `qiqa.vetting.signature`. All people have the same parts in about the same
places (scalp, skull, brain, ventricles, eyes, deep gray matter) and half of the folds of the
cortex; sizes, places and the other half of the folds are drawn for each. Another visit is another
pose, shading and noise of the same person.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["T1", "T2", "Head", "acquire", "head"]

FloatArray = NDArray[np.float64]

T1 = (0.0, 0.95, 0.08, 0.75, 0.55, 0.15, 0.45)
"""Air, scalp, skull, white matter, cortex, fluid, deep gray matter."""
T2 = (0.0, 0.60, 0.08, 0.40, 0.55, 1.00, 0.35)


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """One person: ellipsoids (center, half axes) [mm] and waves that fold the cortex."""

    scalp: FloatArray
    parts: tuple[tuple[int, FloatArray, FloatArray], ...]
    """Tissue, center, half axes."""
    waves: FloatArray
    """(w, 5) wave vector [1/mm], phase, amplitude."""


def _waves(rng: np.random.Generator, count: int) -> FloatArray:
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    vector = direction * (2 * np.pi / rng.uniform(14, 55, count))[:, None]
    phase, height = rng.uniform(0, 2 * np.pi, count), rng.normal(0, 1, count)
    return np.column_stack([vector, phase, height])


def head(seed: int) -> Head:
    """Return one person."""
    rng = np.random.default_rng([7, seed])
    grown = rng.normal(1.0, 0.05, 3)
    scalp = np.array([76.0, 95.0, 88.0]) * grown
    parts = []
    for tissue, center, axes in (
        (5, (9, 8, 5), (7, 28, 12)),
        (5, (-9, 8, 5), (7, 28, 12)),
        (5, (30, 78, -30), (12, 12, 12)),
        (5, (-30, 78, -30), (12, 12, 12)),
        (6, (22, 12, -2), (9, 16, 10)),
        (6, (-22, 12, -2), (9, 16, 10)),
        (5, (0, -30, -35), (5, 8, 9)),
    ):
        at = np.array(center) + rng.normal(0, 2.5, 3)
        parts.append((tissue, at * grown, np.array(axes) * rng.lognormal(0, 0.15, 3)))
    for _ in range(rng.integers(2, 6)):  # what this person alone has
        at = rng.uniform(-0.6, 0.6, 3) * scalp
        parts.append((int(rng.choice([4, 5, 6])), at, rng.uniform(3, 9, 3)))
    waves = np.vstack([_waves(np.random.default_rng(3), 24), _waves(rng, 24)])
    return Head(scalp, tuple(parts), waves)


def _pose(rng: np.random.Generator, tilt_deg: float, move_mm: float) -> tuple[FloatArray, ...]:
    a, b, c = np.radians(rng.normal(0, tilt_deg, 3))
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = turn @ np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    return turn, rng.normal(0, move_mm, 3)


def acquire(
    person: Head,
    visit: int,
    *,
    shape: tuple[int, int, int] = (96, 112, 30),
    voxel_mm: tuple[float, float, float] = (2.2, 2.2, 5.0),
    contrast: tuple[float, ...] = T1,
    noise: float = 0.02,
    tilt_deg: float = 4.0,
    move_mm: float = 4.0,
) -> NDArray[np.float32]:
    """Return the magnitude image (i, j, k) of one visit, as stored: whole numbers to about 1200."""
    rng = np.random.default_rng([11, visit])
    turn, move = _pose(rng, tilt_deg, move_mm)
    index = np.indices(shape, dtype=np.float64).reshape(3, -1).T
    at = (index - (np.array(shape) - 1) / 2) * voxel_mm
    x = at @ turn.T + move
    tissue = np.zeros(len(x), dtype=np.intp)
    depth = 1 - np.sqrt(((x / person.scalp) ** 2).sum(axis=1))
    tissue[depth > 0] = 1
    tissue[depth > 0.06] = 2
    tissue[depth > 0.12] = 3
    inside = np.flatnonzero(depth > 0.12)
    fold = np.zeros(len(inside))
    for wave in person.waves:
        fold += wave[4] * np.cos(x[inside] @ wave[:3] + wave[3])
    fold /= np.sqrt(0.5 * (person.waves[:, 4] ** 2).sum())
    gray = fold + 3.0 * (0.38 - depth[inside]) > 0.4
    tissue[inside[gray]] = 4
    tissue[inside[fold + 6.0 * (0.2 - depth[inside]) > 1.6]] = 5
    for which, center, axes in person.parts:
        tissue[(((x - center) / axes) ** 2).sum(axis=1) < 1] = which
    signal = np.asarray(contrast)[tissue]
    slope = rng.normal(0, 0.0015, 3)
    signal *= np.exp(at @ slope - 1.5e-5 * (at**2).sum(axis=1) * rng.uniform(0.2, 1.5))
    real = signal + rng.normal(0, noise, len(x))
    magnitude = np.hypot(real, rng.normal(0, noise, len(x)))
    return np.rint(1000 * magnitude).reshape(shape).astype(np.float32)
