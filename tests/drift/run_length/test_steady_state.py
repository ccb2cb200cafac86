"""Delays of shifts that come late, against charts that first ran in control."""

import math

import numpy as np
import pytest

from qiqa.drift.run_length import cusum, ewma, runs_rules

CHARTS, BEFORE = 60_000, 60


def run(step, start, shift, seed):
    """Delays of the charts without an alarm in the exams before the shift: mean, standard error."""
    rng = np.random.default_rng(seed)
    state = start
    alive = np.ones(CHARTS, dtype=bool)
    delay = np.zeros(CHARTS)
    for _ in range(BEFORE):
        state, alarm = step(state, rng.standard_normal(CHARTS))
        alive &= ~alarm
    kept = alive.copy()
    while alive.any():
        state, alarm = step(state, rng.standard_normal(CHARTS) + shift)
        delay += alive
        alive &= ~alarm
    kept_delay = delay[kept]
    return kept_delay.mean(), kept_delay.std() / math.sqrt(kept_delay.size)


@pytest.mark.parametrize("shift", [0.3, -1.0])
def test_cusum(shift):
    def step(state, x):
        up, down = np.maximum(0, state[0] + x - 0.4), np.maximum(0, state[1] - x - 0.4)
        return (up, down), (up > 3.5) | (down > 3.5)

    mean, error = run(step, (np.zeros(CHARTS), np.zeros(CHARTS)), shift, seed=4)
    # One per cent: each side is taken to be where it would be without the other.
    allowed = 3 * error + 0.01 * mean
    assert cusum.steady_state(shift, 0.4, 3.5) == pytest.approx(mean, abs=allowed)


@pytest.mark.parametrize("shift", [0.4, -1.5])
def test_ewma(shift):
    limit = 2.4 * math.sqrt(0.2 / 1.8)

    def step(state, x):
        z = 0.8 * state + 0.2 * x
        return z, np.abs(z) > limit

    mean, error = run(step, np.zeros(CHARTS), shift, seed=6)
    assert ewma.steady_state(shift, 0.2, 2.4) == pytest.approx(mean, abs=3 * error)


def test_runs_rules():
    rules = ((1, 1, 2.8, math.inf), (2, 3, 1.9, math.inf))

    def step(state, x):
        two = np.stack([x, *state])
        alarm = np.abs(x) > 2.8
        for side in (two, -two):
            alarm = alarm | ((side > 1.9).sum(axis=0) >= 2)
        return (x, state[0]), alarm

    mean, error = run(step, (np.zeros(CHARTS), np.zeros(CHARTS)), 0.8, seed=8)
    assert runs_rules.steady_state(0.8, rules) == pytest.approx(mean, abs=3 * error)


def test_single_exams_have_no_memory():
    assert runs_rules.steady_state(1.2) == pytest.approx(runs_rules.run_length(1.2), rel=1e-12)
