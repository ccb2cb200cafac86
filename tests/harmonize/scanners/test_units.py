"""Phantom units that change on a scanner or travel: no move, no scatter, nothing counted twice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest

from qiqa.core.programme import ProgrammePolicy
from qiqa.core.trial import BiasStudy, ClaimAnswer, Readings
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.cells import cells_of
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.moves import split_at_moves
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.harmonize.scanners.programme import certificates
from qiqa.harmonize.scanners.stability import exam_scatter, unstable_scanners

TODAY = dt.date(2040, 1, 1)


def read_units(readings: Readings, unit_of, off: dict[str, float]) -> Readings:
    """Return readings of the units that `unit_of(scanner number, visit)` names, each off so far."""
    number = np.char.replace(readings.scanner, "S", "").astype(int)
    unit = np.array(
        [unit_of(s, int(v)) for s, v in zip(number, readings.visit, strict=True)], dtype=np.str_
    )
    shift = np.array([off.get(u, 0.0) for u in unit.tolist()])
    return dataclasses.replace(readings, phantom_unit=unit, value=readings.value * (1 + shift))


def changed_on_one(s: int, v: int) -> str:
    return "B" if s == 3 and v >= 6 else "A"


def flags_of(readings: Readings) -> list[tuple[str, str]]:
    return [(f.kind, f.where) for f in split_at_moves(differences(readings))[1]]


def test_a_unit_that_changed_is_neither_a_move_nor_silent(rounds):
    for seed in range(5):
        readings = rounds(np.random.default_rng(seed), visits=12)
        changed = read_units(readings, changed_on_one, {"B": 0.03})
        assert flags_of(changed) == [("moved_or_unit", "S03")]
        # what certificates allow needs no word
        u = np.full(len(readings), 0.02) * readings.reference
        stated = dataclasses.replace(changed, reference_standard_uncertainty=u)
        assert flags_of(stated) == []


def test_other_scanners_tell_a_unit_from_a_move(rounds):
    """They read both units, two exams each in turn."""

    def both(s: int, v: int) -> str:
        return changed_on_one(s, v) if s == 3 else "AB"[v // 2 % 2]

    for seed in range(5):
        readings = rounds(np.random.default_rng(seed), visits=12)
        assert flags_of(read_units(readings, both, {"B": 0.05})) == []
        late = (readings.scanner == "S03") & (readings.visit >= 6)
        moved = dataclasses.replace(readings, value=readings.value * np.where(late, 1.05, 1.0))
        assert flags_of(read_units(moved, both, {"B": 0.05})) == [("moved", "S03")]
        # a move that the unit hides
        hidden = dataclasses.replace(readings, value=readings.value * np.where(late, 0.95, 1.0))
        assert flags_of(read_units(hidden, both, {"B": 0.05})) == [("moved", "S03")]


def test_a_unit_that_comes_back_tells_the_two_apart(rounds):
    """Units in turn on one scanner: a step is what is left after their means."""

    def in_turn(s: int, v: int) -> str:
        return "AB"[v % 2] if s == 3 else "A"

    for seed in range(5):
        readings = rounds(np.random.default_rng(seed), visits=14)
        assert flags_of(read_units(readings, in_turn, {"B": 0.04})) == []
        late = (readings.scanner == "S03") & (readings.visit >= 7)
        moved = dataclasses.replace(readings, value=readings.value * np.where(late, 1.04, 1.0))
        assert flags_of(read_units(moved, in_turn, {"B": 0.04})) == [("moved", "S03")]


def test_nothing_moves_where_units_travel(rounds):
    named = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        readings = rounds(rng, visits=12, exam_sd=0.01)
        off = {f"U{k}": 0.01 * rng.standard_normal() for k in range(8)}
        named += bool(flags_of(read_units(readings, lambda s, v: f"U{(s + v // 3) % 8}", off)))
    assert named <= 3  # 5 % of trials; more than 3 of 20 would be rarer than 2 %


def test_a_changed_unit_is_no_scatter_of_the_scanner(rounds, rng):
    readings = read_units(rounds(rng, visits=8, exam_sd=0.01), changed_on_one, {"B": 0.10})
    found = differences(readings)
    assert unstable_scanners(found) == ()
    scatter = exam_scatter(found)
    assert scatter.own.tolist() == [7.0, 7.0, 7.0, 6.0, 7.0, 7.0, 7.0, 7.0]
    assert scatter.sd == pytest.approx(1.1, rel=0.4)  # day 1 % and noise of 1 % over 5 inserts


def test_a_changed_unit_is_no_scatter_on_a_certificate(rounds, rng):
    readings = read_units(rounds(rng, visits=12), changed_on_one, {"B": 0.02})
    prepared = prepare(readings, today=TODAY)
    policy = ProgrammePolicy(months=60)
    found = certificates(study_bias(prepared, 5.0), prepared.found, policy, dt.date(2028, 1, 1))
    # noise of 1 % and days of 0.3 %; with what the units differ by it would be 1.5 %
    assert [one.wcv for one in found if one.scanner == "S03"] == [pytest.approx(1.04, rel=0.2)]


def test_scanners_that_read_each_unit_once_share_what_sums_leave(rounds):
    """8 scanners, 4 visits, 4 units in turn: 32 exams less 8 scanners less 3 differences."""
    sds = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        off = {f"U{k}": 0.03 * rng.standard_normal() for k in range(4)}
        readings = rounds(rng, visits=4, exam_sd=0.01, noise=0.001)
        found = exam_scatter(differences(read_units(readings, lambda s, v: f"U{(s + v) % 4}", off)))
        assert found.own.sum() == pytest.approx(21.0)
        sds.append(found.sd.mean())
    assert np.mean(sds) == pytest.approx(1.0, rel=0.15)


def test_one_exam_neither_gives_nor_takes_freedom(rounds, rng):
    """Six scanners with five exams of five inserts have 6 * 4 * 4, however many have one exam."""
    readings = rounds(rng, scanners=20, visits=5)
    number = np.char.replace(readings.scanner, "S", "").astype(int)
    some = readings.take((number < 6) | (readings.visit == 0))
    cells = cells_of(differences(some))
    assert cells.noise_df == 96.0
    few = cells_of(differences(some.take(np.char.replace(some.scanner, "S", "").astype(int) < 6)))
    own = [i for i, (scanner, _) in enumerate(cells.names) if scanner < "S06"]
    rows = np.isin(cells.cell, own)
    assert cells.noise_variance[rows] == pytest.approx(few.noise_variance, rel=1e-9)


def study(readings: Readings) -> BiasStudy:
    return study_bias(prepare(readings, today=TODAY, keep_flagged=True), 3.0)


def in_turn(s: int, v: int) -> str:
    """12 units, each scanner reads the next one at each visit."""
    return f"U{(s + v) % 12}"


def trial_of_units(rounds, seed: int, *, unit_sd: float, u: float, scanner_sd: float = 0.0):
    """Return 12 scanners that read 4 of 12 units each, and what is true of each scanner [%].

    `scanner_sd` is of what all units on a scanner share, such as its thermometer.
    """
    rng = np.random.default_rng([seed, 7])
    off = {f"U{k}": unit_sd * rng.standard_normal() for k in range(12)}
    readings = rounds(rng, scanners=12, exam_sd=0.004, interaction_sd=0.005)
    readings = read_units(readings, in_turn, off)
    number = np.char.replace(readings.scanner, "S", "").astype(int)
    shift = scanner_sd * rng.standard_normal(12)[number]
    return dataclasses.replace(
        readings,
        value=readings.value * (1 + shift),
        reference_standard_uncertainty=u * readings.reference,
    )


def coverage(rounds, trials: int, **how: float) -> tuple[float, float, float]:
    """Return the share of 95 % intervals that hold 0, mean standard uncertainty, RMS error [%]."""
    held, u, off = [], [], []
    for seed in range(trials):
        for one in study(trial_of_units(rounds, seed, **how)).scanners:
            held += [low <= 0.0 <= high for low, high in (one.bias_interval, *one.ends_intervals)]
            u.append(one.standard_uncertainty)
            off.append(one.bias)
    return float(np.mean(held)), float(np.mean(u)), float(np.sqrt(np.mean(np.square(off))))


def test_what_a_unit_states_of_itself_is_not_added_to_what_it_shows(rounds):
    """12 units of 1.2 %, as stated; the error of a mean of four is half of that, less correlation.

    The careful side: how much of what is stated is common is not known.
    """
    held, u, off = coverage(rounds, 8, unit_sd=0.012, u=0.012)
    assert held > 0.9
    assert u < 1.7 * off  # 2.6 times where both were added


def test_what_units_on_a_scanner_share_is_not_averaged_away(rounds):
    """Of 1.2 % half of the variance is the thermometer's."""
    how = {"unit_sd": 0.0085, "u": 0.012, "scanner_sd": 0.0085}
    held, u, off = coverage(rounds, 8, **how)
    assert 0.88 < held < 0.99
    assert u == pytest.approx(off, rel=0.2)


