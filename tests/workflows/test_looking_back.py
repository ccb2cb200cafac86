"""One exam among the earlier ones: what has a say, which alarms are told, which limits hold."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.drift import Alarm, AlarmDecision, AlarmState, DriftFinding, Kind, TimeSeries
from qiqa.core.history import epoch_key
from qiqa.core.rows import result_rows
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.workflows.looking_back import THIS_EXAM, look_back
from qiqa.workflows.watching import Records, watch
from qiqa.workflows.weekly_qc import QcRequest, run_qc

NAMES = ("slice_thickness", "piu", "slice_position_slice1")
WEEK = dt.timedelta(days=7)


@pytest.fixture(scope="module")
def result(exam_folder):
    """Return a measured exam."""
    request = QcRequest(
        paths=(exam_folder,),
        phantom=load_phantom("acr_large"),
        protocol=load_protocol("acr_large_2022"),
    )
    return run_qc(request, now=dt.datetime(2026, 1, 6, 9, tzinfo=dt.UTC), user="tester")


@pytest.fixture(scope="module")
def rows(result):
    """Return the rows of the exam on T1 that these tests give a past, by name."""
    found = {r["name"]: r for r in result_rows(result) if r["role"] == "T1" and r["name"] in NAMES}
    assert len(found) == len(NAMES)
    return found


@pytest.fixture
def past(result, rows):
    """Return a function: weekly exams before this one, off its value by what is given."""
    now = result.acquired_at.replace(tzinfo=None)
    (epoch,) = {epoch_key(s.acquisition) for s in result.series if s.role == "T1"}

    def make(offsets, name="slice_thickness", last=1, **fields):
        row, n = rows[name], len(offsets)
        days = [now - WEEK * (last + n - 1 - k) for k in range(n)]
        given = {
            "scanner": result.scanner.identity, "name": name, "quantity": row["quantity"],
            "unit": row["unit"], "at": np.array(days, "datetime64[us]"), "role": "T1",
            "value": row["value"] + np.asarray(offsets, float), "series_key": row["series_key"],
            "standard_uncertainty": np.full(n, 0.1), "epoch": np.full(n, epoch),
            "exam": np.arange(1, n + 1).astype(str),
        }  # fmt: skip
        return TimeSeries(**{**given, **fields})

    return make


def noise(count, sd=0.05, seed=3):
    return np.random.default_rng(seed).normal(0.0, sd, count)


def alarm_of(series, *, state=AlarmState.OPEN, number=7, weeks=1, **fields):
    """Return an alarm that an exam raised some weeks before this one."""
    when = series.at[-1].astype(dt.datetime) - WEEK * (weeks - 1)
    given = {
        "scanner": series.scanner, "name": series.name, "quantity": series.quantity, "role": "T1",
        "kind": Kind.STEP, "rule": "cusum", "date": when - WEEK, "signalled": when, "size": -0.4,
        "date_interval": (when - WEEK, when), "unit": series.unit, "verdict": "tolerance",
        "series_key": series.series_key,
    }  # fmt: skip
    said = ()
    at = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    if state is not AlarmState.OPEN:
        said = (AlarmDecision(alarm_id=number, at=at, by="x", state=state, comment="y"),)
    finding = DriftFinding(**{**given, **fields})
    return Alarm(record_id=number, raised_at=at, finding=finding, decisions=said)


def test_this_exam_is_the_newest_point_of_its_chart(result, past, rows):
    (state,) = look_back(result, [past(noise(8))], Records())
    series = state.series
    assert len(series) == 9
    assert series.exam[-1] == THIS_EXAM
    assert series.at[-1] == np.datetime64(result.acquired_at.replace(tzinfo=None), "us")
    assert series.value[-1] == rows["slice_thickness"]["value"]
    assert series.tolerance == (4.3, 5.7)  # mm: the limits of its own protocol


@pytest.mark.parametrize(("count", "charts"), [(0, 0), (2, 0), (3, 1)])
def test_three_earlier_values_are_needed(result, past, count, charts):
    assert len(look_back(result, [past(noise(count))], Records())) == charts


def test_earlier_exams_without_a_value_are_not_counted(result, past):
    offsets = noise(5)
    offsets[:3] = np.nan
    assert look_back(result, [past(offsets)], Records()) == ()


def test_exams_of_the_same_time_or_later_have_no_say(result, past):
    offsets = noise(12)
    (before,) = look_back(result, [past(offsets)], Records())
    later = np.concatenate([offsets, [9.0, 9.0, 9.0]])
    (state,) = look_back(result, [past(later, last=-2)], Records())
    assert state.series.value.tolist() == before.series.value.tolist()
    np.testing.assert_array_equal(state.low, before.low)
    assert state.findings == before.findings


def test_series_that_this_exam_did_not_measure_are_not_charted(result, past):
    other = past(noise(8), series_key="of another coil")
    states = look_back(result, [past(noise(8)), other], Records())
    assert [s.series.name for s in states] == ["slice_thickness"]


def test_limits_are_those_of_watching_the_whole_scanner(result, past):
    kept = [past(noise(30, seed=k), name) for k, name in enumerate(NAMES)]
    more = [dataclasses.replace(past(noise(30, seed=9)), series_key=f"k{i}") for i in range(40)]
    states = look_back(result, [*kept, *more], Records())
    appended = [s.series for s in states]
    now = result.acquired_at.replace(tzinfo=None)
    (whole,) = watch([*appended, *more], Records(), now=now).scanners
    same = {s.series.series_key: s for s in whole.series}
    assert len(states) == len(NAMES)
    for state in states:
        np.testing.assert_array_equal(state.low, same[state.series.series_key].low)
    alone = look_back(result, kept, Records())
    width = [float((s.high - s.low)[-1]) for s in (*states, *alone)]
    assert width[0] > width[3]  # with more series each has wider limits


def test_step_that_was_alarmed_carries_its_alarm(result, past):
    offsets = noise(30)
    offsets[:20] += 1.0
    kept = past(offsets)
    (state,) = look_back(result, [kept], Records())
    (found,) = [f for f in state.findings if f.kind is Kind.STEP]
    assert (found.alarm_id, state.verdict in ("action", "tolerance")) == (0, True)
    raised = Alarm(record_id=4, raised_at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC), finding=found)
    (told,) = look_back(result, [kept], Records(alarms=(raised,)))
    assert [(f.alarm_id, f.state) for f in told.findings if f.kind is Kind.STEP] == [(4, "open")]
    closed = alarm_of(kept, state=AlarmState.CLOSED, date=found.date, signalled=found.signalled)
    (quiet,) = look_back(result, [kept], Records(alarms=(closed,)))
    assert quiet.verdict == "pass"


def test_alarm_that_the_chart_no_longer_tells_is_told_until_it_is_closed(result, past):
    kept = past(noise(20))
    (state,) = look_back(result, [kept], Records(alarms=(alarm_of(kept),)))
    assert [(f.alarm_id, f.state) for f in state.findings] == [(7, "open")]
    assert state.verdict == "tolerance"
    closed = alarm_of(kept, state=AlarmState.CLOSED)
    (quiet,) = look_back(result, [kept], Records(alarms=(closed,)))
    assert (quiet.findings, quiet.verdict) == ((), "pass")


@pytest.mark.parametrize(
    "fields",
    [{"scanner": "another"}, {"series_key": "another"}, {"name": "another"}],
)
def test_alarms_of_others_are_not_told(result, past, fields):
    kept = past(noise(20))
    (state,) = look_back(result, [kept], Records(alarms=(alarm_of(kept, **fields),)))
    assert (state.findings, state.verdict) == ((), "pass")


def test_alarm_that_a_later_exam_raised_is_not_told(result, past):
    kept = past(noise(20))
    later = alarm_of(kept, weeks=-3)
    assert later.finding.signalled > result.acquired_at.replace(tzinfo=None)
    (state,) = look_back(result, [kept], Records(alarms=(later,)))
    assert state.verdict == "pass"


@pytest.mark.parametrize("stated", [True, False])
def test_temperature_of_this_exam_joins_the_earlier_ones(result, past, stated):
    degc = 21.0 + noise(20, 0.5)
    more = {"covariates": ("temperature_degc",), "covariate_values": degc[None, :]}
    entered = dataclasses.replace(result, entries=(("temperature", "22.5"),))
    (state,) = look_back(entered, [past(noise(20), **(more if stated else {}))], Records())
    assert state.series.covariates == ("temperature_degc",)
    assert state.series.covariate_values.shape == (1, 21)
    assert state.series.covariate_values[0, -1] == 22.5
    assert np.isnan(state.series.covariate_values[0, :-1]).all() != stated


def test_exam_without_a_date_has_nothing_before_it(result, past):
    undated = dataclasses.replace(result, acquired_at=None)
    assert look_back(undated, [past(noise(8))], Records()) == ()


def test_new_settings_begin_an_epoch_without_limits(result, past):
    (state,) = look_back(result, [past(noise(20), epoch=np.full(20, "other settings"))], Records())
    assert [segment.why for segment in state.segments] == ["start", "epoch"]
    assert np.isnan(state.low[-1])
    assert np.isfinite(state.low[-2])
