"""Many scanners watched: missed exams, values gone, bias, impossible dates, what comes first."""

import datetime as dt
import threading

import numpy as np
import pytest

from qiqa.core.drift import DriftFinding, Kind, ServiceEvent, TimeSeries
from qiqa.core.errors import UsageError
from qiqa.drift.policy import Policy
from qiqa.workflows import sharing, watching
from qiqa.workflows.dating import last_before
from qiqa.workflows.watching import Records, watch, worst_first

START = np.datetime64("2024-01-01T08:00", "us")
WEEK = np.timedelta64(7, "D")


def series(value, weeks=None, *, scanner="A", exam=None, **fields):
    """Return a series with an exam in each of some weeks."""
    y = np.asarray(value, dtype=np.float64)
    n = y.size
    given = {
        "name": "snr",
        "quantity": "snr",
        "unit": "1",
        "at": START + np.asarray(range(n) if weeks is None else weeks) * WEEK,
        "standard_uncertainty": np.full(n, np.nan),
        "epoch": np.full(n, "software=1"),
        "exam": np.array([f"exam {i}" for i in range(n)] if exam is None else exam),
        "series_key": f"{scanner} key",
    }
    return TimeSeries(scanner=scanner, value=y, **{**given, **fields})


def noise(n, seed=7, level=100.0):
    return level + np.random.default_rng(seed).standard_normal(n)


def now(weeks):
    """Return the day so many weeks after the first exam."""
    return (START + np.timedelta64(round(7 * weeks), "D")).astype(dt.datetime)


def look(*many, weeks=None, policy=None, detail=True, records=None):
    last = max(s.at[-1] for s in many).astype(dt.datetime)
    moment = last if weeks is None else now(weeks)
    return watch(many, records or Records(), now=moment, policy=policy, detail=detail)


def findings(watched, kind=None):
    found = [f for state in watched.scanners for f in state.findings]
    return [f for f in found if kind in (None, f.kind)]


# --- missed exams ----------------------------------------------------------------------------


def test_a_gap_is_named_with_the_number_of_exams_that_were_due():
    weeks = [w for w in range(30) if w not in (12, 13, 14)]
    (finding,) = findings(look(series(noise(27), weeks)), Kind.MISSING)
    assert (finding.size, finding.verdict) == (3.0, "pass")
    assert str(finding.date)[:10] == str(START + 12 * WEEK)[:10]


@pytest.mark.parametrize(("weeks", "count"), [(20.4, 0), (20.6, 1), (22.0, 2), (29.0, 9)])
def test_an_exam_is_overdue_once_one_and_a_half_intervals_are_over(weeks, count):
    # the last of 20 exams was in week 19
    watched = look(series(noise(20)), weeks=weeks)
    overdue = [f.size for f in findings(watched, Kind.MISSING)]
    assert overdue == ([float(count)] if count else [])
    (summary,) = watched.fleet.scanners
    assert summary.verdict == ("tolerance" if count else "pass")
    assert summary.overdue_days == pytest.approx((weeks - 20) * 7 if count else 0.0, abs=1.0)


def test_without_a_schedule_nothing_is_missed():
    # campaigns: three days in a row, then months of nothing
    days = np.concatenate([start + np.arange(3) for start in (0, 120, 300, 420, 600, 640)])
    one = series(noise(18), at=START + days.astype("timedelta64[D]"))
    watched = look(one, weeks=200)
    assert findings(watched, Kind.MISSING) == []
    assert np.isnan(watched.scanners[0].every_days)


def test_a_schedule_that_is_given_counts_from_the_first_exam():
    watched = look(series(noise(3), [0, 1, 2]), weeks=5, policy=Policy(every_days=7.0))
    assert [f.size for f in findings(watched, Kind.MISSING)] == [2.0]


# --- values that stopped ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["rows without a value", "no rows"])
def test_a_value_that_is_gone_is_found_however_it_went(how):
    lasting = series(noise(30), name="lasting")
    value = noise(30, seed=2)
    if how == "no rows":
        gone = series(value[:24], name="gone")
    else:
        value[24:] = np.nan
        gone = series(value, name="gone")
    (finding,) = findings(look(lasting, gone), Kind.MISSING)
    assert (finding.name, finding.size, finding.verdict) == ("gone", 6.0, "tolerance")
    assert str(finding.date)[:10] == str(START + 24 * WEEK)[:10]


