"""What the air around the object tells: noise, energy, ghosts."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground

__all__ = ["Ghosts", "energy_ratio", "ghosts", "snr_background"]

MaskArray = NDArray[np.bool_]

_NAN = float("nan")
_FEWEST = 30
"""Blocks that a metric needs."""
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
    """Signal in the air beside the object, by direction, over that of the object [%]."""

    along_rows: float
    """Left and right of it, less above and below it; NaN where one of the bands is missing."""

    def percent(self, phase: str) -> float:
        """Return the ghosting along the phase-encoding axis, positive where there is any.

        Parameters
        ----------
        phase
            `ROW` or `COL` as in DICOM (0018,1312); for anything else the larger of both directions
            is returned.
        """
        signed = {"ROW": self.along_rows, "COL": -self.along_rows}
        return signed.get(phase.strip().upper(), abs(self.along_rows))


def ghosts(found: Foreground) -> Ghosts:
    """Compare the air in line with the object along rows with that in line with it down columns.

    As the ghosting ratio of the ACR manual, |(top + bottom) - (left + right)| / (2 signal), with
    all air of the bands instead of four regions, and medians over the blocks. NaN where a band has
    fewer than 30 blocks, or the background was set to zero.
    """
    if found.zeroed or not found.inside.any():
        return Ghosts(along_rows=_NAN)
    inside, air = found.inside, found.air
    rows = np.asarray(inside.any(axis=2))[:, :, None]
    columns = np.asarray(inside.any(axis=1))[:, None, :]
    beside, above = air & rows & ~columns, air & columns & ~rows
    if min(int(beside.sum()), int(above.sum())) < _FEWEST:
        return Ghosts(along_rows=_NAN)
    signal = float(np.median(found.mean[inside]))
    if not signal > 0:
        return Ghosts(along_rows=_NAN)
    apart = float(np.mean(found.mean[beside], dtype=np.float64)) - float(
        np.mean(found.mean[above], dtype=np.float64)
    )
    return Ghosts(along_rows=100 * apart / signal)
