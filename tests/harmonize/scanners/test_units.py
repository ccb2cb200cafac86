"""Phantom units that change on a scanner or travel: no move, no scatter, nothing counted twice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.trial import Readings
from qiqa.harmonize.scanners.cells import cells_of
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.moves import split_at_moves
from qiqa.harmonize.scanners.stability import exam_scatter, unstable_scanners


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
    for seed in range(30):
        rng = np.random.default_rng(seed)
        readings = rounds(rng, visits=12, exam_sd=0.01)
        off = {f"U{k}": 0.01 * rng.standard_normal() for k in range(8)}
        named += bool(flags_of(read_units(readings, lambda s, v: f"U{(s + v // 3) % 8}", off)))
    assert named <= 4  # 5 % of trials; more than 4 of 30 would be rarer than 2 %


def test_a_changed_unit_is_no_scatter_of_the_scanner(rounds, rng):
    readings = read_units(rounds(rng, visits=8, exam_sd=0.01), changed_on_one, {"B": 0.10})
    found = differences(readings)
    assert unstable_scanners(found) == ()
    scatter = exam_scatter(found)
    assert scatter.own.tolist() == [7.0, 7.0, 7.0, 6.0, 7.0, 7.0, 7.0, 7.0]
    assert scatter.sd == pytest.approx(1.1, rel=0.4)  # day 1 % and noise of 1 % over 5 inserts


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
