"""An exam whose date cannot be true keeps its values, and counts for no date anywhere."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.programme import ProgrammePolicy
from qiqa.harmonize.phantom.calibrating import calibrate
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.harmonize.scanners.programme import certificates, round_scores

TODAY = dt.date(2030, 1, 1)


def misdated(readings, scanner, visits, year="2029-01-01"):
    """Return readings where some visits, planned 90 days apart, are dated years later."""
    wrong = (readings.scanner == scanner) & np.isin(readings.visit, visits)
    at = readings.at.copy()
    at[wrong] = np.datetime64(year, "us")
    return dataclasses.replace(readings, at=at)


@pytest.fixture
def late_first_visit(rounds, rng):
    """S02, in a name with a comma, whose first of six visits is dated after all others."""
    readings = rounds(rng, visits=6)
    scanner = np.where(readings.scanner == "S02", "S02, exam room", readings.scanner)
    return misdated(dataclasses.replace(readings, scanner=scanner), "S02, exam room", [0])


def test_its_date_is_none_of_scanner_certificate_round_or_calibration(late_first_visit):
    prepared = prepare(late_first_visit, today=TODAY)
    r = prepared.found.readings
    own = r.scanner == "S02, exam room"
    assert not prepared.found.dated[own & (r.visit == 0)].any()
    assert prepared.found.dated[~(own & (r.visit == 0))].all()
    # visits 1 to 5: 1 January 2025 + 2 + 90 and + 2 + 450 days
    first, last = dt.date(2025, 4, 3), dt.date(2026, 3, 29)
    study = study_bias(prepared, 5.0)
    (one,) = [s for s in study.scanners if s.scanner == "S02, exam room"]
    assert (one.first.date(), one.last.date()) == (first, last)
    assert one.exams == 6  # its values count
    papers = certificates(study, prepared.found, ProgrammePolicy(), TODAY)
    (paper,) = [c for c in papers if c.scanner == "S02, exam room"]
    assert (paper.first, paper.last) == (first, last)
    assert paper.challenges == 5
    (score,) = [s for s in round_scores(study, prepared.found) if s.scanner == "S02, exam room"]
    assert score.at.date() == last
    (made,) = [c for c in calibrate(prepared.found)[0] if c.scanner == "S02, exam room"]
    assert (made.first.date(), made.last.date()) == (first, last)


def test_it_shows_no_step(rounds, rng):
    """High exams spread over time are no step; misdated to the end they would look like one."""
    readings = rounds(rng, visits=12)
    high = (readings.scanner == "S04") & np.isin(readings.visit, [1, 4, 6, 9])
    readings = dataclasses.replace(readings, value=readings.value * np.where(high, 1.06, 1.0))
    wrong = misdated(readings, "S04", [1, 4, 6, 9])
    unvisited = dataclasses.replace(wrong, visit=np.full(len(wrong), np.nan))
    # nothing contradicts the dates where visits are not numbered
    assert "moved" in [flag.kind for flag in prepare(unvisited, today=TODAY).flags]
    assert "moved" not in [flag.kind for flag in prepare(wrong, today=TODAY).flags]


def test_where_a_scanner_moved_it_is_left_out(rounds, rng):
    """Nobody knows on which side of the step it was."""
    readings = rounds(rng, visits=14)
    late = (readings.scanner == "S04") & (readings.visit >= 8)
    readings = dataclasses.replace(readings, value=readings.value * np.where(late, 1.06, 1.0))
    prepared = prepare(misdated(readings, "S04", [2]), today=TODAY)
    assert [f.kind for f in prepared.flags if f.is_about("S04")] == ["dates_out_of_order", "moved"]
    r = prepared.found.readings
    own = r.scanner == "S04"
    assert not (own & (r.visit == 2)).any()
    assert {*r.epoch[own & (r.visit < 8)].tolist()} == {""}


def test_a_scanner_without_any_date_says_so(rounds, rng):
    readings = misdated(rounds(rng, visits=3), "S03", [0, 1, 2], "2035-01-01")
    _, flags = calibrate(prepare(readings, today=TODAY).found)
    assert [flag.where for flag in flags if flag.kind == "no_date_believed"] == ["S03"]