def test_units_that_state_nothing_are_known_by_circulation(rounds):
    held, u, off = coverage(rounds, 8, unit_sd=0.012, u=math.nan)
    assert 0.86 < held < 0.99  # of few trials, whose units all scanners share
    assert u == pytest.approx(off, rel=0.2)


def test_one_batch_whose_units_agree_keeps_its_uncertainty(rounds):
    """Units do not differ: all that is stated is common to them, and stays."""
    _, u, _ = coverage(rounds, 3, unit_sd=0.0, u=0.02)
    assert u == pytest.approx(2.0, rel=0.1)


def test_covariance_of_ends_is_that_of_the_intervals(rounds):
    found = study(trial_of_units(rounds, 1, unit_sd=0.01, u=0.01))
    k = len(found.scanners)
    assert found.ends_covariance.shape == (2 * k, 2 * k)
    assert np.linalg.eigvalsh(found.ends_covariance)[0] > -1e-9
    for i, one in enumerate(found.scanners):
        # the smallest t is that of no estimated variance
        for end in (0, 1):
            low, high = one.ends_intervals[end]
            u = math.sqrt(found.ends_covariance[i + end * k, i + end * k])
            assert 1.95 * u < (high - low) / 2 < 4.0 * u


def test_insert_errors_that_all_share_hide_no_vendor(rounds):
    """Vendors 1.5 % apart, inserts of the batch off by 3 %; and none named where none differ."""
    shown = dict.fromkeys((0.0, 0.015), 0)
    for seed in range(7):
        for apart in shown:
            rng = np.random.default_rng([seed, 3])
            readings = rounds(
                rng, scanners=12, vendor_bias=(0.0, apart, 0.0), scanner_sd=0.004, exam_sd=0.003
            )
            insert = np.unique(readings.insert, return_inverse=True)[1]
            factor = 1 + 0.03 * rng.standard_normal(5)[insert]
            found = study(dataclasses.replace(readings, value=readings.value * factor))
            shown[apart] += bool(found.vendor.shown)
    assert shown[0.015] >= 6
    assert shown[0.0] <= 2  # 5 %; more than 2 of 7 would be rarer than 1 in 250


