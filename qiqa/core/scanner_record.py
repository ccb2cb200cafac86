"""What the history of phantoms says of a scanner: exams, trouble, bias, what puts it right."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["Days", "ScannerCorrection", "ScannerRecord", "ScannerTrouble"]

Days = tuple[dt.date, dt.date]
"""First and last, both included."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerTrouble:
    """Days on which a scanner's numbers were not what they are believed to be."""

    first: dt.date
    """The earliest day on which it may have begun (95 %)."""
    last: dt.date | None
    """None: to this day."""
    code: str
    """`scanner_out_of_control`, `scanner_moved` or `scanner_biased`."""
    what: str
    """In words: measurement, size; no day."""
    name: str = ""
    """Measurement without its insert, as calibrations name it."""
    began: dt.date | None = None
    """The most likely day; None: not one day."""
    size_sd: float = float("inf")
    """How far it moved, in SD of one exam; infinite where that is not known."""
    claims: float = float("nan")
    """Bias as a multiple of the largest that is claimed; NaN where it is none."""
    beyond_correction: str = ""
    """Why no calibration can put it right; empty where one could."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerCorrection:
    """A calibration by phantoms, and the days of a scanner that it is for."""

    name: str
    """Measurement that it corrects."""
    what: str
    """In words: which file, what it changes by how much, uncertainty afterwards; no day."""
    settings: str
    """Of the scanner, as its phantom exams state them."""
    exams: Days
    """Phantom exams that it rests on."""
    valid: tuple[Days, ...]
    """Near enough to its exams, rising."""
    level: Days | None
    """Days on which the scanner surely was where it is in these exams; None: it moved among
    them."""

    def is_valid(self, day: dt.date) -> bool:
        """Say whether a day is near enough to the exams."""
        return any(first <= day <= last for first, last in self.valid)

    def is_of_level(self, day: dt.date) -> bool:
        """Say whether the scanner surely was on a day where it is in the exams."""
        return self.level is not None and self.level[0] <= day <= self.level[1]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerRecord:
    """What phantoms say of one scanner over time."""

    scanner: str
    """Identity, or its pseudonym, as in the series."""
    exams: tuple[dt.date, ...]
    """Days of its phantom exams, rising."""
    troubles: tuple[ScannerTrouble, ...] = ()
    biases: tuple[str, ...] = ()
    """Its bias against each claim, in words without a day."""
    bias_known: bool = False
    """Whether it is shown to be within or beyond some claim."""
    corrections: tuple[ScannerCorrection, ...] | None = None
    """None: no calibration was given."""
    hides_days: bool = False
    """Whether no output may show a day of it: that would undo the shift of participants' days."""
