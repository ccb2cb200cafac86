"""Uniformity and ghosting of an image without noise, computed by brute force."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import Box, CylinderPhantom

__all__ = ["disk_uniformity", "strip_ghosting"]

_LARGE_MM, _SMALL_MM = (math.sqrt(area_mm2 / math.pi) for area_mm2 in (20000.0, 100.0))
"""Radii of the disks of 200 cm² and 1 cm² (ACR guidance, percent integral uniformity)."""
_RAIL_MARGIN_MM = 1.5
"""Ringing of an edge has fallen to a percent beyond this distance at 1 mm pixels."""


def _means(image: NDArray[np.float32], pixel_mm: float) -> NDArray[np.float64]:
    """Return, at every pixel, the mean of those whose centers are within the small disk."""
    reach = int(_SMALL_MM / pixel_mm) + 1
    steps = range(-reach, reach + 1)
    offsets = [(a, b) for a in steps for b in steps if math.hypot(a, b) * pixel_mm <= _SMALL_MM]
    total = np.zeros(image.shape, dtype=np.float64)
    for offset in offsets:
        total += np.roll(image, offset, axis=(0, 1))
    return total / len(offsets)


def disk_uniformity(
    image: NDArray[np.float32],
    phantom: CylinderPhantom,
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    pixel_mm: float,
) -> float:
    """Return the PIU [%] of slice 7: every 1 cm² mean within 200 cm² about the phantom's axis.

    Means that come near the rail at 12 o'clock, which the large disk touches, are left out.

    Parameters
    ----------
    image
        (rows, columns), without noise.
    x_mm, y_mm
        CylinderPhantom coordinates of each pixel.
    """
    allowed = np.hypot(x_mm, y_mm) <= _LARGE_MM - _SMALL_MM
    for insert in phantom.insert:
        if insert.name == "rail" and isinstance(insert.shape, Box):
            box = insert.shape
            beside = np.maximum(box.x_mm[0] - x_mm, x_mm - box.x_mm[1]).clip(min=0)
            below = np.maximum(box.y_mm[0] - y_mm, y_mm - box.y_mm[1]).clip(min=0)
            allowed &= np.hypot(beside, below) >= _SMALL_MM + _RAIL_MARGIN_MM
    means = _means(image, pixel_mm)[allowed]
    low, high = float(means.min()), float(means.max())
    return 100 * (1 - (high - low) / (high + low))


def strip_ghosting(
    image: NDArray[np.float32], pixel_mm: float, center_px: tuple[float, float], skip_px: int
) -> float:
    """Return the PSG [%] of an image without noise, from strips as deep as the air allows.

    Strips are 100 mm long, from the border (less `skip_px`) to 5 mm from the wall. NaN where a
    strip has no room.
    """
    wall = 100.0 / pixel_mm
    half, (x, y), size = 50.0 / pixel_mm, center_px, image.shape[0]
    along_x = slice(max(0, round(x - half)), round(x + half))
    along_y = slice(max(0, round(y - half)), round(y + half))
    strips = (
        image[skip_px : max(0, math.floor(y - wall)), along_x],
        image[math.ceil(y + wall) : size - skip_px, along_x],
        image[along_y, skip_px : max(0, math.floor(x - wall))],
        image[along_y, math.ceil(x + wall) : size - skip_px],
    )
    if any(strip.size == 0 for strip in strips):
        return math.nan
    top, bottom, left, right = (float(strip.mean()) for strip in strips)
    rows, columns = np.indices(image.shape)
    disk = np.hypot(columns - x, rows - y) * pixel_mm <= 75.0
    return 100 * abs((top + bottom) - (left + right)) / (2 * float(image[disk].mean()))
