"""Spheres of a phantom plate on one slice: round regions inside a dark wall. Own code, no package.

Plain thresholds are enough: each sphere is a disc of even signal inside a plastic shell that
gives none.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["disc", "find_spheres"]

Array = NDArray[np.float64]


def find_spheres(
    image: Array, pixel_mm: float, inner_diameter_mm: tuple[float, float] = (11.0, 19.0)
) -> Array:
    """Return the centers [pixel], (spheres, 2), of round regions that a dark wall encloses.

    A pixel is wall where it is darker than three quarters of the median around it. Regions
    between walls are taken if their area is that of a disc of `inner_diameter_mm` and they fill
    their bounding box as a disc does.
    """
    size = 2 * round(8.0 / pixel_mm) + 1
    around = ndimage.median_filter(image, size=size)
    bright = image > 0.3 * np.percentile(image, 95)
    inside = ndimage.binary_fill_holes(ndimage.binary_opening(bright, iterations=2))
    wall = (image < 0.78 * around) | ~np.asarray(inside)
    # The wall is thin: a pixel is added to it so that no region leaks into the next.
    labels, count = ndimage.label(~ndimage.binary_dilation(wall))
    low, high = (math.pi / 4 * (d / pixel_mm) ** 2 for d in inner_diameter_mm)
    centers = []
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        region = ndimage.binary_fill_holes(labels[box] == index)
        area, (height, width) = int(region.sum()), region.shape
        round_enough = 0.68 < area / (height * width) < 0.9 and 0.8 < height / width < 1.25
        if low <= area <= high and round_enough:
            where = ndimage.center_of_mass(region)
            centers.append((where[0] + box[0].start, where[1] + box[1].start))
    del count
    return np.array(centers).reshape(-1, 2)


def disc(
    shape: tuple[int, int], center: Array, diameter_mm: float, pixel_mm: float
) -> NDArray[np.bool_]:
    """Return the pixels (shape) whose centers lie in a disc."""
    i, j = np.indices(shape)
    distance = np.hypot(i - center[0], j - center[1]) * pixel_mm
    return np.asarray(distance <= diameter_mm / 2)
