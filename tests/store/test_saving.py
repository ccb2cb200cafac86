"""An exam is stored once, whole, and superseded by name."""

import datetime as dt
import signal
import sqlite3

import pytest
import sqlalchemy as sa

from qiqa.core.errors import StoreError
from qiqa.core.scanner import Scanner
from qiqa.store import open_store, schema


def test_rows_come_back_as_they_were_measured(store, make_result, now, acquired):
    saved = store.save(make_result(), user="jd", now=now)
    assert (saved.created, saved.superseded_id) == (True, None)
    first, second, third = store.rows()
    assert first["name"] == "diameter_slice1_lr"
    assert first["value"] == 190.25
    assert first["standard_uncertainty"] == 0.1 + 0.2
    assert first["interval"] == [189.65, 190.85]
    assert first["limits"]["action"] == [187.0, 193.0]
    assert first["acquired_at"] == acquired
    assert first["created_at"] == now
    assert first["scanner"] == "SIEMENS 26271"
    assert second["interval"] == [90.0, None]
    assert third["value"] is None
    assert third["reason"] == "the ramps are cut off"
    assert store.verify() == ()


def test_same_exam_twice_is_one_result(store, make_result, now):
    first = store.save(make_result(), user="jd", now=now)
    again = store.save(make_result(files=("b", "a")), user="other", now=now + dt.timedelta(days=1))
    assert (again.exam_id, again.created) == (first.exam_id, False)
    assert len(store.exams()) == 1
    assert len(store.rows()) == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"definitions": ("phantom v2", "protocol v1")},
            "definitions changed: acr_large.toml",
        ),
        (
            {"algorithms": ("wall_edges/2", "ramps/2")},
            "algorithm version changed: wall_edges 1 -> 2",
        ),
        (
            {"parameters": (("angle_deg", "3"),)},
            "parameters changed: angle_deg none -> 3",
        ),
        ({"entries": (("initials", "JD"), ("temperature", "22"))}, "entries changed: temperature"),
        ({"phantom_unit": "J9"}, "phantom unit changed: J1234 -> J9"),
        (
            {"scanner": Scanner(given_name="MR2")},
            "scanner changed: SIEMENS 26271 -> MR2",
        ),
    ],
)
def test_other_result_of_the_same_files_supersedes(store, make_result, now, changes, reason):
    first = store.save(make_result(), user="jd", now=now)
    second = store.save(make_result(**changes), user="jd", now=now)
    assert second.created
    assert second.superseded_id == first.exam_id
    (current,) = store.exams()
    assert current["id"] == second.exam_id
    assert current["supersede_reason"] == reason
    assert {row["exam_id"] for row in store.rows()} == {second.exam_id}
    both = store.exams(include_superseded=True)
    assert {e["id"]: e["superseded_by"] for e in both} == {
        first.exam_id: second.exam_id,
        second.exam_id: None,
    }
    assert len(store.rows(exam=first.exam_id)) == 3
    assert store.verify() == ()


def test_explicit_reason_wins(store, make_result, now):
    store.save(make_result(), user="jd", now=now)
    store.save(make_result(algorithms=("x/1",)), user="jd", now=now, reason="new edition")
    assert store.exams()[0]["supersede_reason"] == "new edition"


def test_going_back_to_old_definitions_is_a_new_row(store, make_result, now):
    store.save(make_result(diameter=190.0), user="jd", now=now)
    store.save(make_result(diameter=191.0, algorithms=("wall_edges/2",)), user="jd", now=now)
    back = store.save(make_result(diameter=190.0), user="jd", now=now)
    assert back.created
    assert back.superseded_id == 2
    assert [row["value"] for row in store.rows("diameter_slice1_lr")] == [190.0]
    assert len(store.exams(include_superseded=True)) == 3


def test_repeat_scan_supersedes_only_with_a_reason(store, make_result, now):
    first = store.save(make_result(), user="jd", now=now)
    repeat = make_result(files=("c",))
    with pytest.raises(StoreError, match="needs a reason"):
        store.save(repeat, user="jd", now=now, supersedes=first.exam_id)
    saved = store.save(
        repeat, user="jd", now=now, supersedes=first.exam_id, reason="bubble in slice 7"
    )
    assert saved.superseded_id == first.exam_id
    assert len(store.exams()) == 1


@pytest.mark.parametrize(("target", "text"), [(99, "no exam 99"), (1, "superseded by exam 2")])
def test_cannot_supersede_what_is_gone(store, make_result, now, target, text):
    store.save(make_result(), user="jd", now=now)
    store.save(make_result(algorithms=("x/1",)), user="jd", now=now)
    with pytest.raises(StoreError, match=text):
        store.save(make_result(files=("c",)), user="jd", now=now, supersedes=target, reason="r")
    assert len(store.exams(include_superseded=True)) == 2


