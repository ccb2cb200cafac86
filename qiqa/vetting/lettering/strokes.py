"""Pieces of one slice that look like characters: thin strokes, sharp edges, of one size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.planes import piece_boxes

__all__ = ["Level", "Pieces", "levels_to_try", "pieces"]

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
MaskArray = NDArray[np.bool_]

LEAST_HEIGHT, MOST_HEIGHT = 7, 64
"""Of a character [pixel]."""
_MOST_PIECES = 4000
"""More than this are noise."""
_WIDEST = 1.7
"""Width over height of one character."""
_STROKE = 0.32
"""Width of a stroke over the height of its character; bold type has 0.2."""
_BAR = 0.45
"""Width over height of characters that may be solid: I, l, 1."""
_FILL = (0.12, 0.88)
"""Share of the bounding box that strokes of other characters fill."""
_SHARP = 0.45
"""Least mean step across the outline, over that from the usual level to the text."""
_SHARP_ON_TISSUE = 0.1
"""The same where the level is shared exactly: tissue behind it may be nearly as bright."""
_PILED = 0.2
"""Share of those close to it that is exactly at the level."""
_SHARED = 20
"""Pixels of exactly one value, which noise does not make."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Character-like pieces, c of them, sorted by row and column."""

    top: FloatArray
    bottom: FloatArray
    """Row behind the last."""
    left: FloatArray
    right: FloatArray
    """Column behind the last."""
    area: FloatArray
    """Pixels."""

    def __len__(self) -> int:
        return int(self.top.size)

    @property
    def height(self) -> FloatArray:
        """Rows (c,)."""
        return self.bottom - self.top

    @property
    def width(self) -> FloatArray:
        """Columns (c,)."""
        return self.right - self.left


@dataclasses.dataclass(frozen=True, slots=True)
class Level:
    """Values that text may have."""

    usual: float
    """Median of the slice."""
    text: float
    share: float
    """How far from the one to the other the threshold lies."""
    sharp: float = _SHARP
    """Least mean step across the outline, over that from the usual level to the text."""

    @property
    def threshold(self) -> float:
        """Above it is text."""
        return self.usual + self.share * (self.text - self.usual)


def levels_to_try(image: SingleArray) -> Iterator[Level]:
    """Yield the levels of text: it is drawn at one, mostly at the largest value.

    The largest value of the slice, low enough for softened strokes and high enough to cut off
    bright tissue beside them; close below it where at least twenty pixels share it exactly and few
    nearly, for text on bright tissue; and the value that most pixels above the 99th percentile
    share, where at least twenty do: text that is not the brightest thing in the image.
    """
    top = float(image.max())
    ordinary = float(np.median(image[::4, ::4]))
    if not top > ordinary:
        return
    yield Level(ordinary, top, 0.6)
    yield Level(ordinary, top, 0.85)
    close = Level(ordinary, top, 0.95, _SHARP_ON_TISSUE)
    exactly = int(np.count_nonzero(image == top))
    # Where tissue is cut off at the top, as many voxels lie just below it: no text.
    if exactly >= max(_SHARED, _PILED * int(np.count_nonzero(image > close.threshold))):
        yield close
    bright = float(np.percentile(image[::2, ::2], 99))
    upper = np.sort(image[image >= bright])
    values, first = np.unique(upper, return_index=True)
    counts = np.diff(np.append(first, upper.size))
    most = int(np.argmax(counts))
    shared = float(values[most])
    if counts[most] >= _SHARED and ordinary < shared < 0.9 * top:
        yield Level(ordinary, shared, 0.8)


def pieces(image: SingleArray, level: Level, fewest: int) -> Pieces:
    """Return the connected pieces above a threshold that may be characters.

    The width of a stroke is twice the area over the length of the outline (number of pixel sides),
    as for a long line.

    Parameters
    ----------
    image
        (rows, columns), finite.
    level
        As from `levels_to_try`.
    fewest
        With fewer than this none is returned: it could make no line.
    """
    from scipy.ndimage import label

    mask = image > level.threshold
    if mask.mean() > 0.5:
        return _none()
    names, count = label(mask, np.ones((3, 3), np.bool_))
    if not 0 < count <= _MOST_PIECES:
        return _none()
    boxes, area = piece_boxes(names, count)
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    fill = area / (height * width)
    good = (height >= LEAST_HEIGHT) & (height <= MOST_HEIGHT) & (width <= _WIDEST * height)
    good &= ((fill >= _FILL[0]) & (fill <= _FILL[1])) | (width <= _BAR * height)
    if int(good.sum()) < fewest:
        return _none()
    sides, step = _outline(image, mask, names, count)
    good &= 2 * area / sides <= np.maximum(_STROKE * height, 1.0)
    good &= step > level.sharp * (level.text - level.usual) * sides
    kept = np.flatnonzero(good)
    kept = kept[np.lexsort((boxes[kept, 2], boxes[kept, 0]))]
    return Pieces(
        top=boxes[kept, 0],
        bottom=boxes[kept, 1],
        left=boxes[kept, 2],
        right=boxes[kept, 3],
        area=area[kept],
    )


def _none() -> Pieces:
    empty = np.empty(0)
    return Pieces(top=empty, bottom=empty, left=empty, right=empty, area=empty)


def _outline(
    image: SingleArray, mask: MaskArray, names: NDArray[np.int32], count: int
) -> tuple[FloatArray, FloatArray]:
    """Return the number of outer pixel sides of each piece, and the sum of the steps across them.

    A step goes from the pixel inside to the second one outside, so that a softened edge counts
    whole; at the border of the image there is no side.
    """
    sides, step = np.zeros(count + 1), np.zeros(count + 1)
    for turned in (False, True):
        there, who = (mask.T, names.T) if turned else (mask, names)
        values = image.T if turned else image
        for way in (1, -1):
            here, what, near = there[::way], who[::way], values[::way]
            out = here[:-1] & ~here[1:]
            at, column = np.nonzero(out)
            beyond = np.minimum(at + 2, here.shape[0] - 1)
            owner = what[at, column]
            drop = near[at, column].astype(np.float64) - near[beyond, column]
            sides += np.bincount(owner, minlength=count + 1)
            step += np.bincount(owner, weights=drop, minlength=count + 1)
    return np.maximum(sides[1:], 1.0), step[1:]
