"""Spikes in k-space: one bad sample lays a fine stripe pattern over a whole slice."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.geometry.plane import SlicePlane
from qiqa.measure._scene import Scene, Seen

__all__ = ["spikes"]

WINDOW_MM = 92.0
"""Radius of the round window: inside the wall, whose edge would fill k-space with streaks."""
MAX_WAVELENGTH_MM = 10.0
"""Coarser stripes cannot be told from the phantom's own parts."""
MIN_RATIO = 12.0
"""Peak over its surroundings. White noise reaches 4.6 among all points of a stack, parts of the
phantom 10 on simulated stacks (24 placements, SNR 30 to 300, both variants)."""
MIN_STRIPES = 0.01
"""Amplitude of the stripes over the bath, below which nobody would see them and no number moves;
the phantom's own parts reach 0.007 on simulated stacks."""
MIN_STRIPES_SLICE5 = 0.03
"""The grid of slice 5 is a stripe pattern itself: up to 0.0105 off its axes when simulated."""
AXIS_PER_MM = 0.025
"""Half width of the cross in k-space that the long straight parts of slices 1 to 6 fill."""
STRAIGHT_SLICES = range(1, 7)
OUTER, INNER = 15, 7
"""Sides [points] of the square ring that a peak is compared with."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A round soft window about the axis, and the frequencies of its spectrum."""

    crop: tuple[slice, slice]
    weight: NDArray[np.float32]
    """(rows, columns) of the crop."""
    shape: tuple[int, int]
    """Rows, columns of the transform."""
    kx: NDArray[np.float64]
    """(1, columns / 2 + 1) [1/mm]"""
    ky: NDArray[np.float64]
    """(rows, 1) [1/mm], rising"""
    fine: NDArray[np.bool_]
    """Where stripes are fine enough to be told from the phantom."""
    off_axes: NDArray[np.bool_]
    """Off the phantom's own axes."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Peak:
    number: int
    stripes: float
    """Amplitude over the bath."""
    wavelength_mm: float
    angle_deg: float
    """Direction across the stripes, clockwise from the right as displayed."""


def spikes(scene: Scene) -> Seen | None:
    """Look for isolated peaks in the spectrum of every slice."""
    window = _window(scene)
    found = [p for n in scene.numbers if (p := _strongest(scene, window, n)) is not None]
    if not found:
        return None
    worst = max(found, key=lambda p: p.stripes)
    places = "; ".join(
        f"slice {p.number}: {100 * p.stripes:.1f} % of the bath, one stripe every "
        f"{p.wavelength_mm:.1f} mm across {p.angle_deg:.0f} degrees"
        for p in found
    )
    caption = (
        f"Stripes of {100 * worst.stripes:.1f} % of the bath, {worst.wavelength_mm:.1f} mm apart; "
        "window set to the bath."
    )
    wide = max(4 * worst.stripes, 0.1)
    return Seen(
        code="artifact_spike",
        severity=Severity.WARNING,
        message=f"stripes over the whole slice, as from a spike in k-space ({places})",
        hint="look for sparks: loose screws, cables, coil plugs, metal in the bore, lamps, low "
        "humidity; repeat the series",
        evidence=scene.picture(
            f"Stripes (spike), slice {worst.number}", worst.number, (1 - wide, 1 + wide), caption
        ),
    )


def _strongest(scene: Scene, window: _Window, number: int) -> _Peak | None:
    from scipy.fft import fftshift, rfft2

    cut = scene.plane(number).image[window.crop] * window.weight
    scale = np.float32(2 / (window.weight.sum() * scene.bath))
    spectrum = fftshift(np.abs(rfft2(cut, window.shape)), axes=0) * scale
    least = MIN_STRIPES_SLICE5 if number == 5 else MIN_STRIPES
    allowed = window.off_axes if number in STRAIGHT_SLICES else window.fine
    clear = allowed & (spectrum >= least)
    if not clear.any():
        return None
    clear &= spectrum > MIN_RATIO * _surroundings(spectrum)
    if not clear.any():
        return None
    row, column = np.unravel_index(int(np.where(clear, spectrum, 0).argmax()), spectrum.shape)
    x, y = float(window.kx[0, column]), float(window.ky[row, 0])
    stripes = float(spectrum[row, column])
    return _Peak(number, stripes, 1 / math.hypot(x, y), math.degrees(math.atan2(y, x)))


def _window(scene: Scene) -> _Window:
    """Return one window for all slices, small enough for the tilt of the axis."""
    from scipy.fft import fftfreq, fftshift, next_fast_len, rfftfreq

    plane = scene.plane(scene.reference)
    reach = WINDOW_MM - scene.drift_mm
    axes = []
    for axis, n in ((1, plane.shape[0]), (0, plane.shape[1])):
        at = (np.arange(n) - plane.origin[axis]) * plane.pixel_mm[axis]
        inner = np.flatnonzero(np.abs(at) < reach)
        axes.append((at[inner], slice(int(inner[0]), int(inner[-1]) + 1)))
    (v, rows), (u, columns) = axes
    r = np.minimum(np.hypot(u[None, :], v[:, None]) / reach, 1)
    weight = (np.cos(np.pi / 2 * r) ** 2).astype(np.float32)
    shape = (next_fast_len(v.size, real=True), next_fast_len(u.size, real=True))
    kx = rfftfreq(shape[1], plane.pixel_mm[0])[None, :]
    ky = fftshift(fftfreq(shape[0], plane.pixel_mm[1]))[:, None]
    fine = np.hypot(kx, ky) > 1 / MAX_WAVELENGTH_MM
    return _Window((rows, columns), weight, shape, kx, ky, fine, fine & _off_axes(plane, kx, ky))


def _surroundings(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy.ndimage import uniform_filter

    outer = uniform_filter(spectrum, OUTER, mode="wrap") * OUTER**2
    inner = uniform_filter(spectrum, INNER, mode="wrap") * INNER**2
    return np.asarray((outer - inner) / (OUTER**2 - INNER**2))


def _off_axes(
    plane: SlicePlane, kx: NDArray[np.float64], ky: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say which points lie off the phantom's own axes in k-space."""
    steps = plane.matrix * np.array(plane.pixel_mm)[:, None]
    along_x = np.abs(kx * steps[0, 0] + ky * steps[1, 0])
    along_y = np.abs(kx * steps[0, 1] + ky * steps[1, 1])
    return np.asarray((along_x > AXIS_PER_MM) & (along_y > AXIS_PER_MM))
