"""One plane of a stack made comparable: small, without padding, object told from background."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.planes import background, largest_piece, ranked, smoothed

__all__ = ["Box", "Plane", "block_side", "outline", "prepare", "ranks"]

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
_SMOOTHING: FloatArray = np.exp(-0.5 * np.arange(5.0) ** 2)
"""A Gaussian with a standard deviation of one pixel: the middle and one side of it."""
_SMOOTHING /= 2 * _SMOOTHING.sum() - _SMOOTHING[0]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """A plane that has content."""

    image: FloatArray
    """(rows, columns), at most 255 a side, padding cut off."""
    inside: BoolArray
    """The object; all of it where no background is seen."""
    box: Box
    """Around the largest part of the object."""
    corner: tuple[int, int]
    """Rows and columns of padding that were cut off before the first ones."""


def block_side(rows: int, columns: int) -> int:
    """Return the side of the blocks that an image is averaged over: none has 256 of them a side."""
    return min(max(1, max(rows, columns) // COARSE), rows, columns)


def prepare(image: FloatArray) -> Plane | None:
    """Return a plane made comparable, or None where it shows nothing.

    Parameters
    ----------
    image
        (rows, columns), finite, contiguous, at most 255 a side.
    """
    kept = _without_padding(image)
    if kept is None:
        return None
    part = np.ascontiguousarray(image[kept])
    inside, _ = _object(part)
    largest = largest_piece(inside)
    if not largest.any():
        return None
    corner = (kept[0].start, kept[1].start)
    box = (*_extent(largest.sum(axis=1)), *_extent(largest.sum(axis=0)))
    return Plane(image=part, inside=inside, box=box, corner=corner)


def outline(image: FloatArray) -> tuple[BoolArray, float] | None:
    """Return where the object of an image is, and how far its values reach; None without any.

    Parameters
    ----------
    image
        (rows, columns), finite.

    Returns
    -------
    tuple
        Mask of the image, and how far the smoothed values go from the median of the border: small
        in a slice of air.
    """
    kept = _without_padding(image)
    if kept is None:
        return None
    inside, reach = _object(np.ascontiguousarray(image[kept]))
    whole = np.zeros(image.shape, dtype=np.bool_)
    whole[kept] = inside
    return whole, reach


def _without_padding(image: FloatArray) -> tuple[slice, slice] | None:
    if min(image.shape) < SMALLEST:
        return None
    spread = float(image.max() - image.min())
    if not spread > 0:
        return None
    content = np.abs(image - image[0, 0]) > PADDING * spread
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if min(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 < SMALLEST:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _object(image: FloatArray) -> tuple[BoolArray, float]:
    """Return where the object is, all that is not background connected with the border; and reach.

    The background is what is close to the median of the border, darker or brighter than the object
    (an inverted image); where the border is no background, as in an image cropped to tissue, all is
    object.
    """
    smooth = smoothed(image, _SMOOTHING)
    border = np.concatenate([smooth[0], smooth[-1], smooth[1:-1, 0], smooth[1:-1, -1]])
    middle = _middle(border)
    ends = (smooth.size // 100, smooth.size - 1 - smooth.size // 100)
    low, high = np.partition(smooth, ends, axis=None)[list(ends)]
    reach = float(max(high - middle, middle - low))
    restless = _middle(np.abs(border - middle))
    everything = np.ones(image.shape, dtype=np.bool_)
    if not reach > 0 or restless > RESTLESS * reach:
        return everything, reach
    near = min(max(BACKGROUND * reach, 4 * 1.4826 * restless), 0.5 * reach)
    if (np.abs(border - middle) <= near).mean() < 0.6:
        return everything, reach
    return ~background(smooth, middle, near), reach


def _middle(values: FloatArray) -> float:
    """Return the median, at a fifth of the price that numpy's has for few values."""
    both = ((values.size - 1) // 2, values.size // 2)
    low, high = np.partition(values, both)[list(both)]
    return float(low + high) / 2


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
    rows, columns = plane.image.shape
    first, last = (
        (max(int(r0), 0), max(int(c0), 0)),
        (min(math.ceil(r1), rows), min(math.ceil(c1), columns)),
    )
    return ranked(plane.image, plane.inside, first[0], last[0], first[1], last[1])
