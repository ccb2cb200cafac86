"""Whatever is altered behind the back of the store is named."""

import contextlib
import sqlite3

import pytest


@pytest.fixture
def altered(store, make_result, now):
    """Return a function that runs SQL without the triggers and verifies."""
    for name in ("a", "b", "c"):
        store.save(make_result(files=(name,)), user="jd", now=now)
    assert store.verify() == ()

    def alter(*statements):
        store.close()
        with contextlib.closing(sqlite3.connect(store.engine.url.database)) as connection:
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (trigger,) in connection.execute(query).fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return {(item.code, item.where) for item in store.verify()}

    return alter


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE exam SET payload = replace(payload, '190.25', '190.20') WHERE id = 2", "payload"),
        ("UPDATE exam SET payload = '{}' WHERE id = 2", "payload"),
        ("UPDATE exam SET payload = 'x' WHERE id = 2", "payload"),
        (
            "UPDATE exam SET payload = json_replace(payload, '$.entries', 5) WHERE id = 2",
            "payload_unreadable",
        ),
        ("UPDATE exam SET verdict = 'pass' WHERE id = 2", "column"),
        ("UPDATE exam SET acquired_at = '2020-01-01 00:00:00.000000' WHERE id = 2", "column"),
        ("UPDATE exam SET created_by = 'nobody' WHERE id = 2", "record"),
        ("UPDATE exam SET supersedes = 1 WHERE id = 2", "record"),
        ("UPDATE measurement SET value = 190 WHERE exam_id = 2 AND slice = 1", "rows"),
        ("UPDATE measurement SET value = 5 WHERE exam_id = 2 AND value IS NULL", "rows"),
        ("UPDATE measurement SET series_key = 'x' WHERE exam_id = 2", "rows"),
        ("DELETE FROM measurement WHERE exam_id = 2 AND position = 2", "rows"),
        ("DELETE FROM finding WHERE exam_id = 2", "rows"),
        ("UPDATE entry SET value = '20' WHERE exam_id = 2", "rows"),
        ("UPDATE source_file SET sha256 = 'f' WHERE exam_id = 2", "rows"),
        ("UPDATE exam_values SET packed = zeroblob(51) WHERE exam_id = 2", "rows"),
        ("UPDATE exam_values SET packed = x'' WHERE exam_id = 2", "rows"),
        ("UPDATE exam_values SET scanner = 'MR2' WHERE exam_id = 2", "rows"),
        (
            "UPDATE exam_values SET acquired_at = '2020-01-01 00:00:00.000000' WHERE exam_id = 2",
            "rows",
        ),
        ("UPDATE exam_values SET temperature_degc = 20 WHERE exam_id = 2", "rows"),
        ("UPDATE exam_values SET layout_id = 9 WHERE exam_id = 2", "rows"),
        ("DELETE FROM exam_values WHERE exam_id = 2", "rows"),
        ("UPDATE audit SET detail = NULL WHERE exam_id = 2", "audit"),
    ],
)
def test_names_the_altered_exam(altered, statement, code):
    found = altered(statement)
    assert {where for _, where in found} == {"exam 2"}
    assert any(name.startswith(code) for name, _ in found)


@pytest.mark.parametrize("exam", [1, 2, 3])
def test_removed_exam_is_missed(altered, exam):
    children = ("measurement", "finding", "entry", "source_file", "exam_values")
    found = altered(
        *(f"DELETE FROM {table} WHERE exam_id = {exam}" for table in children),  # noqa: S608
        f"DELETE FROM exam WHERE id = {exam}",  # noqa: S608
    )
    assert ("exam_removed", f"exam {exam}") in found
    assert exam == 3 or ("chain_broken", f"exam {exam + 1}") in found


@pytest.mark.parametrize("layout", ["replace(content, 'piu', 'psg')", "'{}'"])
def test_altered_layout_is_named(altered, layout):
    found = altered(f"UPDATE layout SET content = {layout}")  # noqa: S608
    assert found == {("layout_altered", "layout 1")}


def test_forged_layout_with_its_digest_is_not_that_of_the_exams(altered):
    found = altered(
        "UPDATE layout SET content = '{}', digest = "
        "'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'"
    )
    assert found == {("rows_altered", f"exam {number}") for number in (1, 2, 3)}


def test_values_of_an_exam_that_is_not_there_are_named(altered):
    found = altered(
        "INSERT INTO exam_values SELECT 9, layout_id, scanner, acquired_at, temperature_degc, "
        "packed FROM exam_values WHERE exam_id = 1"
    )
    assert found == {("rows_altered", "exam 9")}


def test_forged_payload_with_its_hash_still_breaks_the_chain(altered):
    found = altered("UPDATE exam SET payload = '{}', payload_sha256 = 'e' WHERE id = 1")
    assert ("record_altered", "exam 1") in found
