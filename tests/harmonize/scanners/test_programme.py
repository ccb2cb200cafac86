"""Certificates: bound, dated, and never better than what was measured; scores of a round by hand.

States follow the CDC's hormone programme: four challenges within a year, bias and precision each
with an answer of its own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest
from scipy import stats

from qiqa.core.programme import CertificateState, ProgrammePolicy
from qiqa.core.trial import ClaimAnswer
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.harmonize.scanners.programme import certificates, round_scores

TODAY = dt.date(2025, 12, 31)
FAR = dt.date(2036, 1, 1)
LOOSE = ProgrammePolicy()


def issue(readings, policy=LOOSE, today=TODAY, claim=5.0, **more):
    prepared = prepare(readings, today=FAR, **more)
    study = study_bias(prepared, claim)
    return {c.scanner: c for c in certificates(study, prepared.found, policy, today)}


def test_enough_exams_in_claim_qualify(rounds, rng):
    one = issue(rounds(rng))["S03"]
    assert one.state is CertificateState.QUALIFIED
    assert one.reasons == ()
    assert (one.name, one.unit, one.range) == ("adc", "µm²/s", (0.4, 2.0))
    assert one.challenges == 4
    # visits are 90 days apart from 1 January 2025 on, a day later for each scanner
    assert (one.first, one.last) == (dt.date(2025, 1, 4), dt.date(2025, 10, 1))
    assert one.expires == dt.date(2026, 10, 1)
    assert one.precision_answer is None
    assert "another phantom unit" in one.renewal


def test_out_of_claim_is_not_qualified(rounds, rng):
    one = issue(rounds(rng, bias={2: 0.2}))["S02"]
    assert one.state is CertificateState.NOT_QUALIFIED
    assert one.bias_answer is ClaimAnswer.OUT
    assert one.reasons[0].startswith("bias out of claim: +")


@pytest.mark.parametrize(("visits", "missing"), [(3, "3 of 4 exams within 12 months"), (2, "2 of")])
def test_too_few_exams_are_provisional(rounds, rng, visits, missing):
    one = issue(rounds(rng, visits=visits))["S01"]
    assert one.state is CertificateState.PROVISIONAL
    assert any(missing in reason for reason in one.reasons)


def test_exams_of_more_than_a_year_before_the_last_do_not_count(rounds, rng):
    readings = rounds(rng, visits=6)  # 90 days apart: the last five lie within 360 days
    assert issue(readings)["S01"].challenges == 5
    shorter = issue(readings, dataclasses.replace(LOOSE, months=6))["S01"]
    assert shorter.challenges == 3
    assert shorter.state is CertificateState.PROVISIONAL
    assert shorter.expires == dt.date(2026, 9, 28)  # six months after 2026-03-28


def test_two_exams_of_one_day_are_one_challenge(rounds, rng):
    readings = rounds(rng)
    same = readings.at.copy()
    same[readings.visit == 1] = same[readings.visit == 0] + np.timedelta64(1, "h")
    visit = np.full(len(readings), math.nan)
    assert issue(dataclasses.replace(readings, at=same, visit=visit))["S01"].challenges == 3


@pytest.mark.parametrize(
    ("today", "state"),
    [
        (dt.date(2026, 9, 29), CertificateState.QUALIFIED),  # its last day
        (dt.date(2026, 9, 30), CertificateState.EXPIRED),
    ],
)
def test_it_expires_after_its_last_day(rounds, rng, today, state):
    one = issue(rounds(rng), today=today)["S01"]
    assert one.expires == dt.date(2026, 9, 29)
    assert one.state is state


def test_out_of_claim_stays_so_when_it_expires(rounds, rng):
    one = issue(rounds(rng, bias={2: 0.2}), today=dt.date(2030, 1, 1))["S02"]
    assert one.state is CertificateState.NOT_QUALIFIED


@pytest.mark.parametrize(
    ("last", "months", "expires"),
    [
        ("2025-01-31", 1, dt.date(2025, 2, 28)),
        ("2024-01-31", 1, dt.date(2024, 2, 29)),
        ("2025-08-31", 6, dt.date(2026, 2, 28)),
        ("2024-02-29", 12, dt.date(2025, 2, 28)),
        ("2025-12-15", 1, dt.date(2026, 1, 15)),
        ("2025-11-30", 13, dt.date(2026, 12, 30)),
    ],
)
def test_months_end_where_months_end(rounds, rng, last, months, expires):
    readings = rounds(rng, scanners=5, visits=2)
    at = np.where(readings.visit == 1, np.datetime64(last), np.datetime64("2023-06-01"))
    at = at.astype("datetime64[us]")
    policy = dataclasses.replace(LOOSE, months=months)
    assert issue(dataclasses.replace(readings, at=at), policy)["S02"].expires == expires


def test_wrong_labels_stand_against_it_until_cleared(rounds, rng):
    readings = rounds(rng, visits=6)
    value = readings.value.copy()
    value[readings.exam == "S03 visit 1"] *= 1000
    found = issue(dataclasses.replace(readings, value=value))
    assert found["S03"].state is CertificateState.NOT_QUALIFIED
    assert found["S03"].reasons[0].startswith("wrong unit: S03, exam S03 visit 1")
    assert found["S02"].state is CertificateState.QUALIFIED


def test_a_flag_of_a_scanner_whose_name_begins_alike_is_not_its_own(rounds, rng):
    readings = rounds(rng, visits=6)
    value = readings.value.copy()
    value[readings.exam == "S03 visit 1"] *= 1000
    scanner = np.where(readings.scanner == "S02", "S0", readings.scanner)
    scanner = np.where(scanner == "S03", "S0, B", scanner)
    found = issue(dataclasses.replace(readings, value=value, scanner=scanner, site=scanner))
    assert found["S0"].state is CertificateState.QUALIFIED
    assert found["S0, B"].state is CertificateState.NOT_QUALIFIED


def test_without_a_claim_nobody_is_qualified(rounds, rng):
    one = issue(rounds(rng), claim=None)["S01"]
    assert one.state is CertificateState.PROVISIONAL
    assert "no claim for the bias is stated" in one.reasons


def test_settings_bind_it(rounds, rng):
    readings = rounds(rng, visits=8)
    late = (readings.scanner == "S04") & (readings.visit >= 6)
    readings = dataclasses.replace(readings, epoch=np.where(late, "VB", "VA"))
    found = issue(readings, today=dt.date(2026, 10, 1))
    assert (found["S04"].epoch, found["S04"].challenges) == ("VB", 2)
    assert found["S04"].state is CertificateState.PROVISIONAL
    assert found["S05"].epoch == "VA"


# --- precision --------------------------------------------------------------------------------


def by_hand(found, scanner):
    """Return wCV of one insert read once an exam: the SD of its values, and 95 % bounds."""
    values = found.value[found.readings.scanner == scanner]
    sd, df = float(np.std(values, ddof=1)), values.size - 1
    return sd, *(sd * math.sqrt(df / stats.chi2.ppf(p, df)) for p in (0.95, 0.05))


def test_long_term_scatter_and_its_bound_by_hand(rounds, rng):
    readings = rounds(rng, references={"A": 1.0}, noise=0.01)
    prepared = prepare(readings, today=FAR)
    sd, _, upper = by_hand(prepared.found, "S02")
    one = issue(readings)["S02"]
    assert one.wcv == pytest.approx(sd, rel=1e-12)
    assert one.wcv_upper == pytest.approx(upper, rel=1e-9)


@pytest.mark.parametrize(
    ("factor", "answer", "state"),
    [
        ("above", ClaimAnswer.IN, CertificateState.QUALIFIED),
        ("between", ClaimAnswer.NOT_ENOUGH_DATA, CertificateState.PROVISIONAL),
        ("below", ClaimAnswer.OUT, CertificateState.NOT_QUALIFIED),
    ],
)
def test_precision_has_three_answers(rounds, rng, factor, answer, state):
    readings = rounds(rng, references={"A": 1.0}, noise=0.01)
    sd, lower, upper = by_hand(prepare(readings, today=FAR).found, "S02")
    claim = {"above": upper * 1.001, "between": sd, "below": lower * 0.999}[factor]
    policy = dataclasses.replace(LOOSE, precision_claim_percent=claim)
    one = issue(readings, policy, claim=20.0)["S02"]
    assert one.precision_answer is answer
    assert one.state is state


def test_a_precision_in_percent_says_nothing_of_a_bias_in_another_unit(rounds, rng):
    policy = dataclasses.replace(LOOSE, precision_claim_percent=2.0)
    one = issue(rounds(rng), policy, claim=0.5, percent=False)["S02"]
    assert one.bias_unit == "µm²/s"
    assert one.precision_answer is None
    assert one.state is CertificateState.PROVISIONAL
    assert any("claimed in percent" in reason for reason in one.reasons)


def test_one_exam_has_no_scatter(rounds, rng):
    one = issue(rounds(rng, visits=1))["S02"]
    assert math.isnan(one.wcv)
    assert one.state is CertificateState.PROVISIONAL


# --- scores of a round ------------------------------------------------------------------------


def test_scores_against_hand_arithmetic(rounds, rng):
    """Scores z' of ISO 13528:2022 9.5, zeta 9.6, E_n 9.7: difference over what it may be, or is."""
    readings = rounds(rng, reference_u=0.01)
    prepared = prepare(readings, today=FAR)
    study = study_bias(prepared, 4.0)
    (one,) = [s for s in round_scores(study, prepared.found) if s.scanner == "S05"]
    (bias,) = [s for s in study.scanners if s.scanner == "S05"]
    last = prepared.found.readings.exam == "S05 visit 3"
    x = float(prepared.found.value[last].mean())
    assert one.difference == pytest.approx(x)
    assert one.at == dt.datetime(2025, 10, 3)
    assert one.score == pytest.approx(x / math.sqrt(2.0**2 + 1.0**2))  # claim / 2, reference 1 %
    assert one.zeta == pytest.approx(x / math.sqrt(bias.exam_sd**2 + 1.0**2))
    k = stats.t.ppf(0.975, bias.exam_df)
    assert bias.exam_df >= 3
    assert one.e_n == pytest.approx(x / math.sqrt((k * bias.exam_sd) ** 2 + 1.96**2), rel=1e-3)
    assert one.verdict == ("acceptable" if abs(one.score) <= 2 else "warning")


