"""How much every point of an image looks like the middle of a round insert with a wall.

The insert's own signal is unknown and changes from image to image, and so is the bath's: what
stays is that something is round and of the right size. Three patterns are compared at every point,
by the correlation coefficient with what is there, so that shading and gain do not matter: a disk
inside a ring of wall, and wall and disk together against what lies around them, brighter or darker.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likeness", "Plane", "likeness", "resampled"]

PIXEL_MM = 1.0
"""Pixel of the grid that is searched: fine enough for a wall of 1.5 mm beside an insert of 10."""
_MARGIN_MM = 3.0
"""Width of the surroundings that a pattern looks at."""
_MOST_IMAGES = 8
"""Images of a series that are looked at, evenly spread: contrast differs, geometry does not."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Images of one slice on a square grid of `PIXEL_MM`; first axis along i, second along j."""

    images: NDArray[np.float32]
    """(n, x, y)."""
    to_voxel: NDArray[np.float64]
    """(2,) grid step over voxel size along i and j."""

    def voxel(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return grid places (..., 2) [mm from the first voxel] as voxel indices i, j."""
        return np.asarray(place * self.to_voxel)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """Correlation with the patterns, the best of all images: -1 to 1, one number a grid point."""

    round: NDArray[np.float32]
    """Like an insert, brighter or darker than what is around it."""
    dark: NDArray[np.float32]
    """Like a dark disk on a brighter ground."""
    bright: NDArray[np.float32]
    """Like a bright disk on a darker ground."""


def resampled(
    images: NDArray[np.float32], voxel_mm: tuple[float, float], most: int = _MOST_IMAGES
) -> Plane:
    """Return images (i, j, n) of one slice on the grid that is searched."""
    from scipy.ndimage import zoom

    n = images.shape[2]
    picked = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    factors = (voxel_mm[0] / PIXEL_MM, voxel_mm[1] / PIXEL_MM)
    # zoom keeps the first voxel where it is with grid_mode off, and ends at the last one
    shape = [max(round((s - 1) * f) + 1, 2) for s, f in zip(images.shape[:2], factors, strict=True)]
    scale = [a / b for a, b in zip(shape, images.shape[:2], strict=True)]
    out = np.stack([zoom(images[:, :, k].astype(np.float32), scale, order=1) for k in picked])
    step = [(s - 1) / (z - 1) for s, z in zip(images.shape[:2], shape, strict=True)]
    return Plane(out, np.array(step) / PIXEL_MM)


def likeness(
    plane: Plane, inner_radius_mm: float, outer_radius_mm: float, ground: float
) -> Likeness:
    """Compare every point with the patterns of an insert.

    Parameters
    ----------
    plane
        Images.
    inner_radius_mm, outer_radius_mm
        Of the wall; equal for something solid.
    ground
        Contrast below which an image shows nothing: about the noise SD of the brightest image.
    """
    filters = _Patterns(plane.images.shape[1:], inner_radius_mm, outer_radius_mm)
    found = [filters.compare(image, ground) for image in plane.images]
    walled, dark, bright = (np.max([item[k] for item in found], axis=0) for k in range(3))
    both = np.maximum(walled, np.maximum(dark, bright))
    return Likeness(both, dark, bright)


class _Patterns:
    """Patterns of one size on one grid, as transforms."""

    def __init__(self, shape: tuple[int, ...], inner_mm: float, outer_mm: float) -> None:
        from scipy.fft import next_fast_len, rfft2

        self._shape = shape
        self._size = tuple(next_fast_len(s + 2 * int(outer_mm + _MARGIN_MM + 2)) for s in shape)
        inside = _disk(inner_mm - 0.5)
        whole = _disk(outer_mm)
        around = _disk(outer_mm + _MARGIN_MM)
        half = around.shape[0] // 2
        inside, whole = _padded(inside, half), _padded(whole, half)
        wall = whole - _padded(_disk(inner_mm + 0.5), half) if outer_mm > inner_mm else None
        self._half = half
        patterns = [inside - wall * inside.sum() / wall.sum()] if wall is not None else []
        ring = around - _padded(_disk(outer_mm + 0.5), half)
        patterns.append(ring * whole.sum() / ring.sum() - whole)
        self._supports = [np.abs(p) > 0 for p in patterns]
        self._kernels = [self._transform(p, rfft2) for p in patterns]
        self._areas = [self._transform(s.astype(float), rfft2) for s in self._supports]
        self._norms = [float(np.sqrt(np.sum(p**2))) for p in patterns]
        self._counts = [float(s.sum()) for s in self._supports]

    def _transform(self, pattern: NDArray[np.float64], rfft2: object) -> NDArray[np.complex64]:
        grid = np.zeros(self._size, np.float32)
        grid[: pattern.shape[0], : pattern.shape[1]] = pattern
        grid = np.roll(grid, (-self._half, -self._half), (0, 1))
        return rfft2(grid)  # type: ignore[operator,no-any-return]

    def compare(
        self, image: NDArray[np.float32], ground: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return likeness to an insert in its wall, to a dark and to a bright disk."""
        from scipy.fft import irfft2, rfft2

        centered = image - float(image.mean())
        padded = np.zeros(self._size, np.float32)
        padded[: self._shape[0], : self._shape[1]] = centered
        first, second = rfft2(padded), rfft2(padded**2)

        def back(product: NDArray[np.complex64]) -> NDArray[np.float32]:
            found: NDArray[np.float32] = irfft2(product, self._size)
            return found[: self._shape[0], : self._shape[1]]

        scores = []
        for kernel, area, norm, count in zip(
            self._kernels, self._areas, self._norms, self._counts, strict=True
        ):
            mean = back(first * np.conj(area)) / count
            spread = np.maximum(back(second * np.conj(area)) / count - mean**2, ground**2)
            scores.append(back(first * np.conj(kernel)) / (norm * np.sqrt(spread * count)))
        around = np.asarray(scores[-1], np.float32)
        walled = np.asarray(scores[0], np.float32) if len(scores) > 1 else -np.ones_like(around)
        return walled, around, -around


def _disk(radius_mm: float) -> NDArray[np.float64]:
    """Return a disk with soft rim on the grid."""
    half = int(np.ceil(radius_mm / PIXEL_MM)) + 1
    axis = np.arange(-half, half + 1) * PIXEL_MM
    r = np.hypot(axis[:, None], axis[None, :])
    return np.asarray(np.clip((radius_mm - r) / PIXEL_MM + 0.5, 0.0, 1.0))


def _padded(pattern: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    more = half - pattern.shape[0] // 2
    return np.pad(pattern, more) if more >= 0 else pattern[-more:more, -more:more]
