"""What a trial asks of its scanners: readings against references, biases, claims, flags."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRIAL_SCHEMA", "ClaimAnswer", "Flag", "Readings", "ScannerBias", "common_name"]

TRIAL_SCHEMA = "qiqa.trial/1"

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Values of one measurement on phantoms, each beside its reference; n of them.

    Arrays have the length n. Text that is not known is empty, a number NaN.
    """

    name: str
    quantity: str
    unit: str
    scanner: TextArray
    site: TextArray
    manufacturer: TextArray
    epoch: TextArray
    """Changes whenever a setting changes that may change the number."""
    insert: TextArray
    phantom_unit: TextArray
    exam: TextArray
    """The same text is the same visit: one positioning, one temperature."""
    row: TextArray
    """Name of each reading, for a person to find it."""
    at: NDArray[np.datetime64]
    visit: FloatArray
    """Number of the visit as planned (0, 1, ... or months), where a table states it."""
    value: FloatArray
    """In `unit`; NaN where nothing could be measured."""
    standard_uncertainty: FloatArray
    reference: FloatArray
    """In `unit`; NaN where the phantom has none for it."""
    reference_standard_uncertainty: FloatArray
    temperature_degc: FloatArray

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Readings:
        """Return some of the readings, in the order given."""
        columns = {
            field.name: getattr(self, field.name)[rows]
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(self, **columns)


def common_name(name: str, insert: str) -> str:
    """Return the name of a measurement without the insert: what all inserts of a phantom share.

    >>> common_name("adc_PVP0-center", "PVP0-center"), common_name("piu", "")
    ('adc', 'piu')
    """
    shared = name.removesuffix(insert).rstrip("_ ") if insert else name
    return shared or name


class ClaimAnswer(enum.StrEnum):
    """Whether a scanner's bias is within what the trial claims. Three answers, never two."""

    IN = "in"
    OUT = "out"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something to know before, or instead of, believing a result."""

    kind: str
    where: str
    """Scanner, exam, insert, column: what a person has to look at."""
    reason: str
    hint: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerBias:
    """Measured minus reference of one scanner in one epoch."""

    scanner: str
    epoch: str
    site: str
    manufacturer: str
    name: str
    quantity: str
    unit: str
    """Of bias and its interval; `%` where the bias is relative to the reference."""
    bias: float
    standard_uncertainty: float
    degrees_of_freedom: float
    bias_interval: tuple[float, float]
    """95 % coverage."""
    n: int
    """Readings it rests on."""
    exams: int
    claim: ClaimAnswer
    reason: str
    """Why the answer is what it is; what is missing where there is not enough data."""
