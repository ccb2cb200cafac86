"""What a design can tell, against linear algebra done another way and layouts drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.errors import UsageError
from qiqa.metrology.estimable import aliasing, connected, exchanges


def test_classes_and_a_mean_have_one_column_too_many():
    x = np.column_stack([np.ones(6), np.repeat(np.eye(3), 2, axis=0)])
    found = aliasing(x, ["mean", "A", "B", "C"])
    assert [found.names[k] for k in found.aliased] == ["C"]
    assert found.describe() == "C = +1 mean -1 A -1 B"
    assert found.estimable(np.array([0.0, 1, -1, 0]))
    assert found.estimable(np.array([0.0, 0, 1, -1]))
    assert found.estimable(np.array([3.0, 1, 1, 1]))
    assert not found.estimable(np.array([1.0, 0, 0, 0]))
    assert not found.estimable(np.array([0.0, 1, 0, 0]))


def test_a_column_of_zeros_is_named():
    found = aliasing(np.column_stack([np.ones(4), np.zeros(4)]), ["mean", "scanner Z"])
    assert found.describe() == "scanner Z = zero everywhere"
    assert not found.estimable(np.array([0.0, 1.0]))


def test_small_units_alias_nothing():
    """Columns in m2/s and in mm2/s are equally independent: 1e-12 is not zero."""
    x = np.column_stack([np.ones(5), 1e-12 * np.arange(5.0), 1e9 * np.arange(5.0) ** 2])
    assert aliasing(x, ["a", "b", "c"]).aliased.size == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_estimable_is_to_be_a_combination_of_rows(p, rank, seed):
    """The definition: c is estimable where c = X' a for some a (Searle, Linear Models, 5.4)."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (8, min(rank, p))) @ rng.integers(-2, 3, (min(rank, p), p))
    x = x.astype(float)
    found = aliasing(x, [str(k) for k in range(p)])
    assert found.kept.size == np.linalg.matrix_rank(x)
    assert found.estimable(x.T @ rng.normal(size=8))
    for contrast in np.vstack([np.eye(p), rng.integers(-1, 2, (4, p))]):
        grown = np.linalg.matrix_rank(np.vstack([x, contrast]))
        assert found.estimable(contrast) == (grown == found.kept.size)


SCANNER = np.array(["A", "A", "B", "C", "D", "D", "E"])
UNIT = np.array(["1", "2", "2", "3", "3", "4", "5"])


def test_parts_of_a_layout_drawn_by_hand():
    """A-1, A-2, B-2 | C-3, D-3, D-4 | E-5."""
    parts = connected(SCANNER, UNIT)
    assert [(p.first, p.second, p.readings) for p in parts] == [
        (("A", "B"), ("1", "2"), 3),
        (("C", "D"), ("3", "4"), 3),
        (("E",), ("5",), 1),
    ]


def test_the_exchanges_asked_for_connect_everything_and_none_is_spare():
    wanted = exchanges(SCANNER, UNIT)
    assert [(e.first, e.second, e.joins) for e in wanted] == [
        ("A", "3", (0, 1)),
        ("A", "5", (0, 2)),
    ]
    pairs = [(e.first, e.second) for e in wanted]
    for way in (pairs, [e.other_way for e in wanted]):
        first = np.append(SCANNER, [a for a, _ in way])
        second = np.append(UNIT, [b for _, b in way])
        assert len(connected(first, second)) == 1
        assert len(connected(first[:-1], second[:-1])) == 2
        assert exchanges(first, second) == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**31))
def test_differences_are_estimable_within_parts_and_only_there(n, seed):
    """The graph and the algebra agree: dummies of scanners and units, any layout."""
    rng = np.random.default_rng(seed)
    scanner, unit = rng.integers(0, 5, n), rng.integers(0, 5, n)
    names = [f"s{k}" for k in range(5)] + [f"u{k}" for k in range(5)]
    found = aliasing(np.hstack([np.eye(5)[scanner], np.eye(5)[unit]]), names)
    part = {s: k for k, p in enumerate(connected(scanner, unit)) for s in p.first}
    for a in np.unique(scanner):
        for b in np.unique(scanner):
            contrast = np.zeros(10)
            contrast[a] += 1
            contrast[b] -= 1
            assert found.estimable(contrast) == (part[str(a)] == part[str(b)])


def test_unequal_lengths_are_refused():
    with pytest.raises(UsageError, match="3 levels of the first"):
        connected(np.arange(3), np.arange(2))
