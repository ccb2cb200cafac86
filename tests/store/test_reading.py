"""Rows, histories and trends hold what was stored, in order, without what was superseded."""

import datetime as dt

import numpy as np
import pytest

from qiqa.core.errors import StoreError
from qiqa.core.history import History
from qiqa.core.scanner import Scanner

WEEK = dt.timedelta(days=7)


@pytest.fixture
def weekly(store, make_result, now, acquired):
    """Five weeks of one scanner, stored out of order; a second scanner; one correction."""
    for week in (2, 0, 4, 1, 3):
        store.save(
            make_result(
                files=(f"week{week}",),
                acquired_at=acquired + week * WEEK,
                diameter=190.0 + week / 10,
                software="B17" if week < 3 else "B19",
            ),
            user="jd",
            now=now,
        )
    other = Scanner(manufacturer="GE MEDICAL SYSTEMS", serial_number="77")
    store.save(make_result(files=("other",), scanner=other), user="jd", now=now)
    correction = make_result(
        files=("week1",), acquired_at=acquired + WEEK, diameter=195.0, algorithms=("w/2",)
    )
    store.save(correction, user="jd", now=now)
    return store


def test_filters(weekly, acquired):
    name = "diameter_slice1_lr"
    values = [row["value"] for row in weekly.rows(name, scanner="SIEMENS 26271")]
    assert values == [190.0, 195.0, 190.2, 190.3, 190.4]
    chosen = weekly.rows(name, "SIEMENS 26271", acquired + WEEK, acquired + 2 * WEEK)
    assert [row["value"] for row in chosen] == [195.0, 190.2]
    everything = weekly.rows(name, "SIEMENS 26271", include_superseded=True)
    assert sorted(row["value"] for row in everything) == [190.0, 190.1, 190.2, 190.3, 190.4, 195.0]
    assert weekly.rows("nothing") == []
    assert len(weekly.exams(scanner="GE 77")) == 1
    assert len(weekly.exams(since=acquired + 4 * WEEK)) == 1


def test_history_is_columnar(weekly, acquired):
    history = weekly.history(name="diameter_slice1_lr", scanner="SIEMENS 26271")
    assert isinstance(history, History)
    assert history.value.tolist() == [190.0, 195.0, 190.2, 190.3, 190.4]
    assert history.acquired_at[0] == np.datetime64(acquired)
    assert np.all(np.diff(history.acquired_at) > np.timedelta64(0))
    assert len(set(history.series_key.tolist())) == 1
    # the software changed between week 2 and 3; the correction was read with the newer one
    assert history.epoch[0] == history.epoch[2] != history.epoch[3] == history.epoch[4]
    assert history.interval_low[0] == 189.4
    assert history.reference_value.tolist() == [190.0] * 5


def test_history_leaves_out_what_was_not_measured_and_keeps_one_sided_ends(weekly):
    history = weekly.history(scanner="GE 77")
    assert history.name.tolist() == ["diameter_slice1_lr", "piu"]
    assert history.interval_high.tolist() == [190.85, np.inf]
    assert np.isnan(history.reference_value[1])
    charts = [s for s in weekly.columns(scanner="GE 77") if np.isfinite(s.value).any()]
    assert sorted((one.series_key, len(one)) for one in charts) == sorted(
        (key, 1) for key in history.series_key.tolist()
    )


def test_empty_history(store):
    assert len(store.history()) == 0
    assert store.columns() == ()


def test_history_refuses_ragged_columns(weekly):
    history = weekly.history()
    columns = {name: getattr(history, name) for name in History.__dataclass_fields__}
    with pytest.raises(ValueError, match="differ in length"):
        History(**{**columns, "value": columns["value"][1:]})


def test_previous_values_for_a_trend(weekly, acquired):
    key = weekly.rows("diameter_slice1_lr", "SIEMENS 26271")[0]["series_key"]
    past = weekly.previous(key, acquired + 3 * WEEK)
    assert [item.value for item in past] == [190.0, 195.0, 190.2]
    assert past[0].acquired_at == acquired
    assert past[0].standard_uncertainty == 0.1 + 0.2
    assert [item.value for item in weekly.previous(key, acquired + 9 * WEEK, n=2)] == [190.3, 190.4]
    assert weekly.previous(key, acquired) == ()
    assert weekly.previous(None, acquired) == ()
    assert weekly.previous(key, None) == ()


def test_payload_of_an_exam(weekly):
    assert weekly.payload(1)["schema"] == "qiqa.qc/1"
    with pytest.raises(StoreError, match="no exam 99"):
        weekly.payload(99)


def test_unknown_scanner_and_time_share_no_chart(store, make_result, now):
    store.save(make_result(scanner=Scanner()), user="jd", now=now)
    store.save(make_result(files=("c",), acquired_at=None), user="jd", now=now)
    assert {row["series_key"] for row in store.rows()} == {None}
    assert len(store.history().value) == 2  # the exam without a time is in no history


def test_time_with_zone_is_kept_as_the_wall_clock_showed_it(store, make_result, now):
    zone = dt.timezone(dt.timedelta(hours=2))
    store.save(
        make_result(acquired_at=dt.datetime(2024, 1, 1, 23, 30, tzinfo=zone)), user="u", now=now
    )
    assert store.exams()[0]["acquired_at"] == dt.datetime(2024, 1, 1, 23, 30)
    assert store.payload(1)["acquired_at"] == "2024-01-01T23:30:00+02:00"
    assert store.verify() == ()
