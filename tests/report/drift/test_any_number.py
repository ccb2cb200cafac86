"""Any number and any date gives a page, and no coordinate of it is NaN or infinite."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re

import numpy as np
import pytest

from qiqa.core.drift import Chart, Curve, FleetState, Forecast, Kind, Segment
from qiqa.report.drift_page import render_scanner
from qiqa.report.drift_text import finding_lines, short_sentence, standing
from qiqa.report.fleet_page import render_fleet
from qiqa.report.plots import sparkline
from qiqa.report.trend import trend_of

EXTREMES = (0.0, 1.0, -1.0, 90.0, 1e300, -1e300, 1.7e308, -1.7e308, 1e-300, 5e-324,
            math.nan, math.inf, -math.inf)  # fmt: skip
DATES = (None, dt.datetime(1, 1, 1), dt.datetime(2024, 1, 5), dt.datetime(9999, 12, 31))
DAYS = np.array(["0001-01-01", "2024-01-01", "2024-01-02", "9999-12-31"], "datetime64[us]")
COORDINATES = ("d", "x", "y", "cx", "cy", "r", "x1", "x2", "y1", "y2", "width", "height",
               "points", "viewbox")  # fmt: skip


class Wild:
    """Builds what watching hands to a page out of the largest, the smallest and no number."""

    def __init__(self, drifting, seed):
        self.drifting = drifting
        self.rng = np.random.default_rng(seed)

    def one(self):
        return float(self.rng.choice(EXTREMES))

    def date(self):
        return DATES[self.rng.integers(len(DATES))]

    def forecast(self):
        return Forecast(limit=self.one(), level="action", date=self.date(),
                        interval=(self.date(), self.date()))  # fmt: skip

    def finding(self):
        return self.drifting.finding(
            size=self.one(), size_interval=(self.one(), self.one()), date=self.date(),
            score=self.one(), forecast=self.forecast(), signalled=self.date(),
            date_interval=(DATES[1], DATES[3]), kind=list(Kind)[self.rng.integers(len(Kind))],
            unit=str(self.rng.choice(["%", "mm²/s", "1/year", ""])),
        )  # fmt: skip

    def state(self):
        n = int(self.rng.integers(0, 9))

        def many():
            return self.rng.choice(EXTREMES, n)

        series = self.drifting.series(
            n, at=np.sort(self.rng.choice(DAYS, n)), value=many(), unit="%",
            tolerance=(self.one(), self.one()), action=(self.one(), self.one()),
        )  # fmt: skip
        level = Segment(first=0, last=n - 1, why="start", level=self.one(), sd=self.one(),
                        slope_per_year=self.one())  # fmt: skip
        index = np.arange(n)
        curve = Curve(label="c", value=many(), low=many(), high=many())
        return self.drifting.state(
            series=series, adjusted=many(), expected=many(), low=many(), high=many(),
            score=many(), findings=(self.finding(),), forecast=self.forecast(),
            adjusted_for=(("temperature_degc", self.one(), self.one(), self.one()),),
            charts=(Chart(rule="cusum", curves=(curve,), signals=index, directions=index,
                          since=index),),
            segments=(level,) if n else (), verdict=("action", "pass")[self.rng.integers(2)],
        )  # fmt: skip

    def scanner(self):
        return self.drifting.scanner(
            self.state(), every_days=self.one(), first_exam=self.date(), last_exam=self.date()
        )


@pytest.fixture
def coordinates(drifting):
    """Return every coordinate of a page, as written."""

    def of(source):
        page = drifting.Page(source)
        return [a[name] for _, a in page.elements for name in COORDINATES if a.get(name)]

    return of


@pytest.mark.parametrize("seed", range(8))
def test_no_number_and_no_date_breaks_a_scanners_page(drifting, coordinates, seed):
    wild = Wild(drifting, seed)
    for _ in range(25):
        source = render_scanner(wild.scanner(), source="x", now=drifting.at(280))
        places = coordinates(source)
        assert places
        assert not [p for p in places if re.search("nan|inf|[0-9]{9}", p)]


@pytest.mark.parametrize("seed", range(6))
def test_no_number_and_no_date_breaks_the_fleets_page_or_a_sentence(drifting, coordinates, seed):
    wild = Wild(drifting, 100 + seed)
    for _ in range(25):
        found = tuple(dataclasses.replace(wild.finding(), verdict="action") for _ in range(3))
        lines = tuple(
            drifting.summary(findings=(f,), verdict="action", overdue_days=wild.one(),
                             last_exam=wild.date())
            for f in found
        )  # fmt: skip
        fleet = FleetState(now=drifting.at(280), scanners=lines, false_alarms_per_year=wild.one())
        assert coordinates(render_fleet(fleet))
        for finding in found:
            assert all(finding_lines(finding))
            assert short_sentence(finding)
        assert standing(wild.state())


@pytest.mark.parametrize("seed", range(6))
def test_no_number_breaks_what_a_report_of_one_exam_shows(drifting, coordinates, seed):
    wild = Wild(drifting, 200 + seed)
    for _ in range(25):
        state = wild.state()
        points = trend_of(state)
        assert len(points.dates) == int(np.isfinite(state.series.value).sum())
        for control in ((), points.control):
            drawing = sparkline(points.dates, points.values, (wild.one(), wild.one()), "x", control)
            assert not [p for p in coordinates(drawing) if re.search("nan|inf|[0-9]{9}", p)]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_finding_without_a_size_is_a_sentence_without_a_number(drifting, kind):
    finding = drifting.finding(kind=kind, size=math.nan, size_interval=None)
    words = finding_lines(finding)[0]
    assert "nan" not in words
    assert "—" not in words
    assert "  " not in words
    assert " by since" not in words
    assert " by on" not in words
