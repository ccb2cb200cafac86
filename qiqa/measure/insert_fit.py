"""The fit to the mean signal of an insert: one liquid, one value."""

from __future__ import annotations

import dataclasses
import math

__all__ = ["InsertFit"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertFit:
    """A value fitted to the mean signal of the voxels of one insert, in the unit of the map.

    Without a value all numbers are NaN and `reason` says why.
    """

    value: float = math.nan
    per_noise: float = math.nan
    """Standard error of the value per unit of SD of the mean signal at one point."""
    noise_sd: float = math.nan
    """SD of the noise of the mean signal at one point [signal]; 0 where it is unknown."""
    misfit_sd: float = math.nan
    """SD of the residuals of the mean signal [signal]."""
    freedom: int = 0
    """Points less parameters."""
    n_used: int = 0
    moved: tuple[float, ...] = ()
    """Values with the disk moved by the uncertainty of its place."""
    all_points: float = math.nan
    """Value fitted to all points, where late ones are left out."""
    other_signs: float = 0.0
    """Standard uncertainty from sign patterns that fit nearly as well."""
    voxel_spread: float = 0.0
    """Standard error of the mean from the spread of the voxels beyond their noise."""
    reason: str | None = None
