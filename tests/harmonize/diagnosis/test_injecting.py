"""Known effects and placebos: harmonizations whose share is known in advance."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.harmonize.diagnosis.injecting import halved, injected_effect, placebo, scatter_within


def rng():
    return np.random.default_rng(0)


def scaled(factor):
    return lambda table: dataclasses.replace(table, values=table.values * factor)


def centered(table):
    values = table.values.copy()
    for name in np.unique(table.batch):
        rows = table.batch == name
        values[rows] -= values[rows].mean(axis=0)
    return dataclasses.replace(table, values=values)


def test_doing_nothing_lets_all_of_it_through(made):
    found = injected_effect(made.table(shift=2.0), lambda t: t, rng())
    assert found.share == pytest.approx(1.0)
    assert found.share_interval == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.share_of_scatter == pytest.approx(1.0)
    assert found.batch_range == (pytest.approx(1.0), pytest.approx(1.0))


def test_half_the_scale_is_half_the_effect_and_all_of_it_over_scatter(made):
    found = injected_effect(made.table(), scaled(0.5), rng())
    assert found.share == pytest.approx(0.5)
    assert found.share_of_scatter == pytest.approx(1.0)


def test_taking_out_means_of_batches_takes_nothing_of_what_lies_within_them(made):
    found = injected_effect(made.table(shift=3.0), centered, rng())
    assert found.share == pytest.approx(1.0)


def test_zeros_let_nothing_through(made):
    found = injected_effect(made.table(), scaled(0.0), rng())
    assert found.share == found.share_of_scatter == 0.0


def test_a_batch_with_twice_the_scatter_gets_half_of_the_effect(made):
    table = made.table(batches=2, each=400)
    values = table.values * np.where(table.batch == "site B", 2.0, 1.0)[:, None]
    table = dataclasses.replace(table, values=values)
    found = injected_effect(table, lambda t: made.mean_and_sd(t, t), rng())
    # SD within batches pooled is sqrt(2.5); after it is 1: sqrt(2.5) times 1 and 1/2
    root = math.sqrt(2.5)
    assert found.batch_range[1] / found.batch_range[0] == pytest.approx(2.0, rel=0.1)
    # the share is in the units before, over a scatter that is now 1
    assert found.share_of_scatter == pytest.approx(0.75 * root, rel=0.1)


def test_halves_are_of_subjects_and_within_each_batch(made):
    table = made.table(each=20)
    subject = np.repeat([f"p{i}" for i in range(40)], 2)
    table = dataclasses.replace(table, subject=subject)
    half = halved(table, rng())
    assert (half[::2] == half[1::2]).all()
    for name in np.unique(table.batch):
        assert half[table.batch == name].sum() == 10


def test_scatter_within_batches_knows_nothing_of_their_levels(made):
    table = made.table(each=500, shift=50.0)
    assert scatter_within(table) == pytest.approx(np.ones(6), rel=0.06)
    holes = table.values.copy()
    holes[:100, 0] = np.nan
    holes[:, 1] = np.nan
    found = scatter_within(dataclasses.replace(table, values=holes))
    assert found[0] == pytest.approx(1.0, rel=0.06)
    assert math.isnan(found[1])


def test_where_no_batch_has_two_subjects_nothing_can_be_added(made):
    found = injected_effect(made.table(each=1), lambda t: t, rng())
    assert math.isnan(found.share)
    assert "no batch" in found.reason


def test_placebo_of_mean_and_sd_is_what_chance_moves(made):
    table = made.table(batches=2, each=200, shift=2.0)
    after = made.mean_and_sd(table, table)
    found = placebo(table, after, lambda t: made.mean_and_sd(t, t), rng())
    assert found.by_chance_sd == pytest.approx(0.1)
    assert 0.03 < found.correction_sd < 0.2
    assert found.real_correction_sd > 5.0 * found.correction_sd


def test_placebo_shows_a_correction_that_moves_what_needs_no_moving(made):
    table = made.table(batches=2, each=60)

    def apart(t):
        side = np.where(t.batch == np.unique(t.batch)[0], 0.5, -0.5)
        return dataclasses.replace(t, values=t.values + side[:, None])

    found = placebo(table, table, apart, rng())
    assert found.correction_sd == pytest.approx(0.5, rel=0.1)
    assert found.correction_sd > 2.0 * found.by_chance_sd


def test_another_unit_for_all_is_no_correction(made):
    table = made.table(batches=2, each=60)
    found = placebo(table, table, lambda t: dataclasses.replace(t, values=t.values * 3 + 7), rng())
    assert found.correction_sd == pytest.approx(0.0, abs=1e-9)


def test_placebo_says_why_it_has_no_number(made):
    def refuses(_):
        raise UsageError("batches too small")

    small = made.table(each=12)
    assert "12 subjects" in placebo(small, small, lambda t: t, rng()).reason
    table = made.table(each=40)
    found = placebo(table, table, refuses, rng())
    assert "batches too small" in found.reason
    assert math.isnan(found.correction_sd)
