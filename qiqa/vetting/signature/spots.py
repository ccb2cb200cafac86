"""Windows around blobs of a plane: they stay with the anatomy when the image is cropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from qiqa.kernels.planes import extremes
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
    whole = ranks(plane, (0.0, plane.image.shape[0], 0.0, plane.image.shape[1]))
    response = _blobs(whole)
    found = []
    # what is largest at a border may be larger beyond it: no place
    for s, i, j in extremes(response):
        row = float(i) + 0.5 + _shift(response[s, i - 1 : i + 2, j])
        column = float(j) + 0.5 + _shift(response[s, i, j - 1 : j + 2])
        half = HALF * SCALES[s] * STEP ** _shift(response[s - 1 : s + 2, i, j])
        box = (row - half, row + half, column - half, column + half)
        beyond = max(-box[0], -box[2], box[1] - whole.shape[0], box[3] - whole.shape[1])
        if beyond > 0.5:
            continue
        away = ((row - (r0 + r1) / 2) / (r1 - r0)) ** 2 + (
            (column - (c0 + c1) / 2) / (c1 - c0)
        ) ** 2
        found.append((float(response[s, i, j]) * float(np.exp(-4 * away)), box))
    found.sort(reverse=True)
    return [box for _, box in found[:count]]


def _blobs(image: FloatArray) -> FloatArray:
    """Return the size of the Laplacian of Gaussians times their variance, (scales, rows, columns).

    In cosines, for which the image goes on mirrored beyond its border: both are factors there.
    """
    scale = np.array(SCALES)[:, None]
    down, across = ((scale * (np.pi * np.arange(n) / n)) ** 2 for n in image.shape)
    # single floats: places need no more, and it is half of the work
    single = np.float32
    factors = down.astype(single)[:, :, None] + across.astype(single)[:, None, :]
    factors *= np.exp(-0.5 * down).astype(single)[:, :, None]
    factors *= np.exp(-0.5 * across).astype(single)[:, None, :]
    spectrum = fft.dctn(image.astype(np.float32), type=2, norm="ortho")
    found = fft.idctn(factors * spectrum, type=2, norm="ortho", axes=(1, 2), overwrite_x=True)
    return np.asarray(np.abs(found), dtype=np.float64)


def _shift(three: FloatArray) -> float:
    """Return where the parabola through three values has its top, from the middle one."""
    bend = float(three[0] - 2 * three[1] + three[2])
    return 0.0 if bend == 0 else float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5))
