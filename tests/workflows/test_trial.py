"""A trial as a walk: every measurement by itself, and none of them in another's way."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.core.programme import CertificateState
from qiqa.core.trial import ClaimAnswer
from qiqa.workflows.trial import DEFAULT_CLAIMS, Claim, chosen, claim_of, last_day, look_at_trial

NOW = dt.datetime(2026, 1, 1)


def look(readings, claims=None, **more):
    return look_at_trial(
        readings, now=more.pop("now", NOW), source="t", title="T", claims=claims or {}, **more
    )


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_biases_answers_certificates_and_scores(rounds, rng):
    state = look([rounds(rng, bias={2: 0.2})])
    (study,) = state.studies
    answers = {s.scanner: s.claim for s in study.scanners}
    assert answers["S02"] is ClaimAnswer.OUT
    assert study.claim == DEFAULT_CLAIMS["adc"].value == 3.6
    states = {c.scanner: c.state for c in state.certificates}
    assert states["S02"] is CertificateState.NOT_QUALIFIED
    assert [s.scanner for s in state.rounds["adc"]] == sorted(answers)
    assert state.flags == ()


def test_a_measurement_that_cannot_be_studied_is_a_flag_and_the_others_stand(rounds, rng):
    empty = dataclasses.replace(rounds(rng, scanners=2), name="t1", quantity="t1")
    empty = dataclasses.replace(empty, value=np.full(len(empty), np.nan))
    state = look([empty, rounds(rng)])
    assert [s.name for s in state.studies] == ["adc"]
    assert [(f.kind, f.where) for f in state.flags] == [("not_studied", "t1")]
    assert "no reading has a value" in state.flags[0].reason


def test_no_reference_and_few_scanners_say_so(rounds, rng):
    state = look([rounds(rng, scanners=3, stated=False)])
    assert state.studies == ()
    assert "3 scanners are too few for a consensus (5 are needed)" in state.flags[0].reason


def test_one_scanner_is_judged_against_its_references(rounds, rng):
    (study,) = look([rounds(rng, scanners=1, visits=8, bias={0: 0.2})]).studies
    assert [s.claim for s in study.scanners] == [ClaimAnswer.OUT]
    assert study.vendor.shown is None


def test_one_name_in_two_units_is_two_studies_and_nothing_is_lost(rounds, rng):
    one = rounds(rng)
    other = dataclasses.replace(one, unit="mm²/s", value=one.value / 1e6,
                                reference=one.reference / 1e6)  # fmt: skip
    state = look([one, other], {"adc": Claim(value=5.0, percent=True, source="test")})
    assert [s.name for s in state.studies] == ["adc [µm²/s]", "adc [mm²/s]"]
    assert list(state.rounds) == ["adc [µm²/s]", "adc [mm²/s]"]
    assert {s.claim for s in state.studies} == {5.0}
    (flag,) = state.flags
    assert (flag.kind, flag.where) == ("several_units", "adc")
    assert flag.reason.startswith("is stated in µm²/s and mm²/s")


def test_exams_of_days_to_come_are_flagged(rounds, rng):
    state = look([rounds(rng)], now=dt.datetime(2025, 9, 1))
    kinds = {f.kind for s in state.studies for f in s.flags}
    assert "dates_out_of_order" in kinds


def test_claims_by_name_before_quantity_before_all_before_default(rounds, rng):
    readings = dataclasses.replace(rounds(rng), name="adc_mean")
    by = {key: Claim(value=i + 1.0, percent=True, source=key)
          for i, key in enumerate(("adc_mean", "adc", ""))}  # fmt: skip
    assert claim_of(readings, by).source == "adc_mean"
    del by["adc_mean"]
    assert claim_of(readings, by).source == "adc"
    del by["adc"]
    assert claim_of(readings, by).source == ""
    assert claim_of(readings, {}) is DEFAULT_CLAIMS["adc"]
    assert claim_of(dataclasses.replace(readings, quantity="snr"), {}) is None


def test_measurements_are_chosen_by_name(rounds, rng):
    readings = rounds(rng)
    assert chosen([readings], ["adc"]) == (readings,)
    assert chosen([readings], []) == (readings,)
    with pytest.raises(UsageError, match="there is no measurement 'acd'; there is adc"):
        chosen([readings], ["acd"])


def test_a_trial_that_ended_is_judged_on_its_last_day(rounds, rng):
    readings = rounds(rng)
    assert last_day([readings], NOW) == dt.datetime(2025, 10, 5)
    # what is dated ahead says nothing of which day it is
    at = np.where(readings.exam == "S07 visit 3", np.datetime64("2030-01-01", "us"), readings.at)
    assert last_day([dataclasses.replace(readings, at=at)], NOW) == dt.datetime(2025, 10, 4)
    assert last_day([readings], dt.datetime(2020, 1, 1)) == dt.datetime(2020, 1, 1)
