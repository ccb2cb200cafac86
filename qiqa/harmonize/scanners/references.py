"""What references leave unknown of a scanner's bias, and which scanners share it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.harmonize.scanners.cells import Cells
from qiqa.harmonize.scanners.levels import PLACES, Levels

__all__ = ["ReferenceParts", "reference_parts"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceParts:
    """What is added to the levels of c scanners in their epochs, and never averaged."""

    u: FloatArray
    """(c, 3) in the unit of the differences, at the middle, lowest, highest reference; NaN where
    none is stated."""
    correlation: FloatArray
    """(c, c): 1 where scanners read the same units, 0 where they have none in common."""
    alone: NDArray[np.bool_]
    """(c,) whether no other scanner read any of its units."""

    def covariance(self, *, with_alone: bool = True) -> FloatArray:
        """Return the (3 c, 3 c) covariance: c at the middle, c lowest, c highest.

        Without `alone`, scanners whose references nobody shares have none.
        """
        u = np.where(np.isfinite(self.u), self.u, 0.0)
        if not with_alone:
            u = np.where(self.alone[:, None], 0.0, u)
        column = u.T.ravel()
        alike = np.tile(self.correlation, (PLACES, PLACES))
        return np.asarray(column[:, None] * alike * column, dtype=np.float64)


def reference_parts(cells: Cells, levels: Levels) -> ReferenceParts:
    """Return what is stated of the references beyond what units were seen to differ by.

    A stated uncertainty is that of a unit's own error and of what its scanner's units have in
    common (batch, thermometer). Where units are in the model, their own part stands there.

    Parameters
    ----------
    cells
        Means of inserts.
    levels
        With the variance of phantom units and their shares.
    """
    count = len(cells.names)
    low, high = float(cells.reference.min()), float(cells.reference.max())
    # in percent along the reciprocal: an uncertainty in the unit of the readings is a line there
    along = np.reciprocal if cells.percent else np.negative
    places = along(np.array([(low + high) / 2.0, low, high]))
    units = np.unique(cells.unit)
    read = np.zeros((count, units.size))
    u = np.full((count, PLACES), math.nan)
    seen = math.nan if cells.consensus else levels.unit_variance
    for i in range(count):
        stated, shares = [], []
        own = np.flatnonzero(cells.cell == i)
        for unit in np.unique(cells.unit[own]):
            read[i, np.searchsorted(units, unit)] = 1.0
            rows = own[(cells.unit[own] == unit) & np.isfinite(cells.reference_u[own])]
            if rows.size:
                stated.append(_along(along(cells.reference[rows]), cells.reference_u[rows], places))
                shares.append(levels.unit_shares.get((i, str(unit)), np.ones(PLACES)))
        if stated:
            u[i] = _beyond_the_seen(np.array(stated), np.array(shares), seen)
    length = np.sqrt(read.sum(axis=1))
    scanner = np.array([name for name, _ in cells.names])
    others = np.array([read[scanner != one].any(axis=0) for one in scanner.tolist()])
    return ReferenceParts(
        u=u,
        correlation=np.ones((count, count))
        if cells.consensus
        else read @ read.T / np.outer(length, length),
        alone=~((read > 0) & others.reshape(read.shape)).any(axis=1) & (not cells.consensus),
    )


def _along(where: FloatArray, u: FloatArray, places: FloatArray) -> FloatArray:
    """Return the uncertainty at three places: in percent it may differ along the references."""
    at, place = np.unique(where, return_inverse=True)
    mean = np.bincount(place, weights=u) / np.bincount(place)
    return np.asarray(np.interp(places, at, mean), dtype=np.float64)


def _beyond_the_seen(u: FloatArray, share: FloatArray, seen: float) -> FloatArray:
    """Return what units of one scanner (units, places) state beyond the variance seen of each.

    What they have in common is not more than the smallest, since it is in all of them; what one
    states beyond that and beyond what was seen is its own, and counts by its share.
    """
    if math.isnan(seen):
        return np.asarray(np.sqrt(np.mean(u**2, axis=0)), dtype=np.float64)
    common = np.clip(np.max(u**2 - seen, axis=0), 0.0, np.min(u**2, axis=0))
    own = np.maximum(u**2 - seen - common, 0.0)
    return np.asarray(np.sqrt(common + np.sum(share**2 * own, axis=0)), dtype=np.float64)
