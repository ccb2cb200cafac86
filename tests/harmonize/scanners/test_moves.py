"""Steps of scanners, and scatter by scanner, against plain arithmetic on texts."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.harmonize.scanners.cells import cells_of
from qiqa.harmonize.scanners.differences import differences
from qiqa.harmonize.scanners.moves import split_at_moves, stated_epoch
from qiqa.harmonize.scanners.stability import cell_of, exam_scatter, unstable_scanners

FAR = dt.date(2036, 1, 1)


def stepped(readings, scanner, visit, factor):
    late = (readings.scanner == scanner) & (readings.visit >= visit)
    return dataclasses.replace(readings, value=readings.value * np.where(late, factor, 1.0))


def test_a_step_gets_a_new_epoch_and_says_between_which_days(rounds, rng):
    found, flags = split_at_moves(differences(stepped(rounds(rng, visits=12), "S04", 7, 1.06)))
    (flag,) = flags
    assert flag.is_about("S04")
    # visits 6 and 7: 1 January 2025 + 4 + 90 * 6 and 90 * 7 days
    assert "between 2026-06-29 and 2026-09-27" in flag.reason
    r = found.readings
    assert set(r.epoch[(r.scanner == "S04") & (r.visit >= 7)]) == {"moved 2026-09-27"}
    assert set(r.epoch[(r.scanner != "S04") | (r.visit < 7)]) == {""}


def test_two_steps_are_told_apart(rounds, rng):
    readings = stepped(rounds(rng, visits=18), "S02", 6, 1.06)
    _, flags = split_at_moves(differences(stepped(readings, "S02", 12, 1 / 1.06)))
    assert [("+" in f.reason, f.where) for f in flags] == [(True, "S02"), (False, "S02")]


def test_a_step_within_an_epoch_keeps_its_name(rounds, rng):
    readings = dataclasses.replace(stepped(rounds(rng, visits=12), "S04", 7, 1.06))
    readings = dataclasses.replace(readings, epoch=np.full(len(readings), "VA30"))
    found, _ = split_at_moves(differences(readings))
    (name,) = {*found.readings.epoch.tolist()} - {"VA30"}
    assert name == "VA30; moved 2026-09-27"
    assert stated_epoch(name) == "VA30"


def test_order_of_rows_does_not_matter(rounds, rng):
    readings = stepped(rounds(rng, visits=12), "S04", 7, 1.06)
    mixed = readings.take(np.random.default_rng(1).permutation(len(readings)))
    one, other = (split_at_moves(differences(r)) for r in (readings, mixed))
    assert one[1] == other[1]
    assert sorted(one[0].readings.epoch) == sorted(other[0].readings.epoch)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_values_that_never_change_do_not_step(rounds, rng, value):
    readings = rounds(rng, visits=12)
    still = dataclasses.replace(readings, value=readings.reference + value)
    assert split_at_moves(differences(still))[1] == ()


def test_scatter_from_exam_to_exam_is_the_sd_of_means_of_exams(rounds, rng):
    """With much to learn from, what is borrowed from other scanners is little."""
    found = differences(rounds(rng, scanners=6, visits=60, exam_sd=0.02))
    cells, _ = cell_of(found)
    scatter = exam_scatter(found)
    for i, (scanner, _) in enumerate(cells):
        own = found.readings.scanner == scanner
        exams = sorted({*found.readings.exam[own].tolist()})
        means = [found.value[found.readings.exam == exam].mean() for exam in exams]
        assert scatter.sd[i] == pytest.approx(np.std(means, ddof=1), rel=0.15)
        assert scatter.exams[i] == 60


def test_means_by_insert_are_those_of_exams(rounds, rng):
    """Three repeats in one exam count as that exam, not three times."""
    readings = rounds(rng, repeats=2)
    extra = np.flatnonzero((readings.scanner == "S03") & (readings.visit == 2))
    readings = readings.take(np.r_[np.arange(len(readings)), extra])
    found = differences(readings)
    cells = cells_of(found)
    place = cells.names.index(("S03", ""))
    for insert in "ABCDE":
        rows = (found.readings.scanner == "S03") & (found.readings.insert == insert)
        exams = sorted({*found.readings.exam[rows].tolist()})
        means = [found.value[rows & (found.readings.exam == e)].mean() for e in exams]
        (mean,) = cells.mean[(cells.cell == place) & (cells.insert == insert)]
        assert mean == pytest.approx(np.mean(means), rel=1e-12)


def test_four_scanners_name_none_unstable(rounds, rng):
    readings = rounds(rng, scanners=4, visits=8)
    wild = 1 + 0.2 * rng.standard_normal(len(readings)) * (readings.scanner == "S02")
    assert (
        unstable_scanners(differences(dataclasses.replace(readings, value=readings.value * wild)))
        == ()
    )