@pytest.mark.parametrize(
    ("bias", "verdict"), [(0.0, "acceptable"), (0.05, "warning"), (0.08, "action")]
)
def test_verdicts_of_a_round(rounds, rng, bias, verdict):
    prepared = prepare(rounds(rng, bias={1: bias}, noise=1e-4, exam_sd=1e-4), today=FAR)
    study = study_bias(prepared, 4.0)
    (one,) = [s for s in round_scores(study, prepared.found) if s.scanner == "S01"]
    assert one.verdict == verdict


def test_no_claim_no_scores(rounds, rng):
    prepared = prepare(rounds(rng), today=FAR)
    assert round_scores(study_bias(prepared, None), prepared.found) == ()


def test_one_exam_has_z_and_no_zeta(rounds, rng):
    prepared = prepare(rounds(rng, visits=1), today=FAR)
    scores = round_scores(study_bias(prepared, 4.0), prepared.found)
    assert all(math.isfinite(s.score) and math.isnan(s.zeta) for s in scores)


def test_a_protocol_that_was_not_kept_stands_against_it(rounds, rng):
    readings = rounds(rng)
    deviating = {**readings.deviations, "S02 visit 3": ("TE 90 ms instead of 80",)}
    found = issue(dataclasses.replace(readings, deviations=deviating))
    assert found["S02"].state is CertificateState.NOT_QUALIFIED
    assert "TE 90 ms" in found["S02"].reasons[0]
    assert found["S03"].state is CertificateState.QUALIFIED


def test_without_word_of_the_protocol_nobody_is_qualified(rounds, rng):
    found = issue(dataclasses.replace(rounds(rng), deviations={}))
    assert {one.state for one in found.values()} == {CertificateState.PROVISIONAL}
    assert "protocol" in found["S03"].reasons[0]
