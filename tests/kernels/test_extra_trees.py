"""Votes of extremely randomized trees, beside scikit-learn's and where they can be reasoned out."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.kernels.extra_trees import forest_votes


def votes(train, labels, held, *, count=None, trees=200, seed=0, tries=None, leaf=3):
    order = np.argsort(labels, kind="stable")
    seeds = np.random.default_rng(seed).integers(2**63, size=trees).astype(np.uint64)
    return forest_votes(
        np.ascontiguousarray(train[order].T, dtype=np.float32),
        labels[order].astype(np.uint32),
        np.ascontiguousarray(held.T, dtype=np.float32),
        int(labels.max()) + 1 if count is None else count,
        seeds,
        tries or max(int(train.shape[1] ** 0.5), 1),
        leaf,
    )


def table(n, labels, features, seed):
    rng = np.random.default_rng(seed)
    label = np.arange(n) % labels
    spread = np.exp(0.3 * rng.normal(size=(labels, features)))[label]
    shift = 0.4 * rng.normal(size=(labels, features))[label]
    return rng.standard_t(4, size=(n, features)) * spread + shift, label


def test_forests_differ_from_those_of_scikit_learn_as_two_of_theirs_do():
    ensemble = pytest.importorskip("sklearn.ensemble")
    values, label = table(250, 4, 7, 1)
    values[:, 6] = np.where(values[:, 6] > 0.5, values[:, 6], 0.0)  # does not vary in many nodes
    train, test = values[50:].astype(np.float32), values[:50].astype(np.float32)

    def theirs(seed):
        made = ensemble.ExtraTreesClassifier(600, min_samples_leaf=3, random_state=seed)
        return made.fit(train, label[50:]).predict_proba(test)

    ours = votes(train, label[50:], test, trees=600)
    one, two = theirs(1), theirs(2)
    between = np.sqrt(((one - two) ** 2).mean())
    across = np.sqrt(((ours - (one + two) / 2.0) ** 2).mean())
    # One forest against the mean of two others: sqrt(3)/2 of what is between two.
    assert across == pytest.approx(0.75**0.5 * between, rel=0.2)
    assert 0.0 < between < 0.02


def test_far_apart_labels_are_told_with_certainty():
    train = np.concatenate([np.linspace(0, 1, 20), np.linspace(1000, 1001, 20)])[:, None]
    found = votes(train, np.repeat([0, 1], 20), np.array([[0.5], [1000.5], [-9.0], [2000.0]]))
    # A cut falls between the labels with a probability of 0.998.
    assert np.allclose(found, [[1, 0], [0, 1], [1, 0], [0, 1]], atol=0.02)


def test_shares_are_those_of_all_rows_where_nothing_can_be_cut():
    labels = np.array([0, 0, 0, 1, 2, 2])
    still = votes(np.ones((6, 2)), labels, np.zeros((2, 2)))
    assert still == pytest.approx(np.tile([3 / 6, 1 / 6, 2 / 6], (2, 1)))
    few = votes(np.arange(5.0)[:, None], labels[:5], np.zeros((1, 1)))  # no two leaves of three
    assert few == pytest.approx(np.array([[3 / 5, 1 / 5, 1 / 5]]))


def test_one_cut_of_two_leaves_of_three():
    """Six rows, cuts uniform between 0 and 5: only from 2 to 3 do both sides hold three."""
    found = votes(np.arange(6.0)[:, None], np.repeat([0, 1], 3), np.zeros((1, 1)), trees=20_000)
    # one try: with a probability of 1/5 the row is with its like, else nothing is cut
    assert found[0, 0] == pytest.approx(0.2 * 1.0 + 0.8 * 0.5, abs=4 * 0.2 / 20_000**0.5)


def test_trees_do_not_depend_on_which_rows_are_asked_or_in_what_order():
    values, label = table(120, 3, 5, 2)
    train, test = values[40:], values[:40]
    together = votes(train, label[40:], test)
    assert np.array_equal(votes(train, label[40:], test[::-1])[::-1], together)
    assert np.array_equal(votes(train, label[40:], test[7:8])[0], together[7])
    assert together.sum(axis=1) == pytest.approx(np.ones(40))
    assert not np.array_equal(votes(train, label[40:], test, seed=1), together)


def test_a_label_without_rows_gets_no_vote():
    values, label = table(60, 2, 3, 3)
    found = votes(values, label * 2, values, count=4)
    assert (found[:, [1, 3]] == 0.0).all()
    assert (found[:, [0, 2]].sum(axis=1) > 0.999).all()
