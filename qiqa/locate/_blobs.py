"""Places in a volume that look like a bright ball in a dark wall, coarsely, all orientations."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blobs", "Coarse", "coarse_volume", "find_blobs"]

_Array = NDArray[np.float64]

COARSE_MM = 2.0
"""Grid of the search: a fifth of the ball, and an eighth of the work at 1 mm."""
MIN_LIKENESS = 0.45
"""Least correlation with the ball in its wall."""
MIN_CONTRAST = 0.05
"""Least contrast of ball and wall, of the brightest signal: what air and noise do not reach."""
MOST_BLOBS = 300


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """A volume averaged to an even grid along its own axes."""

    values: NDArray[np.float32]
    affine: _Array
    """(4, 4) grid indices to the millimetres of the series."""
    bright: float
    """Signal that 1 % of the grid exceeds."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Blobs:
    """Places found, the most ball-like first."""

    center_mm: _Array
    """(n, 3)."""
    likeness: _Array
    """(n,) correlation with the template."""


def coarse_volume(volume: NDArray[np.float32], affine: _Array) -> Coarse:
    """Average a volume to cells of 2 mm, by the overlap of voxels and cells.

    Parameters
    ----------
    volume : (i, j, k)
        Signal.
    affine : (4, 4)
        Voxel indices to millimetres.
    """
    grid = volume.T  # C order, so that each product is one call of BLAS
    scale = np.eye(4)
    for axis in range(3):
        size = float(np.linalg.norm(affine[:3, axis]))
        mixing, start, step = _mixing(volume.shape[axis], size)
        grid = np.moveaxis(np.moveaxis(grid, 2 - axis, -1) @ mixing.T, -1, 2 - axis)
        scale[axis, axis], scale[axis, 3] = step, start
    values = np.ascontiguousarray(grid.T)
    bright = float(np.percentile(values[::2, ::2, ::2], 99)) if values.size else 0.0
    return Coarse(values, affine @ scale, bright)


def _mixing(n: int, size_mm: float) -> tuple[NDArray[np.float32], float, float]:
    """Return weights (cells, n), index of the first cell's center, and cells' distance in voxels.

    Cells never get finer than voxels.
    """
    step = max(COARSE_MM / size_mm, 1.0)
    cells = max(int(n / step), 1)
    edges = (n - cells * step) / 2 + step * np.arange(cells + 1)
    low, high = edges[:-1, None], edges[1:, None]
    at = np.arange(n)
    weights = np.clip(np.minimum(high, at + 1) - np.maximum(low, at), 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32), float(edges[0] + step / 2 - 0.5), step


def find_blobs(coarse: Coarse, inner_mm: float, outer_mm: float) -> Blobs:
    """Find balls of one size by normalized correlation (Lewis 1995, Vision Interface).

    Parameters
    ----------
    coarse
        Volume.
    inner_mm, outer_mm
        Radius of the ball, and of its wall.
    """
    from scipy.ndimage import maximum_filter

    likeness, contrast = _correlate(coarse, inner_mm, outer_mm)
    peak = likeness == maximum_filter(likeness, 3)
    peak &= (likeness > MIN_LIKENESS) & (contrast > MIN_CONTRAST * coarse.bright)
    at = np.argwhere(peak)
    strength = likeness[tuple(at.T)]
    order = np.argsort(-strength, kind="stable")[:MOST_BLOBS]
    at, strength = at[order], strength[order]
    fine = at + _vertex(likeness, at)
    center = fine @ coarse.affine[:3, :3].T + coarse.affine[:3, 3]
    return Blobs(np.asarray(center, dtype=np.float64), strength.astype(np.float64))


def _correlate(
    coarse: Coarse, inner_mm: float, outer_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return correlation with the template and contrast of ball and wall, on the grid."""
    from scipy.fft import irfftn, next_fast_len, rfftn

    values = coarse.values
    reach = np.ceil(outer_mm / np.linalg.norm(coarse.affine[:3, :3], axis=0)).astype(int) + 1
    shape = tuple(
        next_fast_len(int(n + r), real=True) for n, r in zip(values.shape, reach, strict=True)
    )
    ball, wall = _template(shape, coarse.affine, inner_mm, outer_mm)
    n_ball, n_wall = ball.sum(), wall.sum()
    support = ball + wall
    n = n_ball + n_wall
    image, squared = rfftn(values, shape), rfftn(values * values, shape)
    part = tuple(slice(0, m) for m in values.shape)

    def correlated(
        spectrum: NDArray[np.complex64], kernel: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return np.asarray(irfftn(spectrum * np.conj(rfftn(kernel)), shape)[part], dtype=np.float32)

    difference = ball / n_ball - wall / n_wall
    contrast = correlated(image, difference)
    mean = correlated(image, support) / n
    variance = correlated(squared, support) / n - mean * mean
    floor = (1e-3 * coarse.bright) ** 2 + 1e-12
    # of a two-valued template: its correlation is the contrast over the spread, times this
    factor = np.sqrt(n_ball * n_wall) / n
    likeness = contrast * factor / np.sqrt(np.maximum(variance, floor))
    return likeness.astype(np.float32), contrast


def _template(
    shape: tuple[int, ...], affine: _Array, inner_mm: float, outer_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how much of each cell lies in the ball and in the wall, centered at cell 0, 0, 0."""
    sub = (np.arange(4) - 1.5) / 4
    ball, wall = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    reach = [int(np.ceil(outer_mm / s)) + 1 for s in size]
    axes = [np.arange(-m, m + 1) for m in reach]
    fine = [(a[:, None] + sub).ravel() * s for a, s in zip(axes, size, strict=True)]
    r = np.sqrt(sum(g**2 for g in np.meshgrid(*fine, indexing="ij")))
    blocks = [n for a in axes for n in (len(a), 4)]
    inside = (r <= inner_mm).reshape(blocks).mean(axis=(1, 3, 5))
    either = (r <= outer_mm).reshape(blocks).mean(axis=(1, 3, 5))
    at = np.ix_(*(a % n for a, n in zip(axes, shape, strict=True)))
    ball[at], wall[at] = inside, either - inside
    return ball, wall


def _vertex(values: NDArray[np.float32], at: NDArray[np.int64]) -> _Array:
    """Return the offset of the top of a parabola through neighbors, along each axis."""
    offset = np.zeros(at.shape)
    for axis in range(3):
        step = np.zeros(3, dtype=int)
        step[axis] = 1
        last = np.array(values.shape) - 1
        low = values[tuple(np.maximum(at - step, 0).T)].astype(float)
        high = values[tuple(np.minimum(at + step, last).T)].astype(float)
        bend = low - 2 * values[tuple(at.T)] + high
        with np.errstate(divide="ignore", invalid="ignore"):
            offset[:, axis] = np.where(bend < 0, (low - high) / (2 * bend), 0.0)
    return np.clip(offset, -0.5, 0.5)
