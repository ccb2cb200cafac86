"""What earlier exams say about one exam: on its page, in the terminal, and at what cost."""

import dataclasses
import datetime as dt
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from qiqa.cli.deliver import deliver
from qiqa.cli.qc import Options
from qiqa.cli.trends import trend_lines
from qiqa.core.series import SourceFile
from qiqa.io.definitions import load_phantom
from qiqa.io.write_dicom import write_exam
from qiqa.simulate.acr_large import simulate_exam
from qiqa.simulate.spec import AcrSpec
from qiqa.store import open_store

FIRST = dt.datetime(2026, 1, 5, 7, 30)
THICKER_MM = 1.0


def earlier(result, weeks, change=0.0):
    """Return the same exam as if made some weeks before, its values off by parts of their u."""
    rng = np.random.default_rng(weeks)

    def off(item):
        m = item.measurement
        u = m.standard_uncertainty if np.isfinite(m.standard_uncertainty) else 0.0
        value = m.value + 0.2 * u * rng.normal() + (change if m.name == "slice_thickness" else 0.0)
        return dataclasses.replace(item, measurement=dataclasses.replace(m, value=value))

    digest = f"{weeks:064x}"
    kept = dataclasses.replace(
        result.provenance, inputs=(SourceFile(path=f"week {weeks}", sha256=digest),)
    )
    return dataclasses.replace(
        result,
        acquired_at=result.acquired_at - dt.timedelta(days=7 * weeks),
        assessments=tuple(off(item) for item in result.assessments),
        provenance=kept,
    )


@pytest.fixture
def keep(result, home):
    """Return a function that keeps so many weekly exams before this one; the first ones differ."""

    def call(count, differ=0, change=0.0):
        with open_store(str(home / "history.db")) as store:
            for weeks in range(count, 0, -1):
                exam = earlier(result, weeks, change if weeks > count - differ else 0.0)
                saved = store.save(exam, user="tester", now=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
                assert saved.created

    return call


@pytest.fixture
def handed_out(result, home, capsys):
    """Return a function that delivers the exam: status, what was printed, the page."""

    def call(**options):
        code = deliver(result, Options(paths=(), report=home / "r.html", **options), user="tester")
        captured = capsys.readouterr()
        return code, captured, (home / "r.html").read_text(encoding="utf-8")

    return call


def standings(page):
    return re.findall(r'class="small standing">.*?<bdi>(.*?)</bdi>', page)


def test_two_earlier_exams_are_drawn_and_not_charted(keep, handed_out):
    keep(2)
    code, printed, page = handed_out()
    assert (code, printed.err) == (0, "")
    assert standings(page) == []
    assert page.count('class="spark"') > 5


def test_values_in_control_are_said_on_the_page_and_not_in_the_terminal(keep, handed_out):
    keep(12)
    code, printed, page = handed_out()
    assert (code, printed.err) == (0, "")
    assert standings(page).count("in control") > 5
    assert "trend:" not in printed.out


def test_a_step_is_said_in_one_line(keep, handed_out):
    keep(24, differ=16, change=-0.4)
    _, printed, page = handed_out()
    (line,) = [row for row in printed.out.splitlines() if row.startswith("trend:")]
    assert line.startswith("trend: slice_thickness slice 1 (T1): step of 0.4 mm since ")
    assert any(words.startswith("step of 0.4") for words in standings(page))
    assert printed.out.rstrip().rpartition("\n")[2].startswith(" PASS ")


def test_lines_go_where_the_json_does_not(keep, handed_out):
    keep(24, differ=16, change=-0.4)
    _, printed, _ = handed_out(json="-")
    assert "trend: slice_thickness" in printed.err
    assert "trend:" not in printed.out


def test_of_many_series_that_moved_three_are_named(keep, result, home):
    from qiqa.cli.trends import watched

    keep(24, differ=16, change=-0.4)
    with open_store(str(home / "history.db")) as store:
        states = watched(result, store)
    moved = [s for s in states if s.verdict in ("action", "tolerance")]
    lines = trend_lines(tuple(moved[0] for _ in range(5)))
    assert len(lines) == 4
    assert lines[-1].startswith("trend: and 2 more")


def test_a_fault_in_charting_leaves_page_and_earlier_values(keep, handed_out, monkeypatch, home):
    from qiqa.workflows import looking_back

    def broken(*_, **__):
        raise KeyError("a rule of another age")

    keep(5)
    monkeypatch.setattr(looking_back, "look_back", broken)
    code, printed, page = handed_out()
    assert code == 1
    assert "a rule of another age" in printed.err
    assert page.count('class="spark"') > 5
    with open_store(str(home / "history.db"), create=False) as store:
        assert len(store.exams()) == 6


def test_compiled_code_is_not_loaded_for_two_earlier_exams(keep, exam, home):
    keep(2)
    code = f"""
import sys
from qiqa.cli.app import run
code = run(["qc", {str(exam)!r}, "--report", "r.html"])
print(sorted(set(sys.modules) & {{"numba", "scipy.stats"}}), file=sys.stderr)
sys.exit(code)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True,
        encoding="utf-8", cwd=home, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert 'class="spark"' in (home / "r.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_weekly_exams_from_dicom_to_the_alarm_on_the_page(qiqa, tmp_path):
    """Seven exams, the last two with thicker slices; the alarm is raised after the sixth."""
    phantom, rng = load_phantom("acr_large"), np.random.default_rng(11)
    for week in range(1, 8):
        thicker = THICKER_MM if week > 5 else 0.0
        spec = AcrSpec(
            snr=150.0,
            thickness_mm=5.0 + thicker + float(rng.normal(0.0, 0.03)),
            acquired_at=FIRST + dt.timedelta(days=7 * (week - 1)),
        )
        folder = tmp_path / f"week{week}"
        write_exam(simulate_exam(phantom, spec, rng).named, folder)
        if week == 7:
            qiqa("drift", "--no-pages")
            alarms = json.loads(qiqa("drift", "alarms", "--json", "-").out)["alarms"]
        ran = qiqa("qc", folder, "--report", tmp_path / f"{week}.html")
        assert ran.code in (0, 3, 4, 5), ran.err
    (number,) = [a["record_id"] for a in alarms if a["finding"]["name"] == "slice_thickness"]
    (line,) = re.findall(r"(?m)^trend: slice_thickness .*$", ran.out)
    assert line.endswith(f" 2026, alarm {number}, open")
    page = (tmp_path / "7.html").read_text(encoding="utf-8")
    assert line.partition("(T1): ")[2] in standings(page)
    assert standings((tmp_path / "3.html").read_text(encoding="utf-8")) == []
    assert "in control" in standings((tmp_path / "5.html").read_text(encoding="utf-8"))
