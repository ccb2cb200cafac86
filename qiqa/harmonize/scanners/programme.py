"""Certificates of scanners, bound to what they were measured with, and scores of the last round."""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.programme import Certificate, CertificateState, ProgrammePolicy, RoundScore
from qiqa.core.trial import BiasStudy, ClaimAnswer, Flag, ScannerBias
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.metrology.budget import coverage_factor
from qiqa.metrology.proficiency import classify, e_n_scores, z_prime_scores, zeta_scores

__all__ = ["certificates", "round_scores"]

FloatArray = NDArray[np.float64]

_AGAINST = frozenset(
    ("swapped_inserts", "wrong_unit", "wrong_phantom_unit", "wrong_phantom", "copied_values")
)
"""Errors of labeling that stand against a certificate until they are cleared up."""
RENEWAL = (
    "new software, coil, sequence or protocol",
    "service on gradients, transmitter or receive chain",
    "another phantom unit",
    "a finding of drift, or a bias out of claim",
)


def certificates(
    study: BiasStudy, found: Differences, policy: ProgrammePolicy, today: dt.date
) -> tuple[Certificate, ...]:
    """Return the certificate of each scanner in its present epoch.

    Qualified: enough challenges within the time, bias in claim, scatter within its claim where one
    is stated, the protocol kept, no error of labeling open. Bias and precision are answers of their
    own.

    Parameters
    ----------
    study
        Biases with their answers.
    found
        Readings that they rest on, with the epochs of `study`.
    policy
        What is asked.
    today
        Day for which it is said.
    """
    return tuple(
        _certificate(one, study, found, policy, today) for one in study.scanners if one.current
    )


def _certificate(
    one: ScannerBias, study: BiasStudy, found: Differences, policy: ProgrammePolicy, today: dt.date
) -> Certificate:
    last, expires = one.last.date(), _months_after(one.last.date(), policy.months)
    since = np.datetime64(_months_after(last, -policy.months))
    r = found.readings
    own = (r.scanner == one.scanner) & (r.epoch == one.epoch)
    recent = own & found.dated & (r.at.astype("datetime64[D]") >= since)
    days = np.unique(r.at[recent].astype("datetime64[D]")).size
    wcv, lower, upper = _long_term(found.take(recent))
    # the claim is a percentage: of a bias in another unit it says nothing
    claim = policy.precision_claim_percent if study.unit == "%" else None
    precision = _precise(lower, upper, claim)
    against = [flag for flag in study.flags if flag.kind in _AGAINST and flag.is_about(one.scanner)]
    deviations = r.deviations.get(_newest(found, own))
    reasons, state = _judge(
        one, days, precision, deviations, against, policy, expired=expires < today
    )
    return Certificate(
        state=state,
        scanner=one.scanner,
        site=one.site,
        manufacturer=one.manufacturer,
        epoch=one.epoch,
        phantom_units=one.phantom_units,
        name=study.name,
        range=study.range,
        unit=study.measured_unit,
        challenges=days,
        first=one.first.date(),
        last=last,
        expires=expires,
        bias_answer=one.claim,
        bias=one.bias,
        bias_interval=one.bias_interval,
        bias_unit=study.unit,
        wcv=wcv,
        wcv_upper=upper,
        precision_answer=precision,
        deviations=deviations,
        reasons=tuple(reasons),
        renewal=RENEWAL,
    )


