"""What every rule promises, for each file in qiqa/drift/rules by itself."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.drift import Chart
from qiqa.drift.rules import RULES

NAMES = RULES.names()
ALONG = [name for name in NAMES if RULES.load(name).TAKES in ("scores", "values")]
RUNS = {"trend": 400}
"""Simulated charts where a chart is slow; else 3000."""
TABLE_ERROR = {"trend": 0.02}
"""Relative standard error of a run length that comes from a simulated table itself."""
PHASE_ONE = {"center": 0.0, "sd": 1.0}
"""Rules that learn from the first groups are told what is true."""


def columns(module, p):
    """Return the shape of one exam."""
    if module.TAKES in ("scores", "values"):
        return ()
    return (p.size,) if module.TAKES == "groups" else (p.scores,)


@functools.cache
def usual(name):
    p = RULES.load(name).parameters(370.0)
    known = {key: value for key, value in PHASE_ONE.items() if hasattr(p, key)}
    return dataclasses.replace(p, **known) if known else p


def first_signal(module, p, rng, shift, block):
    """Return the exam, from 1, at which a chart of new scores first signals."""
    x = np.empty((0, *columns(module, p)))
    while True:
        new = rng.standard_normal((block, *columns(module, p)))
        # a shift has that length: of one of several scores, or of all values of a group
        new[(..., 0) if module.TAKES == "matrix" else ...] += shift
        x = np.concatenate([x, new])
        signals = module.chart(x, p).signals
        if signals.size:
            return signals[0] + 1


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    module = RULES.load(name)
    assert isinstance(module.TITLE, str)
    assert module.TITLE
    assert set(module.FINDS) <= {"spike", "step", "trend", "variance"}
    assert module.FINDS
    assert module.TAKES in {"scores", "values", "matrix", "groups"}
    assert 0.0 <= module.DEFAULT <= 1.0
    p = module.parameters(370.0)
    assert dataclasses.is_dataclass(p)
    assert hash(p) == hash(module.parameters(370.0))


def test_default_shares_add_up_to_one():
    assert math.fsum(RULES.load(name).DEFAULT for name in NAMES) == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_simulated_run_length_agrees(name, shift):
    module, p = RULES.load(name), usual(name)
    expected = module.run_length(shift, p)
    if math.isnan(expected):
        pytest.skip(f"{name} states no run length for a shift of {shift:g}")
    rng = np.random.default_rng(20)
    block = int(3 * expected) + 20
    lengths = np.array(
        [first_signal(module, p, rng, shift, block) for _ in range(RUNS.get(name, 3000))]
    )
    error = math.hypot(
        lengths.std() / math.sqrt(lengths.size), expected * TABLE_ERROR.get(name, 0.0)
    )
    assert expected == pytest.approx(lengths.mean(), abs=4 * error)


@pytest.mark.parametrize("name", NAMES)
def test_in_control_it_is_as_rare_as_asked_for(name):
    module, p = RULES.load(name), usual(name)
    length = module.run_length(0.0, p)
    if math.isnan(length):
        pytest.skip(f"{name} has no run length")
    # the trend's narrowest limit is 583 exams: rarer, never more often
    assert length == pytest.approx(583.0 if name == "trend" else 370.0, rel=1e-3)


def random(module, p, n, seed=4, scale=1.6):
    return scale * np.random.default_rng(seed).standard_normal((n, *columns(module, p)))


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_is_whole(name):
    module, p = RULES.load(name), usual(name)
    for n in (0, 1, 2, 300):
        made = module.chart(random(module, p, n), p)
        assert isinstance(made, Chart)
        assert made.rule == name
        assert made.curves
        for curve in made.curves:
            assert curve.label
            assert curve.value.shape == curve.low.shape == curve.high.shape == (n,)
        assert made.signals.shape == made.directions.shape == made.since.shape
        assert (np.diff(made.signals) > 0).all()
        assert np.isin(made.directions, [-1, 0, 1]).all()
        assert ((made.since >= 0) & (made.since <= made.signals)).all()
        assert {a.dtype for a in (made.signals, made.directions, made.since)} == {
            np.dtype(np.int64)
        }


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_something(name):
    module, p = RULES.load(name), usual(name)
    x = random(module, p, 300, scale=1.0)
    x[120:] += 4.0
    made = module.chart(x, p)
    assert ((made.signals >= 115) & (made.signals < 200)).any()


@pytest.mark.parametrize("name", NAMES)
def test_exams_without_a_value_are_skipped(name):
    module, p = RULES.load(name), usual(name)
    x = random(module, p, 200)
    gaps = np.arange(0, 200, 7)
    places = np.delete(np.arange(200 + gaps.size), gaps + np.arange(gaps.size))
    holed = np.full((200 + gaps.size, *x.shape[1:]), np.nan)
    holed[places] = x
    plain, made = module.chart(x, p), module.chart(holed, p)
    np.testing.assert_array_equal(made.signals, places[plain.signals])
    np.testing.assert_array_equal(made.directions, plain.directions)
    for curve, other in zip(made.curves, plain.curves, strict=True):
        np.testing.assert_array_equal(curve.value[places], other.value)
        assert np.isnan(np.delete(curve.value, places)).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_known_signals_nothing(name):
    module, p = RULES.load(name), usual(name)
    made = module.chart(np.full((30, *columns(module, p)), np.nan), p)
    assert made.signals.size == 0
    assert all(np.isnan(curve.value).all() for curve in made.curves)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(0, 120), scale=st.floats(0.5, 4.0))
def test_mirrored_scores_mirror_the_chart(name, seed, n, scale):
    module, p = RULES.load(name), usual(name)
    if module.FINDS == ("variance",):
        pytest.skip("scatter has no side")
    x = random(module, p, n, seed, scale)
    made, mirrored = module.chart(x, p), module.chart(-x, p)
    np.testing.assert_array_equal(made.signals, mirrored.signals)
    np.testing.assert_array_equal(made.directions, -mirrored.directions)
    np.testing.assert_array_equal(made.since, mirrored.since)


@pytest.mark.parametrize("name", ALONG)
def test_the_past_does_not_know_the_future(name):
    if name == "step":
        pytest.skip("it looks back")
    module, p = RULES.load(name), usual(name)
    x = random(module, p, 200)
    whole, half = module.chart(x, p), module.chart(x[:100], p)
    np.testing.assert_array_equal(half.signals, whole.signals[whole.signals < 100])
    for curve, other in zip(half.curves, whole.curves, strict=True):
        np.testing.assert_array_equal(curve.value, other.value[:100])


def test_a_head_start_finds_early_shifts_sooner_at_the_same_false_alarms():
    module = RULES.load("cusum")
    plain, early = module.parameters(370.0), module.parameters(370.0, start_fraction=0.5)
    assert early.head_start == pytest.approx(early.h / 2)
    assert module.run_length(0.0, early) == pytest.approx(370.0, rel=1e-6)
    rng = np.random.default_rng(4)
    lengths = np.array([first_signal(module, early, rng, 1.0, 50) for _ in range(3000)])
    error = lengths.std() / math.sqrt(lengths.size)
    assert module.run_length(1.0, early) == pytest.approx(lengths.mean(), abs=4 * error)
    assert lengths.mean() + 4 * error < module.run_length(1.0, plain)
