"""The rule for points at the noise floor, and what is done about the mean of noise in magnitudes.

Chosen before any scan was judged by it, on simulated decays (docs/decisions/noise-floor.md).
"""

from __future__ import annotations

import dataclasses

__all__ = ["NOT_JUDGED", "Floor"]

_CUT_CORRECTED = 1.5
_CUT_RAW = 3.0
_SURELY_ABOVE = 2.5
"""A point so many noise SD above the cut is not below it in a fit that goes through it."""
_SIGNAL = 4.5
"""A voxel none of whose points reaches so many floor SD shows no signal; 1 voxel of air in 25000 a
point does (Rayleigh)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """How low signal is treated.

    A point is left out where the *fitted* magnitude is below the cut. The measured one would not
    do: to drop what noise has made small and keep what it has made large biases the fit.
    """

    noise_sd: float
    """Noise SD of one channel where there is signal [signal]; 0: nothing is left out."""
    floor_sd: float
    """The larger of this and the SD that air would have if it were Rayleigh: many coil elements
    lift air above what the noise in the signal says."""
    corrected: bool
    """Whether magnitudes M are replaced by sqrt(M² - noise²): plain magnitude images, whose noise
    is Rician; not averages of magnitudes (vendors' trace images), not signed images."""

    @property
    def cut(self) -> float:
        """Magnitude [signal] below which a point is at the floor."""
        return self.floor_sd * (_CUT_CORRECTED if self.corrected else _CUT_RAW)

    @property
    def suspicious(self) -> float:
        """Measured magnitude [signal] below which the fitted one must be looked at."""
        return self.cut + _SURELY_ABOVE * self.noise_sd

    @property
    def variance(self) -> float:
        """What is taken off squared magnitudes."""
        return self.noise_sd**2 if self.corrected else 0.0

    @property
    def silent(self) -> float:
        """Magnitude [signal] that some point must reach for a voxel to be fitted."""
        return _SIGNAL * self.floor_sd


NOT_JUDGED = Floor(0.0, 0.0, False)
