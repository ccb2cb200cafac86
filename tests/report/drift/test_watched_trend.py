"""The trend of a watched series inside the report of one exam."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest

from qiqa.report import summary
from qiqa.report.html import render_html
from qiqa.report.trend import TrendPoints, trend_of

WHEN = dt.datetime(2026, 11, 20, 7, 42, tzinfo=dt.UTC)
"""Date of the exam that the page is about."""


def watched(drifting, exam_count=3, **fields):
    series = drifting.series(
        exam_count, name="slice_thickness", unit="mm",
        at=np.array([WHEN.replace(tzinfo=None) - dt.timedelta(days=7 * k)
                     for k in range(exam_count - 1, -1, -1)], dtype="datetime64[us]"),
    )  # fmt: skip
    limits = np.full(exam_count, 90.0)
    given = {"expected": limits, "low": limits - 2, "high": limits + 2}
    return trend_of(drifting.state(series=series, **{**given, **fields}))


def test_watched_series_shows_its_band_and_what_watching_says(bad_exam, drifting):
    rows, _ = summary.rows(bad_exam, (watched(drifting),))
    (row,) = [row for row in rows if row.standing]
    assert row.cells.name == "slice_thickness"
    assert row.standing == "in control"
    assert row.trend.count('class="control"') == 1
    # the exam of the page stands in its own limits: the band reaches it
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+) ", row.trend.split('"control" d="')[1])]
    assert max(xs) == float(re.search(r'class="now" cx="([\d.]+)"', row.trend)[1])


def test_what_watching_says_is_on_the_page_and_escaped(bad_exam, drifting):
    learning = watched(drifting, verdict="not_evaluated", notes=("<b>4 more exams",))
    page = render_html(bad_exam, trend=(learning,))
    assert "&lt;b&gt;4 more exams" in page


def test_no_band_where_there_are_no_limits(bad_exam, drifting):
    none = np.full(3, np.nan)
    rows, _ = summary.rows(bad_exam, (watched(drifting, low=none, high=none),))
    (row,) = [row for row in rows if row.standing]
    assert 'class="control"' not in row.trend


def test_control_limits_must_be_as_many_as_dates():
    with pytest.raises(ValueError, match="2 control limits for 1 dates"):
        TrendPoints(name="x", unit="mm", dates=(WHEN,), values=(1.0,),
                    standard_uncertainties=(0.1,), control=((0.0, 1.0),) * 2)  # fmt: skip


def test_far_limits_of_the_protocol_do_not_flatten_control_limits(bad_exam, drifting):
    rows, _ = summary.rows(bad_exam, (watched(drifting, 30),))
    (row,) = [row for row in rows if row.standing]
    assert 'class="limit"' not in row.trend  # 4 to 6 mm, values about 90
    ys = [float(y) for y in re.findall(r" ([\d.]+)[LZ]", row.trend.split('"control" d="')[1])]
    assert max(ys) - min(ys) > 15.0
