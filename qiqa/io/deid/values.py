"""Values that are what their value representation says they are; everything else is refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

__all__ = [
    "NUMERIC",
    "age",
    "coded",
    "each",
    "known_or_other",
    "matches",
    "moved",
    "number",
    "plain_text",
    "time",
]

NUMERIC = frozenset(("DS", "IS", "FL", "FD", "SS", "US", "SL", "UL", "SV", "UV", "AT"))

_CODED = re.compile(r"[A-Za-z0-9_ ./+\-]{0,16}\Z")
"""Code strings, with the lower case and punctuation that scanners write against PS3.5 6.2."""
_TIME = re.compile(r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?\Z")
_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})(\d{0,6}(?:\.\d{1,6})?)(?:[+-]\d{4})?\Z")
_AGE = re.compile(r"(\d{3})([DWMY])\Z")
_OLDEST = 89
"""Older participants are few and so are told by their age (45 CFR 164.514(b)(2)(i)(C))."""
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}

_PATTERNS = {
    "coil": re.compile(
        r"(?:T:)?[A-Z]{1,4}\d{0,2}(?:-\d{1,2})?(?:[;,][A-Z]{0,4}\d{0,2}(?:-\d{1,2})?)*\Z"
        r"|p\d(?: s\d)?\Z"
    ),
    "image_type": re.compile(
        r"[A-Z0-9]{1,5}\Z|FIL\w{0,5}\Z|DR[BGS]_?\w{0,3}\Z"
        r"|(?:ORIGINAL|DERIVED|PRIMARY|SECONDARY|DIFFUSION|PERFUSION|TRACEW|TENSOR|TENSOR_B0|COLFA"
        r"|MAGNITUDE|IMAGINARY|MOSAIC|T2_STAR|MOCO)\Z"
    ),
    "filter": re.compile(r"[a-z+]{1,3}\Z"),
}
"""Names in kept.toml -> what a short text must look like."""


def each(value: Any) -> list[Any]:
    """Return the values of an element as a list; an empty element has none."""
    from pydicom.multival import MultiValue

    if value is None or value in ("", b""):
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def number(value: Any) -> bool:
    """Say whether all values are numbers."""
    return all(isinstance(v, int | float) or hasattr(v, "as_tuple") for v in each(value))


def coded(value: Any) -> bool:
    """Say whether all values could be code strings."""
    return all(isinstance(v, str) and _CODED.match(v) for v in each(value))


def matches(value: Any, pattern: str) -> bool:
    """Say whether all values look as a named pattern says."""
    return all(isinstance(v, str) and _PATTERNS[pattern].match(v.strip()) for v in each(value))


def known_or_other(value: Any, pattern: str) -> list[str]:
    """Return values, those that do not look as a named pattern says as `OTHER`: order matters."""
    return [str(v) if matches(v, pattern) else "OTHER" for v in each(value)]


def plain_text(value: Any, longest: int = 64) -> bool:
    """Say whether all values are short printable ASCII: what equipment writes about itself."""
    return all(
        isinstance(v, str) and v.isascii() and v.isprintable() and len(v) <= longest
        for v in each(value)
    )


def time(value: Any) -> str:
    """Return a time of day as DICOM writes it; empty where it is none."""
    text = str(value or "").strip().replace(":", "")
    return text if _TIME.match(text) else ""


def moved(value: Any, days: int) -> str:
    """Return a date, or date and time, `days` earlier; empty where it is none.

    The time of day stays; an offset from UTC, which tells the place, goes. Dates without a day
    cannot be moved and come back empty.
    """
    found = _DATE.match(str(value or "").strip())
    if found is None:
        return ""
    year, month, day, rest = found.groups()
    try:
        date = dt.date(int(year), int(month), int(day)) - dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{date:%Y%m%d}".zfill(8) + rest


def age(stated: str, born: str, examined: str) -> str:
    """Return the age at the exam for PatientAge (VR AS): whole years, above 89 as `090Y`.

    Taken from the stated age, else from two dates; below two years in months. Empty where
    neither is there.
    """
    found = _AGE.match(stated.strip())
    if found:
        years = int(found[1]) * _DAYS[found[2]] / _DAYS["Y"]
        months = int(found[1]) * _DAYS[found[2]] / _DAYS["M"]
    else:
        days = _DATE.match(born.strip()), _DATE.match(examined.strip())
        if days[0] is None or days[1] is None:
            return ""
        (y0, m0, d0), (y1, m1, d1) = (tuple(map(int, day.groups()[:3])) for day in days if day)
        months = (y1 - y0) * 12 + m1 - m0 - (d1 < d0)
        years = months // 12
        if months < 0:
            return ""
    if years > _OLDEST:
        return f"{_OLDEST + 1:03}Y"
    return f"{int(years):03}Y" if years >= 2 else f"{int(months):03}M"