def test_two_exams_without_a_value_are_not_yet_a_value_that_is_gone():
    assert findings(look(series(noise(30)), series(noise(28), name="b")), Kind.MISSING) == []


def test_what_is_measured_every_fourth_week_is_not_gone_in_between():
    weekly, monthly = series(noise(40)), series(noise(10), range(0, 40, 4), name="monthly")
    assert findings(look(weekly, monthly), Kind.MISSING) == []
    monthly = series(noise(8), range(0, 32, 4), name="monthly")
    (finding,) = findings(look(weekly, monthly), Kind.MISSING)
    assert (finding.name, finding.size) == ("monthly", 11.0)


def test_another_phantom_unit_goes_on_for_the_one_before():
    before = series(noise(20), phantom_unit="1", series_key="one")
    after = series(noise(10, level=90.0), range(20, 30), phantom_unit="2", series_key="two")
    watched = look(before, after)
    assert findings(watched) == []
    assert len(watched.scanners[0].series) == 2


# --- bias ------------------------------------------------------------------------------------


def fleet(count, off=None, exams=30, **settings):
    return [
        series(noise(exams, seed=i, level=100.0 + (20.0 if i == off else 0.1 * i)),
               scanner=f"S{i}", **settings)
        for i in range(count)
    ]  # fmt: skip


def test_one_of_many_scanners_is_unlike_the_others():
    (finding,) = findings(look(*fleet(9, off=4)), Kind.BIAS)
    assert (finding.scanner, finding.verdict) == ("S4", "tolerance")
    # true distance to the mean of the others, 100.4; means of 30 exams have an SD of 0.2
    assert finding.size == pytest.approx(19.6, abs=0.6)
    assert finding.size_interval[0] < 19.6 < finding.size_interval[1]


def test_four_scanners_are_too_few_to_call_one_unlike_the_others():
    assert findings(look(*fleet(4, off=1)), Kind.BIAS) == []


def test_scanners_that_are_alike_are_not_named():
    assert findings(look(*fleet(9)), Kind.BIAS) == []


# --- one bad series --------------------------------------------------------------------------


def bad_series():
    huge = np.where(np.arange(30) == 9, 1e300, noise(30))
    return {
        "not measured": np.full(30, np.nan),
        "equal": np.full(30, 5.0),
        "one exam": np.array([5.0]),
        "huge": np.full(30, 1e200) * noise(30),
        "one huge": huge,
        "tiny": noise(30) * 1e-310,
        "zero": np.zeros(30),
        "two levels": np.where(np.arange(30) < 15, 0.0, 1.0),
        "infinite": np.where(np.arange(30) == 9, np.inf, noise(30)),
    }


@pytest.mark.parametrize("kind", list(bad_series()))
@pytest.mark.parametrize("detail", [True, False])
def test_a_bad_series_takes_no_other_down(kind, detail):
    bad = series(bad_series()[kind], scanner="B", name="bad")
    step = np.where(np.arange(40) < 25, 0.0, -8.0)
    watched = look(bad, series(noise(40) + step), detail=detail)
    (found,) = [f for f in findings(watched, Kind.STEP) if f.scanner == "A"]
    assert found.verdict == "tolerance"
    assert found.size == pytest.approx(-8.0, abs=1.2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([5.0], "snr: 1 usable exam: 2 more before anything can be predicted"),
        ([5.0, 5.5, np.nan], "snr: 2 usable exams: 1 more before anything can be predicted"),
        ([5.0, 5.5, 5.2, 5.3], "snr: 4 usable exams: 1 more before it can be called in control"),
        ([5.0] * 20, "snr: all 20 values are 5: no scatter to judge by; copied, clipped or"),
        ([np.nan] * 20, "snr: 0 usable exams: 3 more before anything can be predicted"),
        ([1e300] * 20, "snr: 0 usable exams: 3 more before anything can be predicted"),
    ],
)
@pytest.mark.parametrize("detail", [True, False])
def test_how_many_exams_are_missing_is_said(value, said, detail):
    watched = look(series(value), detail=detail)
    (summary,) = watched.fleet.scanners
    assert (summary.verdict, summary.charted, summary.learning) == ("not_evaluated", 0, 1)
    (note,) = watched.fleet.notes
    assert note.startswith(f"A: {said}")


