"""Findings and series in words."""

from __future__ import annotations

import math

import pytest

from qiqa.core.drift import Kind
from qiqa.report import drift_text as said


def test_lines_of_a_finding_end_with_the_command_for_its_alarm(drifting):
    lines = said.finding_lines(drifting.finding(alarm_id=7, state="open"))
    assert lines[0].startswith("piu (T1) fell by 2.10 (1.60 to 2.60) % since 25 May 2026")
    assert lines[1].startswith("sure:")
    assert lines[2] == "next: call service"
    assert lines[3] == 'alarm 7, open: qiqa drift acknowledge 7 --comment "..."'


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("open", 'qiqa drift acknowledge 7 --comment "..."'),
        ("acknowledged", 'qiqa drift close 7 --comment "..."'),
        ("closed", ""),
    ],
)
def test_command_follows_the_state_of_the_alarm(drifting, state, command):
    assert said.alarm_command(drifting.finding(alarm_id=7, state=state)) == command


def test_no_alarm_no_command(drifting):
    assert said.alarm_command(drifting.finding()) == ""
    assert len(said.finding_lines(drifting.finding())) == 3


def test_short_sentence_rounds_as_the_interval_asks(drifting):
    found = drifting.finding(size=-2.1234, size_interval=(-3.1, -1.1))
    assert said.short_sentence(found, "PIU") == "PIU fell by 2.1 % since 25 May 2026"


def test_change_a_year_of_a_number_without_unit_reads_as_words(drifting):
    found = drifting.finding(kind=Kind.TREND, unit="1/year", size=-8.0, size_interval=(-12.0, -4.0))
    assert said.size_text(found) == "-8.0 (-12.0 to -4.0) a year"


def test_standing(drifting):
    assert said.standing(drifting.state()) == "in control"
    step = drifting.finding(alarm_id=7, state="open")
    assert (
        said.standing(drifting.state(findings=(step,), verdict="action"))
        == "step of -2.1 % since 25 May 2026, alarm 7, open"
    )
    learning = drifting.state(verdict="not_evaluated", notes=("4 more exams",))
    assert said.standing(learning) == "4 more exams"


def test_noted_finding_leaves_a_series_in_control(drifting):
    noted = drifting.finding(verdict="pass")
    assert said.standing(drifting.state(findings=(noted,))) == "in control"


@pytest.mark.parametrize(
    ("value", "sd", "text"),
    [(92.0567, 0.4, "92.06"), (92.0567, math.nan, "92.06"), (2049.3, 15.0, "2049"),
     (math.nan, 1.0, "—"), (5.0, 0.0, "5")],
)  # fmt: skip
def test_level_is_rounded_by_the_sd(value, sd, text):
    assert said.level_text(value, sd) == text
