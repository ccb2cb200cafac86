"""Windows around blobs of a plane: they stay with the anatomy when the image is cropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qiqa.vetting.signature.planes import Box, Plane, ranks

__all__ = ["spots"]

FloatArray = NDArray[np.float64]

STEP = 1.18
"""Ratio of neighboring scales."""
SCALES = tuple(3.0 * STEP**t for t in range(12))
"""Standard deviations of the smoothing [pixels of the plane]: blobs of 4 to 26 pixels radius."""
HALF = 2.5
"""Half a window, in scales."""


def spots(plane: Plane, count: int) -> list[Box]:
    """Return windows around the strongest blobs, those in the middle preferred.

    Blobs are extremes of the Laplacian of a Gaussian over place and scale, normalized by the scale
    (Lindeberg, Int J Comput Vis 1998;30:79), of the ranks within the object, so that neither a map
    of the gray values nor its inversion moves them much. A window that would leave the image is not
    taken: it could not be the same after cropping.

    Parameters
    ----------
    plane
        The plane.
    count
        How many at most.
    """
    r0, r1, c0, c1 = plane.box
    ranked = ranks(plane, (0.0, plane.image.shape[0], 0.0, plane.image.shape[1]))
    response = np.array(
        [s * s * np.abs(ndimage.gaussian_laplace(ranked, s, mode="nearest")) for s in SCALES]
    )
    peak = ndimage.maximum_filter(response, 3) == response
    # what is largest at a border may be larger beyond it
    peak[[0, -1]] = False
    peak[:, [0, -1]] = False
    peak[:, :, [0, -1]] = False
    found = []
    for s, i, j in np.argwhere(peak):
        row = float(i) + 0.5 + _shift(response[s, i - 1 : i + 2, j])
        column = float(j) + 0.5 + _shift(response[s, i, j - 1 : j + 2])
        half = HALF * SCALES[s] * STEP ** _shift(response[s - 1 : s + 2, i, j])
        box = (row - half, row + half, column - half, column + half)
        beyond = max(-box[0], -box[2], box[1] - ranked.shape[0], box[3] - ranked.shape[1])
        if response[s, i, j] <= 0 or beyond > 0.5:
            continue
        away = ((row - (r0 + r1) / 2) / (r1 - r0)) ** 2 + (
            (column - (c0 + c1) / 2) / (c1 - c0)
        ) ** 2
        found.append((float(response[s, i, j]) * float(np.exp(-4 * away)), box))
    found.sort(reverse=True)
    return [box for _, box in found[:count]]


def _shift(three: FloatArray) -> float:
    """Return where the parabola through three values has its top, from the middle one."""
    bend = float(three[0] - 2 * three[1] + three[2])
    return 0.0 if bend == 0 else float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5))