def test_measurements_with_one_reason_are_named_together():
    many = [series([1.0, 2.0], name=f"m{i}") for i in range(5)]
    (note,) = look(*many).fleet.notes
    assert note.startswith("A: m0, m1, m2 and 2 more: 2 usable exams: 1 more before")


def test_a_chart_that_breaks_is_refused_and_the_others_stand(monkeypatch):
    kept = watching.chart

    def chart(one, **settings):
        if one.name == "bad":
            raise ZeroDivisionError("planted")
        return kept(one, **settings)

    monkeypatch.setattr(watching, "chart", chart)
    watched = look(series(noise(30)), series(noise(30), name="bad"))
    (summary,) = watched.fleet.scanners
    assert (summary.verdict, summary.charted, summary.learning) == ("pass", 1, 1)
    (note,) = watched.fleet.notes
    assert "bad: charting broke, please report it (ZeroDivisionError: planted)" in note


def test_a_rule_that_is_none_is_wrong_for_all():
    with pytest.raises(UsageError, match="nope"):
        look(series(noise(30)), policy=Policy(rules=("nope",)))


# --- events beside changes -------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["snr", "integral_uniformity"])
@pytest.mark.parametrize("between", [0, 1, 2, 3, 5])
def test_a_step_is_found_however_few_exams_after_an_event(quantity, between):
    # by ranks alone, one exam after the event is the odd one and all that follow are usual
    step = np.where(np.arange(40) < 29, 0.0, -8.0)
    unit = "%" if quantity == "integral_uniformity" else "1"
    one = series(90.0 + 0.4 * (noise(40, level=0.0) + step), quantity=quantity, unit=unit)
    at = now(29 - between) - dt.timedelta(days=3)
    event = ServiceEvent(at=at, scanner="A", kind="service", text="amplifier")
    (found,) = findings(look(one, records=Records(events=(event,))))
    assert (found.kind, found.verdict) == (Kind.STEP, "tolerance")
    assert found.causes == (() if between else ("service: amplifier",))
    assert found.size == pytest.approx(-3.2, abs=0.6)
    assert found.date_interval[0] < now(29) - dt.timedelta(days=6)
    assert found.date_interval[1] >= now(29)


# --- dates -----------------------------------------------------------------------------------


def test_exams_dated_ahead_are_left_out_and_named():
    weeks = [*range(29), 4000]
    covariates = {"covariates": ("temperature",), "covariate_values": np.full((1, 30), 20.0)}
    watched = look(series(noise(30), weeks, **covariates), weeks=29)
    (state,) = watched.scanners
    assert (state.exams, state.verdict) == (29, "pass")
    assert len(state.series[0].series) == 29
    (note,) = watched.fleet.notes
    assert note.startswith("A: 1 dated after 2024-07-22 left out, exams up to 2100-08-30")


def test_an_earlier_day_shows_what_was_known_then():
    step = np.where(np.arange(60) < 40, 0.0, -8.0)
    value = noise(60) + step
    then, alone = look(series(value), weeks=35), look(series(value[:36]))
    assert findings(then) == []
    for field in ("score", "low", "high"):
        assert np.array_equal(
            getattr(then.scanners[0].series[0], field),
            getattr(alone.scanners[0].series[0], field),
            equal_nan=True,
        )
    assert len(findings(look(series(value)), Kind.STEP)) == 1


def test_nothing_is_left_where_all_is_ahead():
    watched = look(series(noise(5)), weeks=-10)
    assert watched.fleet.scanners == ()
    assert "A: 5 dated after" in watched.fleet.notes[0]


def test_the_last_exam_that_can_be_true():
    one, other = series(noise(5)), series(noise(2), [2, 900])
    assert last_before([one, other], now(10)) == now(4)
    assert last_before([series([1.0], [900])], now(10)) == now(10)


