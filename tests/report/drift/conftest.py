"""Builders of what watching scanners hands to a page, and the page as a parser sees it."""

from __future__ import annotations

import datetime as dt
import html.parser
import math
import types

import numpy as np
import pytest

from qiqa.core.drift import (
    Chart,
    Curve,
    DriftFinding,
    Kind,
    ScannerState,
    ScannerSummary,
    Segment,
    SeriesState,
    TimeSeries,
)
from qiqa.report.control_chart import control_chart
from qiqa.report.drift_page import render_scanner

VOID = {"meta", "link", "br", "img", "input", "hr"}


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


def at(day):
    """Return the moment of a weekly exam, `day` days after the first."""
    return dt.datetime(2026, 1, 5, 7, 30) + dt.timedelta(days=day)


def finding(**fields):
    given = {
        "scanner": "SIM 01", "name": "piu", "quantity": "piu", "role": "T1", "kind": Kind.STEP,
        "rule": "cusum", "date": at(140), "date_interval": (at(133), at(147)),
        "signalled": at(154), "size": -2.1, "size_interval": (-2.6, -1.6), "unit": "%",
        "verdict": "action", "message": "the level fell", "hint": "call service", "score": -5.2,
        "series_key": "key-piu",
    }  # fmt: skip
    return DriftFinding(**{**given, **fields})


def drift_series(count=40, **fields):
    """Return a series of weekly exams that alternate about 90 with a distance of 0.5."""
    value = 90.0 + 0.5 * (-1.0) ** np.arange(count)
    given = {
        "scanner": "SIM 01", "name": "piu", "quantity": "piu", "unit": "%", "role": "T1",
        "at": np.array([at(7 * k) for k in range(count)], dtype="datetime64[us]"),
        "value": value, "standard_uncertainty": np.full(count, np.nan),
        "epoch": np.full(count, "a"), "exam": np.array([f"exam {k}" for k in range(count)], str),
        "series_key": "key-piu", "tolerance": (88.5, math.inf), "action": (87.5, math.inf),
    }  # fmt: skip
    return TimeSeries(**{**given, **fields})


def series_state(count=40, series=None, **fields):
    """Return a charted series: limits 2 about a level of 90 from the fifth exam on."""
    series = drift_series(count) if series is None else series
    count = len(series)
    known = np.where(np.arange(count) < 4, np.nan, 1.0)
    given = {
        "series": series, "kind": "continuous", "adjusted": series.value,
        "score": (series.value - 90.0) * known, "expected": 90.0 * known, "low": 88.0 * known,
        "high": 92.0 * known, "left_out": np.full(count, "", dtype="<U40"),
        "segments": (
            Segment(first=0, last=count - 1, why="start", level=90.0, level_interval=(89.9, 90.1),
                    sd=0.5, counted=count),
        ) if count else (),
        "charts": (
            Chart(rule="cusum", signals=np.empty(0, np.int64), directions=np.empty(0, np.int64),
                  since=np.empty(0, np.int64),
                  curves=(Curve(label="CUSUM up", value=0.5 * known,
                                        low=np.full(count, np.nan), high=5.0 * known),)),
        ),
        "verdict": "pass",
    }  # fmt: skip
    return SeriesState(**{**given, **fields})


def scanner_state(*series, findings=None, **fields):
    series = series or (series_state(),)
    own = [f for s in series for f in s.findings] if findings is None else list(findings)
    verdicts = [f.verdict for f in own]
    verdict = next((v for v in ("action", "tolerance") if v in verdicts), "pass")
    given = {
        "scanner": "SIM 01", "label": "Maker Model 3 T", "series": series, "findings": tuple(own),
        "exams": 40, "first_exam": at(0), "last_exam": at(273), "every_days": 7.0,
        "verdict": verdict,
    }  # fmt: skip
    return ScannerState(**{**given, **fields})


def summary_of(scanner="SIM 01", **fields):
    given = {
        "scanner": scanner, "label": "", "verdict": "pass", "findings": (), "charted": 12,
        "learning": 0, "exams": 40, "last_exam": at(273),
    }  # fmt: skip
    return ScannerSummary(**{**given, **fields})


@pytest.fixture
def drifting():
    """Builders of what watching scanners hands to a page."""
    return types.SimpleNamespace(
        at=at, finding=finding, series=drift_series, state=series_state, scanner=scanner_state,
        summary=summary_of, Page=Page,
    )  # fmt: skip


@pytest.fixture
def page():
    """Return the page of a scanner, parsed."""
    return lambda state: Page(render_scanner(state, source="years.csv", now=at(280)))


@pytest.fixture
def drawn():
    """Return the large chart of a series, parsed."""
    return lambda state, events=(): Page(control_chart(state, events))
