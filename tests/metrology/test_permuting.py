"""Folds and permutations: what belongs together stays together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.metrology.permuting import grouped_folds, permuted_labels


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 5))
def test_folds_keep_groups_whole_and_labels_even(seed, repeats, folds):
    rng = np.random.default_rng(seed)
    of_group = rng.integers(0, 3, 40)
    of_group[:3] = (0, 1, 2)
    groups = np.repeat(np.arange(40), repeats)
    labels = of_group[groups]
    fold = grouped_folds(labels, groups, folds, rng)
    assert all(np.unique(fold[groups == g]).size == 1 for g in range(40))
    for label in range(3):
        sizes = np.bincount(fold[labels == label], minlength=folds) // repeats
        assert sizes.max() - sizes.min() <= 1
    total = np.bincount(fold, minlength=folds) // repeats
    assert total.max() - total.min() <= 1


def test_a_subject_keeps_one_label_and_no_label_gets_lost():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 2)
    labels = (groups % 3).astype(np.intp)
    made = permuted_labels(labels, groups, np.zeros(60, dtype=np.intp), rng)
    assert (made[::2] == made[1::2]).all()
    assert np.bincount(made).tolist() == np.bincount(labels).tolist()
    assert (made != labels).any()


def test_labels_of_a_traveling_subject_stay_with_that_subject():
    rng = np.random.default_rng(1)
    groups = np.array([0, 0, 0, 1, 2, 3, 4, 5])
    labels = np.array([0, 1, 2, 0, 0, 1, 1, 2])
    seen = set()
    for _ in range(50):
        made = permuted_labels(labels, groups, np.zeros(8, dtype=np.intp), rng)
        assert sorted(made[:3]) == [0, 1, 2]
        assert sorted(made[3:]) == [0, 0, 1, 1, 2]
        seen.add(tuple(made[:3]))
    assert len(seen) == 6


def test_labels_are_swapped_within_their_stratum_only():
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1], 20)
    labels = np.concatenate([np.arange(20) % 2, 2 + np.arange(20) % 2])
    made = permuted_labels(labels, np.arange(40), strata, rng)
    assert set(made[:20]) == {0, 1}
    assert set(made[20:]) == {2, 3}
    assert (made != labels).any()
