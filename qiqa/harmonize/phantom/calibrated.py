"""Apply a scanner's calibration to values and maps, or refuse."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.calibration import Calibrated, CalibrationSet, ScannerCalibration
from qiqa.harmonize.scanners.moves import stated_epoch

__all__ = ["Use", "apply", "correct", "find"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Where and when a value was measured."""

    scanner: str
    epoch: str
    name: str
    quantity: str
    """Where no phantom measurement has the name, one of this quantity is used; empty: none."""
    unit: str
    at: dt.datetime
    distance_mm: float
    """From isocenter; NaN: not known."""


def find(calibrations: CalibrationSet, use: Use) -> ScannerCalibration | str:
    """Return the calibration that holds for a value, or why there is none.

    Where a scanner moved within an epoch, that of the value's side of the move holds.
    """
    scanner = [c for c in calibrations.calibrations if c.scanner == use.scanner]
    scanner = [c for c in scanner if c.unit == use.unit] or scanner
    # a tumor's ADC is corrected by the phantom's: by name, else by kind of quantity
    own = [c for c in scanner if c.name == use.name] or [
        c for c in scanner if use.quantity and c.quantity == use.quantity
    ]
    names = sorted({c.name for c in own})
    if len(names) > 1:
        return f"{' and '.join(names)} are both {use.quantity}: name the value as one of them"
    if not own:
        return f"no phantom was measured on {use.scanner} for {use.name}"
    epoch = sorted((c for c in own if stated_epoch(c.epoch) == use.epoch), key=lambda c: c.first)
    if not epoch:
        return (
            f"no phantom of {use.scanner} since its settings are {use.epoch or 'not stated'!r}; "
            f"there are calibrations for {', '.join(repr(c.epoch) for c in own)}"
        )
    begun = [c for c in epoch if c.first <= use.at]
    chosen = begun[-1] if begun else epoch[0]
    later = epoch[len(begun) :] if begun else []
    if later and use.at > chosen.last:
        return (
            f"{use.scanner} moved between {chosen.last:%Y-%m-%d} and {later[0].first:%Y-%m-%d}, "
            "and it is not known on which day"
        )
    if chosen.unit != use.unit:
        return f"the value is in {use.unit!r}, the calibration in {chosen.unit!r}"
    days, nearest = calibrations.valid_days, _nearest(chosen, use.at)
    if abs((use.at - nearest).total_seconds()) > 86400.0 * days:
        return f"the nearest phantom is of {nearest:%Y-%m-%d}, more than {days:g} days away"
    if math.isnan(use.distance_mm):
        return "it is not stated how far from isocenter it was measured"
    reach = 0.0 if math.isnan(chosen.reach_mm) else chosen.reach_mm
    if use.distance_mm > reach:
        return (
            f"it lies {use.distance_mm:.0f} mm from isocenter, the phantom reached "
            f"{reach:.0f} mm: gradients differ there"
        )
    return chosen


def _nearest(calibration: ScannerCalibration, at: dt.datetime) -> dt.datetime:
    """Return when the nearest phantom exam was; `at` where they are not kept and it is within."""
    c = calibration
    if c.exam_days:
        return min(c.exam_days, key=lambda day: abs(day - at))
    return min(max(at, c.first), c.last)


def apply(
    calibrations: CalibrationSet, use: Use, value: float, standard_uncertainty: float
) -> Calibrated:
    """Correct one value; its uncertainty grows by that of the calibration.

    Returns
    -------
    Calibrated
        NaN with the reason where the calibration does not reach: another scanner, epoch, unit or
        place, too long without a phantom, or a value outside the phantom's range.
    """
    found = find(calibrations, use)
    if isinstance(found, str):
        return _refused(found)
    if not found.low <= value <= found.high:
        return _refused(
            f"{value:.4g} {found.unit} is outside what the phantom covers "
            f"({found.low:.4g} to {found.high:.4g})"
        )
    corrected, u = correct(found, np.array([value]), np.array([standard_uncertainty]))
    return Calibrated(
        value=float(corrected[0]),
        standard_uncertainty=float(u[0]),
        correction=float(corrected[0]) - value,
        refused="",
    )


def _refused(reason: str) -> Calibrated:
    nan = math.nan
    return Calibrated(value=nan, standard_uncertainty=nan, correction=nan, refused=reason)


def correct(
    calibration: ScannerCalibration, value: FloatArray, standard_uncertainty: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Correct many values, of any shape; outside the phantom's range they become NaN.

    Returns
    -------
    corrected, standard_uncertainty
        In the unit of the readings. The uncertainty holds that of the value, of the curve with
        its full covariance, of the inserts about it, of the day and of the references.
    """
    c = calibration
    x = (value - c.center) / c.half_width
    powers = x[..., None] ** np.arange(len(c.coefficients))
    bias = powers @ np.array(c.coefficients)
    covariance = np.array(c.covariance, dtype=np.float64).reshape(2 * powers.shape[-1:])
    curve2 = np.einsum("...i,ij,...j->...", powers, covariance, powers)
    extra2 = _reference_variance(c, value)
    extra2 = extra2 + sum(t**2 for t in (c.misfit_sd, c.exam_sd) if math.isfinite(t))
    steps = np.arange(1, len(c.coefficients))
    rising = (powers[..., :-1] * steps) @ np.array(c.coefficients[1:]) if steps.size else 0.0 * x
    slope = rising / c.half_width
    if c.bias_unit == "%":
        factor = 1.0 + bias / 100.0
        corrected = value / factor
        gain = 1.0 / factor - value * slope / 100.0 / factor**2
        u2 = (gain * standard_uncertainty) ** 2
        u2 = u2 + (corrected / factor / 100.0) ** 2 * (curve2 + extra2)
    else:
        corrected = value - bias
        u2 = ((1.0 - slope) * standard_uncertainty) ** 2 + curve2 + extra2
    outside = ~((value >= c.low) & (value <= c.high))
    return np.where(outside, np.nan, corrected), np.where(outside, np.nan, np.sqrt(u2))


def _reference_variance(calibration: ScannerCalibration, value: FloatArray) -> FloatArray:
    """Return the variance of the references at values [bias_unit squared]; 0: none is stated."""
    c = calibration
    if c.reference_at:
        at = np.array(c.reference_at)
        inside = np.clip(value, at[0], at[-1])
        if c.bias_unit == "%" and at[0] > 0.0:
            # what is the same in the unit of the readings is a line along the reciprocal
            at, inside = -1.0 / at, -1.0 / inside
        return np.asarray(np.interp(inside, at, c.reference_u_at) ** 2, dtype=np.float64)
    return np.full(value.shape, c.reference_u**2 if math.isfinite(c.reference_u) else 0.0)
