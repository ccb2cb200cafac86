"""One series from values to findings: each planted change is found, named, dated and sized."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.drift import ApprovedBaseline, Kind, ServiceEvent, TimeSeries
from qiqa.drift.charting import chart
from qiqa.drift.policy import Policy

START = np.datetime64("2024-01-01T08:00", "us")
WEEK = np.timedelta64(7, "D")
SHARES = Policy().shares(60)
N = 130


def weekly(value, *, temperature=None, epoch=None, uncertainty=None, **fields) -> TimeSeries:
    """Return a series of weekly exams."""
    y = np.asarray(value, dtype=np.float64)
    n = y.size
    given = {
        "scanner": "A",
        "name": "snr",
        "quantity": "snr",
        "unit": "1",
        "at": START + np.arange(n) * WEEK,
        "value": y,
        "standard_uncertainty": np.full(n, np.nan) if uncertainty is None else uncertainty,
        "epoch": np.array(["software=1"] * n if epoch is None else epoch, dtype=np.str_),
        "exam": np.arange(1, n + 1).astype(np.str_),
        "series_key": "key",
    }
    if temperature is not None:
        given["covariates"] = ("temperature_degc",)
        given["covariate_values"] = np.asarray(temperature, dtype=np.float64)[None, :]
    return TimeSeries(**{**given, **fields})


def noise(seed=1, n=N, level=50.0, sd=1.0):
    return np.random.default_rng(seed).normal(level, sd, n)


def look(series, **settings):
    return chart(series, shares=SHARES, **settings)


def alarming(state):
    return [f for f in state.findings if f.verdict in ("tolerance", "action")]


def moment(index):
    return (START + index * WEEK).astype(dt.datetime)


def approved(first, last, **more):
    return ApprovedBaseline(
        scanner="A", first=moment(first), last=moment(last), reason="r", by="p",
        at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), **more,
    )  # fmt: skip


def test_a_quiet_series_is_in_control():
    state = look(weekly(noise()))
    assert state.verdict == "pass"
    assert not alarming(state)
    assert len(state.segments) == 1
    low, high = state.segments[0].level_interval
    assert low < 50 < high
    inside = np.isfinite(state.low)
    assert inside.sum() == N - 2  # from the third exam on
    assert (state.low[inside] < state.expected[inside]).all()


@pytest.mark.parametrize("size", [2.0, -2.0, 6.0, -20.0])
def test_a_step_is_one_finding_with_date_and_size(size):
    y = noise()
    y[80:] += size
    state = look(weekly(y))
    (found,) = alarming(state)
    assert found.kind is Kind.STEP
    assert found.date_interval[0] <= moment(80) <= found.date_interval[1]
    assert abs((found.date - moment(80)).days) <= 14
    assert found.size_interval[0] < size < found.size_interval[1]
    assert found.signalled >= moment(80)
    assert state.verdict == "tolerance"
    assert [s.why for s in state.segments] == ["start", "step"]


def test_a_second_step_is_seen_from_the_new_level():
    y = noise()
    y[85:] += 3.0
    y[105:] -= 7.0
    found = alarming(look(weekly(y)))
    assert [f.kind for f in found] == [Kind.STEP, Kind.STEP]
    assert found[0].size > 0 > found[1].size


def test_a_level_that_is_back_asks_for_nothing():
    y = noise()
    y[85:] += 4.0
    y[105:] -= 4.0
    state = look(weekly(y))
    assert not alarming(state)
    assert len(state.findings) == 2
    assert all("back where it was since" in f.hint for f in state.findings)


def test_a_ramp_is_a_trend_with_a_slope_a_year():
    y = noise()
    y[60:] += 0.06 * np.arange(N - 60)
    state = look(weekly(y))
    (found,) = alarming(state)
    assert found.kind is Kind.TREND
    assert found.unit == "1/year"
    truth = 0.06 * 365.25 / 7
    assert found.size_interval[0] < truth < found.size_interval[1]
    assert np.isfinite(state.segments[-1].slope_per_year)


def test_later_exams_decide_between_a_step_and_a_ramp():
    """Just after its signal a small step may look like a ramp; half a year later it does not."""
    rng = np.random.default_rng(12)
    kinds = []
    for _ in range(30):
        y = rng.normal(50, 1, N)
        y[80:] += 2.5
        kinds += [f.kind for f in look(weekly(y)).findings if f.rule != "individuals"]
    assert kinds.count(Kind.STEP) >= 27
    assert kinds.count(Kind.TREND) <= 3


def test_one_ramp_is_not_told_in_pieces():
    """A steep ramp first looks like a step; what goes on climbing after it says what it was."""
    rng = np.random.default_rng(15)
    told = []
    for _ in range(30):
        y = rng.normal(50, 1, N)
        y[80:] += 0.25 * np.arange(1, N - 79)
        found = [f for f in look(weekly(y)).findings if f.rule != "individuals"]
        told.append([f.kind for f in found if f.verdict != "pass"])
    assert sum(kinds == [Kind.TREND] for kinds in told) >= 20, told
    assert all(Kind.TREND in kinds for kinds in told)


def test_a_trend_towards_a_limit_is_forecast():
    y = noise()
    y[60:] += 0.06 * np.arange(N - 60)
    ahead = look(weekly(y, tolerance=(40.0, 56.5), action=(35.0, 70.0)))
    (found,) = alarming(ahead)
    crossing = moment(60 + 6.5 / 0.06)
    assert found.forecast.level == "tolerance"
    assert found.forecast.interval[0] <= crossing
    assert found.forecast.interval[1] is None or crossing <= found.forecast.interval[1]
    assert abs((found.forecast.date - crossing).days) < 100
    away = look(weekly(y, tolerance=(40.0, np.inf)))
    assert alarming(away)[0].forecast is None
    near = look(weekly(y, tolerance=(40.0, 54.6)))
    assert alarming(near)[0].verdict == "action"


def test_a_level_that_is_not_known_yet_is_not_outside():
    values = (190.0, 190.01, 190.005, 190.012, 189.998, 190.003, 190.008, 189.995, 190.0,
              190.382, 190.371, 190.395, 190.405, 190.414)  # fmt: skip
    for count in range(10, 15):
        state = look(weekly(values[:count], action=(187.0, 193.0)))
        assert state.verdict in ("pass", "tolerance"), count


def test_one_exam_off_is_a_spike_and_changes_nothing():
    y = noise()
    y[80] += 9.0
    state = look(weekly(y))
    assert not alarming(state)
    (found,) = [f for f in state.findings if f.kind is Kind.SPIKE]
    assert found.exam == "81"
    assert found.size_interval[0] < 9.0 < found.size_interval[1]
    assert state.left_out[80] == "spike"
    assert len(state.segments) == 1


def test_the_newest_exam_off_asks_for_a_repeat():
    y = noise()
    y[-1] += 9.0
    (found,) = alarming(look(weekly(y)))
    assert found.kind is Kind.SPIKE
    assert "repeat" in found.hint
    out = look(weekly(y, action=(40.0, 55.0)))
    assert alarming(out)[0].verdict == "action"


def test_scatter_that_grew_is_named_with_its_ratio():
    y = noise()
    y[80:] = 50 + (y[80:] - 50) * 3.0
    found = alarming(look(weekly(y)))
    assert found[0].kind is Kind.VARIANCE
    assert found[0].size_interval[0] < 3.0 < found[0].size_interval[1]


def test_a_step_with_the_software_is_its_own_kind_of_news():
    y = noise()
    y[80:] += 3.0
    state = look(weekly(y, epoch=["software=1"] * 80 + ["software=2"] * (N - 80)))
    (found,) = alarming(state)
    assert (found.rule, found.kind) == ("epoch", Kind.STEP)
    assert found.causes == ("software: 1 to 2",)
    assert found.date == moment(80)
    assert found.size_interval[0] < 3.0 < found.size_interval[1]


def test_a_service_event_is_a_cause_and_a_note_is_not():
    y = noise()
    y[80:] += 3.0
    event = ServiceEvent(at=moment(79.5), scanner="A", kind="coil", text="coil exchanged")
    (found,) = alarming(look(weekly(y), events=[event]))
    assert found.causes == ("coil: coil exchanged",)
    for other in (
        dataclasses.replace(event, scanner="B"),
        dataclasses.replace(event, new_epoch=False),
    ):
        (found,) = alarming(look(weekly(y), events=[other]))
        assert found.rule != "epoch"


def test_settings_that_come_back_keep_their_level():
    epoch = np.where(np.arange(N) % 2, "software=a", "software=b")
    y = noise() + np.where(np.arange(N) % 2, 8.0, 0.0)
    state = look(weekly(y, epoch=epoch))
    assert len(state.segments) == 2
    assert [f.rule for f in state.findings] == ["epoch"]
    y[100:] += 3.0
    rules = {f.rule for f in alarming(look(weekly(y, epoch=epoch)))}
    assert rules - {"epoch"}


def test_temperature_is_adjusted_for_and_said():
    rng = np.random.default_rng(4)
    temperature = 21 + 2 * np.sin(np.arange(N) / 8) + rng.normal(0, 0.3, N)
    y = noise() - 1.5 * (temperature - 21)
    state = look(weekly(y, temperature=temperature))
    assert not alarming(state)
    ((name, slope, error, _),) = state.adjusted_for
    assert name == "temperature_degc"
    assert abs(slope + 1.5) < 3 * error
    assert np.std(state.adjusted) < 0.5 * np.std(y)
    assert look(weekly(y, temperature=temperature), policy=Policy(adjust=())).findings


def test_an_exam_without_temperature_is_left_out_and_says_so():
    temperature = np.random.default_rng(4).normal(21, 1, N)
    temperature[10] = np.nan
    state = look(weekly(noise(), temperature=temperature))
    assert state.left_out[10] == "temperature_degc not stated"
    assert np.isnan(state.score[10])


def test_an_uncertain_value_weighs_less():
    y, u = noise(), np.full(N, 0.5)
    y[100] += 5.5
    u[100] = 2.5
    assert any(f.kind is Kind.SPIKE for f in look(weekly(y)).findings)
    assert not any(f.kind is Kind.SPIKE for f in look(weekly(y, uncertainty=u)).findings)


def test_an_approved_baseline_holds_the_limits_of_single_exams():
    y = noise()
    state = look(weekly(y), baseline=approved(20, 29))
    center = y[20:30].mean()
    np.testing.assert_allclose(state.expected[31:], center)
    assert state.baseline is not None
    assert [s.why for s in state.segments] == ["start", "baseline"]


def test_what_happened_before_the_baseline_is_history():
    y = noise()
    y[60:] += 5.0
    state = look(weekly(y), baseline=approved(70, 79))
    assert not alarming(state)
    assert any(f.kind is Kind.STEP for f in state.findings)
    assert state.verdict == "pass"


def test_exams_left_out_of_the_baseline_do_not_count():
    y = noise()
    y[25] += 30.0
    out = ((moment(25), "bubble"),)
    state = look(weekly(y), baseline=approved(20, 29, left_out=out))
    assert state.expected[31] == pytest.approx(np.delete(y[20:30], 5).mean())
    assert (state.left_out[25], state.findings) == ("bubble", ())


def test_a_baseline_without_enough_exams_is_not_used_and_says_so():
    state = look(weekly(noise()), baseline=approved(20, 22))
    assert state.baseline is None
    assert any("approved baseline holds 3 usable exams" in note for note in state.notes)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_exams_say_how_many_are_missing(count):
    state = look(weekly(noise(n=count)))
    assert state.verdict == "not_evaluated"
    assert any(f"{3 - count} more" in note for note in state.notes)


def test_a_short_history_says_how_many_exams_a_baseline_needs():
    state = look(weekly(noise(n=6)))
    assert any("4 more until a baseline of 10" in note for note in state.notes)


def test_equal_values_are_refused_as_continuous_and_charted_as_counts():
    refused = look(weekly(np.full(30, 7.25)))
    assert refused.verdict == "not_evaluated"
    assert "all 30 values are 7.25" in refused.reason
    counted = look(weekly(np.full(30, 37.0), quantity="low_contrast_spokes"))
    assert counted.verdict == "pass"


def test_values_that_could_not_be_measured_are_left_out():
    y = noise()
    y[[5, 50, 51]] = np.nan
    state = look(weekly(y))
    assert (state.left_out[[5, 50, 51]] == "not measured").all()
    assert state.verdict == "pass"


def test_a_count_that_falls_is_found():
    rng = np.random.default_rng(9)
    y = 38.0 - rng.integers(0, 3, N)
    y[90:] -= 8
    state = look(weekly(y, quantity="low_contrast_spokes"))
    assert state.kind == "count"
    assert any(f.size < -5 for f in alarming(state))


def test_a_table_of_two_levels_is_a_step():
    y = np.repeat([1.0, 2.0], 30)
    (found,) = alarming(look(weekly(y, quantity="low_contrast_spokes")))
    assert (found.kind, found.size) == (Kind.STEP, pytest.approx(1.0))
    assert found.date == moment(30)


def test_rare_levels_of_a_discrete_value_are_no_alarms():
    rng = np.random.default_rng(13)
    alarms = 0
    for _ in range(60):
        y = rng.choice([0.9, 1.0, 1.1], p=[0.15, 0.75, 0.1], size=N)
        alarms += len(look(weekly(y, quantity="high_contrast_resolution")).findings)
    assert alarms <= 5


def test_a_percentage_stays_within_its_bound():
    rng = np.random.default_rng(10)
    y = 100 - rng.gamma(4.0, 0.5, N)
    state = look(weekly(y, quantity="integral_uniformity", unit="%"))
    assert (state.high[np.isfinite(state.high)] <= 100).all()
    assert any("square root" in note for note in state.notes)


def test_the_last_exams_do_not_change_what_was_said_before():
    """An alarm is raised once: the first signal stays where it was as exams come in."""
    y = noise(seed=3)
    y[60:] += 2.5
    first = {}
    for n in range(66, 110, 4):
        for f in alarming(look(weekly(y[:n]))):
            if f.kind in (Kind.STEP, Kind.TREND):
                first.setdefault(f.signalled, n)
    assert len(first) == 1


def test_one_gross_outlier_does_not_pass_for_a_change():
    y = noise(n=300)
    y[100] = -200.0
    y[150] = np.nan
    state = look(weekly(y))
    assert not alarming(state)
    assert [f.kind for f in state.findings] == [Kind.SPIKE]


def test_what_moved_years_ago_is_history():
    y = noise(n=260)
    y[60:] += 3.0
    state = look(weekly(y))
    assert not alarming(state)
    (found,) = [f for f in state.findings if f.kind is Kind.STEP]
    assert "more than a year ago" in found.hint
    out = look(weekly(y, action=(45.0, 52.0)))
    assert [f.verdict for f in alarming(out)] == ["action"]


def test_every_segment_can_be_predicted_in():
    """Ups and downs of a season make many segments; none may leave the exams after it blind."""
    season = 2.5 * np.sin(2 * np.pi * np.arange(N) / 52)
    state = look(weekly(noise() + season))
    assert np.isfinite(state.score[-20:]).all()
    assert min(s.last - s.first for s in state.segments) >= 2


def test_a_chart_without_details_finds_the_same():
    y = noise()
    y[80:] += 2.0
    whole, lean = look(weekly(y)), look(weekly(y), detail=False)
    assert lean.findings == whole.findings
    assert lean.verdict == whole.verdict
    assert lean.charts == ()


def test_charts_are_drawn_over_all_exams():
    y = noise()
    y[80:] += 3.0
    state = look(weekly(y))
    assert {c.rule for c in state.charts} == {s.rule for s in SHARES}
    cusum = next(c for c in state.charts if c.rule == "cusum")
    up = cusum.curves[0]
    assert up.value.size == N
    signal = int(cusum.signals[0])
    assert up.value[signal] > up.high[signal]


def test_nothing_depends_on_unit_or_scanner():
    y = noise()
    y[80:] += 2.0
    one, other = look(weekly(y)), look(weekly(1e-6 * y))
    assert [f.date for f in one.findings] == [f.date for f in other.findings]
    np.testing.assert_allclose(
        [f.size * 1e-6 for f in one.findings], [f.size for f in other.findings], rtol=1e-6
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_quick_look_says_what_the_walk_says(seed):
    """A fleet is screened: a series is quiet there exactly if its walk finds nothing."""
    rng = np.random.default_rng(seed)
    y = rng.normal(100, 2, int(rng.integers(3, 200)))
    if seed % 3 == 0:
        y[rng.integers(y.size) :] += rng.choice([2.0, 4.0, 8.0])
    if seed % 5 == 0:
        y[rng.integers(y.size)] += rng.choice([-15.0, 15.0])
    if seed % 7 == 0:
        y[rng.integers(y.size, size=3)] = np.nan
    u = rng.uniform(0.5, 1.5, y.size) if seed % 2 else None
    whole = look(weekly(y, uncertainty=u))
    lean = look(weekly(y, uncertainty=u), detail=False)
    assert lean.findings == whole.findings
    assert (lean.verdict, lean.reason) == (whole.verdict, whole.reason)
    if whole.segments and not whole.findings:
        np.testing.assert_allclose(lean.segments[0].level, whole.segments[0].level)
        np.testing.assert_allclose(lean.segments[0].sd, whole.segments[0].sd)
        np.testing.assert_allclose(
            lean.segments[0].level_interval, whole.segments[0].level_interval
        )
