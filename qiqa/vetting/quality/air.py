"""What the air around the object tells: noise, energy, ghosts."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground, grown

__all__ = ["Ghosts", "energy_ratio", "ghosts", "snr_background"]

MaskArray = NDArray[np.bool_]

_NAN = float("nan")
_FEWEST = 30
"""Blocks that a metric needs."""
_BRIGHT = 0.3
"""Of the level of the object: what is darker may be its ghost."""
_RAYLEIGH_RMS = math.sqrt(2)
"""Root mean square of Rayleigh noise over the standard deviation of one channel."""


def snr_background(found: Foreground) -> float:
    """Return signal-to-noise from the air, with the Rician part of the signal taken off.

    In air the magnitude of one channel has the mean square 2 s^2; in the object the mean square is
    A^2 + 2 s^2 (Gudbjartsson and Patz, Magn Reson Med 1995;34:910). s^2 is half the median of the
    mean squares of the blocks, so that ghosts in fewer than half of them do not count. Several
    channels combined by the root of the sum of squares have more noise in air: their ratio reads
    low. NaN where there is no air, or the background was set to zero.
    """
    if found.zeroed or int(found.air.sum()) < _FEWEST or not found.inside.any():
        return _NAN
    square = found.mean.astype(np.float64) ** 2 + found.spread.astype(np.float64) ** 2
    noise = math.sqrt(float(np.median(square[found.air]))) / _RAYLEIGH_RMS
    if not noise > 0:
        return _NAN
    signal = float(np.median(square[found.inside])) - 2 * noise**2
    return math.sqrt(signal) / noise if signal > 0 else 0.0


def energy_ratio(found: Foreground) -> float:
    """Return the median energy of the object over that of the air (FBER; Shehzad et al. 2015).

    Of block mean squares; NaN where there is no air, or the background was set to zero.
    """
    if found.zeroed or int(found.air.sum()) < _FEWEST or not found.inside.any():
        return _NAN
    square = found.mean.astype(np.float64) ** 2 + found.spread.astype(np.float64) ** 2
    air = float(np.median(square[found.air]))
    return float(np.median(square[found.inside])) / air if air > 0 else _NAN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ghosts:
    """Signal beside the object over that of the object [%]; NaN where it cannot be read."""

    along_rows: float
    """Left and right of it, the darker side, less above and below it."""
    along_columns: float
    """Above and below it, the darker side, less left and right of it."""

    def percent(self, phase: str) -> float:
        """Return the ghosting along the phase-encoding axis, positive where there is any.

        Parameters
        ----------
        phase
            `ROW` or `COL` as in DICOM (0018,1312); for anything else the larger of both directions
            is returned.
        """
        known = {"ROW": self.along_rows, "COL": self.along_columns}
        return known.get(phase.strip().upper(), max(self.along_rows, self.along_columns))


def ghosts(found: Foreground) -> Ghosts:
    """Compare the air in line with the object along rows with that in line with it down columns.

    As the ghosting ratio of the ACR manual, which compares top and bottom with left and right, with
    all blocks of the bands instead of four regions. The darker of two opposite bands counts: a
    ghost lies on both sides of an object in the middle, dark tissue on one. The bright object is
    taken whole, from its first to its last block along either axis. NaN where a band has fewer
    than 30 blocks, or the background was set to zero.
    """
    nothing = Ghosts(along_rows=_NAN, along_columns=_NAN)
    if found.zeroed or not found.inside.any():
        return nothing
    # Strong ghosts are taken for object: its level is that of the brighter half.
    level = float(np.percentile(found.mean[found.inside], 75))
    bright = found.inside & (found.mean > _BRIGHT * level)
    if not level > 0 or not bright.any():
        return nothing
    signal = float(np.median(found.mean[bright]))
    hull = _between(bright, 1) | _between(bright, 2)
    free = np.isfinite(found.mean) & ~grown(hull) & (found.mean != 0)
    rows, columns = hull.any(axis=2, keepdims=True), hull.any(axis=1, keepdims=True)
    bands = [
        free & rows & ~columns & _before(hull, 2),
        free & rows & ~columns & ~_before(hull, 2),
        free & columns & ~rows & _before(hull, 1),
        free & columns & ~rows & ~_before(hull, 1),
    ]
    if min(int(band.sum()) for band in bands) < _FEWEST:
        return nothing
    left, right, above, below = (
        float(np.mean(found.mean[band], dtype=np.float64)) for band in bands
    )
    return Ghosts(
        along_rows=100 * (min(left, right) - (above + below) / 2) / signal,
        along_columns=100 * (min(above, below) - (left + right) / 2) / signal,
    )


def _between(mask: MaskArray, axis: int) -> MaskArray:
    """Return the mask filled from its first to its last block along an axis."""
    ahead = np.logical_or.accumulate(mask, axis=axis)
    behind = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
    return np.asarray(ahead & behind)


def _before(mask: MaskArray, axis: int) -> MaskArray:
    """Return what lies before the middle of the object of each slice along an axis."""
    other = 3 - axis
    where = mask.any(axis=other, keepdims=True)
    first = where.argmax(axis=axis, keepdims=True)
    last = where.shape[axis] - 1 - np.flip(where, axis).argmax(axis=axis, keepdims=True)
    shape = [1, 1, 1]
    shape[axis] = -1
    return np.asarray(2 * np.arange(mask.shape[axis]).reshape(shape) < first + last)
