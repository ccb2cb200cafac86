"""Bias of scanners: found as sure as is said; three answers; what cannot be told apart."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable
from qiqa.core.trial import BiasStudy, ClaimAnswer, Readings
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.moves import split_at_moves
from qiqa.harmonize.scanners.preparing import prepare

TODAY = dt.date(2036, 1, 1)


def study(readings: Readings, claim: float | None = 3.0, **more) -> BiasStudy:
    return study_bias(prepare(readings, today=TODAY, **more), claim)


def of(found: BiasStudy, scanner: str):
    (one,) = [s for s in found.scanners if s.scanner == scanner and s.current]
    return one


def kinds(found: BiasStudy) -> set[str]:
    return {flag.kind for flag in found.flags}


def test_biases_are_found_and_answered(rounds, rng):
    found = study(rounds(rng, bias={1: 0.08, 2: -0.03}))
    assert of(found, "S01").bias == pytest.approx(8.0, abs=1.2)
    assert of(found, "S01").claim is ClaimAnswer.OUT
    assert of(found, "S02").claim is ClaimAnswer.NOT_ENOUGH_DATA  # it lies on the limit
    assert of(found, "S05").claim is ClaimAnswer.IN
    assert found.unit == "%"


def test_intervals_cover(rounds):
    inside = total = 0
    for seed in range(40):
        found = study(rounds(np.random.default_rng(seed), interaction_sd=0.01, exam_sd=0.01))
        for one in found.scanners:
            for low, high in (one.bias_interval, *one.ends_intervals):
                inside += low <= 0.0 <= high
                total += 1
    assert inside / total == pytest.approx(0.95, abs=0.025)


def test_nobody_is_accused_because_there_are_many(rounds):
    """On the limit is the worst place to be while still within it."""
    accused = 0
    for seed in range(40):
        bias = dict.fromkeys(range(12), 0.03)
        found = study(rounds(np.random.default_rng(seed), scanners=12, bias=bias))
        accused += any(s.claim is ClaimAnswer.OUT for s in found.scanners)
    assert accused <= 5  # 5 % of trials; six or more of 40 would be rarer than 2 %


def test_a_wrong_in_is_rare(rounds):
    wrong = total = 0
    for seed in range(40):
        bias = dict.fromkeys(range(8), 0.03)
        found = study(rounds(np.random.default_rng(seed), bias=bias))
        wrong += sum(s.claim is ClaimAnswer.IN for s in found.scanners)
        total += len(found.scanners)
    assert wrong / total < 0.06


def test_a_bias_at_one_end_only_is_out(rounds, rng):
    readings = rounds(rng, noise=0.003, exam_sd=0.001)
    tilt = 1 + 0.08 * (readings.reference - 1.2)  # about 0 in the middle
    value = np.where(readings.scanner == "S02", readings.value * tilt, readings.value)
    one = of(study(dataclasses.replace(readings, value=value)), "S02")
    assert abs(one.bias) < 2.0
    assert one.claim is ClaimAnswer.OUT
    assert "reference" in one.reason


def test_without_a_claim_there_is_no_answer(rounds, rng):
    found = study(rounds(rng), claim=None)
    assert {s.claim for s in found.scanners} == {None}
    assert all(math.isnan(s.p_in) for s in found.scanners)


def test_one_exam_each_has_no_interval(rounds, rng):
    found = study(rounds(rng, visits=1))
    assert all(math.isnan(s.bias_interval[0]) for s in found.scanners)
    assert {s.claim for s in found.scanners} == {ClaimAnswer.NOT_ENOUGH_DATA}
    assert "scanned twice" in found.scanners[0].reason


def test_uncertainty_of_references_is_not_averaged_away(rounds, rng):
    sure = of(study(rounds(rng, reference_u=0.0)), "S03")
    unsure = of(study(rounds(np.random.default_rng(20261128), reference_u=0.02)), "S03")
    assert unsure.standard_uncertainty == pytest.approx(
        math.hypot(sure.standard_uncertainty, 2.0), rel=0.02
    )


def test_exams_with_wrong_labels_are_left_out_unless_kept(rounds, rng):
    readings = rounds(rng)
    value = readings.value.copy()
    value[readings.exam == "S03 visit 1"] *= 1000
    readings = dataclasses.replace(readings, value=value)
    found = study(readings)
    assert "wrong_unit" in kinds(found)
    assert found.left_out == 5
    assert abs(of(found, "S03").bias) < 2.0
    assert abs(of(study(readings, keep_flagged=True), "S03").bias) > 1000.0


def test_a_new_epoch_is_judged_by_itself(rounds, rng):
    readings = rounds(rng, visits=8)
    late = (readings.scanner == "S04") & (readings.visit >= 4)
    readings = dataclasses.replace(
        readings,
        epoch=np.where(late, "VB", "VA"),
        value=np.where(late, readings.value * 1.08, readings.value),
    )
    found = study(readings)
    both = [s for s in found.scanners if s.scanner == "S04"]
    assert [(s.epoch, s.claim, s.current) for s in both] == [
        ("VA", ClaimAnswer.IN, False),
        ("VB", ClaimAnswer.OUT, True),
    ]


def test_a_scanner_that_moved_is_judged_by_the_exams_since(rounds, rng):
    readings = rounds(rng, visits=12)
    late = (readings.scanner == "S04") & (readings.visit >= 7)
    found = study(dataclasses.replace(readings, value=readings.value * np.where(late, 1.06, 1.0)))
    (flag,) = [f for f in found.flags if f.kind == "moved"]
    assert flag.where == "S04"
    assert of(found, "S04").bias == pytest.approx(6.0, abs=1.0)
    assert of(found, "S04").exams == 5


def test_nothing_moves_in_steady_trials(rounds):
    flags = [kinds(study(rounds(np.random.default_rng(s), visits=10))) for s in range(25)]
    assert sum("moved" in f or "unstable" in f for f in flags) <= 3


def test_an_unstable_scanner_is_named(rounds, rng):
    readings = rounds(rng, visits=5)
    wild = 1 + 0.05 * rng.standard_normal(len(readings)) * (readings.scanner == "S06")
    found = study(dataclasses.replace(readings, value=readings.value * wild))
    (flag,) = (f for f in found.flags if f.kind == "unstable")
    assert flag.where == "S06"
    assert re.search(r" at insert [A-E], other scanners by ", flag.reason)


def test_own_phantoms_are_confounded_and_the_exchange_is_named(rounds, rng):
    found = study(rounds(rng, own_units=True, scanners=4))
    assert len(found.groups) == 4
    assert len(found.exchanges) == 3
    assert "units_confounded" in kinds(found)


def test_a_unit_that_travels_is_told_from_the_scanners(rounds):
    """One unit reads 5 % high wherever it is: its scanners are not to blame."""
    readings = rounds(np.random.default_rng(4), scanners=6, visits=4, noise=0.002)
    turn = (readings.visit + np.char.lstrip(readings.scanner, "S").astype(int)) % 3
    unit = np.char.add("U", turn.astype(int).astype(str))
    factor = np.where(unit == "U1", 1.05, 1.0)
    found = study(dataclasses.replace(readings, phantom_unit=unit, value=readings.value * factor))
    assert len(found.groups) == 1
    (units,) = [c for c in found.components if c.name == "phantom unit"]
    assert units.sd > 1.5
    assert not [f for f in found.flags if f.kind == "units_confounded"]


def test_vendors_differ_only_where_shown(rounds):
    shown = [
        study(rounds(np.random.default_rng(s), scanners=12, scanner_sd=0.01)).vendor.shown
        for s in range(40)
    ]
    assert sum(map(bool, shown)) <= 6
    differ = rounds(np.random.default_rng(1), scanners=12, vendor_bias=(0.0, 0.04, 0.0))
    assert study(differ).vendor.shown is True


def test_vendors_cannot_be_tested_with_one(rounds, rng):
    effect = study(rounds(rng, scanners=4)).vendor
    assert effect.shown is None
    assert "from each of two vendors" in effect.reason


def test_components_are_what_was_put_in(rounds):
    readings = rounds(
        np.random.default_rng(2),
        scanners=40,
        visits=6,
        scanner_sd=0.03,
        interaction_sd=0.02,
        exam_sd=0.02,
        noise=0.01,
    )
    found = {c.name: c.sd for c in study(readings).components}
    assert found["scanner"] == pytest.approx(3.0, rel=0.3)
    assert found["scanner by insert"] == pytest.approx(2.0, rel=0.15)
    assert found["exam, all inserts together"] == pytest.approx(2.0, rel=0.15)
    assert found["exam by insert"] == pytest.approx(1.0, rel=0.1)


def test_consensus_says_that_it_is_one(rounds, rng):
    found = study(rounds(rng, stated=False, bias={1: 0.08}))
    assert found.basis == "consensus"
    assert "consensus" in kinds(found)
    assert of(found, "S01").bias == pytest.approx(8.0, abs=1.5)


def test_four_scanners_make_no_consensus(rounds, rng):
    with pytest.raises(NotMeasurable, match="too few for a consensus"):
        study(rounds(rng, stated=False, scanners=4))


def test_nothing_was_measured(rounds, rng):
    readings = rounds(rng)
    with pytest.raises(NotMeasurable, match="no reading has a value"):
        study(dataclasses.replace(readings, value=np.full(len(readings), np.nan)))


def test_near_zero_references_are_left_out_of_percentages(rounds, rng):
    references = {"Z": 0.01, "A": 0.4, "B": 0.8, "C": 1.1, "D": 2.0}
    found = study(rounds(rng, references=references), percent=True)
    assert "reference_near_zero" in kinds(found)
    assert found.range == (0.4, 2.0)


def test_one_insert_has_a_level_and_no_slope(rounds, rng):
    found = study(rounds(rng, references={"": 34.0}, bias={2: 0.05}), claim=3.0)
    one = of(found, "S02")
    assert one.bias == pytest.approx(5.0, abs=1.5)
    assert one.ends == (one.bias, one.bias)


def test_order_of_rows_does_not_matter(rounds, rng):
    readings = rounds(rng, bias={1: 0.08})
    mixed = readings.take(np.random.default_rng(1).permutation(len(readings)))
    one, other = study(readings), study(mixed)
    assert [s.scanner for s in one.scanners] == [s.scanner for s in other.scanners]
    assert [s.bias for s in one.scanners] == pytest.approx([s.bias for s in other.scanners])


def test_an_exam_with_a_wrong_date_counts_for_no_date(rounds, rng):
    readings = rounds(rng, visits=4)
    own = readings.scanner == "S02"
    at = readings.at.copy()
    at[own & (readings.visit == 2)] -= np.timedelta64(3650, "D")
    found = study(dataclasses.replace(readings, at=at))
    assert "dates_out_of_order" in kinds(found)
    right = of(study(readings), "S02")
    assert of(found, "S02").first == right.first
    assert of(found, "S02").exams == right.exams == 4


def test_a_step_does_not_hide_itself_among_few_exams(rounds):
    named = []
    for seed in range(20):
        readings = rounds(np.random.default_rng(seed), visits=10, exam_sd=0.01)
        later = (readings.scanner == "S03") & (readings.visit >= 5)
        value = np.where(later, 0.94 * readings.value, readings.value)
        found = differences(dataclasses.replace(readings, value=value))
        named += [flag.where for flag in split_at_moves(found)[1]]
    assert set(named) == {"S03"}
    assert len(named) >= 10


def test_a_crooked_scanner_among_many_good_ones_is_not_in_claim(rounds, rng):
    readings = rounds(rng, scanners=20, noise=0.003, exam_sd=0.001)
    crooked = dict(zip("ABCDE", (-0.05, 0.06, -0.02, 0.06, -0.05), strict=True))
    share = np.array([crooked[i] for i in readings.insert]) * (readings.scanner == "S00")
    found = study(dataclasses.replace(readings, value=readings.value * (1 + share)), claim=3.6)
    assert {f.where for f in found.flags if f.kind == "inserts_disagree"} == {"S00"}
    assert of(found, "S00").claim is ClaimAnswer.NOT_ENOUGH_DATA
    assert "disagree" in of(found, "S00").reason


def test_inserts_of_steady_scanners_do_not_disagree(rounds):
    named = sum(
        "inserts_disagree" in kinds(study(rounds(np.random.default_rng(s), interaction_sd=0.01)))
        for s in range(40)
    )
    assert named <= 2


def test_two_inserts_of_one_scanner_take_the_slope_of_no_other(rounds, rng):
    readings = rounds(rng, noise=0.003, exam_sd=0.001)
    tilt = 1 + np.where(readings.scanner == "S01", 0.06 - 0.05 * readings.reference, 0.0)
    few = (readings.scanner == "S07") & ~np.isin(readings.insert, ["C", "D"])
    found = study(dataclasses.replace(readings, value=readings.value * tilt).take(~few))
    assert of(found, "S01").ends[0] != of(found, "S01").ends[1]
    assert of(found, "S07").claim is ClaimAnswer.NOT_ENOUGH_DATA
    assert "fewer than three inserts" in of(found, "S07").reason


def test_the_unit_of_the_readings_changes_no_answer(rounds, rng):
    readings = rounds(rng, bias={1: 0.08, 2: 0.02})
    small = dataclasses.replace(
        readings, value=readings.value * 1e-9, reference=readings.reference * 1e-9
    )
    one, other = study(readings), study(small)
    assert [s.claim for s in one.scanners] == [s.claim for s in other.scanners]
    assert [s.ends[0] for s in one.scanners] == pytest.approx([s.ends[0] for s in other.scanners])


def test_uncertainty_of_references_is_that_of_the_place(rounds, rng):
    """Each known to 0.02 units: 5 % of the lowest, 1 % of the highest."""
    readings = rounds(rng, noise=0.001, exam_sd=0.001)
    u = np.full(len(readings), 0.02)
    one = of(study(dataclasses.replace(readings, reference_standard_uncertainty=u)), "S03")
    half = [(high - low) / 2 / 1.96 for low, high in one.ends_intervals]
    assert half[0] == pytest.approx(5.0, rel=0.1)
    assert half[1] == pytest.approx(1.0, rel=0.1)


def test_scanners_that_state_no_phantom_unit_have_none_in_common(rounds, rng):
    readings = rounds(rng, scanners=5, own_units=True)
    silent = np.isin(readings.scanner, ["S00", "S01"])
    unit = np.where(silent, "", readings.phantom_unit)
    found = study(dataclasses.replace(readings, phantom_unit=unit))
    assert len(found.groups) == 5
    assert "phantom_units_unknown" in kinds(found)
    assert all(e.phantom_unit.startswith("U") for e in found.exchanges)


def test_references_of_some_scanners_without_uncertainty_are_flagged(rounds, rng):
    readings = rounds(rng, reference_u=0.01)
    u = np.where(readings.scanner == "S04", np.nan, readings.reference_standard_uncertainty)
    found = study(dataclasses.replace(readings, reference_standard_uncertainty=u))
    (flag,) = [f for f in found.flags if f.kind == "reference_uncertainty_missing"]
    assert flag.where == "S04"


def test_a_scanner_has_one_present_epoch(rounds, rng):
    readings = rounds(rng, visits=4)
    both = (readings.scanner == "S04") & (readings.insert == "A")
    found = study(dataclasses.replace(readings, epoch=np.where(both, "VB", "VA")))
    assert sum(s.current for s in found.scanners if s.scanner == "S04") == 1
