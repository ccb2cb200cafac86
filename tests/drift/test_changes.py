"""What a change was: dates and sizes with intervals that hold the truth, steps told from ramps."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.drift.changes import likeliest_change
from qiqa.drift.scatter import grew, growth


def one_step(y, **settings):
    return likeliest_change(y, np.ones(y.size), np.arange(y.size) * 7.0, **settings)


@pytest.mark.parametrize("size", [1.0, 2.0, 3.0])
def test_intervals_of_a_step_hold_the_truth(size):
    rng = np.random.default_rng(3)
    dates = sizes = 0
    for _ in range(400):
        n = int(rng.integers(20, 60))
        first = int(rng.integers(8, n - 4))
        y = rng.normal(size=n)
        y[first:] += size
        found = one_step(y, only="step")
        dates += found.earliest <= first <= found.latest
        sizes += found.interval[0] <= size <= found.interval[1]
    # 95 % of 400: below 366 happens once in a thousand
    assert dates >= 366
    assert sizes >= 366


@pytest.mark.parametrize("rise", [2.0, 4.0, 6.0])
def test_interval_of_a_slope_holds_the_truth(rise):
    rng = np.random.default_rng(4)
    slopes = dates = 0
    for _ in range(400):
        n = int(rng.integers(30, 60))
        first = int(rng.integers(8, n - 15))
        y = rng.normal(size=n)
        y[first:] += rise * (np.arange(n - first) + 1) / (n - first)
        found = one_step(y, only="trend")
        slopes += found.slope_interval[0] <= rise / (n - first) / 7 <= found.slope_interval[1]
        dates += found.earliest <= first <= found.latest
    assert slopes >= 366
    assert dates >= 366


def test_steps_and_ramps_are_told_apart_where_they_differ():
    rng = np.random.default_rng(5)
    wrong = np.zeros(2)
    for _ in range(200):
        y = rng.normal(size=50)
        step = y + 3.0 * (np.arange(50) >= 25)
        ramp = y + 5.0 * np.clip(np.arange(50) - 24, 0, None) / 25
        wrong += [one_step(step).kind != "step", one_step(ramp).kind != "trend"]
    assert (wrong <= 20).all(), wrong


def test_a_step_without_noise_is_told_exactly():
    y = np.concatenate((np.zeros(10), np.full(6, 2.0))) + 1e-9 * np.sin(np.arange(16))
    found = one_step(y)
    assert (found.kind, found.begins, found.earliest, found.latest) == ("step", 10, 10, 10)
    assert found.size == pytest.approx(2.0, abs=1e-6)


def test_the_beginning_is_not_after_the_signal():
    y = np.concatenate((np.zeros(10), np.full(3, 1.0), np.full(10, 8.0)))
    y += 0.1 * np.sin(np.arange(23) * 1.7)
    assert one_step(y, only="step").begins == 13
    assert one_step(y, only="step", latest=11).begins <= 11
    assert one_step(y, only="step", latest=0) is None


def test_too_few_exams_tell_nothing():
    assert one_step(np.array([1.0, 2.0])) is None


def test_known_scatter_narrows_the_interval_of_few_exams():
    y = np.array([0.0, 0.1, 2.0, 2.1])
    alone = one_step(y, only="step").interval
    helped = one_step(y, only="step", sd=0.1, dof=40).interval
    assert helped[1] - helped[0] < alone[1] - alone[0]


@pytest.mark.parametrize("ratio", [2.0, 4.0])
def test_growth_of_scatter_is_dated_and_sized(ratio):
    rng = np.random.default_rng(6)
    dates = sizes = 0
    for _ in range(300):
        z = rng.normal(size=60)
        z[35:] *= ratio
        found = growth(z, latest=50)
        dates += found.earliest <= 35 <= found.latest
        sizes += found.interval[0] <= ratio <= found.interval[1]
    assert dates >= 272
    assert sizes >= 260  # the interval holds the likeliest beginning for true


def test_a_shift_is_not_taken_for_scatter():
    rng = np.random.default_rng(7)
    z = rng.normal(size=(200, 30))
    shifted = z + 4.0 * (np.arange(30) >= 26)
    scattered = z * np.where(np.arange(30) >= 20, 3.5, 1.0)
    assert np.mean([grew(row) for row in shifted]) < 0.05
    assert np.mean([grew(row) for row in scattered]) > 0.95
