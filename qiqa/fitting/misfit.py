"""How far the signal is from the model beyond what noise explains."""

from __future__ import annotations

import numpy as np

from qiqa.core.finding import Finding, Severity
from qiqa.core.maps import ParameterMaps

__all__ = ["misfit", "remarks"]

_BRIGHT = 0.2
"""Voxels whose amplitude is at least this share of the highest are looked at."""
_TOP = 99.9
_ENOUGH = 20
_LIMIT = 0.015
"""Constant-angle trains fit to 0.2 to 0.6 %, a train of changing angles to 3 to 5 % at best."""


def misfit(maps: ParameterMaps) -> float | None:
    """Return the median residual beyond noise, over the amplitude (0.01 is 1 %).

    For each bright voxel the noise variance is taken off that of the residuals, and what is left
    is divided by the amplitude (s0, m0). Above about 0.015 the signal is not that of the model,
    and its parameters mean nothing, however small their standard errors.

    Returns
    -------
    float or None
        None where the noise is not known from elsewhere than the fit itself (air or given), or
        fewer than 20 voxels can be judged.
    """
    amplitudes = [i for i, p in enumerate(maps.parameters) if p.unit == "signal"]
    known = maps.noise_sd is not None and maps.noise_source in ("air", "given")
    if not known or maps.residual_sd is None or not amplitudes:
        return None
    amplitude = maps.estimates[amplitudes[0]].astype(np.float64)
    found = np.isfinite(amplitude) & np.isfinite(maps.residual_sd) & (amplitude > 0)
    if found.sum() < _ENOUGH:
        return None
    found &= amplitude >= _BRIGHT * np.percentile(amplitude[found], _TOP)
    beyond = maps.residual_sd[found].astype(np.float64) ** 2 - float(maps.noise_sd or 0.0) ** 2
    if beyond.size < _ENOUGH:
        return None
    return float(np.median(np.sqrt(np.maximum(beyond, 0.0)) / amplitude[found]))


def remarks(maps: ParameterMaps, assumed_t1_ms: float, t1_given: bool) -> list[Finding]:
    """Return what is to be known of a fit of an echo train."""
    found = []
    if not t1_given:
        words = f"T1 is assumed to be {assumed_t1_ms:g} ms; T2 depends little on it"
        found.append(
            Finding(
                code="t1_assumed", severity=Severity.INFO, message=words,
                hint="give t1 where it is known",
            )
        )  # fmt: skip
    much = misfit(maps)
    if much is not None and much > _LIMIT:
        words = (
            f"the residual beyond noise is {100 * much:.1f} % of the amplitude: these echoes are "
            "not a train of constant refocusing angle, T2 is not to be trusted"
        )
        found.append(
            Finding(
                code="misfit", severity=Severity.WARNING, message=words,
                hint="ask for the refocusing angles of the sequence",
            )
        )  # fmt: skip
    return found
