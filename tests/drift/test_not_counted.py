"""Exams that do not count: without a temperature, left out by a person, off in a row."""

from __future__ import annotations

import datetime as dt

import numpy as np

from qiqa.core.drift import ApprovedBaseline, Kind, TimeSeries
from qiqa.drift.charting import chart
from qiqa.drift.policy import Policy

START = np.datetime64("2024-01-01T08:00", "us")
N = 130


def moment(index):
    return (START + index * np.timedelta64(7, "D")).astype(dt.datetime)


def noise(n=N, seed=3):
    return 50.0 + np.random.default_rng(seed).standard_normal(n)


def look(y, *, baseline=None, temperature=None):
    """Return the state of weekly exams."""
    n = y.size
    given = {}
    if temperature is not None:
        given = {"covariates": ("temperature",), "covariate_values": temperature[None, :]}
    series = TimeSeries(
        scanner="A", name="snr", quantity="snr", unit="1", value=y,
        at=START + np.arange(n) * np.timedelta64(7, "D"), standard_uncertainty=np.full(n, np.nan),
        epoch=np.full(n, "software=1"), exam=np.arange(n).astype(str), **given,
    )  # fmt: skip
    return chart(series, shares=Policy().shares(1), baseline=baseline)


def test_exams_are_watched_on_where_nobody_reads_the_temperature_any_more():
    y, temperature = noise(), np.random.default_rng(4).normal(21, 1, N)
    temperature[100:] = np.nan
    y[110:] += 5.0
    state = look(y, temperature=temperature)
    assert [f.kind for f in state.findings] == [Kind.STEP]
    assert any("the last 3 exams do not state it" in note for note in state.notes)
    temperature[-1] = 21.0
    assert look(y, temperature=temperature).left_out[110] == "temperature not stated"


def test_three_exams_in_a_row_left_out_of_the_baseline_are_no_change():
    y = noise()
    y[25:28] += 12.0
    baseline = ApprovedBaseline(
        scanner="A", first=moment(20), last=moment(34), reason="r", by="p",
        left_out=tuple((moment(i), "bubble") for i in (25, 26, 27)),
        at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    state = look(y, baseline=baseline)
    assert (state.findings, [s.why for s in state.segments]) == ((), ["start", "baseline"])
    assert set(state.left_out[25:28]) == {"bubble"}


def test_two_exams_in_a_row_off_on_one_side_belong_together():
    y = noise(62, seed=0)
    y[60:] += 6.0
    newest = look(y).findings[-1]
    assert (newest.kind, newest.signalled) == (Kind.SPIKE, moment(61))
    assert newest.date_interval == (moment(60), moment(61))


def test_a_change_is_not_dated_after_the_exam_that_signalled_it():
    for seed in range(60):
        y = 100.0 + np.random.default_rng(seed).standard_normal(N)
        y[60:] += 1.5
        for found in look(y).findings:
            assert found.date <= found.signalled, seed


def test_scatter_did_not_grow_after_the_exam_that_signalled_it():
    for seed in range(300):
        y = np.random.default_rng(seed).standard_normal(26)
        y[16:] *= 4.0
        state = look(y)  # drawn too
        for found in state.findings:
            assert found.date <= found.signalled, seed


def test_a_large_step_is_no_ramp_where_its_first_exam_signals():
    y = 100.0 + np.random.default_rng(5).standard_normal(80)
    y[60:] += 6.0
    (found,) = look(y).findings
    assert (found.kind, found.date, found.signalled) == (Kind.STEP, moment(60), moment(60))
