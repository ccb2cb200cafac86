"""The page of one scanner: what needs doing first, charts that say what they show, escaping."""

from __future__ import annotations

import dataclasses
import html.parser
import math
import re

import numpy as np
import pytest

from qiqa.core.drift import Chart, Curve, Forecast, Kind, Segment, ServiceEvent
from qiqa.core.errors import OutputError
from qiqa.report.control_chart import control_chart
from qiqa.report.drift_page import render_scanner, write_scanner

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "</title><script>alert(1)</script>\x1b[31m{{ 7 * 191 }}\u202e<img src=x onerror=alert(1)>"


class Page(html.parser.HTMLParser):
    """Elements and text; complains about tags that do not nest."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def with_class(self, name):
        return [a for _, a in self.elements if name in a.get("class", "").split()]


@pytest.fixture
def page(drifting):
    def made(state):
        return Page(render_scanner(state, source="years.csv", now=drifting.at(280)))

    return made


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


# --- the large chart -----------------------------------------------------------------------------


def drawn(state, events=()):
    return Page(control_chart(state, events))


def height(element, index=0):
    numbers = re.findall(r"-?[\d.]+", element["d"])
    return float(numbers[2 * index + 1])


def test_specification_and_control_limits_have_styles_and_words_of_their_own(drifting):
    chart = drawn(drifting.state())
    control = {c["class"] for c in chart.with_class("d-bound")}
    wall = {c["class"] for c in chart.with_class("d-spec-action")}
    assert control == {"d-bound"}
    assert wall == {"d-spec-action"}
    for words in ("limit 87.5", "target 88.5", "high 92.00", "low 88.00", "expected 90.00"):
        assert words in chart.words


def test_larger_values_are_drawn_higher(drifting):
    chart = drawn(drifting.state())
    (limit,) = chart.with_class("d-spec-action")
    (target,) = chart.with_class("d-spec-tolerance")
    (level,) = chart.with_class("d-level")
    points = [float(c["cy"]) for c in chart.with_class("d-dot")]
    assert min(points) < height(level) < max(points) < height(target) < height(limit)


def test_infinite_limits_are_not_drawn_and_not_named(drifting):
    series = drifting.series(tolerance=(-math.inf, math.inf), action=(-math.inf, math.inf))
    chart = drawn(drifting.state(series=series))
    assert not chart.with_class("d-spec-action")
    assert "inf" not in chart.words


def test_limit_far_away_is_named_at_the_edge_and_leaves_points_their_room(drifting):
    near = drawn(drifting.state(series=drifting.series(tolerance=None, action=None)))
    far = drawn(drifting.state(series=drifting.series(tolerance=None, action=(-5000.0, math.inf))))
    assert "limit -5000 ↓" in far.words

    def spread(chart):
        return np.ptp([float(c["cy"]) for c in chart.with_class("d-dot")])

    assert spread(far) == spread(near) > 20.0


def test_left_out_exam_is_hollow_and_says_why(drifting):
    reasons = np.full(40, "", dtype="<U40")
    reasons[[7, 9]] = "spike", "temperature_degc not stated"
    state = drifting.state(left_out=reasons)
    chart = drawn(state)
    assert len(chart.with_class("d-hollow")) == 2
    assert len(chart.with_class("d-dot")) == 38
    assert "left out: spike" in chart.words


def test_exam_beyond_its_limits_is_a_diamond_not_a_dot(drifting):
    series = drifting.series()
    series.value[20] = 92.6
    chart = drawn(drifting.state(series=series))
    assert len(chart.with_class("d-beyond")) == 1
    assert len(chart.with_class("d-dot")) == 39


def test_wild_exam_does_not_flatten_the_others(drifting):
    series = drifting.series()
    series.value[20] = 9.0e6
    chart = drawn(drifting.state(series=series))
    heights = [float(c["cy"]) for c in chart.with_class("d-dot")]
    assert np.ptp(heights) > 20.0
    assert len(chart.with_class("d-beyond")) == 1  # at the edge


def test_no_limits_before_there_are_any(drifting):
    chart = drawn(drifting.state())
    (band,) = chart.with_class("d-band")
    xs = [float(x) for x in re.findall(r"[ML](-?[\d.]+) ", band["d"])]
    dots = sorted(float(c["cx"]) for c in chart.with_class("d-dot"))
    assert dots[3] < min(xs) < dots[4]


def test_values_adjusted_are_drawn_and_those_measured_stay_faint(drifting, page):
    series = drifting.series()
    state = drifting.state(
        series=series, adjusted=series.value + 0.3,
        adjusted_for=(("temperature_degc", -0.11, 0.01, 21.0),), findings=(drifting.finding(),),
        verdict="action",
    )  # fmt: skip
    chart = drawn(state)
    (raw,) = chart.with_class("d-raw")
    assert raw["d"].count("M") == 40
    words = page(drifting.scanner(state)).words
    assert "adjusted for temperature (-0.110 ± 0.020 %/°C, brought to 21 °C)" in words


def test_events_epochs_and_changes_are_marked_once_each(drifting):
    segments = (
        Segment(first=0, last=19, why="start", level=90.0, sd=0.5, counted=20),
        Segment(first=20, last=29, why="epoch", label="software: 1 to 2", level=90.0, sd=0.5),
        Segment(first=30, last=39, why="epoch", label="coil: new", level=90.0, sd=0.5),
    )
    coil = ServiceEvent(at=drifting.at(29 * 7 + 3), scanner="SIM 01", kind="coil", text="new")
    early = ServiceEvent(at=drifting.at(-4000), scanner="SIM 01", kind="room", text="built")
    chart = drawn(drifting.state(segments=segments), (coil, early))
    assert len(chart.with_class("d-epoch")) == 1
    assert len(chart.with_class("d-event")) == 1
    assert "A software: 1 to 2" in chart.words
    assert "B coil: new" in chart.words
    assert "built" not in chart.words


def test_labels_of_marks_neither_overlap_nor_are_crossed(drifting):
    events = tuple(
        ServiceEvent(at=drifting.at(day), scanner="SIM 01", kind="service", text="x" * 30)
        for day in range(3, 270, 13)
    )
    state = drifting.state()
    source = control_chart(state, events)
    labels = re.findall(
        r'<text class="d-tag [^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)<', source
    )
    lines = re.findall(r'class="d-event" d="M([\d.]+) ([\d.]+)L', source)
    assert len(lines) == len(events) == len(labels)
    boxes = [(float(x), float(x) + 7.0 * len(t), float(y) - 10, float(y)) for x, y, t in labels]
    for left, right, top, foot in boxes:
        for x, y in lines:
            assert not (left < float(x) < right and float(y) < top)
        others = [b for b in boxes if b != (left, right, top, foot)]
        assert not any(left < b[1] and b[0] < right and top < b[3] and b[2] < foot for b in others)


def test_interval_of_a_date_is_a_band_of_its_width(drifting, page):
    state = drifting.state(findings=(drifting.finding(),), verdict="action")
    shown = page(drifting.scanner(state))
    box = next(a for a in shown.with_class("d-when") if "height" in a and float(a["height"]) > 100)
    dots = sorted(float(c["cx"]) for c in shown.with_class("d-dot") if float(c["r"]) == 3)
    assert float(box["width"]) == pytest.approx(dots[22] - dots[20], abs=1.5)  # 14 days


@pytest.mark.parametrize("late", [True, False])
def test_forecast_is_a_fan_to_its_limit(drifting, late):
    ends = (drifting.at(330), drifting.at(420) if late else None)
    ahead = Forecast(limit=87.5, level="action", date=drifting.at(360), interval=ends)
    chart = drawn(drifting.state(forecast=ahead))
    (fan,) = chart.with_class("d-fan")
    (wall,) = chart.with_class("d-spec-action")
    corners = [tuple(map(float, p)) for p in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", fan["d"])]
    assert corners[1][1] == pytest.approx(height(wall), abs=0.02)
    assert len(corners) == (3 if late else 4)
    assert corners[0][0] < corners[1][0] < corners[2][0]
    if not late:  # open: as far as the chart goes, as high as the level is now
        assert corners[3][1] == pytest.approx(corners[0][1], abs=0.02)
    assert "31 Dec 2026" in chart.words


def test_forecast_that_may_never_come_has_no_date(drifting):
    ahead = Forecast(limit=87.5, level="action", date=None, interval=(drifting.at(330), None))
    chart = drawn(drifting.state(forecast=ahead))
    assert len(chart.with_class("d-fan")) == 1
    assert not chart.with_class("d-ahead")


def test_ramp_has_no_level_line(drifting):
    ramp = Segment(first=0, last=39, why="trend", level=90.0, sd=0.5, slope_per_year=-1.0)
    assert not drawn(drifting.state(segments=(ramp,))).with_class("d-level")


def test_limits_that_ended_are_not_named_as_if_they_held(drifting, page):
    known = np.where(np.arange(40) < 30, 90.0, np.nan)
    state = drifting.state(expected=known, low=known - 2, high=known + 2, verdict="action",
                           findings=(drifting.finding(),))  # fmt: skip
    assert "expected 90" not in drawn(state).words
    assert "no control limits for the last 10 exams" in page(drifting.scanner(state)).words


def test_panel_shows_where_its_rule_signals(drifting):
    n = 40
    up = Curve(label="score", value=np.arange(n) / 4.0, low=np.full(n, np.nan),
               high=np.full(n, 5.0))  # fmt: skip
    signal = Chart(rule="cusum", curves=(up,), signals=np.array([21]), directions=np.array([1]),
                   since=np.array([3]))  # fmt: skip
    quiet = dataclasses.replace(signal, rule="variance", signals=np.array([], int))
    chart = drawn(drifting.state(charts=(signal, quiet)))
    assert len(chart.with_class("d-signal")) == 1
    assert "CUSUM of scores" in chart.words
    assert "1 signal" in chart.words
    assert "CUSUM of squares" not in chart.words


@pytest.mark.parametrize("count", [1, 2, 12, 520])
def test_any_number_of_exams_is_drawn(drifting, count):
    chart = drawn(drifting.state(count))
    assert len(chart.with_class("d-dot")) == count
    xs = [float(c["cx"]) for c in chart.with_class("d-dot")]
    assert all(math.isfinite(x) and 70.0 <= x <= 980.0 for x in xs)
    assert "NaN" not in chart.words
    assert "nan" not in str(chart.elements)


def test_dates_below_520_exams_are_few_enough_to_read(drifting):
    source = control_chart(drifting.state(520))
    labels = re.findall(r'x="([\d.]+)" y="[\d.]+" text-anchor="middle"[^>]*>(\d{4})<', source)
    assert 4 <= len(labels) <= 11
    places = [float(x) for x, _ in labels]
    assert min(np.diff(places)) > 45.0


@pytest.mark.parametrize("count", [0, 40])
def test_series_without_a_value_has_no_chart_and_the_page_stands(drifting, page, count):
    series = drifting.series(count)
    series.value[:] = np.nan
    state = drifting.state(series=series, verdict="not_evaluated", notes=("0 usable exams",),
                           expected=series.value, low=series.value, high=series.value,
                           segments=(), charts=())  # fmt: skip
    assert control_chart(state) == ""
    assert "0 usable exams" in page(drifting.scanner(state, verdict="not_evaluated")).words


def test_text_is_never_smaller_than_eleven_pixels(drifting):
    source = control_chart(drifting.state())
    assert min(float(s) for s in re.findall(r'font-size="([\d.]+)"', source)) >= 11.0


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
    page = Page(source)
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


def test_control_limit_that_is_infinite_is_open_at_that_end(drifting):
    chart = drawn(drifting.state(low=np.full(40, -np.inf)))
    assert not chart.with_class("d-band")
    assert len(chart.with_class("d-bound")) == 1
    assert len(chart.with_class("d-dot")) == 40
    assert "inf" not in chart.words


def test_state_without_what_only_a_drawing_needs_is_still_drawn(drifting, page):
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
