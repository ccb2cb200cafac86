"""One plane of a stack made comparable: small, without padding, object told from background."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

__all__ = ["Box", "Plane", "average", "prepare", "ranks"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Box = tuple[float, float, float, float]
"""First and last row, first and last column, in pixel edges."""

COARSE = 128
"""A side of at least twice this many pixels is averaged down to less than that."""
SMALLEST = 4
"""Pixels along a side that an image has at least."""
PADDING = 0.01
"""A row or column that differs from the corner by less than this share of the range is padding."""
BACKGROUND = 0.15
"""What differs less from the border's median, as a share of the range, is background. Low, so that
a map of the gray values (a square, a logarithm, a window) moves the edge of the object little."""
RESTLESS = 0.12
"""A border with a median absolute deviation above this share of the range is no background."""
EDGE = 0.08
"""The object begins where its width is this share of its largest."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane that has content."""

    image: FloatArray
    """(rows, columns), at most 255 a side, padding cut off."""
    inside: BoolArray
    """The object; all of it where no background is seen."""
    box: Box
    """Around the largest part of the object."""
    whole: BoolArray
    """(rows, columns) of the coarse plane before padding was cut off: where the object is."""
    reach: float
    """How far the smoothed values go from the median of the border; small in a slice of air."""


def average(image: FloatArray) -> FloatArray:
    """Return an image averaged over whole blocks, so that no side has 256 pixels or more."""
    by = max(1, max(image.shape) // COARSE)
    by = min(by, *image.shape)
    if by == 1:
        return image
    rows, columns = image.shape[0] // by, image.shape[1] // by
    blocks = image[: rows * by, : columns * by].reshape(rows, by, columns, by)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float64)


def prepare(image: FloatArray) -> Plane | None:
    """Return a plane made comparable, or None where it shows nothing.

    Parameters
    ----------
    image
        (rows, columns), finite.
    """
    coarse = average(image)
    kept = _without_padding(coarse)
    if kept is None:
        return None
    part = coarse[kept]
    inside, reach = _object(part)
    whole = np.zeros(coarse.shape, dtype=np.bool_)
    whole[kept] = inside
    parts, count = ndimage.label(inside)
    if count == 0:
        return None
    largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    rows, columns = _extent(largest.sum(axis=1)), _extent(largest.sum(axis=0))
    return Plane(part, inside, (*rows, *columns), whole, reach)


def _without_padding(image: FloatArray) -> tuple[slice, slice] | None:
    if min(image.shape) < SMALLEST:
        return None
    spread = float(np.ptp(image))
    if not spread > 0:
        return None
    content = np.abs(image - image[0, 0]) > PADDING * spread
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if min(np.ptp(rows), np.ptp(columns)) + 1 < SMALLEST:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _object(image: FloatArray) -> tuple[BoolArray, float]:
    """Return where the object is, all that is not background connected with the border; and reach.

    The background is what is close to the median of the border, darker or brighter than the object
    (an inverted image); where the border is no background, as in an image cropped to tissue, all is
    object.
    """
    smooth = ndimage.gaussian_filter(image, 1.0, mode="nearest")
    edge = np.zeros(image.shape, dtype=np.bool_)
    edge[[0, -1]] = True
    edge[:, [0, -1]] = True
    border = smooth[edge]
    middle = float(np.median(border))
    low, high = np.percentile(smooth, [1, 99])
    reach = float(max(high - middle, middle - low))
    restless = float(np.median(np.abs(border - middle)))
    everything = np.ones(image.shape, dtype=np.bool_)
    if not reach > 0 or restless > RESTLESS * reach:
        return everything, reach
    near = min(max(BACKGROUND * reach, 4 * 1.4826 * restless), 0.5 * reach)
    background = np.abs(smooth - middle) <= near
    if background[edge].mean() < 0.6:
        return everything, reach
    parts, _ = ndimage.label(background)
    touching = np.unique(parts[edge])
    return np.asarray(~np.isin(parts, touching[touching > 0]), dtype=np.bool_), reach


def _extent(width: NDArray[np.intp]) -> tuple[float, float]:
    wide = np.flatnonzero(width >= EDGE * width.max())
    return float(wide[0]), float(wide[-1] + 1)


def ranks(plane: Plane, box: Box) -> FloatArray:
    """Return the ranks of the object's values within a part of a plane, from -1 to 1.

    The background, and what is outside the part, is 0: the same for an image and its negative,
    whose ranks differ by their sign alone.

    Returns
    -------
    FloatArray
        (rows, columns) of the plane.
    """
    r0, r1, c0, c1 = box
    part = np.zeros(plane.inside.shape, dtype=np.bool_)
    part[max(int(r0), 0) : int(np.ceil(r1)), max(int(c0), 0) : int(np.ceil(c1))] = True
    part &= plane.inside
    found = np.zeros(plane.image.shape)
    if part.any():
        rank = stats.rankdata(plane.image[part])
        found[part] = 2 * (rank - 0.5) / rank.size - 1
    return found
