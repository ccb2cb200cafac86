"""Noise SD of a series, from its own fit and from its air."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Look", "from_air", "from_residuals", "look", "sample"]

_LOOKED_AT = 50_000
_ROW = 32
_SAMPLE = 6000
_TOP = 0.999
_BRIGHT = 0.2
"""Voxels with at least this share of the highest signal."""
_CLEAR = 10.0
"""Highest signal over residual SD that makes a voxel one of signal, not noise."""
_ENOUGH = 50
_DARK = 0.1
_MASKED = 0.3
"""Share of exact zeros from which air was masked by the scanner."""
_RAYLEIGH_MEDIAN = 1.1774100225
"""Median of a Rayleigh distribution over its SD of one channel, sqrt(2 ln 2)."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Some voxels of a series, evenly spread: enough to tell signal from air."""

    index: NDArray[np.intp]
    """(k,) where they are in the series."""
    signal: NDArray[np.float32]
    """(n, k)."""
    peak: NDArray[np.float32]
    """(k,) highest magnitude of each."""
    top: float
    """Highest signal of all but one voxel in a thousand."""


def look(signal: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> Look | None:
    """Look at some 50 000 voxels of (n, voxels), inside the mask; None if none is finite.

    In short rows, since memory comes in pieces: every 20th voxel would fetch the whole series.
    """
    voxels = signal.shape[1] if mask is None else int(mask.sum())
    index = np.arange(voxels)
    if voxels >= 2 * _LOOKED_AT:
        starts = np.linspace(0, voxels - _ROW, _LOOKED_AT // _ROW).astype(np.intp)
        index = (starts[:, None] + np.arange(_ROW)).ravel()
    if mask is not None:
        index = np.flatnonzero(mask)[index]
    seen = np.take(signal, index, axis=1)
    peak: NDArray[np.float32] = np.abs(seen[0])
    for row in seen[1:]:
        np.maximum(peak, np.abs(row), out=peak)
    finite = peak[np.isfinite(peak)]
    if not finite.size:
        return None
    rank = int(_TOP * (finite.size - 1))
    return Look(index, seen, peak, float(np.partition(finite, rank)[rank]))


def sample(seen: Look) -> NDArray[np.intp]:
    """Return the places in a look of up to 6000 voxels with much signal, evenly spread."""
    peak = seen.peak
    bright = np.flatnonzero(np.isfinite(peak) & (peak >= _BRIGHT * seen.top) & (peak > 0))
    if bright.size > _SAMPLE:
        bright = bright[np.linspace(0, bright.size - 1, _SAMPLE).astype(np.intp)]
    return bright


def from_residuals(
    fit: Callable[[float | None], tuple[NDArray[np.float32], NDArray[np.intp]]],
    peak: NDArray[np.float32],
) -> float | None:
    """Return the median residual SD of voxels with signal, None where there are too few.

    Parameters
    ----------
    fit
        Fit the sample with points at the floor of the given noise SD left out; returns residual SD
        and degrees of freedom of each voxel.
    peak
        Highest signal of each voxel of the sample.
    """
    found: float | None = None
    for _ in range(3):
        residual, freedom = fit(found)
        with np.errstate(invalid="ignore", divide="ignore"):
            clear = np.isfinite(residual) & (freedom > 0) & (peak > _CLEAR * residual)
        if clear.sum() < _ENOUGH:
            return None
        f = freedom[clear].astype(np.float64)
        # median of chi square over its degrees of freedom (Wilson and Hilferty 1931)
        middle = np.where(f == 1, 0.4549, (1.0 - 2.0 / (9.0 * f)) ** 3)
        found = float(np.median(residual[clear] / np.sqrt(middle)))
        if found == 0.0:
            return None  # noise-free: there is no floor
    return found


def from_air(seen: Look) -> float | None:
    """Return the noise SD of one channel from the Rayleigh median of air; None where it is masked.

    Air is where no volume has a tenth of the highest signal.
    """
    peak = seen.peak
    dark = np.flatnonzero(np.isfinite(peak) & (peak < _DARK * seen.top))
    if dark.size < max(500, 0.05 * peak.size):
        return None
    dark = dark[:: max(dark.size // 20000, 1)]
    air = seen.signal[:, dark]
    darkest = air[int(np.argmin(np.mean(np.abs(air), axis=1)))]
    zero = float(np.mean(darkest == 0))
    if zero > _MASKED or (darkest < 0).any():
        return None
    middle = float(np.median(darkest)) / _RAYLEIGH_MEDIAN
    return middle if math.isfinite(middle) and middle > 0 else None
