"""Two dated values of a participant, and whether their difference is the participant."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math

from qiqa.core.measurement import BudgetLine

__all__ = ["CHANGE_SCHEMA", "Change", "ChangeAnswer", "DatedValue", "ScannerOnTheDay", "Tissue"]

CHANGE_SCHEMA = "qiqa.change/1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatedValue:
    """One value of a participant."""

    value: float
    unit: str
    at: dt.datetime
    scanner: str
    standard_uncertainty: float = math.nan
    """Of fit and ROI, where it was stated; part of the tissue's repeatability, so not added."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """How much repeated values of one tissue scatter when nothing changed."""

    name: str
    wcv_percent: float
    degrees_of_freedom: float
    """Of the study it comes from; infinite where it is not stated."""
    off_center: bool
    """Whether it lies where a phantom at isocenter does not speak for it."""
    source: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerOnTheDay:
    """What phantoms say of a scanner on one day."""

    scanner: str
    epoch: str
    bias_percent: float
    """At the value; NaN where no phantom says."""
    bias_u_percent: float
    """At the value."""
    bias_df: float
    phantom_units: frozenset[str]
    exam_sd_percent: float
    """From exam to exam, tissue apart: what the phantom does on this scanner. NaN if unknown."""
    exam_df: float
    covers: bool
    """Whether the value lies within the range of the phantom's references."""
    days_to_phantom: float
    """To the nearest phantom exam of this epoch; infinite where there is none."""
    trouble: str = ""
    """Open alarm, drift or label error that makes the day's value doubtful."""


class ChangeAnswer(enum.StrEnum):
    """Whether a change is the participant."""

    REAL = "real"
    CANNOT_TELL = "cannot_tell"
    NOT_INTERPRETABLE = "not_interpretable"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The answer, with what it rests on."""

    answer: ChangeAnswer
    first: DatedValue
    second: DatedValue
    observed_percent: float
    """100 ln(second / first): percent for small changes, and the same both ways."""
    correction_percent: float
    """Taken off for the difference of the scanners' biases; 0 on one scanner in one epoch."""
    change_percent: float
    """Observed minus correction; NaN where it cannot be interpreted."""
    standard_uncertainty: float
    degrees_of_freedom: float
    interval: tuple[float, float]
    """95 %, percent."""
    probability: float
    """That the true value changed in the direction of the observed change."""
    needed_percent: float
    """Change from which on it would be called real."""
    budget: tuple[BudgetLine, ...]
    """What makes the doubt, largest first."""
    reasons: tuple[str, ...]
    """Why it cannot be interpreted, or what to know."""
