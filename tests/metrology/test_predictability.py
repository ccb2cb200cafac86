"""Telling a label from features: what each model sees, leakage by subject, chance, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.metrology import learners
from qiqa.metrology.predictability import predictability


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(learners, "_TREES", 30)


def batches(count=3, each=40):
    return np.repeat([f"scanner {k}" for k in range(count)], each)


def look(values, labels, groups=None, models=("linear", "quadratic", "trees"), seed=0, **more):
    groups = np.array([f"s{i}" for i in range(len(labels))]) if groups is None else groups
    rng = np.random.default_rng(seed)
    found = predictability(values, labels, groups, models=models, rng=rng, **more)
    return {one.model: one for one in found}


def test_a_shift_is_seen_by_all():
    labels = batches()
    rng = np.random.default_rng(0)
    values = rng.normal(size=(120, 4))
    values[:, 1] += 2.0 * (labels == "scanner 1")
    found = look(values, labels, features=("a", "b", "c", "d"), leaks=True)
    for one in found.values():
        assert one.interval[0] > 0.6
        assert one.leaks[0].feature == "b"
        assert one.leaks[0].auc_lost > 0.1
        assert {b.batch for b in one.batches} == set(labels)
        assert max(one.batches, key=lambda b: b.auc).batch == "scanner 1"


def test_correlation_is_seen_by_the_quadratic_and_not_by_the_linear_model():
    labels = batches(2, 80)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(160, 4))
    turn = np.where(labels == "scanner 0", 1.0, -1.0)
    values[:, 1] = 0.8 * turn * values[:, 0] + 0.6 * values[:, 1]
    found = look(values, labels)
    assert found["quadratic"].auc > 0.8
    assert abs(found["linear"].auc - 0.5) < 0.12


def test_skewness_is_seen_by_trees_and_not_by_the_linear_model():
    labels = batches(2, 80)
    rng = np.random.default_rng(2)
    values = rng.exponential(size=(160, 4)) - 1.0
    values[labels == "scanner 1"] *= -1.0
    found = look(values, labels)
    assert found["trees"].auc > 0.8
    assert abs(found["linear"].auc - 0.5) < 0.15


def test_that_a_value_is_missing_tells_the_scanner():
    labels = batches(2)
    rng = np.random.default_rng(3)
    values = rng.normal(size=(80, 3))
    values[np.ix_(np.flatnonzero(labels == "scanner 0")[::2], [2])] = np.nan
    assert all(one.auc > 0.65 for one in look(values, labels).values())


def test_rows_of_one_subject_are_never_on_both_sides():
    """Features say who it is and nothing else: with rows apart trees would tell the batch."""
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(60), 3)
    labels = np.array(["a", "b"])[rng.permutation(np.arange(60) % 2)][who]
    values = rng.normal(size=(60, 5))[who] + 0.01 * rng.normal(size=(180, 5))
    together = look(values, labels, who.astype(str), models=("trees",))["trees"]
    apart = look(values, labels, models=("trees",))["trees"]
    assert apart.auc > 0.95
    assert together.auc < 0.72
    assert (together.subjects, together.rows) == (60, 180)


def test_chance_is_small_for_a_shift_and_known_early_for_none():
    labels = batches(2, 25)
    rng = np.random.default_rng(5)
    values = rng.normal(size=(50, 3))
    none = look(values, labels, models=("linear", "quadratic"), permutations=99)
    values[:, 0] += 2.0 * (labels == "scanner 1")
    shift = look(values, labels, models=("linear", "quadratic"), permutations=24)
    assert all(one.p == pytest.approx(1 / 25) for one in shift.values())
    assert all(one.p > 0.05 for one in none.values())
    assert all(one.permutations < 99 for one in none.values())
    assert math.isnan(look(values, labels, models=("linear",))["linear"].p)


def test_p_is_uniform_where_labels_mean_nothing():
    p = []
    for seed in range(30):
        values = np.random.default_rng(seed).normal(size=(40, 3))
        p.append(
            look(values, batches(2, 20), models=("quadratic",), seed=seed, permutations=19)[
                "quadratic"
            ].p
        )
    # 30 draws: the mean of uniform p has an SD of 0.053, the share of 0.2 one of 0.073
    assert 0.34 < np.mean(p) < 0.70
    assert np.mean(np.array(p) <= 0.2) < 0.42


def test_correction_of_the_training_rows_alone_is_what_is_judged():
    labels = batches(3, 20)
    values = np.random.default_rng(6).normal(size=(60, 4))

    def refit(train, test):
        middle = {k: values[train][labels[train] == k].mean(axis=0) for k in np.unique(labels)}
        return tuple(values[r] - np.array([middle[k] for k in labels[r]]) for r in (train, test))

    every = np.arange(60)
    naive = look(refit(every, every)[0], labels, models=("linear",))["linear"]
    honest = look(values, labels, models=("linear",), refit=refit)["linear"]
    assert naive.below_chance
    assert not naive.refitted
    assert honest.refitted
    assert honest.interval[1] >= 0.5


def test_permuted_tables_that_are_refused_are_no_draws():
    labels = batches(2, 15)
    values = np.random.default_rng(10).normal(size=(30, 2))
    values[:, 0] += 3.0 * (labels == "scanner 1")
    asked = []

    def null_refit(named):
        asked.append(named)
        if len(asked) % 2:
            raise UsageError("one value throughout")
        return lambda train, test: (values[train], values[test])

    one = look(values, labels, models=("linear",), permutations=20, null_refit=null_refit)
    assert len(asked) == 20
    assert one["linear"].permutations == 10
    assert one["linear"].p == pytest.approx(1 / 11)


def test_labels_with_too_few_subjects_are_left_out_and_named():
    labels = np.concatenate([batches(2, 20), np.repeat("rare", 4)])
    values = np.random.default_rng(7).normal(size=(44, 2))
    one = look(values, labels, models=("linear",))["linear"]
    assert one.left_out == ("rare",)
    assert one.rows == 40
    alone = look(values[-24:], labels[-24:], models=("linear",))["linear"]
    assert math.isnan(alone.auc)
    assert "fewer than 2 batches with 5 subjects" in alone.reason


def test_constant_and_empty_features_do_no_harm():
    labels = batches(2, 20)
    values = np.full((40, 3), 7.0)
    values[:, 1] = np.nan
    found = look(values, labels)
    assert all(one.auc == 0.5 for one in found.values())


def test_same_seed_same_numbers():
    labels = batches(2, 20)
    values = np.random.default_rng(8).normal(size=(40, 3))
    one, two = (look(values, labels, models=("trees",), permutations=1) for _ in range(2))
    assert one == two
    assert one != look(values, labels, models=("trees",), permutations=1, seed=1)


def test_refusals_name_what_is_wrong():
    labels = batches(2, 20)
    values = np.zeros((40, 1))
    with pytest.raises(UsageError, match="39 rows of features, 40 labels"):
        look(values[1:], labels)
    with pytest.raises(UsageError, match="no model 'forest'"):
        look(values, labels, models=("forest",))


def test_numbers_do_not_depend_on_threads():
    labels = batches(3, 20)
    values = np.random.default_rng(11).normal(size=(60, 3))
    one, many = (look(values, labels, permutations=19, leaks=True, threads=t) for t in (1, 5))
    assert one == many


def test_what_two_features_say_alike_is_seen_in_each_alone():
    labels = batches(2)
    rng = np.random.default_rng(12)
    values = rng.normal(size=(80, 3))
    values[:, 0] += 3.0 * (labels == "scanner 1")
    values[:, 1] = values[:, 0] + 0.01 * rng.normal(size=80)
    for one in look(values, labels, features=("a", "b", "c"), leaks=True).values():
        alone = {leak.feature: leak.auc_alone for leak in one.leaks}
        assert min(alone["a"], alone["b"]) > 0.9
        assert abs(alone["c"] - 0.5) < 0.25


def test_of_many_rows_a_part_is_drawn_and_said():
    rng = np.random.default_rng(13)
    groups = np.repeat(np.arange(600), 2)
    labels = np.where(groups % 10 == 0, "small", np.where(groups % 2, "one", "two"))
    values = rng.normal(size=(1200, 2)) + (labels == "small")[:, None]
    looked = {"models": ("linear",), "permutations": 19, "leaks": True}
    part = look(values, labels, groups.astype(str), most_rows=400, most_again=200, **looked)
    one = part["linear"]
    assert (one.rows_given, one.rows, one.rows_again) == (1200, 400, 220)
    assert one.subjects == 200  # whole ones
    # the small one keeps 20 of its subjects in both parts
    assert {b.batch: b.subjects for b in one.batches} == {"one": 100, "two": 80, "small": 20}
    assert one.p == pytest.approx(1 / 20)
    whole = look(values, labels, groups.astype(str), **looked)["linear"]
    assert (whole.rows_given, whole.rows, whole.rows_again) == (1200, 1200, 1200)
    assert abs(whole.auc - one.auc) < 0.1


def test_progress_counts_the_permuted_tables():
    told = []
    values = np.random.default_rng(14).normal(size=(40, 2))
    values[:, 0] += 3.0 * (batches(2, 20) == "scanner 1")
    look(
        values,
        batches(2, 20),
        models=("linear",),
        permutations=7,
        progress=lambda *a: told.append(a),
    )
    assert told == [(k, 7) for k in range(1, 8)]


def test_sites_of_a_public_table_are_told_as_others_found(real_data):
    """1101 scans, 68 measures, 17 sites: 0.9992 by an analysis of its own, five folds, seed 0."""
    lines = (real_data("tables/abide_mriqc_iqms") / "abide.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    values = np.array([[float(cell) for cell in row[5:]] for row in rows])
    assert values.shape == (1101, 68)
    site, subject = (np.array([row[k] for row in rows]) for k in (1, 0))
    found = look(values, site, subject, models=("linear",))["linear"]
    assert found.auc == pytest.approx(0.9992, abs=0.0015)
