"""`qiqa trial report` as a person runs it."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

EVIL = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\nS99 in claim\u202e"


@pytest.fixture
def readings(rounds):
    """Return eight scanners; S01 reads 20 % high."""
    return rounds(np.random.default_rng(4), bias={1: 0.2})


@pytest.fixture
def table(home, phantom_rounds):
    """Return a function that writes readings, or rows, as a table."""

    def call(given, name="t.csv", **more):
        rows = given if isinstance(given, list) else phantom_rounds.rows_of(given)
        phantom_rounds.write_rows(rows, home / name, **more)
        return name

    return call


@pytest.fixture
def report(qiqa):
    def call(*words):
        return qiqa("trial", "report", "--table", "t.csv", *words)

    return call


def test_who_is_out_comes_first_and_pages_are_written(report, table, readings, home):
    table(readings)
    ran = report()
    assert (ran.code, ran.err) == (4, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("adc: 1 out of claim, ")
    assert "(bias within ±3.6 %; 8 scanners)" in lines[0]
    scanners = [line.split()[0] for line in lines if re.match(r" *S\d\d ", line)]
    assert scanners[0] == "S01"
    assert sorted(scanners) == [f"S{i:02d}" for i in range(8)]
    assert f"pages: {home / 'qiqa-trial' / 'index.html'}" == ran.last
    assert len(list((home / "qiqa-trial").glob("card_*.html"))) == 8


def test_json_alone_on_standard_output(report, table, readings, home):
    table(readings)
    ran = report("--json", "-", "--no-pages", "--title", "Trial µ")
    payload = json.loads(ran.out)
    assert ran.out.isascii()
    assert "adc: 1 out of claim" in ran.err
    assert (payload["schema"], payload["title"], payload["source"]) == (
        "qiqa.trial/1", "Trial µ", "t.csv",
    )  # fmt: skip
    out = [s["scanner"] for s in payload["scanners"] if s["claim"] == "out"]
    assert out == ["S01"]
    assert sorted(p.name for p in home.iterdir()) == ["t.csv"]


def moved(readings):
    late = (readings.scanner == "S04") & (readings.visit >= 7)
    return dataclasses.replace(readings, value=readings.value * np.where(late, 1.02, 1.0))


def biased(readings):
    value = np.where(readings.scanner == "S01", readings.value * 1.2, readings.value)
    return dataclasses.replace(readings, value=value)


def labeled_wrongly(readings):
    value = np.where(readings.exam == "S03 visit 1", readings.value * 1000, readings.value)
    return dataclasses.replace(readings, value=value)


@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        (None, (), 0),
        (labeled_wrongly, (), 3),
        (moved, (), 3),
        (lambda r: labeled_wrongly(biased(r)), (), 4),
        (None, ("--claim", "1"), 0),
        (lambda r: dataclasses.replace(r, quantity="x", name="x"), (), 5),
        (lambda r: r.take(r.visit == 0), (), 5),
    ],
    ids=["in", "labels", "moved", "out-and-labels", "in-units", "no-claim", "one-exam"],
)
def test_exit_statuses_are_those_of_the_help(report, table, rounds, change, words, code):
    steady = rounds(np.random.default_rng(4), visits=12, noise=0.003)
    table(steady if change is None else change(steady))
    ran = report(*words, "--no-pages", "--as-of", "2028-01-01")
    assert ran.code == code, ran.out + ran.err


def test_the_help_states_all_statuses(qiqa):
    out = qiqa("trial", "report", "--help").out
    said = out[out.index("Exit status") :]
    assert re.findall(r"\b(\d) (?=no |a |it )", said) == ["0", "3", "4", "5", "1"]
    assert "[NAME=]X[%]" in out


def test_order_of_rows_does_not_matter(report, table, readings):
    table(readings)
    one = report("--no-pages").out
    table(readings.take(np.random.default_rng(1).permutation(len(readings))))
    assert report("--no-pages").out == one


def test_parquet_says_the_same(qiqa, report, table, readings, home, phantom_rounds):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table(readings)
    rows = phantom_rounds.rows_of(readings)
    columns = {n: [None if row[n] == "" else row[n] for row in rows] for n in rows[0]}
    parquet.write_table(pa.table(columns), home / "t.parquet")
    ran = qiqa("trial", "report", "--table", "t.parquet", "--no-pages")
    assert ran.out == report("--no-pages").out


def test_certificates_need_the_precision_that_is_claimed(report, table, readings):
    table(readings)
    assert "certificates: 7 qualified, 1 not qualified" in report("--no-pages").out
    strict = report("--precision", "0.01", "--no-pages").out
    assert "certificates: 8 not qualified" in strict
    later = report("--as-of", "2030-01-01", "--no-pages").out
    assert "certificates: 1 not qualified, 7 expired" in later


def test_keeping_what_is_flagged(report, table, readings):
    table(labeled_wrongly(readings))
    assert "5 readings with wrong labels left out" in report("--no-pages").out
    assert "left out" not in report("--no-pages", "--keep-flagged").out


def test_exams_after_the_day_do_not_count(report, table, readings):
    table(readings)
    ran = report("--as-of", "2025-06-01", "--no-pages")
    assert ran.err == "80 readings after 2025-06-01 are left out\n"
    assert re.search(r"^S03 .* 2  2025-01-04", ran.out, re.MULTILINE)  # two exams of four
    ran = report("--as-of", "1999-01-01", "--no-pages")
    assert ran.code == 2
    assert "nothing was read until 1999-01-01; the first exam is of 2025-01-01" in ran.err


def test_a_claim_that_none_could_miss_is_refused(report, table, readings):
    table(readings)
    ran = report("--claim", "1000", "--no-pages")
    assert ran.code == 2
    assert "larger than every reference of adc (2)" in ran.err
    assert "write 1000%" in ran.err


def test_a_whole_trial_in_another_unit_accuses_nobody(report, table, readings):
    table(dataclasses.replace(readings, value=readings.value * 1e6))
    ran = report("--no-pages")
    assert "every exam is labeled wrongly" in ran.out
    assert "1e6 times" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--claim", "acd=3%"), 2, "--claim: there is no measurement 'acd'; there is adc"),
        (("--claim", "much"), 2, "--claim: 'much' is not [NAME=]NUMBER[%]"),
        (("--claim", "-3%"), 2, "'-3%' is not [NAME=]NUMBER[%]"),
        (("--claim", "nan"), 2, "'nan' is not [NAME=]NUMBER[%]"),
        (("--precision", "0"), 2, "--precision: 0 is not above 0 %"),
        (("--precision", "x"), 2, "--precision: 'x' is not a number"),
        (("--as-of", "soon"), 2, "--as-of: 'soon' is not a date"),
        (("--name", "t1"), 2, "--name: there is no measurement 't1'; there is adc"),
        (("--column", "scanner"), 2, "--column: 'scanner' is not NAME=COLUMN"),
        (("--column", "scanner=nowhere"), 2, "there is no column 'nowhere' for scanner"),
        (("--store", "h.db"), 2, "--store: not with --table"),
        (("--json", "none/x.json"), 1, "none/x.json: cannot be written"),
        (("-o", "t.csv"), 1, "t.csv: cannot be made"),
    ],
)
def test_what_cannot_be_is_refused_by_name(report, table, readings, words, code, said):
    table(readings)
    ran = report(*words)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_tables_that_cannot_be_used(report, table, readings, home, phantom_rounds):
    assert "t.csv: there is no such file" in report().err
    table(readings, encoding="utf-16")
    ran = report()
    assert (ran.code, "is not UTF-8 (byte 0)" in ran.err) == (1, True)
    rows = [
        {k: v for k, v in row.items() if k != "value"} for row in phantom_rounds.rows_of(readings)
    ]
    table(rows)
    ran = report()
    assert ran.code == 2
    assert "there is no column value; there are name, quantity, unit, scanner" in ran.err
    assert "--column value=COLUMN" in ran.err
    assert not (home / "qiqa-trial").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": np.nan}, "not studied: adc: adc: no reading has a value"),
        ({"reference": np.nan}, "3 scanners are too few for a consensus (5 are needed)"),
        ({"reference": 0.0}, "no reference is above zero"),
    ],
)
def test_what_cannot_be_studied_says_why(report, table, rounds, change, said):
    few = rounds(np.random.default_rng(4), scanners=3)
    table(dataclasses.replace(few, **{k: np.full(len(few), v) for k, v in change.items()}))
    ran = report("--no-pages")
    assert ran.code == 5
    assert said in ran.out
    assert "nothing could be studied" in ran.out


def test_one_scanner_alone(report, table, rounds):
    table(rounds(np.random.default_rng(4), scanners=1, visits=6, bias={0: 0.2}))
    ran = report("--no-pages")
    assert ran.code == 4
    assert "1 out of claim" in ran.out
    assert "vendors: too few scanners" in ran.out


def test_names_written_to_deceive(report, table, readings, home):
    evil = np.where(readings.scanner == "S02", EVIL, readings.scanner)
    evil = np.where(readings.scanner == "S03", "=HYPERLINK(1)", evil)
    more = {name: np.full(len(readings), EVIL) for name in ("site", "manufacturer", "phantom_unit")}
    table(dataclasses.replace(readings, scanner=evil, name=f"adc{EVIL}", quantity="adc", **more))
    ran = report("--title", EVIL, "--json", "x.json")
    assert ran.code == 4, ran.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ran.out + ran.err)
    assert not any(line.startswith("S99") for line in (ran.out + ran.err).splitlines())
    pages = list((home / "qiqa-trial").iterdir())
    assert len(pages) == 9
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert json.loads((home / "x.json").read_text(encoding="utf-8"))["title"] == EVIL


def test_from_the_history(qiqa, home, result):
    """The phantom's diameters have references: they are readings of a trial of one scanner."""
    from qiqa.store import open_store

    ran = qiqa("trial", "report", "--no-pages")
    assert (ran.code, "there is no history" in ran.err) == (1, True), ran.err
    with open_store(str(home / "history.db")) as store:
        store.save(result, user="tester", now=result.provenance.created_at)
    ran = qiqa("trial", "report", "--no-pages", "--json", "x.json")
    assert ran.code == 5, ran.err
    payload = json.loads((home / "x.json").read_text(encoding="utf-8"))
    assert payload["source"].endswith("history.db")
    assert {m["name"] for m in payload["measurements"]} >= {"diameter_slice1_lr"}
    assert qiqa("trial", "report", "--column", "a=b").code == 2


