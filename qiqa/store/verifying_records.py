"""Prove that the records are as they were written, or name what was altered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from qiqa.core.finding import Finding
from qiqa.store.altered import altered as _altered
from qiqa.store.chain import GENESIS, seal_record
from qiqa.store.schema import audit, record

__all__ = ["check"]


def check(connection: Connection) -> list[Finding]:
    """Return one finding for everything in the records that is not as it was written."""
    found: list[Finding] = []
    previous = GENESIS
    chains: dict[int, str] = {}
    for row in connection.execute(select(record).order_by(record.c.id)):
        found += _check_chain(row, previous)
        previous = chains[row.id] = row.chain
    return found + _check_audit(connection, chains)


def _check_chain(row: Row[Any], previous: str) -> list[Finding]:
    where = f"record {row.id}"
    found = []
    if row.chain_previous != previous:
        message = "does not follow the record before it: one was removed, added or altered"
        found.append(_altered("chain_broken", message, where))
    expected = seal_record(
        row.chain_previous,
        row.content,
        kind=row.kind,
        scanner=row.scanner,
        created_at=row.created_at,
        created_by=row.created_by,
    )
    if expected != row.chain:
        message = f"the {row.kind} (content, scanner, time, user) was altered"
        found.append(_altered("record_altered", message, where))
    return found


def _check_audit(connection: Connection, chains: dict[int, str]) -> list[Finding]:
    """Hold the audit trail against the records: the last one can only be missed here."""
    query = select(audit.c.id, audit.c.detail).where(audit.c.action == "record")
    noted: dict[int, Any] = {}
    found = []
    for line, detail in connection.execute(query.order_by(audit.c.id)):
        number = detail.get("record") if isinstance(detail, dict) else None
        if isinstance(number, int):
            noted[number] = detail.get("chain")
        else:
            where = f"line {line} of the audit trail"
            found.append(_altered("audit_altered", "names no record", where))
    for record_id in sorted({*chains, *noted}):
        where = f"record {record_id}"
        if record_id not in chains:
            found.append(_altered("record_removed", "was written and is gone", where))
        elif chains[record_id] != noted.get(record_id):
            message = "the audit trail does not agree with the record"
            found.append(_altered("audit_altered", message, where))
    return found
