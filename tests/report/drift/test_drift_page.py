"""The page of one scanner: what needs doing first, escaping, no network."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

from qiqa.core.drift import Kind, Segment, ServiceEvent
from qiqa.core.errors import OutputError
from qiqa.report.drift_page import render_scanner, write_scanner

HOSTILE = "</title><script>alert(1)</script>\x1b[31m{{ 7 * 191 }}\u202e<img src=x onerror=alert(1)>"


# --- the first five seconds ----------------------------------------------------------------------


def test_headline_says_what_fell_by_how_much_since_when(drifting, page):
    found = drifting.finding()
    shown = page(drifting.scanner(drifting.state(findings=(found,), verdict="action")))
    assert "Act: Image uniformity (PIU) fell by 2.10 % since 25 May 2026" in shown.words
    assert shown.with_class("hero")[0]["class"] == "hero action"


def test_headline_of_a_scanner_in_order_counts_its_series(drifting, page):
    other = drifting.state(series=drifting.series(name="psg", series_key="key-psg"))
    shown = page(drifting.scanner(drifting.state(), other))
    assert "Nothing to do: 2 series in control" in shown.words
    assert "What to do" not in shown.words


def test_scanner_without_limits_is_not_called_in_control(drifting, page):
    note = "3 usable exams: 2 more before anything can be predicted"
    learning = drifting.state(3, verdict="not_evaluated", notes=(note,))
    shown = page(drifting.scanner(learning, verdict="not_evaluated"))
    assert "Too few exams: no limits yet" in shown.words
    assert note in shown.words
    assert "in control" not in shown.words.replace("Latest exams in their control limits", "")


def test_task_says_since_when_how_big_how_sure_and_what_next(drifting, page):
    found = drifting.finding(causes=("coil: element 7 replaced",), alarm_id=7, state="open")
    shown = page(drifting.scanner(drifting.state(findings=(found,), verdict="action")))
    for words in (
        "25 May 2026 (between 18 May 2026 and 1 Jun 2026); on record: coil: element 7 replaced",
        "2.10 (1.60 to 2.60) %",
        "sure: the 95 % interval excludes 'no change'; 5.2 SD from what was expected",
        "seen on 8 Jun 2026 (rule: cusum)",
        "call service",
        'alarm 7, open : qiqa drift acknowledge 7 --comment "..."',
    ):
        assert words in shown.words


def test_finding_whose_interval_includes_nothing_is_not_called_sure(drifting, page):
    found = drifting.finding(size_interval=(-4.5, 0.3))
    shown = page(drifting.scanner(drifting.state(findings=(found,), verdict="action")))
    assert "not sure: the 95 % interval includes 'no change'" in shown.words


def test_scatter_is_sure_where_its_ratio_excludes_one(drifting, page):
    found = drifting.finding(kind=Kind.VARIANCE, size=2.0, size_interval=(1.4, 2.9), unit="1")
    shown = page(drifting.scanner(drifting.state(findings=(found,), verdict="action")))
    assert "sure: the 95 % interval excludes 'no change'" in shown.words
    found = dataclasses.replace(found, size_interval=(0.8, 2.9))
    shown = page(drifting.scanner(drifting.state(findings=(found,), verdict="action")))
    assert "not sure" in shown.words


def test_number_of_a_task_is_that_of_its_mark_though_findings_are_copies(drifting, page):
    found = drifting.finding(score=math.nan)
    copy = dataclasses.replace(found, alarm_id=9, state="acknowledged")
    state = drifting.state(findings=(found,), verdict="action")
    shown = page(drifting.scanner(state, findings=[copy]))
    assert len(shown.with_class("d-chart")) == 1
    assert "1 step" in shown.words
    assert "qiqa drift close 9" in shown.words


def test_diffusion_is_in_the_unit_people_read(drifting, page):
    series = drifting.series(name="adc", quantity="adc", insert="PVP0", unit="mm²/s", role="adc")
    series = dataclasses.replace(series, value=series.value * 1e-5, tolerance=None, action=None)
    found = drifting.finding(name="adc", insert="PVP0", unit="mm²/s", size=3e-5,
                             size_interval=(2e-5, 4e-5))  # fmt: skip
    level = Segment(first=0, last=39, why="start", level=9.0e-4, sd=5e-6, counted=40)
    state = drifting.state(
        series=series, findings=(found,), verdict="action", segments=(level,),
        expected=np.full(40, 9e-4), low=np.full(40, 8.8e-4), high=np.full(40, 9.2e-4),
    )  # fmt: skip
    shown = page(drifting.scanner(state))
    assert "ADC PVP0 rose by 30 µm²/s" in shown.words
    assert "level 900.0 µm²/s" in shown.words
    assert "mm²/s" not in shown.words.replace("µm²/s", "")


# --- escaping, network, writing ------------------------------------------------------------------


def test_hostile_names_stay_text(drifting, page):
    series = drifting.series(name=HOSTILE, insert=HOSTILE, scanner=HOSTILE, unit=HOSTILE,
                             exam=np.full(40, HOSTILE), role=HOSTILE)  # fmt: skip
    found = drifting.finding(name=HOSTILE, insert=HOSTILE, unit=HOSTILE, hint=HOSTILE,
                             causes=(HOSTILE,), rule=HOSTILE)  # fmt: skip
    event = ServiceEvent(at=drifting.at(60), scanner=HOSTILE, kind="service", text=HOSTILE)
    left_out = np.full(40, "", dtype="<U200")
    left_out[3] = HOSTILE
    state = drifting.state(series=series, findings=(found,), verdict="action", notes=(HOSTILE,),
                           left_out=left_out)  # fmt: skip
    whole = drifting.scanner(state, scanner=HOSTILE, label=HOSTILE, events=(event,),
                             notes=(HOSTILE,))  # fmt: skip
    source = render_scanner(whole, source=HOSTILE, now=drifting.at(280))
    shown = page(whole)
    assert not [tag for tag, _ in shown.elements if tag in ("script", "img")]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)
    assert "1337" not in shown.words
    assert "<script>alert(1)</script>" in shown.words


def test_nothing_is_loaded_from_anywhere(drifting):
    state = drifting.scanner(drifting.state(findings=(drifting.finding(),), verdict="action"))
    source = render_scanner(state, source="", now=drifting.at(280), fleet_page="index.html")
    assert not re.search(r"https?://|url\(|@import|<script|<link|javascript:", source)
    page = drifting.Page(source)
    links = [a["href"] for _, a in page.elements if "href" in a]
    own = {f"#{a['id']}" for _, a in page.elements if "id" in a}
    assert set(links) - {"index.html"} <= own
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', source)
    assert policy[1].startswith("default-src 'none'")


def test_page_is_written_whole(drifting, tmp_path):
    path = write_scanner(
        drifting.scanner(), tmp_path / "page.html", source="", now=drifting.at(280)
    )
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    with pytest.raises(OutputError, match="cannot be written"):
        write_scanner(drifting.scanner(), tmp_path / "no" / "p", source="", now=drifting.at(280))


def test_slope_on_a_bent_scale_is_not_given_a_unit(drifting, page):
    state = drifting.state(
        kind="bounded", adjusted_for=(("temperature_degc", -0.11, 0.01, 21.0),),
        findings=(drifting.finding(),), verdict="action",
    )  # fmt: skip
    words = page(drifting.scanner(state)).words
    assert "adjusted for temperature (brought to 21 °C)" in words


def test_level_of_a_ramp_is_what_is_expected_now(drifting, page):
    ramp = Segment(first=0, last=39, why="trend", level=80.0, sd=0.5, counted=40,
                   slope_per_year=-1.0)  # fmt: skip
    words = page(drifting.scanner(drifting.state(segments=(ramp,)))).words
    assert "expected now 90.00 %, trend since 5 Jan 2026, from 40 exams" in words
    gone = np.full(40, np.nan)
    lost = drifting.state(segments=(ramp,), expected=gone, low=gone, high=gone)
    assert "level not known, trend since 5 Jan 2026" in page(drifting.scanner(lost)).words


def test_control_limit_that_is_infinite_is_open_at_that_end(drifting, drawn):
    chart = drawn(drifting.state(low=np.full(40, -np.inf)))
    assert not chart.with_class("d-band")
    assert len(chart.with_class("d-bound")) == 1
    assert len(chart.with_class("d-dot")) == 40
    assert "inf" not in chart.words


def test_state_without_what_only_a_drawing_needs_is_still_drawn(drifting, page, drawn):
    bare = np.empty(0)
    state = drifting.state(adjusted=bare, expected=bare, low=bare, high=bare, charts=(),
                           left_out=np.empty(0, dtype=np.str_))  # fmt: skip
    assert len(drawn(state).with_class("d-dot")) == 40
    assert "Nothing to do: 1 series in control" in page(drifting.scanner(state)).words


def test_two_phantoms_are_told_apart(drifting, page):
    first = drifting.state(series=drifting.series(phantom_unit="J1", series_key="a"))
    found = drifting.finding(series_key="b")
    second = drifting.state(series=drifting.series(phantom_unit="J2", series_key="b"),
                            findings=(found,), verdict="action")  # fmt: skip
    words = page(drifting.scanner(first, second)).words
    assert "since 25 May 2026 with J2" in words
    assert "T1 J1" in words


def test_noted_findings_ask_for_nothing(drifting, page):
    noted = drifting.finding(verdict="pass", hint="later exams do not confirm it: nothing to do")
    shown = page(drifting.scanner(drifting.state(findings=(noted,))))
    assert "What to do" not in shown.words
    assert not shown.with_class("d-change")[1:]  # only the sample of the legend
    assert "later exams do not confirm it: nothing to do" in shown.words


def test_what_to_do_next_is_read_before_its_reasons(page, drifting):
    found = drifting.finding()
    words = page(drifting.scanner(drifting.state(findings=(found,)))).words
    assert "Next call service Since 25 May 2026" in words