def _judge(
    one: ScannerBias,
    days: int,
    precision: ClaimAnswer | None,
    deviations: tuple[str, ...] | None,
    against: Sequence[Flag],
    policy: ProgrammePolicy,
    *,
    expired: bool,
) -> tuple[list[str], CertificateState]:
    wrong = [f"{flag.kind.replace('_', ' ')}: {flag.where}: {flag.reason}" for flag in against]
    if one.claim is ClaimAnswer.OUT:
        wrong.append(f"bias out of claim: {one.reason}")
    if precision is ClaimAnswer.OUT:
        wrong.append("scatter from exam to exam is beyond its claim")
    wrong += [f"the latest exam differs from the protocol: {words}" for words in deviations or ()]
    if wrong:
        return wrong, CertificateState.NOT_QUALIFIED
    missing = []
    if deviations is None:
        missing.append("it is not known whether the latest exam kept to the protocol")
    if days < policy.challenges:
        missing.append(f"{days} of {policy.challenges} exams within {policy.months} months")
    if one.claim is None:
        missing.append("no claim for the bias is stated")
    elif one.claim is ClaimAnswer.NOT_ENOUGH_DATA:
        missing.append(f"bias: {one.reason}")
    if precision is None and policy.precision_claim_percent is not None:
        missing.append("precision is claimed in percent, and this is not measured in percent")
    if precision is ClaimAnswer.NOT_ENOUGH_DATA:
        missing.append("scatter from exam to exam: too few exams to show it is within its claim")
    if expired:
        return ["no exam since it expired", *missing], CertificateState.EXPIRED
    return missing, CertificateState.PROVISIONAL if missing else CertificateState.QUALIFIED


def _long_term(own: Differences) -> tuple[float, float, float]:
    """Return the scatter of an insert from exam to exam, its 95 % lower and upper bound.

    About the means of the phantom units, which differ. Root mean square over inserts, with the
    degrees of freedom of exams only: inserts of one exam share its day.
    """
    r = own.readings
    units = known_units(own)
    square, freedom, most = 0.0, 0, 0
    for insert in np.unique(r.insert):
        of_insert = 0
        for unit in np.unique(units[r.insert == insert]):
            rows = (r.insert == insert) & (units == unit)
            _, exam = np.unique(r.exam[rows], return_inverse=True)
            means = np.bincount(exam, weights=own.value[rows]) / np.bincount(exam)
            square += float(((means - means.mean()) ** 2).sum())
            of_insert += means.size - 1
        freedom += of_insert
        most = max(most, of_insert)
    if freedom == 0:
        return math.nan, math.nan, math.nan
    wcv = math.sqrt(square / freedom)
    lower, upper = (wcv * math.sqrt(most / float(special.chdtri(most, p))) for p in (0.05, 0.95))
    return wcv, lower, upper


def _precise(lower: float, upper: float, claim: float | None) -> ClaimAnswer | None:
    if claim is None:
        return None
    if upper <= claim:
        return ClaimAnswer.IN
    return ClaimAnswer.OUT if lower > claim else ClaimAnswer.NOT_ENOUGH_DATA


def _newest(found: Differences, own: NDArray[np.bool_]) -> str:
    """Return the latest exam of some readings, by the dates that are believed."""
    rows = np.flatnonzero(found.believed(own))
    return str(found.readings.exam[rows[np.argmax(found.readings.at[rows])]])


def _months_after(day: dt.date, months: int) -> dt.date:
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def round_scores(study: BiasStudy, found: Differences) -> tuple[RoundScore, ...]:
    """Return how each scanner did in its latest exam, against the references.

    The standard deviation for proficiency is half of the claim, so that a z of 2 is the claim; no
    claim, no scores. z' allows for what is not known of the references.
    """
    if study.claim is None:
        return ()
    r = found.readings
    made = []
    for one in (s for s in study.scanners if s.current):
        own = (r.scanner == one.scanner) & (r.epoch == one.epoch)
        rows = own & (r.exam == _newest(found, own))
        result = float(found.value[rows].mean())
        u = one.exam_sd
        # of the unit that was read in this exam, its own part with it
        stated = found.reference_u[rows][np.isfinite(found.reference_u[rows])]
        reference = float(stated.mean()) if stated.size else 0.0
        score = float(z_prime_scores([result], 0.0, study.claim / 2.0, reference)[0])
        known = math.isfinite(u) and u > 0
        k = coverage_factor(max(one.exam_df, 1.0))
        made.append(
            RoundScore(
                scanner=one.scanner,
                at=r.at[rows].max().astype("datetime64[us]").astype(dt.datetime),
                difference=result,
                score=score,
                zeta=float(zeta_scores([result], [u], 0.0, reference)[0]) if known else math.nan,
                e_n=float(e_n_scores([result], [k * u], 0.0, 1.96 * reference)[0])
                if known
                else math.nan,
                verdict=classify(score).value,
            )
        )
    return tuple(made)
