"""Of several approved baselines the one that a person meant."""

import datetime as dt

import numpy as np
import pytest

from qiqa.core.drift import ApprovedBaseline, TimeSeries
from qiqa.workflows.watching import Records, watch

START = np.datetime64("2024-01-01T08:00", "us")
WEEK = np.timedelta64(7, "D")
N = 60


def baseline(first, approved, name=""):
    begin, end = (START + WEEK * week for week in (first, first + 9))
    return ApprovedBaseline(
        scanner="A", name=name, first=begin.astype(dt.datetime), last=end.astype(dt.datetime),
        reason="r", by="p", at=dt.datetime(2026, 1, approved, tzinfo=dt.UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("baselines", "first"),
    [
        ([(20, 1), (5, 2)], 5),  # back to earlier exams: the last word holds
        ([(5, 1), (20, 2)], 20),
        ([(5, 3, "snr"), (20, 2)], 20),  # its own is of a level that is gone
        ([(20, 1, "snr"), (20, 2)], 20),
        ([(20, 1, "snr"), (5, 2)], 20),
        ([(20, 1, "piu"), (5, 2)], 5),  # another measurement's
    ],
)
def test_the_baseline_that_was_approved_last_holds(baselines, first):
    y = np.random.default_rng(1).standard_normal(N)
    series = TimeSeries(
        scanner="A", name="snr", quantity="snr", unit="1", value=y, at=START + np.arange(N) * WEEK,
        standard_uncertainty=np.full(N, np.nan), epoch=np.full(N, "a"),
        exam=np.arange(N).astype(str),
    )  # fmt: skip
    records = Records(baselines=tuple(baseline(*one) for one in baselines))
    watched = watch([series], records, now=series.at[-1].astype(dt.datetime))
    held = watched.scanners[0].series[0].baseline
    assert held.first == (START + WEEK * first).astype(dt.datetime)
