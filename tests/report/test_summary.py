"""What the top of the page says, and when a trend is drawn."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from qiqa.core.measurement import Verdict
from qiqa.report import summary
from qiqa.report.trend import TrendPoints

WHEN = dt.datetime(2026, 11, 20, 7, 42, tzinfo=dt.UTC)


def test_action_comes_before_tolerance_in_the_sentence(bad_exam):
    head = summary.headline(bad_exam)
    assert (head.kind, head.words) == ("action", "Action needed")
    assert head.sentence == (
        "1 of 13 judged values outside the action level: Slice position, slice 11 on T1 "
        "(7.41 ± 0.48 mm, limit: within ± 7); 1 more outside the target."
    )
    assert head.missing[0] == (
        "Not judged although there is a limit: Smallest holes seen, left-right (T1)."
    )


def test_open_limit_is_incomplete_not_pass(good_exam):
    head = summary.headline(good_exam)
    assert (head.kind, head.words) == ("not_evaluated", "Incomplete")
    assert head.sentence == "All 13 judged values are inside their limits."


def answered(exam, make):
    return make.replace(exam, assessments=tuple(a for a in exam.assessments if a.answered))


def test_pass(good_exam, make):
    head = summary.headline(answered(good_exam, make))
    assert (head.kind, head.words) == ("pass", "Pass")


def test_pass_does_not_hide_a_missing_series(make):
    exam = answered(make.exam(roles=("T1",), bad=False), make)
    assert "Series the protocol asks for and that is not here: localizer." in (
        summary.headline(exam).missing
    )


def test_tolerance_only(bad_exam, make):
    kept = tuple(a for a in bad_exam.assessments if a.verdict is not Verdict.ACTION)
    head = summary.headline(make.replace(bad_exam, assessments=kept))
    assert head.words == "Passes, but look into it"
    assert head.sentence == (
        "1 of 12 judged values outside the target, none outside the action level: "
        "Image uniformity (PIU) on T1 (86.1 [84.9, 89.0] %, target: at least 87.5)."
    )


def test_tasks_put_positioning_first_and_leave_information_out(bad_exam):
    tasks = summary.tasks(bad_exam)
    assert [t.kind for t in tasks] == ["position", "warning"]
    assert tasks[1].hint == "switch it off for the weekly exam"


def test_one_hint_for_two_series_is_said_once(make):
    tasks = summary.tasks(make.exam(roles=("T1", "T2", "localizer")))
    assert [t.where for t in tasks if t.kind == "position"] == ["T1, T2"]


def test_recorded_values_stand_last_and_notes_are_shared(bad_exam):
    rows, notes = summary.rows(bad_exam, ())
    kinds = [row.kind for row in rows]
    assert kinds[-3:] == ["recorded"] * 3
    assert "recorded" not in kinds[:-3]
    assert len(notes) == 1
    assert [row.cells.name for row in rows if row.notes == (1,)] == [
        "diameter_slice1_ap", "diameter_slice5_ap",
    ]  # fmt: skip


# --- trend ---------------------------------------------------------------------------------------


def points(count, name="slice_thickness", unit="mm", **fields):
    dates = tuple(WHEN - dt.timedelta(days=7 * k) for k in range(count, 0, -1))
    return TrendPoints(
        name=name, unit=unit, dates=dates, values=(5.1,) * count,
        standard_uncertainties=(0.06,) * count, **fields,
    )  # fmt: skip


def drawn(exam, *trend):
    rows, _ = summary.rows(exam, trend)
    return [row.cells.name for row in rows if row.trend]


def test_trend_needs_two_earlier_exams(bad_exam):
    assert drawn(bad_exam, points(1)) == []
    assert drawn(bad_exam, points(2)) == ["slice_thickness"]


def test_this_exam_in_the_history_is_not_drawn_twice(bad_exam):
    early = points(2)
    again = TrendPoints(
        name=early.name, unit="mm", dates=(*early.dates, WHEN), values=(5.1, 5.1, 5.137),
        standard_uncertainties=(0.06,) * 3,
    )  # fmt: skip
    rows, _ = summary.rows(bad_exam, (again,))
    (spark,) = [row.trend for row in rows if row.trend]
    assert spark.count("<circle") == 3
    assert "2 earlier exams since 2026-11-06" in spark


def test_trend_of_another_series_or_unit_is_not_mixed_in(bad_exam):
    assert drawn(bad_exam, points(5, role="T2")) == []
    assert drawn(bad_exam, points(5, unit="um")) == []
    assert drawn(bad_exam, points(5, role="T1")) == ["slice_thickness"]


def test_only_judged_values_have_a_trend(bad_exam):
    assert drawn(bad_exam, points(5, name="snr_local", unit="1")) == []


def test_trend_shows_both_limits_and_rings_this_exam(bad_exam):
    rows, _ = summary.rows(bad_exam, (points(3),))
    (spark,) = [row.trend for row in rows if row.trend]
    assert spark.count('class="limit"') == 2
    heights = [float(y) for y in re.findall(r'class="limit" d="M[\d.]+ ([\d.]+)', spark)]
    now = float(re.search(r'class="now" cx="[\d.]+" cy="([\d.]+)"', spark)[1])
    assert min(heights) < now < max(heights)


def test_points_must_be_equally_many():
    with pytest.raises(ValueError, match="slice_thickness"):
        TrendPoints(name="slice_thickness", unit="mm", dates=(), values=(1.0,),
                    standard_uncertainties=())  # fmt: skip
