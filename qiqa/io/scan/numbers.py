"""IDs that are no pseudonyms by their form: addresses, names, numbers that a state gives.

Named is only what can hardly be anything else: its form is one that nobody gives to pseudonyms,
or its date and check digits fit by chance less than once in a thousand. Numbers that one of ten or
twenty made-up ones is by chance (British NHS and Dutch BSN without spaces, Swedish and Danish
numbers, which days and counters look like) are not.
"""

from __future__ import annotations

import datetime as dt
import re

__all__ = ["identity_number"]

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_TELEPHONE = re.compile(r"\+\d(?:[ ()./-]*\d){7,14}")
_SOCIAL = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
"""As the Social Security Administration of the USA has given them (SSA, POMS RM 10201.035)."""
_HEALTH = re.compile(r"(\d{3}) (\d{3}) (\d{4})")
_FINNISH = re.compile(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-Y])")
_FINNISH_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_NORWEGIAN = re.compile(r"\d{11}")
_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_SWISS = re.compile(r"756\.\d{4}\.\d{4}\.\d{2}")


def identity_number(patient_id: str, replaced: bool = False) -> str:
    """Return what an ID is if it is no pseudonym; empty where it may be one.

    Parameters
    ----------
    patient_id
        As the header states it.
    replaced
        Whether IDs were replaced by ones that may look alike: then numbers are not judged.

    Examples
    --------
    >>> identity_number("h.quellbrunn@example.org"), identity_number("131052-308T")
    ('e-mail address', 'Finnish personal identity code')
    >>> identity_number("TCGA-08-0244"), identity_number("20260304")
    ('', '')
    """
    text = patient_id.strip()
    if _EMAIL.fullmatch(text):
        return "e-mail address"
    if replaced:
        return ""
    if _TELEPHONE.fullmatch(text):
        return "telephone number"
    return next((name for name, fits in _NUMBERS.items() if fits(text)), "")


def _social(text: str) -> bool:
    return _SOCIAL.fullmatch(text) is not None


def _health(text: str) -> bool:
    """Say so by the check digit modulo 11 of the NHS Data Model and Dictionary."""
    if _HEALTH.fullmatch(text) is None:
        return False
    digits = [int(c) for c in text if c != " "]
    return sum(d * w for d, w in zip(digits, range(10, 0, -1), strict=True)) % 11 == 0


def _finnish(text: str) -> bool:
    """Say so by date and check letter modulo 31 (Digital and Population Data Services Agency)."""
    found = _FINNISH.fullmatch(text.upper())
    if found is None or not _is_day(found[1]):
        return False
    return _FINNISH_LETTERS[int(found[1] + found[2]) % 31] == found[3]


def _norwegian(text: str) -> bool:
    """Say so by the date and both check digits modulo 11 (Norwegian Tax Administration)."""
    if _NORWEGIAN.fullmatch(text) is None or not text.isascii() or not _is_day(text[:6]):
        return False
    digits = [int(c) for c in text]
    return all(
        sum(d * w for d, w in zip(digits, weights, strict=False)) % 11 == 0
        for weights in (_FIRST, _SECOND)
    )


def _swiss(text: str) -> bool:
    """Say so by the check digit of EAN-13 (Central Compensation Office)."""
    if _SWISS.fullmatch(text) is None:
        return False
    digits = [int(c) for c in text if c != "."]
    return sum(d * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10 == 0


def _is_day(text: str) -> bool:
    """Say whether six digits are day, month and year of some century."""
    try:
        dt.date(2000 + int(text[4:]), int(text[2:4]), int(text[:2]))
    except ValueError:
        return False
    return True


_NUMBERS = {
    "social security number": _social,
    "NHS number": _health,
    "Finnish personal identity code": _finnish,
    "Norwegian identity number": _norwegian,
    "Swiss insurance number": _swiss,
}
