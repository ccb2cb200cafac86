"""What phantoms with certified values say of a scanner's bias, and when it was beyond a claim."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np

from qiqa.core.scanner_record import ScannerTrouble
from qiqa.core.trial import BiasStudy, ClaimAnswer, Readings, ScannerBias
from qiqa.workflows.trial import Claim, look_at_trial

__all__ = ["BiasState", "bias_states"]

_ANSWERS = {
    ClaimAnswer.IN: "within",
    ClaimAnswer.OUT: "beyond",
    ClaimAnswer.NOT_ENOUGH_DATA: "not shown to be within",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BiasState:
    """What is known of one scanner's bias over time."""

    words: tuple[str, ...] = ()
    """One for each measurement and stretch of exams, without a day."""
    known: bool = False
    """Whether one of them is shown to be within or beyond the claim."""
    troubles: tuple[ScannerTrouble, ...] = ()
    """Stretches in which it is beyond the claim."""


def bias_states(
    readings: Sequence[Readings], claims: Mapping[str, Claim], now: dt.datetime, days: float
) -> dict[str, BiasState]:
    """Return, by scanner, its bias against each claim, as `qiqa trial report` judges it.

    What has no claim, or no certified value, is not judged: it is in no answer.

    Parameters
    ----------
    readings
        Of phantoms, beside their references.
    claims
        Name or quantity of a measurement -> largest bias; "" for all others.
    now
        Up to when.
    days
        How far before the first exam of a scanner its bias is taken to be that of the exam.

    Raises
    ------
    UsageError
        If a claim is larger than the values are.
    """
    asked = [
        one
        for one in readings
        if {one.name, one.quantity, ""} & claims.keys() and np.isfinite(one.reference).any()
    ]
    state = look_at_trial(asked, now=now, source="", title="", claims=dict(claims))
    made: dict[str, BiasState] = {}
    for study in state.studies:
        if study.claim is None or study.basis != "stated":
            continue
        for one in study.scanners:
            before = made.get(one.scanner, BiasState())
            trouble = _trouble(one, study, days)
            made[one.scanner] = BiasState(
                words=(*before.words, _words(one, study)),
                known=before.known or one.claim is not ClaimAnswer.NOT_ENOUGH_DATA,
                troubles=(*before.troubles, *([] if trouble is None else [trouble])),
            )
    return made


def _words(one: ScannerBias, study: BiasStudy) -> str:
    assert study.claim is not None and one.claim is not None  # noqa: S101, PT018 - judged
    bias, low, high = _farthest(one)
    unit = f" {study.unit}".rstrip()
    exams = "1 exam" if one.exams == 1 else f"{one.exams} exams"
    known = math.isfinite(low) and math.isfinite(high)
    interval = f"{low:+.2g} to {high:+.2g}" if known else "uncertainty not known"
    return (
        f"{study.name} bias {bias:+.2g}{unit} ({interval}, {exams}), "
        f"{_ANSWERS[one.claim]} the claim of {study.claim:g}{unit}"
    )


def _farthest(one: ScannerBias) -> tuple[float, float, float]:
    """Return the bias and its interval where it is largest: middle, lowest, highest reference."""
    places = [
        (one.bias, *one.bias_interval),
        *((end, *interval) for end, interval in zip(one.ends, one.ends_intervals, strict=True)),
    ]
    return max(places, key=lambda place: abs(place[0]))


def _trouble(one: ScannerBias, study: BiasStudy, days: float) -> ScannerTrouble | None:
    if one.claim is not ClaimAnswer.OUT or study.claim is None:
        return None
    own = [s for s in study.scanners if s.scanner == one.scanner]
    # between two stretches of exams nobody knows which bias held
    day = dt.timedelta(days=1)
    before = [s.last.date() + day for s in own if s.last < one.first]
    after = [s.first.date() - day for s in own if s.first > one.last]
    alone = one.first.date() - dt.timedelta(days=int(days))
    return ScannerTrouble(
        first=max(before, default=alone),
        last=min(after, default=None),
        code="scanner_biased",
        what=_words(one, study),
        name=study.name,
        claims=abs(_farthest(one)[0]) / study.claim,
    )
