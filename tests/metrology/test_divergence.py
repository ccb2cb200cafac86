"""Divergence: against scipy's, and intervals that hold what they are to hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from qiqa.metrology.divergence import against_population, jensen_shannon, two_samples


def test_it_is_the_square_of_scipys_distance():
    rng = np.random.default_rng(0)
    p, q = rng.random((5, 4)), rng.random((5, 4))
    expected = [distance.jensenshannon(a, b, base=2) ** 2 for a, b in zip(p, q, strict=True)]
    assert jensen_shannon(p, q) == pytest.approx(expected)
    assert float(jensen_shannon(np.array([1.0, 0]), np.array([0, 1.0]))) == pytest.approx(1.0)


def test_the_interval_holds_the_truth():
    rng = np.random.default_rng(5)
    truth, population = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    value = float(jensen_shannon(truth, population))
    held = 0
    for seed in range(200):
        counts = rng.multinomial(400, truth)
        low, high = against_population(counts, population, np.random.default_rng(seed)).interval
        held += low <= value <= high
    assert held >= 180  # of 190 expected


def test_p_of_what_does_not_differ_is_even():
    rng = np.random.default_rng(6)
    shares = np.array([0.2, 0.3, 0.5])
    p = [two_samples(rng.multinomial(80, shares), rng.multinomial(60, shares),
                     np.random.default_rng(s), draws=200).p for s in range(200)]  # fmt: skip
    assert np.mean(np.array(p) <= 0.1) < 0.17
    q = [against_population(rng.multinomial(80, shares), shares,
                            np.random.default_rng(s), draws=200).p for s in range(200)]  # fmt: skip
    assert np.mean(np.array(q) <= 0.1) < 0.17


def test_a_shift_is_seen():
    made = two_samples(np.array([90, 10]), np.array([10, 90]), np.random.default_rng(0))
    assert made.p < 0.002
    assert made.interval[0] > 0.3
    only = two_samples(np.array([10, 0]), np.array([7, 0]), np.random.default_rng(0))
    assert only.value == 0.0
