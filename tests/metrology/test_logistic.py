"""Logistic regression of several labels: the optimum, as scikit-learn finds it when pressed."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.metrology.logistic import logistic_scores


def table(n, labels, features, shift, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % labels)
    values = rng.normal(size=(n, features)) + shift * rng.normal(size=(labels, features))[label]
    return (values - values.mean(axis=0)) / values.std(axis=0), label


@pytest.mark.parametrize("shift", [0.0, 0.5, 5.0])
@pytest.mark.parametrize(("labels", "features"), [(2, 3), (3, 4), (8, 20)])
def test_log_probabilities_are_those_of_scikit_learn(labels, features, shift):
    linear = pytest.importorskip("sklearn.linear_model")
    values, label = table(160, labels, features, shift)
    test = 2.0 * values[:30] + 0.1
    judge = linear.LogisticRegression(C=1.0, tol=1e-9, max_iter=20_000).fit(values, label)
    found = logistic_scores(values, label, test, labels)
    # Far from all training rows the log runs to -60: slopes are a hundredth apart at most.
    assert found == pytest.approx(judge.predict_log_proba(test), abs=0.03, rel=0.01)


def test_without_slopes_the_shares_of_the_labels_are_left():
    label = np.repeat([0, 1, 2], [10, 20, 30])
    still = np.tile([[1.0], [-1.0]], (30, 1))  # half and half in each label
    found = np.exp(logistic_scores(still, label, np.zeros((1, 1)), 3))
    assert found[0] == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=1e-4)


def test_a_label_without_training_rows_is_never_likely():
    values, label = table(60, 2, 3, 1.0)
    found = logistic_scores(values, 2 * label, values, 3)
    assert (found[:, 1] == -np.inf).all()
    assert np.exp(found[:, [0, 2]]).sum(axis=1) == pytest.approx(np.ones(60))
    assert (found[:, 0] == 0.0).sum() == 0
