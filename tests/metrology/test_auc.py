"""Macro AUC: against scikit-learn, by brute force, and its interval by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.metrology.auc import auc_of_wins, macro_auc, wins_in_fold


def drawn(seed, n=90, count=3, shift=0.8):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % count
    scores = rng.normal(size=(n, count))
    scores[np.arange(n), labels] += shift
    return scores, labels


def test_one_fold_is_the_macro_auc_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, labels = drawn(1)
    zeros = np.zeros(90, dtype=np.intp)
    ours = macro_auc(scores, labels, zeros, np.arange(90))
    each = [metrics.roc_auc_score(labels == k, scores[:, k]) for k in range(3)]
    assert ours.each == pytest.approx(each, abs=1e-12)
    assert ours.value == pytest.approx(np.mean(each), abs=1e-12)


def test_pairs_of_two_folds_are_not_compared():
    scores, labels = drawn(2)
    folds = (np.arange(90) // 3) % 2
    moved = scores + 100.0 * folds[:, None]
    plain, shifted = (macro_auc(s, labels, folds, np.arange(90)) for s in (scores, moved))
    assert shifted.value == pytest.approx(plain.value, abs=1e-12)
    pooled = macro_auc(moved, labels, np.zeros(90, dtype=np.intp), np.arange(90))
    assert abs(pooled.value - plain.value) > 0.05


def test_standard_error_of_two_labels_is_delongs():
    """DeLong, DeLong and Clarke-Pearson 1988, written down pair by pair."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [23, 31])
    score = rng.normal(size=54) + 0.7 * labels
    high, low = score[labels == 1], score[labels == 0]
    psi = np.array([[float(a > b) + 0.5 * (a == b) for b in low] for a in high])
    variance = psi.mean(axis=1).var(ddof=1) / high.size + psi.mean(axis=0).var(ddof=1) / low.size
    both = np.column_stack([-score, score])
    found = macro_auc(both, labels, np.zeros(54, dtype=np.intp), np.arange(54))
    assert found.value == pytest.approx(psi.mean(), abs=1e-12)
    # ours divides by n as a whole where theirs divides by n - 1 of each side: 2 to 4 % here
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=0.04)


def test_copies_of_a_subject_do_not_narrow_the_interval():
    scores, labels = drawn(4)
    zeros = np.zeros(90, dtype=np.intp)
    once = macro_auc(scores, labels, zeros, np.arange(90))
    copies = np.repeat(np.arange(90), 4)
    again = macro_auc(scores[copies], labels[copies], np.zeros(360, dtype=np.intp), copies)
    assert again.value == pytest.approx(once.value, abs=1e-12)
    assert again.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    apart = macro_auc(scores[copies], labels[copies], np.zeros(360, dtype=np.intp), np.arange(360))
    assert apart.standard_error < 0.6 * once.standard_error


def test_interval_covers_the_true_value_of_a_binormal_score():
    truth = 0.5 * math.erfc(-0.5)  # shift of 1 SD: Phi(1 / sqrt(2))
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], 40)
    inside = 0
    for _ in range(400):
        score = rng.normal(size=80) + labels
        found = macro_auc(
            np.column_stack([-score, score]), labels, np.zeros(80, dtype=np.intp), np.arange(80)
        )
        inside += found.interval[0] <= truth <= found.interval[1]
    assert 0.92 <= inside / 400 <= 0.985


def test_perfect_order_has_the_bound_of_all_trials_a_success():
    labels = np.repeat([0, 1], [10, 30])
    score = labels.astype(float) + np.arange(40) / 1000.0
    found = macro_auc(
        np.column_stack([-score, score]), labels, np.zeros(40, dtype=np.intp), np.arange(40)
    )
    assert found.value == 1.0
    # Clopper-Pearson for 10 of 10: 0.692 (printed tables)
    assert found.interval == (pytest.approx(0.6915, abs=1e-4), 1.0)


def test_a_score_that_learned_nothing_is_exactly_one_half():
    labels = np.repeat([0, 1], 20)
    found = macro_auc(np.zeros((40, 2)), labels, np.zeros(40, dtype=np.intp), np.arange(40))
    assert (found.value, *found.interval) == (0.5, 0.5, 0.5)


def test_the_fast_way_counts_the_same_pairs():
    scores, labels = drawn(8)
    scores = np.round(scores, 1)  # many are equal
    folds = (np.arange(90) // 3) % 4
    slow = macro_auc(scores, labels, folds, np.arange(90))
    parts = [wins_in_fold(scores[folds == k], labels[folds == k]) for k in range(4)]
    assert auc_of_wins(parts) == pytest.approx(slow.value, abs=1e-12)
    assert math.isnan(auc_of_wins([wins_in_fold(scores, np.minimum(labels, 1))]))
