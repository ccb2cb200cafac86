"""The wall of a round phantom in every slice of a stack."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import LocateError
from qiqa.geometry.circle import Circle, fit_circle, search_circle
from qiqa.geometry.edges import first_crossing

__all__ = ["Outline", "body_outline", "boundary_points"]

THRESHOLD = 0.35
"""Share of the 95th percentile that counts as phantom: above ghosts, below strong shading."""
MAX_OUTSIDE = 0.7
"""Share of the wall's surroundings that may lie outside the image."""
MIN_RING = 100
WALL_TOLERANCE_MM = 1.2
"""Wall points farther from the circle are structures, bubbles or noise."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Circles found in the slices, in millimetres from the center of pixel (0, 0)."""

    centers_mm: NDArray[np.float64]
    """(k, 2), NaN where a slice shows no wall."""
    radii_mm: NDArray[np.float64]
    """(k,)"""
    rms_mm: float
    share: float
    """Share of the boundary points that lie on the circle."""


def boundary_points(
    image: NDArray[np.float64], pixel_mm: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the outermost points above the threshold in each row and column [mm].

    Points on the border of the image, or of a border of exact zeros, are left out: there the
    object is cut off, not ended.
    """
    level = THRESHOLD * np.percentile(image, 95)
    above = image > level
    used = image != 0
    u_all, v_all = [], []
    for axis in (0, 1):
        mask = above if axis == 0 else above.T
        inked = used if axis == 0 else used.T
        lines = np.flatnonzero(mask.any(axis=1))
        first = np.argmax(mask[lines], axis=1)
        last = mask.shape[1] - 1 - np.argmax(mask[lines][:, ::-1], axis=1)
        edge_low = np.argmax(inked[lines], axis=1)
        edge_high = mask.shape[1] - 1 - np.argmax(inked[lines][:, ::-1], axis=1)
        for index, border in ((first, edge_low), (last, edge_high)):
            keep = np.abs(index - border) > 2
            along, across = lines[keep].astype(float), index[keep].astype(float)
            u, v = (along, across) if axis == 0 else (across, along)
            u_all.append(u * pixel_mm[0])
            v_all.append(v * pixel_mm[1])
    return np.concatenate(u_all), np.concatenate(v_all)


def body_outline(stack: NDArray[np.float32], pixel_mm: tuple[float, float]) -> Outline:
    """Find the circle of the wall in every slice.

    Parameters
    ----------
    stack : (i, j, k)
        Slices.
    pixel_mm
        Pixel size along i and j.

    Raises
    ------
    LocateError
        If no circle explains the boundary of what is bright.
    """
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(stack, size=(3, 3, 1), mode="nearest")
    projection = smooth.max(axis=2).astype(np.float64)
    if not projection.max() > 0:
        raise LocateError("the images are empty")
    u, v = boundary_points(projection, pixel_mm)
    circle = search_circle(u, v, tolerance=2.0)
    if circle is None:
        raise LocateError("no outline was found")
    share = float(circle.inliers.mean())
    centers = np.full((stack.shape[2], 2), np.nan)
    radii = np.full(stack.shape[2], np.nan)
    squares = []
    for k in range(stack.shape[2]):
        found = _wall_circle(stack[:, :, k], pixel_mm, circle)
        if found is not None:
            centers[k] = found.x, found.y
            radii[k] = found.radius
            squares.append(found.rms**2)
    rms = float(np.sqrt(np.mean(squares))) if squares else float("nan")
    return Outline(centers, radii, rms, share)


def _wall_circle(
    image: NDArray[np.float32], pixel_mm: tuple[float, float], near: Circle
) -> Circle | None:
    """Refine the circle on one slice by half-height wall points.

    The search starts from half millimetres, counted from the middle of the image: so a flipped or
    turned copy of the image is searched from the very same place.
    """
    from scipy.ndimage import map_coordinates

    near = _rounded(near, image.shape, pixel_mm)

    angle = np.arange(0, 2 * np.pi, np.pi / 180)
    radius = np.arange(near.radius + 9, near.radius - 12, -0.5)
    u = near.x + np.cos(angle)[:, None] * radius
    v = near.y + np.sin(angle)[:, None] * radius
    i, j = u / pixel_mm[0], v / pixel_mm[1]
    out = (i < 0) | (j < 0) | (i > image.shape[0] - 1) | (j > image.shape[1] - 1)
    profiles = map_coordinates(image.astype(np.float64), [i, j], order=1, mode="nearest")
    profiles[out] = np.nan
    if out.mean() > MAX_OUTSIDE:
        return None
    ring = profiles[:, (radius < near.radius - 3) & (radius > near.radius - 9)]
    seen = ring[np.isfinite(ring)]
    if seen.size < MIN_RING:
        return None
    level = float(np.percentile(seen, 75))
    floor = profiles[:, radius > near.radius + 4]
    floor = floor[np.isfinite(floor)]
    air = float(np.median(floor)) if floor.size else 0.0
    half = _local_level(ring, level) / 2 + air / 2
    filled = np.where(out, -np.inf, profiles)
    edge = first_crossing(filled, radius, half)
    x, y = near.x + np.cos(angle) * edge, near.y + np.sin(angle) * edge
    return fit_circle(x, y, WALL_TOLERANCE_MM, (near.x, near.y, near.radius))


def _rounded(circle: Circle, shape: tuple[int, ...], pixel_mm: tuple[float, float]) -> Circle:
    middle = [(n - 1) / 2 * size for n, size in zip(shape, pixel_mm, strict=True)]
    x, y = (
        center + round(2 * (value - center)) / 2
        for value, center in zip((circle.x, circle.y), middle, strict=True)
    )
    return dataclasses.replace(circle, x=x, y=y, radius=round(2 * circle.radius) / 2)


def _local_level(ring: NDArray[np.float64], fallback: float) -> NDArray[np.float64]:
    """Return the bath level near the wall for every angle: 75th percentile over 40 degrees."""
    n = ring.shape[0]
    closed = np.concatenate([ring[-20:], ring, ring[:20]])
    windows = np.lib.stride_tricks.sliding_window_view(closed, 41, axis=0)
    blocks = windows[:n].reshape(n, -1)
    seen = np.isfinite(blocks)
    if seen.all():
        return np.asarray(np.percentile(blocks, 75, axis=1))
    level = np.full(n, fallback)
    for index in np.flatnonzero(seen.sum(axis=1) > 40):
        level[index] = np.percentile(blocks[index][seen[index]], 75)
    return level
