"""Which scanners may take part in a trial: certificates, and scores of a round."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping

from qiqa.core.trial import BiasStudy, ClaimAnswer, Flag

__all__ = ["Certificate", "CertificateState", "ProgrammePolicy", "RoundScore", "TrialState"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammePolicy:
    """What qualifies a scanner, after the laboratory model of the CDC's hormone programme."""

    challenges: int = 4
    """Phantom exams, on days of their own, that are judged together; CDC HoSt: four."""
    months: int = 12
    """How long a certificate holds, and how far back its exams may lie; CDC HoSt: a year."""
    precision_claim_percent: float | None = None
    """Largest long-term wCV of an insert; None: nothing is claimed."""


class CertificateState(enum.StrEnum):
    """Whether a scanner may be used."""

    QUALIFIED = "qualified"
    PROVISIONAL = "provisional"
    """Nothing speaks against it, and too little for it yet."""
    NOT_QUALIFIED = "not_qualified"
    EXPIRED = "expired"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a scanner is certified for: this measurement, these settings, this range, until then."""

    state: CertificateState
    scanner: str
    site: str
    manufacturer: str
    epoch: str
    """Software, coil, sequence, protocol: what the certificate is bound to."""
    phantom_units: tuple[str, ...]
    name: str
    range: tuple[float, float]
    """Lowest and highest reference that it covers, in `unit`."""
    unit: str
    challenges: int
    """Exams that it rests on."""
    first: dt.date
    last: dt.date
    expires: dt.date
    bias_answer: ClaimAnswer | None
    bias: float
    bias_interval: tuple[float, float]
    bias_unit: str
    wcv: float
    """Long-term scatter of one insert from exam to exam, in `bias_unit`; NaN: one exam."""
    wcv_upper: float
    """95 % upper bound."""
    precision_answer: ClaimAnswer | None
    """None where nothing is claimed."""
    deviations: tuple[str, ...] | None
    """Of the latest exam from its protocol; None where it is not known."""
    reasons: tuple[str, ...]
    """Why it is not qualified, or what is missing."""
    renewal: tuple[str, ...]
    """What ends it before it expires."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoundScore:
    """How one scanner did in its latest exam, beside the others (ISO 13528)."""

    scanner: str
    at: dt.datetime
    difference: float
    """From the assigned value, in the unit of the study's biases."""
    score: float
    """z, or z' where the assigned value is not known well enough."""
    zeta: float
    e_n: float
    verdict: str
    """acceptable, warning, action or not_scored, by `score`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrialState:
    """Where a trial stands."""

    title: str
    source: str
    as_of: dt.datetime
    studies: tuple[BiasStudy, ...]
    certificates: tuple[Certificate, ...]
    """Of every measurement and scanner, in its present epoch."""
    rounds: Mapping[str, tuple[RoundScore, ...]]
    """Measurement -> scores of the latest exams; none without a claim."""
    flags: tuple[Flag, ...]
    """Of measurements that could not be studied, and of the whole trial."""