def of_vendor(s: int, v: int) -> str:
    """One unit at all visits of a vendor's scanners."""
    return f"U{s // 4}" if v >= 0 else ""


def test_a_unit_for_each_vendor_is_no_vendor(rounds):
    """Three units that are off by 2 %, as stated; each is read at the sites of one vendor only."""
    shown = 0
    for seed in range(8):
        rng = np.random.default_rng([seed, 4])
        off = {f"U{k}": 0.02 * rng.standard_normal() for k in range(3)}
        readings = rounds(rng, scanners=12, scanner_sd=0.004, exam_sd=0.003)
        readings = read_units(readings, of_vendor, off)
        u = 0.02 * readings.reference
        found = study(dataclasses.replace(readings, reference_standard_uncertainty=u))
        shown += bool(found.vendor.shown)
    assert shown <= 2


def test_a_scanner_that_moved_or_whose_unit_differs_is_not_in_claim(rounds):
    readings = rounds(np.random.default_rng(1), visits=12, noise=0.003)
    changed = read_units(readings, changed_on_one, {"B": 0.025})
    found = study_bias(prepare(changed, today=TODAY), 5.0)
    (one,) = [s for s in found.scanners if s.scanner == "S03"]
    assert one.claim is ClaimAnswer.NOT_ENOUGH_DATA
    assert "moved or its phantom units differ" in one.reason
    assert {s.claim for s in found.scanners if s.scanner != "S03"} == {ClaimAnswer.IN}


def test_what_a_better_unit_does_not_have_is_the_others_own(rounds):
    """Own units known to 3 %, one that travels to 0.5 %: not more than that can be common.

    Units do not differ, so nothing is seen, and what own units state beyond it counts by share.
    """
    rng = np.random.default_rng(4)
    readings = rounds(rng, scanners=6, exam_sd=0.003)
    readings = read_units(readings, lambda s, v: f"U{s}" if v < 3 else "T", {})
    u = np.where(readings.phantom_unit == "T", 0.005, 0.03) * readings.reference
    found = study(dataclasses.replace(readings, reference_standard_uncertainty=u))
    for one in found.scanners:
        assert 0.5 < one.reference_u < 3.0
    assert "day" not in {c.name for c in found.components}
    alone = dataclasses.replace(readings, reference_standard_uncertainty=0.03 * readings.reference)
    for one in study(alone).scanners:
        assert one.reference_u == pytest.approx(3.0, rel=0.05)