def test_cannot_leave_two_current_results_of_the_same_files(store, make_result, now):
    store.save(make_result(), user="jd", now=now)
    store.save(make_result(files=("c",)), user="jd", now=now)
    other = make_result(files=("c",), algorithms=("x/1",))
    with pytest.raises(StoreError, match="stored as exam 2"):
        store.save(other, user="jd", now=now, supersedes=1, reason="r")
    with pytest.raises(StoreError, match="is this very result"):
        store.save(make_result(files=("c",)), user="jd", now=now, supersedes=1, reason="r")


def test_a_replaced_scan_does_not_come_back_by_itself(store, make_result, now):
    store.save(make_result(), user="jd", now=now)
    store.save(make_result(files=("c",)), user="jd", now=now, supersedes=1, reason="bubble")
    assert not store.save(make_result(), user="jd", now=now).created
    with pytest.raises(StoreError, match="exam 1, which exam 2 replaced"):
        store.save(make_result(algorithms=("x/1",)), user="jd", now=now)
    assert [exam["id"] for exam in store.exams()] == [2]
    back = store.save(make_result(), user="jd", now=now, supersedes=2, reason="no bubble")
    assert back.created
    assert [exam["id"] for exam in store.exams()] == [3]
    assert store.verify() == ()


def test_refuses_a_result_that_nothing_proves(store, make_result, now):
    with pytest.raises(StoreError, match="names no input file"):
        store.save(make_result(files=()), user="jd", now=now)
    with pytest.raises(StoreError, match="no time zone"):
        store.save(make_result(), user="jd", now=now.replace(tzinfo=None))


def test_hostile_text_is_stored_and_verifies(store, make_result, now):
    hostile = "'); DROP TABLE exam;--\x00\udcff µ"
    store.save(make_result(entries=(("note", hostile),)), user=hostile[:5], now=now)
    stored = store.payload(1)["entries"]["note"]
    assert stored == "'); DROP TABLE exam;--\\x00\\udcff µ"
    assert store.verify() == ()


@pytest.mark.parametrize("table", sorted({*schema.IMMUTABLE} - {"record"}))
@pytest.mark.parametrize("change", ["UPDATE {} SET {key} = {key} + 100", "DELETE FROM {}"])
def test_stored_rows_refuse_change(store, make_result, now, table, change):
    store.save(make_result(), user="jd", now=now)
    (key,) = schema.metadata.tables[table].primary_key.columns.keys()
    store.close()
    connection = sqlite3.connect(store.engine.url.database)
    with pytest.raises(sqlite3.IntegrityError, match="immutable"):
        connection.execute(change.format(table, key=key))
    connection.close()
    assert store.verify() == ()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL (POSIX)")
@pytest.mark.parametrize("table", ["exam_values", "measurement", "audit"])
def test_killed_while_storing_leaves_nothing(tmp_path, start_python, make_result, now, table):
    path = tmp_path / "history.db"
    with open_store(str(path)) as store:
        store.save(make_result(), user="jd", now=now)
    code = """
import os, signal, conftest
from qiqa.store import open_store, schema
from sqlalchemy import event
store = open_store(sys.argv[1])
@event.listens_for(store.engine, "after_cursor_execute")
def kill(conn, cursor, statement, parameters, context, executemany):
    if statement.startswith("INSERT INTO " + sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
store.save(conftest.build(files=("c",)), user="jd", now=conftest.NOW)
"""
    killed = start_python(code, path, table)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    with open_store(str(path)) as store:
        assert len(store.exams(include_superseded=True)) == 1
        assert store.verify() == ()
        with store.engine.connect() as connection:
            for name in ("measurement", "entry", "finding", "source_file", "audit", "exam_values"):
                query = sa.text(f"SELECT max(exam_id) FROM {name}")  # noqa: S608
                assert connection.execute(query).scalar() == 1
        assert store.save(make_result(files=("c",)), user="jd", now=now).created


def test_two_processes_create_and_store_at_once(tmp_path, start_python):
    path = tmp_path / "history.db"
    code = """
import conftest
from qiqa.store import open_store, schema
store = open_store(sys.argv[1])
for number in range(5):
    store.save(conftest.build(files=(sys.argv[2], str(number))), user="u", now=conftest.NOW)
    store.save(conftest.build(files=("shared", str(number))), user="u", now=conftest.NOW)
"""
    started = [start_python(code, path, name) for name in ("left", "right")]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with open_store(str(path), create=False) as store:
        assert len(store.exams(include_superseded=True)) == 15
        assert store.verify() == ()
