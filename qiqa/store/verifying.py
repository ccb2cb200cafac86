"""Prove that the history is as it was stored, or name what was altered."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Engine, select

from qiqa.core.finding import Finding
from qiqa.store import schema, verifying_columns, verifying_records
from qiqa.store.altered import altered as _altered
from qiqa.store.chain import GENESIS, seal, sha256_text
from qiqa.store.writing import child_rows, exam_columns

__all__ = ["verify"]


def verify(engine: Engine) -> tuple[Finding, ...]:
    """Return one finding for everything that is not as it was stored; none: all is well."""
    found: list[Finding] = []
    previous = GENESIS
    chains: dict[int, str] = {}
    with engine.connect() as connection:
        ids = connection.scalars(select(schema.exam.c.id).order_by(schema.exam.c.id)).all()
        for exam_id in ids:
            query = select(schema.exam).where(schema.exam.c.id == exam_id)
            row = dict(connection.execute(query).mappings().one())
            found += _check_chain(row, previous)
            found += _check_content(connection, row)
            previous = chains[exam_id] = row["chain"]
        found += _check_audit(connection, chains)
        found += verifying_columns.check_layouts(connection)
        found += verifying_records.check(connection)
    return tuple(found)


def _check_chain(row: dict[str, Any], previous: str) -> list[Finding]:
    where = f"exam {row['id']}"
    found = []
    if sha256_text(row["payload"]) != row["payload_sha256"]:
        found.append(_altered("payload_altered", "the payload is not what was hashed", where))
    if row["chain_previous"] != previous:
        message = "does not follow the exam before it: one was removed, added or altered"
        found.append(_altered("chain_broken", message, where))
    expected = seal(
        row["chain_previous"],
        row["payload_sha256"],
        identity=row["identity"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        supersedes=row["supersedes"],
        reason=row["supersede_reason"],
    )
    if expected != row["chain"]:
        message = "the record (hash, identity, time, user, superseded exam, reason) was altered"
        found.append(_altered("record_altered", message, where))
    return found


def _check_content(connection: Connection, row: dict[str, Any]) -> list[Finding]:
    """Compare the columns and the rows of an exam with its payload."""
    where = f"exam {row['id']}"
    try:
        content = json.loads(row["payload"])
        columns = exam_columns(content)
        measured = _stored(connection, "measurement", row["id"])
        # the epoch is not in the payload as such: taken as stored
        epochs = _fit([r["epoch"] for r in measured], content)
        expected = child_rows(content, epochs)
        found = verifying_columns.check_values(connection, row["id"], columns, content, epochs)
    except (ValueError, KeyError, TypeError, AttributeError):
        return [_altered("payload_unreadable", "the payload is not an exam", where)]
    found += [
        _altered("column_altered", f"{name} is {row[name]!r}, the payload says {value!r}", where)
        for name, value in columns.items()
        if row[name] != value
    ]
    for table, rows in expected.items():
        stored = measured if table == "measurement" else _stored(connection, table, row["id"])
        found += _compare(table, rows, stored, where)
    return found


def _fit(epochs: list[str | None], content: dict[str, Any]) -> list[str | None]:
    missing = len(content["measurements"]) - len(epochs)
    return epochs[: len(content["measurements"])] + [None] * max(0, missing)


def _stored(connection: Connection, table: str, exam_id: int) -> list[dict[str, Any]]:
    source = schema.metadata.tables[table]
    query = select(source).where(source.c.exam_id == exam_id).order_by(source.c.id)
    found = connection.execute(query).mappings()
    return [{k: v for k, v in row.items() if k not in ("id", "exam_id")} for row in found]


def _compare(
    table: str, expected: list[dict[str, Any]], stored: list[dict[str, Any]], where: str
) -> list[Finding]:
    if len(expected) != len(stored):
        message = f"has {len(stored)} rows of {table}, the payload has {len(expected)}"
        return [_altered("rows_altered", message, where)]
    found = []
    for index, (one, other) in enumerate(zip(expected, stored, strict=True)):
        # by value: a database keeps 37 as 37.0 and -0.0 as 0.0
        names = [n for n in one if one[n] != other[n]]
        if names:
            label = one.get("name") or one.get("code") or one.get("entry_id") or one.get("path")
            message = f"{table} {index + 1} ({label}): {', '.join(names)} altered"
            found.append(_altered("rows_altered", message, where))
    return found


def _check_audit(connection: Connection, chains: dict[int, str]) -> list[Finding]:
    """Hold the audit trail against the exams: the last exam can only be missed here."""
    columns = schema.audit.c
    query = select(columns.id, columns.exam_id, columns.detail).where(
        columns.action.in_(("store", "supersede"))
    )
    recorded = {r.exam_id: (r.detail or {}).get("chain") for r in connection.execute(query)}
    found = []
    for exam_id in sorted({*chains, *recorded}):
        if exam_id not in chains:
            found.append(_altered("exam_removed", "was stored and is gone", f"exam {exam_id}"))
        elif chains[exam_id] != recorded.get(exam_id):
            message = "the audit trail does not agree with the exam"
            found.append(_altered("audit_altered", message, f"exam {exam_id}"))
    return found
