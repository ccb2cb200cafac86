"""What is said of a trial in words: the same on the terminal and on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qiqa.core.counting import so_many
from qiqa.core.programme import Certificate, CertificateState
from qiqa.core.trial import BiasStudy, ClaimAnswer, ScannerBias
from qiqa.report.numbers import DASH, decimals, fixed, plain_number

__all__ = [
    "ANSWERS",
    "KINDS",
    "STATES",
    "bias_text",
    "certificates_line",
    "headline",
    "interval_text",
    "signed",
    "since_text",
]

ANSWERS = {
    ClaimAnswer.OUT: "out of claim",
    ClaimAnswer.NOT_ENOUGH_DATA: "not enough data",
    ClaimAnswer.IN: "in claim",
    None: "no claim",
}
KINDS = {
    ClaimAnswer.OUT: "action",
    ClaimAnswer.NOT_ENOUGH_DATA: "not_evaluated",
    ClaimAnswer.IN: "pass",
    None: "recorded",
}
"""Answer -> verdict that it is drawn as."""


STATES = {
    CertificateState.QUALIFIED: "qualified",
    CertificateState.PROVISIONAL: "provisional",
    CertificateState.NOT_QUALIFIED: "not qualified",
    CertificateState.EXPIRED: "expired",
}


def certificates_line(papers: Sequence[Certificate], name: str) -> str:
    """Return how many scanners are qualified for a measurement, in a sentence."""
    states = [one.state for one in papers if one.name == name]
    parts = [f"{n} {words}" for state, words in STATES.items() if (n := states.count(state))]
    return f"certificates: {', '.join(parts) or 'none'}"


def headline(study: BiasStudy) -> str:
    """Return who is out, and of how many, in a sentence."""
    current = [one for one in study.scanners if one.current]
    count = so_many(len(current), "scanner")
    if study.claim is None:
        return f"{study.name}: {count}, no claim is stated"
    claim = f"{plain_number(study.claim)} {study.unit}".rstrip()
    parts = [
        f"{n} {ANSWERS[answer]}"
        for answer in (ClaimAnswer.OUT, ClaimAnswer.NOT_ENOUGH_DATA, ClaimAnswer.IN)
        if (n := sum(one.claim is answer for one in current))
    ]
    return f"{study.name}: {', '.join(parts)} (bias within ±{claim}; {count})"


def bias_text(one: ScannerBias) -> str:
    """Return a bias to two digits of its uncertainty."""
    if not math.isfinite(one.bias):
        return "not known"
    u = one.standard_uncertainty
    return f"{signed(one.bias, decimals(u) if math.isfinite(u) and u > 0 else 2)}"


def interval_text(one: ScannerBias) -> str:
    """Return the 95 % interval."""
    low, high = one.bias_interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return "not known"
    places = decimals(one.standard_uncertainty) if one.standard_uncertainty > 0 else 2
    return f"{signed(low, places)} to {signed(high, places)}"


def signed(value: float, places: int) -> str:
    """Return a number with its sign; a dash for none."""
    if math.isnan(value):
        return DASH
    text = fixed(value, places)
    return text if text.startswith("-") else f"+{text}"


def since_text(one: ScannerBias) -> str:
    """Return since when a scanner is where it is: its first exam of this epoch."""
    return f"{one.first:%Y-%m-%d}"
