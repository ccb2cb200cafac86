"""`qiqa history`: list, values, export, verify."""

import csv
import json
import sqlite3

import pytest

from qiqa.store import open_store


@pytest.fixture
def kept(result, home):
    """Return a history with one exam."""
    with open_store(str(home / "history.db")) as store:
        store.save(result, user="tester", now=result.provenance.created_at)
    return home / "history.db"


def test_a_history_that_is_not_there(qiqa):
    ran = qiqa("history")
    assert ran.code == 1
    assert "there is no history here yet" in ran.err
    assert "To do: store a result first" in ran.err


@pytest.mark.usefixtures("kept")
def test_it_lists_values_exports_and_verifies(qiqa, home):
    listed = qiqa("history")
    assert listed.code == 0
    assert "SIEMENS SIM0001" in listed.out
    assert "acr_large_2022" in listed.out
    assert "pass" in listed.out

    values = qiqa("history", "--name", "piu")
    line = next(row for row in values.out.splitlines() if " piu " in row)
    assert "T1" in line
    assert "%" in line
    assert "1 rows in" in values.out

    assert qiqa("history", "--exam", "1").out.count("\n") > 15
    missing = qiqa("history", "--exam", "7")
    assert (missing.code, "there is no exam 7" in missing.err) == (2, True)

    assert "0 rows" in qiqa("history", "--name", "piu", "--since", "2026-01-06").out
    assert "1 rows" in qiqa("history", "--name", "piu", "--since", "2026-01-05").out
    assert "0 rows" in qiqa("history", "--name", "piu", "--scanner", "nobody").out

    payload = json.loads(qiqa("history", "--json", "-").out)
    assert payload["schema"] == "qiqa.history/1"
    assert [e["id"] for e in payload["exams"]] == [1]
    assert {r["exam_id"] for r in payload["rows"]} == {1}

    for suffix in ("csv", "json"):
        exported = qiqa("history", "--name", "piu", "--export", f"piu.{suffix}")
        assert exported.code == 0
    with (home / "piu.csv").open(encoding="utf-8-sig", newline="") as file:
        (first,) = csv.DictReader(file)
    (second,) = json.loads((home / "piu.json").read_text(encoding="utf-8"))["rows"]
    (third,) = (r for r in payload["rows"] if r["name"] == "piu")
    assert float(first["value"]) == second["value"] == third["value"]

    verified = qiqa("history", "--verify")
    assert (verified.code, "nothing stored was altered" in verified.out) == (0, True)


def test_an_altered_value_is_found(qiqa, kept):
    with sqlite3.connect(kept) as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE measurement SET value = 99 WHERE name = 'piu'")
    database.close()
    ran = qiqa("history", "--verify")
    assert ran.code == 1
    assert "!!" in ran.out
    payload = json.loads(qiqa("history", "--verify", "--json", "-").out)
    assert payload["findings"]
