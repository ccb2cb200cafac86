"""The rule for points at the noise floor, and what is done about the mean of noise in magnitudes.

Chosen before any scan was judged by it, on simulated decays (docs/decisions/noise-floor.md).
"""

from __future__ import annotations

import dataclasses

__all__ = ["NOT_JUDGED", "Floor"]

_CUT_CORRECTED = 1.5
_CUT_RAW = 3.0
_SURELY_ABOVE = 2.5
"""A point so many noise SD above the cut is not predicted below it by a fit that goes through it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """How low signal is treated.

    A point is left out where the *fitted* magnitude is below the cut. The measured one would not
    do: to drop what noise has made small and keep what it has made large biases the fit.
    """

    noise_sd: float | None
    """Noise SD of one channel [signal]; None: nothing is left out."""
    corrected: bool
    """Whether magnitudes M are replaced by sqrt(M² - noise²): plain magnitude images, whose noise is
    Rician; not averages of magnitudes (vendors' trace images), not signed images."""

    @property
    def cut(self) -> float:
        """Magnitude [signal] below which a point is at the floor."""
        if self.noise_sd is None:
            return 0.0
        return self.noise_sd * (_CUT_CORRECTED if self.corrected else _CUT_RAW)

    @property
    def suspicious(self) -> float:
        """Measured magnitude [signal] below which the fitted one must be looked at."""
        if self.noise_sd is None:
            return 0.0
        return self.cut + _SURELY_ABOVE * self.noise_sd

    @property
    def variance(self) -> float:
        """What is taken off squared magnitudes."""
        return self.noise_sd**2 if self.noise_sd is not None and self.corrected else 0.0


NOT_JUDGED = Floor(None, False)
