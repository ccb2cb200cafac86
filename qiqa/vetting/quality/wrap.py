"""Aliasing: what leaves the image on one side comes in on the other, and the borders fit."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground
from qiqa.vetting.quality.scan import Scan

__all__ = ["Wrap", "wrap"]

FloatArray = NDArray[np.float64]

_BRIGHT = 0.3
"""Of the median of the object: what is darker at the border is air or a faint rim."""
_FEWEST = 24
"""Voxels of opposite borders that both lie in the object, over all slices."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """Of one axis of the slices."""

    contact: float
    """Part of the border where both ends lie in the object [%]; NaN without a foreground."""
    likeness: float
    """Correlation of the outermost voxels of both ends; NaN with too few."""
    beside: float
    """Mean correlation of each end with its neighbor in the image: what `likeness` is where the
    image goes on across the border as on a ring. Low in even tissue with noise. NaN as above."""
    step: float
    """Mean difference of both ends over that of each to its neighbor in the image: 1 on a ring.
    A symmetric object that is cut off has alike ends, but a larger step. NaN as above."""


def wrap(scan: Scan, found: Foreground, axis: int) -> Wrap:
    """Compare the first and the last voxels along an axis.

    A Fourier image is periodic: an object larger than the field of view along the phase-encoding
    axis folds in, and the last line runs on into the first. Along the frequency axis filters cut
    it off, and the borders are not alike.

    Parameters
    ----------
    scan, found
        The image.
    axis
        0 along a row (borders left and right), 1 down a column.
    """
    nan = float("nan")
    nothing = Wrap(contact=nan, likeness=nan, beside=nan, step=nan)
    if not found.inside.any():
        return nothing
    inside = found.inside if axis == 0 else found.inside.swapaxes(1, 2)
    slices = scan.picked if axis == 0 else scan.picked.swapaxes(1, 2)
    if slices.shape[2] < 8:
        return nothing
    both = (inside[:, :, 0] & inside[:, :, -1]).repeat(found.side, axis=1)[:, : slices.shape[1]]
    # A block at the border may hold only the rim of the object: the outermost voxels decide.
    level = _BRIGHT * float(np.median(found.mean[found.inside]))
    both &= np.minimum(slices[:, :, 0], slices[:, :, -1]) > level
    contact = 100 * float(both.mean())
    if int(both.sum()) < _FEWEST:
        return dataclasses.replace(nothing, contact=contact)
    first, second, near, last = (slices[:, :, at][both].astype(np.float64) for at in (0, 1, -2, -1))
    across = float(np.abs(first - last).mean())
    beside = float(np.abs(first - second).mean() + np.abs(last - near).mean()) / 2
    return Wrap(
        contact=contact,
        likeness=_correlation(first, last),
        beside=(_correlation(first, second) + _correlation(last, near)) / 2,
        step=across / beside if beside > 0 else float("nan"),
    )


def _correlation(x: FloatArray, y: FloatArray) -> float:
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good] - x[good].mean(), y[good] - y[good].mean()
    scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / scale if scale > 0 else float("nan")