def test_a_clock_that_was_set_back_is_noted():
    weeks = [w - (52 if w == 20 else 0) for w in range(52, 82)]
    weeks[10] -= 52
    order = np.argsort(weeks)
    numbers = np.arange(1, 31)[order].astype(str)
    one = series(noise(30), np.array(weeks)[order], exam=numbers)
    (note,) = look(one).scanners[0].notes
    assert note.startswith("exam 11 is dated 2024-03-11, before exam 10 (2025-03-03)")


def test_exams_stored_in_any_order_are_no_clock_that_was_set_back():
    numbers = np.random.default_rng(3).permutation(30).astype(str)
    assert look(series(noise(30), exam=numbers)).scanners[0].notes == ()


# --- order -----------------------------------------------------------------------------------


def finding(verdict, date):
    return DriftFinding(
        scanner="A", name="snr", quantity="snr", kind=Kind.STEP, rule="cusum", date=date,
        date_interval=None, verdict=verdict,
    )  # fmt: skip


def test_findings_come_worst_first_then_latest_first():
    early, late = dt.datetime(2024, 1, 1), dt.datetime(2024, 6, 1)
    given = [finding(v, d) for v in ("pass", "tolerance", "action") for d in (early, None, late)]
    found = [(f.verdict, f.date) for f in worst_first(given)]
    assert found == [(v, d) for v in ("action", "tolerance", "pass") for d in (late, early, None)]


def test_scanners_come_worst_first():
    step = np.where(np.arange(40) < 25, 0.0, -8.0)
    within = series(noise(40) + step, scanner="C", action=(50.0, np.inf))
    beyond = series(noise(40) + step, scanner="D", action=(95.0, np.inf))
    waiting = series([1.0, 2.0], scanner="A")
    quiet = series(noise(40), scanner="B")
    watched = look(waiting, quiet, within, beyond)
    found = [(s.scanner, s.verdict) for s in watched.fleet.scanners]
    assert found == [
        ("D", "action"),
        ("C", "tolerance"),
        ("A", "not_evaluated"),
        ("B", "pass"),
    ]


def test_findings_are_the_same_with_and_without_details():
    step = np.where(np.arange(40) < 25, 0.0, -8.0)
    full, short = (look(series(noise(40) + step), detail=detail) for detail in (True, False))
    assert repr(findings(full)) == repr(findings(short))
    assert repr(full.fleet) == repr(short.fleet)
    assert short.scanners[0].series == ()


def test_the_same_comes_of_it_however_many_processes_share_it(monkeypatch):
    step = np.where(np.arange(40) < 25, 0.0, -8.0)
    many = [series(noise(40, seed=i) + step * (i % 2), scanner=f"S{i}") for i in range(12)]
    alone = watch(many, Records(), now=now(40), detail=False)
    own, came, received = [], threading.Semaphore(0), sharing._receive

    def receive(pipe):
        what = received(pipe)
        came.release()
        return what

    def wait(scanner):
        own.append(scanner)
        if len(own) == 1:  # until the other process has said that it is up, and done one scanner
            assert came.acquire(timeout=120)
            assert came.acquire(timeout=120)

    monkeypatch.setattr(sharing, "_receive", receive)
    both = watch(many, Records(), now=now(40), detail=False, processes=2, tell=wait)
    assert 0 < len(own) < len(many)
    assert {f.scanner for f in findings(both, Kind.STEP)} >= {f"S{i}" for i in range(1, 12, 2)}
    assert repr(both) == repr(alone)


def test_one_measurement_has_the_limits_that_it_has_among_all():
    group = [series(noise(40, seed=i), name=f"m{i}", series_key=f"m{i}") for i in range(30)]
    whole = watch(group, Records(), now=now(40)).scanners[0]
    alone = watch(group, Records(), now=now(40), name="m3").scanners[0]
    (one,) = alone.series
    (same,) = [s for s in whole.series if s.series.name == "m3"]
    np.testing.assert_array_equal(one.high, same.high)
    assert {f.name for f in alone.findings} <= {"", "m3"}
