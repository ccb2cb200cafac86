"""The air bubble: an arc of the wall at 12 o'clock where the bath does not reach it."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.geometry.edges import first_crossing
from qiqa.geometry.plane import SlicePlane
from qiqa.measure._scene import Scene, Seen, slices_text
from qiqa.measure.pictures import polyline

__all__ = ["bubble"]

SPAN_DEG = 60
"""Angles from 12 o'clock that are looked at."""
REFERENCE_DEG = 28.0
"""Beyond this the wall is taken as seen, and carried on to 12 o'clock as a circle."""
DEPTH_MM = 0.7
"""The bath's edge must lie this far inside the wall: well above the noise of one edge (0.2 mm at
SNR 30) and the shift of an edge over the film above the rail."""
RAIL_DEG = 6.5
"""The rail and the film over it hide up to this much on either side."""
MIN_BEYOND_DEG = 3.0
"""A hidden arc must go this far beyond the rail on one side. The level surface of a smaller bubble
lies less than a millimetre inside the wall."""
MIN_SLICES = 2
"""A bubble runs along the phantom: one slice alone is something else."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Arc:
    number: int
    left_deg: float
    right_deg: float


def bubble(scene: Scene) -> Seen | None:
    """Say how far from 12 o'clock the wall is hidden, where that is more than the rail hides."""
    radius = scene.view.phantom.body.inner_diameter_mm / 2
    arcs = [a for n in scene.numbers if (a := _arc(scene.plane(n), n, radius)) is not None]
    wide = [a for a in arcs if max(a.left_deg, a.right_deg) >= RAIL_DEG + MIN_BEYOND_DEG]
    if len(wide) < MIN_SLICES:
        return None
    worst = max(wide, key=lambda a: a.left_deg + a.right_deg)
    numbers = [a.number for a in wide]
    plane = scene.plane(worst.number)
    theta = np.deg2rad(np.arange(-worst.left_deg, worst.right_deg + 0.5, 1.0))
    shape = polyline(plane, radius * np.sin(theta), -radius * np.cos(theta), "excluded")
    picture = scene.picture(
        f"Air bubble, slice {worst.number}",
        worst.number,
        (0.0, 1.15),
        "Arc of the wall that no bath reaches.",
    )
    return Seen(
        code="artifact_bubble",
        severity=Severity.INFO,
        message=f"an air bubble hides the wall at 12 o'clock on {slices_text(numbers)}, most on "
        f"slice {worst.number}: from {worst.left_deg:.0f} degrees left to {worst.right_deg:.0f} "
        "degrees right",
        hint="vertical diameters are bridged over it; refill the phantom if it grows",
        evidence=dataclasses.replace(picture, shapes=(shape,)),
    )


def _arc(plane: SlicePlane, number: int, radius_mm: float) -> _Arc | None:
    """Return how far the wall is hidden left and right of 12 o'clock, or None if it is not seen."""
    angle = np.arange(-SPAN_DEG, SPAN_DEG + 1.0)
    theta = np.deg2rad(angle)
    radius = np.arange(radius_mm + 7, radius_mm - 10, -0.5)
    profile = _sample(plane, np.outer(np.sin(theta), radius), -np.outer(np.cos(theta), radius))
    beyond = np.abs(angle) > REFERENCE_DEG
    inside = (radius < radius_mm - 3) & (radius > radius_mm - 9)
    level = np.median(profile[:, inside], axis=1)
    trend = np.polyfit(angle[beyond], level[beyond], 1)
    air = float(np.nanmedian(profile[:, radius > radius_mm + 4]))
    half = (np.polyval(trend, angle) + air) / 2
    edge = first_crossing(profile, radius, half)
    usable = beyond & np.isfinite(edge)
    if usable.sum() < 0.6 * beyond.sum() or not half.min() > air:
        return None
    design = np.column_stack([np.ones(angle.size), np.cos(theta), np.sin(theta)])
    wall = design @ _robust(design[usable], edge[usable])
    hidden = ~(edge > wall - DEPTH_MM)
    return _Arc(number, _run(angle, hidden, -1, radius_mm), _run(angle, hidden, 1, radius_mm))


def _sample(
    plane: SlicePlane, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the signal at phantom points, linear between pixels; 0 outside the image."""
    from scipy.ndimage import map_coordinates

    column, row = plane.to_pixel(x_mm, y_mm)
    found = map_coordinates(plane.image, [row, column], order=1, output=np.float64, cval=0.0)
    return np.asarray(found)


def _robust(design: NDArray[np.float64], edge: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a circle, edges that stray by more than a millimetre left out."""
    keep = np.ones(edge.size, dtype=bool)
    result: NDArray[np.float64] = np.zeros(design.shape[1])
    for _ in range(3):
        result = np.asarray(
            np.linalg.lstsq(design[keep], edge[keep], rcond=None)[0], dtype=np.float64
        )
        off = np.abs(edge - design @ result)
        keep = off < max(1.0, 2.5 * float(np.median(off)))
    return result


def _run(
    angle: NDArray[np.float64], hidden: NDArray[np.bool_], side: int, radius_mm: float
) -> float:
    """Return where the arc that begins at the rail ends, on one side [degree].

    The surface of a bubble is level, so its ends lie beyond the last angle where it is as deep
    as `DEPTH_MM`; 0 where nothing is hidden.
    """
    last = 0.0
    for a in range(1, SPAN_DEG + 1):
        index = int(np.flatnonzero(angle == side * a)[0])
        if hidden[index]:
            last = float(a)
        elif a > RAIL_DEG:
            break
    if last == 0:
        return 0.0
    level = np.cos(np.deg2rad(last)) * (1 - DEPTH_MM / radius_mm)
    return float(np.rad2deg(np.arccos(level)))
