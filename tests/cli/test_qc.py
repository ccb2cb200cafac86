"""`qiqa qc` on exams that can be judged: what is printed, written, kept."""

import dataclasses
import json
import re

import numpy as np
import pytest

from qiqa.cli import verdict
from qiqa.core.measurement import Verdict
from qiqa.io.definitions import load_phantom
from qiqa.io.write_dicom import write_series
from qiqa.simulate.acr_large import simulate_stack
from qiqa.simulate.spec import AcrSpec


@pytest.fixture
def shown(result, home, capsys, monkeypatch):
    """Return a function that shows the judged exam at a width."""
    assert home.is_dir()

    def show(columns=120, **changes):
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        verdict.show(dataclasses.replace(result, **changes))
        return capsys.readouterr().out

    return show


def row(out, title):
    """Return the line of the table that starts with a title."""
    (found,) = (line for line in out.splitlines() if line.strip().startswith(title))
    return found


def words(text):
    return " ".join(text.split())


def test_an_exam_in_order_start_to_end(qiqa, exam, home):
    ran = qiqa("qc", exam)
    assert (ran.code, ran.err) == (0, "")
    first = ran.out.splitlines()[0]
    assert first == " PASS   12 pass."
    assert ran.last == first
    assert "MAGNETOM Sola 1.5 T SN SIM0001, 2026-01-05 07:30" in ran.out
    assert "Pass" in row(ran.out, "Length, end to end")
    (report,) = (home / "qiqa-report").iterdir()
    assert re.fullmatch(r"qc_\d{4}-\d\d-\d\d_[0-9a-f]{8}\.html", report.name)
    assert f"report   {report}" in ran.out
    assert f"history  exam 1 in sqlite:///{home / 'history.db'}" in ran.out

    again = qiqa("qc", exam, "--phantom-unit", "J1", "--reason", "unit was forgotten")
    assert "exam 2 (supersedes 1) in" in again.out
    listed = words(qiqa("history").out)
    assert "supersedes 1: unit was forgotten" in listed
    assert "1 exam in" in listed
    every = words(qiqa("history", "--all").out)
    assert "superseded by 2" in every
    assert "2 exams in" in every


def test_values_stand_under_the_series_they_were_measured_on(shown):
    out = shown()
    localizer = out.index("\nlocalizer: TR/TE 200/20 ms, 1 slice, ACR localizer")
    stack = out.index("\nT1: TR/TE 500/20 ms, 11 slices, ACR axial T1")
    assert localizer < out.index("Length, end to end") < stack < out.index("Diameter slice 1")
    assert "(T1)" not in out.partition("to be read by eye")[0]
    assert re.search(r"\d mm .*Pass", row(out, "Slice thickness"))


def test_what_a_person_must_do_is_said_in_one_place(shown):
    out = shown()
    assert out.count("to be read by eye") == 1
    assert "Low-contrast spokes seen (T1)" in out
    assert "to be entered: Your initials; Table positioning" in out


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_table_fits_its_width(shown, columns):
    lines = shown(columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if line != line.rstrip()]


def test_no_title_is_broken_at_80_columns(shown):
    assert "187 to 193" in row(shown(80), "Diameter slice 5, diagonal 1")


def test_a_pair_of_verdicts_is_named_and_a_crowd_is_counted(shown, result):
    def failed(count):
        items = list(result.assessments)
        judged = [n for n, a in enumerate(items) if a.verdict is Verdict.PASS]
        for n in judged[:count]:
            items[n] = dataclasses.replace(items[n], verdict=Verdict.ACTION)
        return words(shown(assessments=tuple(items)))

    both = "localizer Length, end to end; T1 Diameter slice 1, left-right."
    assert failed(2).startswith(f"ACTION 10 pass. 2 action: {both}")
    assert re.match(r"ACTION 7 pass. 5 action: [^;]+; [^;]+; [^;]+ and 2 more\.", failed(5))


def test_nothing_judged_is_said(shown):
    out = shown(assessments=())
    assert out.startswith(" NOT EVALUATED   Nothing was judged.")


def test_without_localizer_the_exam_is_not_evaluated(qiqa, exam):
    ran = qiqa("qc", exam / "T1", "--no-store")
    assert ran.code == 5
    assert ran.last == (
        " NOT EVALUATED   11 pass. 1 not evaluated: localizer Length, end to end (no localizer "
        "series in this exam)."
    )


def faulty(folder, **spec):
    series = simulate_stack(load_phantom("acr_large"), AcrSpec(**spec), np.random.default_rng(2))
    write_series(series, folder)
    return folder


def test_tolerance_outweighs_what_is_missing(qiqa, tmp_path):
    """The bars differ by twice the displacement: 6 mm is beyond the target, within the limit."""
    ran = qiqa("qc", faulty(tmp_path / "x", displacement_mm=3.0), "--no-store")
    assert ran.code == 3
    assert ran.out.startswith(" TOLERANCE ")
    both = "T1 Slice position, slice 1; T1 Slice position, slice 11"
    assert f"2 tolerance: {both}" in words(ran.out)
    assert "Tolerance" in row(ran.out, "Slice position, slice 11")
    assert "limit: within ± 7" in words(ran.out)


def test_off_protocol_is_said_once_above_its_values(qiqa, tmp_path):
    ran = qiqa("qc", faulty(tmp_path / "x", tr_ms=1000.0), "--no-store")
    assert ran.code == 5
    assert ran.out.count("departs from the protocol: TR 1000 ms instead of 500 ms") == 1
    assert "Recorded       off protocol: recorded" in row(ran.out, "Image uniformity")
    assert "2 recorded, not judged (off protocol)" in words(ran.out)


def test_json_holds_what_was_given(qiqa, exam, home):
    ran = qiqa("qc", exam / "T1", "--no-store", "--json", "-", "--scanner", "MR1",
               "--date", "2024-05-06", "--report", "r.html", "--phantom-unit", "J1")  # fmt: skip
    assert ran.code == 5
    assert ran.out.isascii()
    payload = json.loads(ran.out)
    assert (payload["schema"], payload["verdict"]) == ("qiqa.qc/1", "not_evaluated")
    assert dict(payload["provenance"]["parameters"]) == {
        "date": "2024-05-06T00:00:00",
        "scanner": "MR1",
    }
    assert payload["scanner"]["identity"] == "MR1"
    assert payload["acquired_at"] == "2024-05-06T00:00:00"
    assert payload["phantom"]["unit"] == "J1"
    assert [p.name for p in home.iterdir()] == ["r.html"]
    assert ran.err.startswith(" NOT EVALUATED ")
    assert "the headers state scanner SIEMENS SIM0001; MR1 was given instead" in ran.err
