"""What a phantom says a scanner's values must be corrected by, and where that holds."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["CALIBRATION_SCHEMA", "Calibrated", "CalibrationSet", "ScannerCalibration"]

CALIBRATION_SCHEMA = "qiqa.calibration/1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerCalibration:
    """Bias of one scanner in one epoch as a polynomial of what it reads.

    With x = (reading - center) / half_width, the bias is sum(coefficients[k] x^k) in `bias_unit`.
    In percent, corrected = reading / (1 + bias / 100); else corrected = reading - bias.
    """

    scanner: str
    epoch: str
    name: str
    quantity: str
    unit: str
    """Of readings."""
    bias_unit: str
    """`%` or `unit`."""
    basis: str
    """`stated` references or `consensus`."""
    coefficients: tuple[float, ...]
    """Lowest power first; none: no correction was shown to be needed."""
    covariance: tuple[tuple[float, ...], ...]
    """Of the coefficients: fit, and what all inserts of the exams had in common."""
    degrees_of_freedom: float
    evidence: tuple[tuple[int, float], ...]
    """Number of coefficients, AICc: smaller is better."""
    center: float
    half_width: float
    """In `unit`."""
    low: float
    high: float
    """Range of readings of the phantom [unit]: nothing is corrected outside."""
    misfit_sd: float
    """What inserts deviate from the curve by [bias_unit]: uncertainty of each corrected value."""
    exam_sd: float
    """From exam to exam [bias_unit]: uncertainty of each corrected day. NaN: one exam only."""
    reference_u: float
    """Standard uncertainty of the references [bias_unit], mean; NaN: none is stated."""
    reach_mm: float
    """Largest distance of an insert from isocenter; NaN: not known, holds at isocenter only."""
    first: dt.datetime
    last: dt.datetime
    """Phantom exams that it rests on."""
    exams: int
    phantom_units: tuple[str, ...]
    reference_at: tuple[float, ...] = ()
    """Readings [unit], ascending, at which the uncertainty of the references is known; none in
    calibrations that were made before it was kept: `reference_u` holds everywhere."""
    reference_u_at: tuple[float, ...] = ()
    """It, there [bias_unit]."""
    exam_days: tuple[dt.datetime, ...] = ()
    """Phantom exams in the order of time, one a day; none in calibrations that were made before
    they were kept: it holds from the first to the last."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSet:
    """Calibrations of the scanners of a trial."""

    schema: str
    made_at: dt.datetime
    source: str
    valid_days: float
    """Days around each of its phantom exams for which a calibration holds."""
    calibrations: tuple[ScannerCalibration, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One value after calibration, or why it was not calibrated."""

    value: float
    """NaN where refused."""
    standard_uncertainty: float
    correction: float
    """Corrected minus read [unit]; NaN where refused."""
    refused: str
    """Empty where it was calibrated; else the reason."""
