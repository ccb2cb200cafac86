"""What a trial asks of its scanners: readings against references, biases, claims, flags."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TRIAL_SCHEMA",
    "BiasStudy",
    "ClaimAnswer",
    "Exchange",
    "Flag",
    "Readings",
    "ScannerBias",
    "VarianceComponent",
    "VendorEffect",
    "common_name",
    "numbered",
]

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
    distance_mm: FloatArray
    """From isocenter; gradients are not the same everywhere."""
    deviations: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Exam -> how its acquisition differs from the protocol, in words; an exam that is not here
    was not held against one."""

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

    >>> common_name("adc_PVP0-center", "PVP0-center"), common_name("adc", "c")
    ('adc', 'adc')
    """
    # without the sign between them "adc" would end in the insert "c"
    apart = insert and name.endswith((f"_{insert}", f" {insert}"))
    return (name[: -len(insert)].rstrip("_ ") if apart else name) or name


def numbered(texts: Sequence[str] | TextArray) -> tuple[list[str], NDArray[np.intp]]:
    """Return the texts that there are, sorted, and the place of each of n texts among them (n,).

    Numbers are compared many times faster than texts are.

    >>> numbered(["b", "a", "b"])
    (['a', 'b'], array([1, 0, 1]))
    """
    listed = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
    names = sorted(set(listed))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[text] for text in listed], dtype=np.intp)


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

    def is_about(self, scanner: str) -> bool:
        """Say whether this is of one scanner, or of one of its exams."""
        return self.where == scanner or self.where.startswith(f"{scanner}, exam ")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerBias:
    """Measured minus reference of one scanner in one epoch, in the unit of its study."""

    scanner: str
    epoch: str
    site: str
    manufacturer: str
    first: dt.datetime
    last: dt.datetime
    """Exams that it rests on."""
    bias: float
    """At the middle of the references."""
    standard_uncertainty: float
    degrees_of_freedom: float
    bias_interval: tuple[float, float]
    """95 % coverage."""
    ends: tuple[float, float]
    """Bias at the lowest and highest reference; equal to `bias` where there is no slope."""
    ends_intervals: tuple[tuple[float, float], tuple[float, float]]
    """95 % of each."""
    reference_u: float
    """Part of the uncertainty that comes from the references and is not averaged over exams or
    units; NaN where none is stated."""
    exam_sd: float
    """From exam to exam."""
    exam_df: float
    """Degrees of freedom of `exam_sd`, what it borrows from other scanners included."""
    n: int
    """Readings it rests on."""
    exams: int
    phantom_units: tuple[str, ...]
    claim: ClaimAnswer | None
    """None where nothing is claimed."""
    p_in: float
    """Of two one-sided tests, that the bias is not within the claim; NaN without a claim."""
    p_out: float
    """That it is within the claim, adjusted for all scanners; NaN without a claim."""
    reason: str
    """Why the answer is what it is; what is missing where there is not enough data."""
    current: bool
    """Whether this is the scanner's latest epoch."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponent:
    """How much of the scatter comes from one source."""

    name: str
    sd: float
    interval: tuple[float, float]
    """95 % of the SD."""
    degrees_of_freedom: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VendorEffect:
    """Whether scanners of one vendor differ from those of another more than among themselves."""

    shown: bool | None
    """None where it cannot be tested."""
    p: float
    f: float
    degrees_of_freedom: tuple[float, float]
    levels: tuple[tuple[str, float, tuple[float, float], int], ...]
    """Vendor, mean bias, 95 % interval, scanners."""
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A scan that would tell two groups of scanners from their phantoms."""

    phantom_unit: str
    scanner: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BiasStudy:
    """One measurement on all scanners of a trial."""

    name: str
    quantity: str
    unit: str
    """Of all biases: `%` of the reference, or the unit of the measurement."""
    basis: str
    """`stated` references or `consensus` of the scanners."""
    claim: float | None
    """Largest bias that is allowed, in `unit`."""
    range: tuple[float, float]
    """Lowest and highest reference, in the unit of the measurement."""
    measured_unit: str
    scanners: tuple[ScannerBias, ...]
    components: tuple[VarianceComponent, ...]
    vendor: VendorEffect
    groups: tuple[tuple[str, ...], ...]
    """Scanners that phantom units connect; one group: scanner and phantom can be told apart."""
    exchanges: tuple[Exchange, ...]
    flags: tuple[Flag, ...]
    readings: int
    left_out: int
    ends_covariance: FloatArray = dataclasses.field(compare=False, repr=False)
    """(2 k, 2 k) of the biases of the k scanners in `unit` squared, at the lowest, then at the
    highest reference, with all that two of them share; NaN where an uncertainty is not known."""
