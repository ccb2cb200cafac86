"""The large chart of a series: it says what it shows, for one exam and for 520."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

from qiqa.core.drift import Chart, Curve, Forecast, Segment, ServiceEvent
from qiqa.report.control_chart import control_chart


def height(element, index=0):
    numbers = re.findall(r"-?[\d.]+", element["d"])
    return float(numbers[2 * index + 1])


def test_specification_and_control_limits_have_styles_and_words_of_their_own(drifting, drawn):
    chart = drawn(drifting.state())
    control = {c["class"] for c in chart.with_class("d-bound")}
    wall = {c["class"] for c in chart.with_class("d-spec-action")}
    assert control == {"d-bound"}
    assert wall == {"d-spec-action"}
    for words in ("limit 87.5", "target 88.5", "high 92.00", "low 88.00", "expected 90.00"):
        assert words in chart.words


def test_larger_values_are_drawn_higher(drifting, drawn):
    chart = drawn(drifting.state())
    (limit,) = chart.with_class("d-spec-action")
    (target,) = chart.with_class("d-spec-tolerance")
    (level,) = chart.with_class("d-level")
    points = [float(c["cy"]) for c in chart.with_class("d-dot")]
    assert min(points) < height(level) < max(points) < height(target) < height(limit)


def test_infinite_limits_are_not_drawn_and_not_named(drifting, drawn):
    series = drifting.series(tolerance=(-math.inf, math.inf), action=(-math.inf, math.inf))
    chart = drawn(drifting.state(series=series))
    assert not chart.with_class("d-spec-action")
    assert "inf" not in chart.words


def test_limit_far_away_is_named_at_the_edge_and_leaves_points_their_room(drifting, drawn):
    near = drawn(drifting.state(series=drifting.series(tolerance=None, action=None)))
    far = drawn(drifting.state(series=drifting.series(tolerance=None, action=(-5000.0, math.inf))))
    assert "limit -5000 ↓" in far.words

    def spread(chart):
        return np.ptp([float(c["cy"]) for c in chart.with_class("d-dot")])

    assert spread(far) == spread(near) > 20.0


def test_left_out_exam_is_hollow_and_says_why(drifting, drawn):
    reasons = np.full(40, "", dtype="<U40")
    reasons[[7, 9]] = "spike", "temperature_degc not stated"
    state = drifting.state(left_out=reasons)
    chart = drawn(state)
    assert len(chart.with_class("d-hollow")) == 2
    assert len(chart.with_class("d-dot")) == 38
    assert "left out: spike" in chart.words


def test_exam_beyond_its_limits_is_a_diamond_not_a_dot(drifting, drawn):
    series = drifting.series()
    series.value[20] = 92.6
    chart = drawn(drifting.state(series=series))
    assert len(chart.with_class("d-beyond")) == 1
    assert len(chart.with_class("d-dot")) == 39


def test_wild_exam_does_not_flatten_the_others(drifting, drawn):
    series = drifting.series()
    series.value[20] = 9.0e6
    chart = drawn(drifting.state(series=series))
    heights = [float(c["cy"]) for c in chart.with_class("d-dot")]
    assert np.ptp(heights) > 20.0
    assert len(chart.with_class("d-beyond")) == 1  # at the edge


def test_no_limits_before_there_are_any(drifting, drawn):
    chart = drawn(drifting.state())
    (band,) = chart.with_class("d-band")
    xs = [float(x) for x in re.findall(r"[ML](-?[\d.]+) ", band["d"])]
    dots = sorted(float(c["cx"]) for c in chart.with_class("d-dot"))
    assert dots[3] < min(xs) < dots[4]


def test_values_adjusted_are_drawn_and_those_measured_stay_faint(drifting, page, drawn):
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


def test_events_epochs_and_changes_are_marked_once_each(drifting, drawn):
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


@pytest.mark.parametrize("apart", [13, 40])
def test_labels_of_marks_neither_overlap_nor_are_crossed(drifting, apart):
    events = tuple(
        ServiceEvent(at=drifting.at(day), scanner="SIM 01", kind="service", text="x" * 30)
        for day in range(3, 270, apart)
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
def test_forecast_is_a_fan_to_its_limit(drifting, late, drawn):
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


def test_forecast_that_may_never_come_has_no_date(drifting, drawn):
    ahead = Forecast(limit=87.5, level="action", date=None, interval=(drifting.at(330), None))
    chart = drawn(drifting.state(forecast=ahead))
    assert len(chart.with_class("d-fan")) == 1
    assert not chart.with_class("d-ahead")


def test_ramp_has_no_level_line(drifting, drawn):
    ramp = Segment(first=0, last=39, why="trend", level=90.0, sd=0.5, slope_per_year=-1.0)
    assert not drawn(drifting.state(segments=(ramp,))).with_class("d-level")


def test_limits_that_ended_are_not_named_as_if_they_held(drifting, page, drawn):
    known = np.where(np.arange(40) < 30, 90.0, np.nan)
    state = drifting.state(expected=known, low=known - 2, high=known + 2, verdict="action",
                           findings=(drifting.finding(),))  # fmt: skip
    assert "expected 90" not in drawn(state).words
    assert "no control limits for the last 10 exams" in page(drifting.scanner(state)).words


def test_panel_shows_where_its_rule_signals(drifting, drawn):
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
def test_any_number_of_exams_is_drawn(drifting, count, drawn):
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
