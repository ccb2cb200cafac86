"""`qiqa trial change`: three answers, and everything that makes one impossible."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest

DAYS = ("2020-01-10", "2020-04-10")
"""Near the first two exams of every scanner, 90 days apart from 1 January on."""


@pytest.fixture
def table(home, phantom_rounds):
    """Return a function that writes six exams of four scanners, changed as told."""

    def call(change=lambda r: r, **true):
        given = {"scanners": 4, "visits": 6, "noise": 0.002, "exam_sd": 0.001, **true}
        made = phantom_rounds.rounds(np.random.default_rng(4), **given)
        long_ago = made.at - np.timedelta64(1827, "D")  # from 1 January 2020 on: before today
        readings = change(dataclasses.replace(made, at=long_ago))
        phantom_rounds.write_rows(phantom_rounds.rows_of(readings), home / "t.csv")

    return call


@pytest.fixture
def change(qiqa):
    """Return a function that asks about two values on two scanners."""

    def call(first, second, *words, scanners=("S01", "S01"), days=DAYS, tissue="breast"):
        values = [
            f"{v}@{day}@{scanner}"
            for v, day, scanner in zip((first, second), days, scanners, strict=True)
        ]
        kind = ("--tissue", tissue) if tissue else ()
        return qiqa("trial", "change", *values, "--table", "t.csv", *kind, *words)

    return call


@pytest.mark.parametrize(
    ("second", "code", "headline"),
    [
        (1.31, 0, "This change is the patient"),
        (0.80, 0, "This change is the patient"),
        (1.10, 3, "This change cannot be told from chance"),
        (1.05, 3, "This change cannot be told from chance"),
    ],
)
def test_answers_on_one_scanner(change, table, second, code, headline):
    table()
    ran = change(1.05, second)
    assert ran.code == code, ran.err
    assert ran.out.startswith(headline)
    assert f"{100 * (second / 1.05 - 1):+.1f} %" in ran.out  # percent as people mean it
    assert "ACRIN 6698" in ran.out


def test_the_limit_on_one_scanner_is_that_of_the_study(change, table):
    """With hardly any scatter of phantoms: 1.96 sqrt(2) times a wCV of 4.8 % is 13.3 %."""
    table(noise=1e-6, exam_sd=1e-6)
    ran = change(1.0, 1.2, "--json", "-", "--wcv", "4.8", tissue=None)
    payload = json.loads(ran.out)
    assert payload["schema"] == "qiqa.change/1"
    assert payload["needed_percent"] == pytest.approx(1.96 * math.sqrt(2) * 4.8, rel=0.002)
    assert payload["answer"] == "real"
    assert ran.err.startswith("This change is the patient")
    few = json.loads(change(1.0, 1.2, "--json", "-", "--wcv", "4.8", "--wcv-df", "3",
                            tissue=None).out)  # fmt: skip
    # Student's t of three degrees of freedom in place of 1.96
    assert few["needed_percent"] == pytest.approx(3.182 * math.sqrt(2) * 4.8, rel=0.01)


def test_the_bias_of_another_scanner_is_taken_off(change, table):
    table(bias={2: 0.10})
    ran = change(1.0, 1.1, "--position-u", "0", "--json", "-", scanners=("S01", "S02"),
                 tissue="brain")  # fmt: skip
    payload = json.loads(ran.out)
    assert payload["correction_percent"] == pytest.approx(10.0, abs=0.5)
    assert payload["change_percent"] == pytest.approx(100 * math.log(1.1) - 10.0, abs=0.5)
    assert ran.code == 3


def test_order_of_rows_does_not_matter(change, table):
    table()
    one = change(1.0, 1.2).out
    table(lambda r: r.take(np.random.default_rng(1).permutation(len(r))))
    assert change(1.0, 1.2).out == one


def shifted(readings):
    late = (readings.scanner == "S01") & (readings.visit >= 6)
    return dataclasses.replace(readings, value=readings.value * np.where(late, 1.1, 1.0))


@pytest.mark.parametrize(
    ("true", "asked", "said"),
    [
        ({}, {"days": ("2020-01-10", "2030-01-01")}, "no phantom within 60 days in the same epoch"),
        ({}, {"scanners": ("S01", "S02")}, "lies off-center"),
        (
            {"change": shifted, "visits": 12},
            {"days": ("2020-01-10", "2021-05-01")},
            "S01: it moved between 2021-03-27 and 2021-06-25",
        ),
    ],
)
def test_what_cannot_be_interpreted_says_why(change, table, true, asked, said):
    table(**true)
    ran = change(1.05, 1.31, **asked)
    assert ran.code == 5, ran.err
    assert ran.out.startswith("This change cannot be interpreted")
    assert said in ran.out
    assert "nan" not in ran.out


def test_a_value_in_another_unit_than_the_phantoms_is_asked_about(change, table):
    table()
    ran = change(1050, 1310, "--position-u", "1", scanners=("S01", "S02"))
    assert ran.code == 5
    assert "is it in the unit of the phantom's readings?" in ran.out


def test_days_that_a_phantom_may_be_away(change, table):
    table()
    far = ("2020-02-14", "2020-05-20")
    assert change(1.05, 1.31, "--phantom-within", "20", days=far).code == 5
    assert change(1.05, 1.31, "--phantom-within", "50", days=far).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1.0@2020-01-10@S01",), "required"),
        (("1.0", "1.1@2020-04-10@S01", "--tissue", "breast"), "'1.0' is not VALUE@DATE@SCANNER"),
        (("x@2020-01-10@S01", "1@2020-01-10@S01"), "'x@2020-01-10@S01' is not VALUE@DATE"),
        (("nan@2020-01-10@S01", "1@2020-01-10@S01"), "is not VALUE@DATE@SCANNER"),
        (("1@soon@S01", "1@2020-01-10@S01"), "'soon' is not a date"),
        (("0@2020-01-10@S01", "1@2020-01-10@S01", "--tissue", "breast"), "0 is not above zero"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01"), "--tissue: give --tissue or --wcv"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "breast", "--wcv", "3"),
         "give --tissue or --wcv, one of them"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "bone"), "invalid choice: 'bone'"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--wcv", "0"), "--wcv: 0 is not above 0"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--wcv", "3", "--wcv-df", "0.5"),
         "--wcv-df: 0.5 is not 1 or more"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--wcv", "3", "--wcv-df", "0"),
         "--wcv-df: 0 is not 1 or more"),
        (("1@2020-01-10@S09", "1@2020-04-10@S01", "--tissue", "breast"),
         "no phantom was read on 'S09'; there is S00, S01"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "breast", "--name", "t1"),
         "there is no measurement 't1'; there is adc"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "breast", "--phantom-within", "-1"),
         "--phantom-within: -1 is below 0"),
        (("1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "breast", "--position-u", "-2"),
         "--position-u: -2 is below 0 %"),
    ],
)  # fmt: skip
def test_wrong_usage_is_status_2_with_what_is_wrong(qiqa, table, words, said):
    table()
    ran = qiqa("trial", "change", *words, "--table", "t.csv")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_one_name_in_two_units_is_refused(qiqa, home, phantom_rounds):
    readings = phantom_rounds.rounds(np.random.default_rng(4), scanners=4)
    rows = phantom_rounds.rows_of(readings)
    for row in rows[:20]:
        row["unit"] = "mm²/s"
    phantom_rounds.write_rows(rows, home / "t.csv")
    ran = qiqa("trial", "change", "1@2020-01-10@S01", "1@2020-04-10@S01", "--tissue", "breast",
               "--table", "t.csv")  # fmt: skip
    assert ran.code == 2
    assert "adc is stated in 'mm²/s' and 'µm²/s'" in ran.err


def test_names_written_to_deceive(qiqa, table):
    evil = "\x1b[2J\nThis change is the patient"
    table(lambda r: dataclasses.replace(r, scanner=np.where(r.scanner == "S01", evil, r.scanner)))
    ran = qiqa("trial", "change", f"1@2020-01-10@{evil}", f"1.01@2026-12-10@{evil}",
               "--tissue", "breast", "--table", "t.csv")  # fmt: skip
    assert ran.code == 5, ran.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.out)
    assert not any(line.startswith("This change is") for line in ran.out.splitlines())
    ran = qiqa("trial", "change", f"1@2020-01-10@{evil}X", f"1.01@2020-04-10@{evil}",
               "--tissue", "breast", "--table", "t.csv")  # fmt: skip
    assert ran.code == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.err)


def test_a_value_in_another_unit_is_not_the_patient(change, table):
    table()
    ran = change(1.05, 1310.0)
    assert ran.code == 5
    assert "is it in the unit of the phantom's readings?" in ran.out
