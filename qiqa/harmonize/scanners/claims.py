"""In claim, out of claim, or not enough data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from qiqa.core.trial import ClaimAnswer, ScannerBias
from qiqa.harmonize.scanners.levels import Level
from qiqa.metrology.equivalence import within_claim
from qiqa.metrology.multiplicity import holm

__all__ = ["Evidence", "answers", "evidence"]

_ALPHA = 0.05
_POWER_Z = 0.842
"""A power of 80 %."""
_MOST_EXAMS = 60
_PLACES = ("in the middle", "at the lowest reference", "at the highest reference")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """P values of one scanner, before those of others are looked at."""

    p_in: float
    p_out: float
    worst: int
    """Place where it is farthest out: middle, lowest, highest."""


def evidence(at: Sequence[Level], claim: float) -> Evidence:
    """Test the bias at the middle and both ends against a claim of +- claim.

    Within: at every place (an intersection needs no correction). Beyond: at any (Bonferroni).
    """
    found = [
        within_claim(p.value, p.standard_uncertainty, p.degrees_of_freedom, -claim, claim)
        for p in at
    ]
    outs = [one.p_out for one in found]
    return Evidence(
        p_in=max(one.p_in for one in found),
        p_out=min(1.0, min(outs) * len(outs)),
        worst=int(np.argmin(outs)),
    )


def answers(
    scanners: Sequence[ScannerBias],
    places: Sequence[Sequence[Level]],
    claim: float,
    unit: str,
    against: Sequence[str],
) -> tuple[ScannerBias, ...]:
    """Return scanners with their answers; being out is adjusted for how many there are (Holm).

    `against` says for each why it cannot be in claim over the whole range; empty: nothing does.
    Present epochs are adjusted among themselves, past ones among all.
    """
    places = [at if at[1] is not at[0] else at[:1] for at in places]
    known = [
        all(math.isfinite(p.value) and p.standard_uncertainty > 0 for p in at) for at in places
    ]
    tests = [evidence(at, claim) if ok else None for at, ok in zip(places, known, strict=True)]
    p_outs = np.array([1.0 if t is None else t.p_out for t in tests])
    present = np.array([one.current for one in scanners])
    adjusted = holm(p_outs)
    if present.any():
        adjusted[present] = holm(p_outs[present])
    made = []
    for k, (one, at, test) in enumerate(zip(scanners, places, tests, strict=True)):
        if test is None:
            reason = (
                "its readings do not scatter at all: what a day does is not known"
                if one.exams > 1
                else "one exam, and no scanner was scanned twice: its scatter is not known"
            )
            answer, p_in, p_out = ClaimAnswer.NOT_ENOUGH_DATA, math.nan, math.nan
        else:
            p_in, p_out = test.p_in, float(adjusted[k])
            count = int(present.sum()) if one.current else len(scanners)
            answer, reason = _answer(one, at, test, p_out, claim, unit, count)
            if answer is not ClaimAnswer.OUT and against[k]:
                answer, reason = ClaimAnswer.NOT_ENOUGH_DATA, against[k]
        made.append(dataclasses.replace(one, claim=answer, p_in=p_in, p_out=p_out, reason=reason))
    return tuple(made)


def _answer(
    one: ScannerBias,
    at: Sequence[Level],
    test: Evidence,
    p_out: float,
    claim: float,
    unit: str,
    count: int,
) -> tuple[ClaimAnswer, str]:
    if p_out < _ALPHA:
        place = at[test.worst]
        where = _PLACES[test.worst] if len(at) > 1 else ""
        return ClaimAnswer.OUT, f"{place.value:+.2g} {unit} {where}".rstrip()
    if test.p_in < _ALPHA:
        over = " over the whole range" if len(at) > 1 else ""
        return ClaimAnswer.IN, f"within {claim:g} {unit}".rstrip() + over
    return ClaimAnswer.NOT_ENOUGH_DATA, _missing(one, at, claim, count)


def _missing(one: ScannerBias, at: Sequence[Level], claim: float, count: int) -> str:
    """Say how many exams would settle it if nothing else changed, or what else is missing."""
    # the place that keeps it open: nearest to the claim in its own uncertainty
    worst = max(at, key=lambda p: (abs(p.value) - claim) / p.standard_uncertainty)
    gap = abs(claim - abs(worst.value))
    beyond = abs(worst.value) > claim
    z = float(special.ndtri(1.0 - (_ALPHA / len(at) / count if beyond else _ALPHA)))
    wanted = (gap / (z + _POWER_Z)) ** 2
    by_exams = one.exam_sd**2 / one.exams if math.isfinite(one.exam_sd) else 0.0
    rest = max(worst.standard_uncertainty**2 - by_exams, 0.0)
    if wanted > rest:
        needed = math.ceil(one.exam_sd**2 / (wanted - rest)) if by_exams else one.exams + 1
        if needed <= _MOST_EXAMS:
            more = max(needed - one.exams, 1)
            return f"{more} more exam{'s' if more > 1 else ''} would settle it at this bias"
    reference2 = one.reference_u**2 if math.isfinite(one.reference_u) else 0.0
    if reference2 > rest / 2:
        return "more exams do not help, better references would"
    if abs(worst.value) > 0.7 * claim and abs(worst.value) < 1.3 * claim:
        return "the bias is close to the claim"
    if math.isnan(one.reference_u):
        return "more exams do not help: inserts disagree, and references state no uncertainty"
    return "more exams do not help: the inserts disagree"
