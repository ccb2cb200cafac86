"""Numbers for how a fit ended, as kernels write them; they are those of `core.maps.FitStatus`."""

from __future__ import annotations

__all__ = [
    "AHEAD",
    "AT_BOUND",
    "CONVERGED",
    "EXACT",
    "NOISE_FLOOR",
    "NOT_CONVERGED",
    "OUTSIDE",
    "PENDING",
    "SET_ASIDE",
    "SINGULAR",
    "SUSPECT",
]

OUTSIDE = 0
CONVERGED = 1
EXACT = 2
AT_BOUND = 3
NOISE_FLOOR = 7
SINGULAR = 8
NOT_CONVERGED = 9

AHEAD = 252
"""Fitted, but some points are at the noise floor: to be fitted again without them."""
SUSPECT = 253
"""Fitted, but some signal is so low that a point may be at the noise floor."""
PENDING = 254
"""The quick iteration did not settle; the careful one of the same kernel is to take over."""
SET_ASIDE = 255
"""Some points cannot be used (not finite, clipped): not fitted here."""
