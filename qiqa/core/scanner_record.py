"""What the history of phantoms says of a scanner: when it was scanned, when not in control."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["ScannerRecord", "ScannerTrouble"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerTrouble:
    """Days on which a scanner's numbers were not what they are believed to be."""

    first: dt.date
    """The earliest day on which it may have begun (95 %)."""
    last: dt.date | None
    """None: to this day."""
    code: str
    """`scanner_out_of_control` or `scanner_moved`."""
    what: str
    """In words: measurement, size, when."""
    size_sd: float = float("inf")
    """How far it moved, in SD of one exam; infinite where that is not known."""
    correction: str = ""
    """Calibration that holds on these days; empty where there is none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerRecord:
    """What phantoms say of one scanner over time."""

    scanner: str
    """Identity, or its pseudonym, as in the series."""
    exams: tuple[dt.date, ...]
    """Days of its phantom exams, rising."""
    troubles: tuple[ScannerTrouble, ...] = ()