def test_a_report_loads_no_more_than_it_needs(table, readings, home):
    """Drawing, learning and statistics packages are for other work: they cost seconds."""
    table(readings)
    code = """
import sys
from qiqa.cli.app import run
run(["trial", "report", "--table", "t.csv"])
print(sorted(set(sys.modules) & {"sklearn", "scipy.stats", "matplotlib", "numba", "pandas",
    "statsmodels", "sqlalchemy", "pydicom", "nibabel", "rich"}))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8", cwd=home, env=environment
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_is_needed(qiqa):
    ran = qiqa("trial")
    assert (ran.code, "a command is needed" in ran.err) == (2, True)
    ran = qiqa("trial", "reprot")
    assert (ran.code, "'reprot' is none of report, change, deidentify" in ran.err) == (2, True)


def test_what_is_odd_in_a_table_is_a_flag_with_its_rows(report, table, readings, phantom_rounds):
    rows = phantom_rounds.rows_of(readings)
    rows[0]["manufacturer"] = f"{rows[1]['manufacturer']}".upper() + " "
    table([*rows, rows[9]])
    flags = json.loads(report("--json", "-", "--no-pages").out)["flags"]
    odd = {flag["kind"]: flag for flag in flags}
    double = odd["doubled_rows"]
    assert (double["where"], double["name"]) == (rows[9]["scanner"], None)
    assert f"line {len(rows) + 2} as line 11" in double["reason"]


def test_a_table_of_participants_is_refused_with_the_cause(report, table):
    value = {"participant": "P1", "scanner": "S1", "acquired_at": "2025-01-01", "name": "adc",
             "value": 1.0, "unit": "µm²/s"}  # fmt: skip
    table([value])
    ran = report()
    assert (ran.code, "participants" in ran.err, "insert" in ran.err) == (2, True, True)
