"""What the air around the object tells: noise, energy, ghosts."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground, grown

__all__ = ["Ghosts", "energy_ratio", "ghosts", "snr_background"]

FloatArray = NDArray[np.float64]
MaskArray = NDArray[np.bool_]

_NAN = float("nan")
_FEWEST = 30
"""Blocks that a metric needs."""
_BRIGHT = 0.3
"""Of the level of the object: what is darker may be its ghost."""
_ALIKE = 0.01
"""Share of their variation that the energies in line along both axes must not have in common."""
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
    """Smeared along rows, on the side with less of it, less what is smeared down columns."""
    along_columns: float
    """Smeared down columns, on the side with less of it, less what is smeared along rows."""

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
    """Fit the energy of the air by that of the object in its column and in its row.

    What the phase axis smears, a ghost at one distance or replicas at many, lies in line with the
    object and in proportion to its energy there; noise does not. The mean square of each block of
    air is n + a c + b r, with c and r the mean energy of the object in the column and row of the
    block; sqrt(a) is the amplitude smeared along columns over that of the object, less sqrt(b).
    The ratio of the ACR manual compares four regions beside a round phantom; this needs no room
    beside it, corners will do. Fitted on either side of the object: the lesser amount counts, since
    a ghost lies on both sides of an object in the middle, dark tissue on one. The bright object is
    taken whole, from its first to its last block along either axis. A ghost half the field of view
    away fills the air in line with the object where that is the smaller part, and else lies in it
    whole: the root of the larger part takes off what the fit reads too much. NaN where a side has
    fewer than 30 blocks, or the background was set to zero.
    """
    nothing = Ghosts(along_rows=_NAN, along_columns=_NAN)
    if found.zeroed or not found.inside.any():
        return nothing
    # Strong ghosts are taken for object: its level is that of the brighter half.
    level = float(np.percentile(found.mean[found.inside], 75))
    bright = found.inside & (found.mean > _BRIGHT * level)
    if not level > 0 or not bright.any():
        return nothing
    square = found.mean.astype(np.float64) ** 2 + found.spread.astype(np.float64) ** 2
    square /= float(np.median(square[bright]))
    held = np.where(bright, square, 0.0)
    in_column, in_row = (
        np.broadcast_to(held.mean(axis=axis, keepdims=True), held.shape) for axis in (1, 2)
    )
    hull = _between(bright, 1) | _between(bright, 2)
    free = np.isfinite(found.mean) & ~grown(grown(hull)) & (found.mean != 0)
    smeared = []
    for axis, along, across in ((2, in_row, in_column), (1, in_column, in_row)):
        before = _before(hull, axis)
        held_lines = np.broadcast_to(hull.any(axis=axis, keepdims=True), hull.shape)
        room = float(free[held_lines].mean())
        sides = [
            _smeared(square[side], along[side], across[side])
            for side in (free & before, free & ~before)
        ]
        unknown = any(math.isnan(one) for one in sides)
        smeared.append(_NAN if unknown else math.sqrt(max(room, 1 - room)) * min(sides))
    return Ghosts(along_rows=smeared[0], along_columns=smeared[1])


def _smeared(square: FloatArray, along: FloatArray, across: FloatArray) -> float:
    """Return the amplitude that goes with `along`, less that with `across` [%]; NaN if unknown."""
    if square.size < _FEWEST:
        return _NAN
    terms = np.stack([along - along.mean(), across - across.mean()])
    normal = np.einsum("ib,jb->ij", terms, terms)
    det = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
    if not det > _ALIKE * normal[0, 0] * normal[1, 1]:
        return _NAN
    right = np.einsum("ib,b->i", terms, square - square.mean())
    a = (normal[1, 1] * right[0] - normal[0, 1] * right[1]) / det
    b = (normal[0, 0] * right[1] - normal[0, 1] * right[0]) / det
    return 100 * (math.sqrt(max(float(a), 0.0)) - math.sqrt(max(float(b), 0.0)))


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
