"""Store one exam: once, whole or not at all, superseding what it replaces."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from qiqa.core.canonical import canonical_json, digest
from qiqa.core.errors import StoreError
from qiqa.core.history import epoch_key
from qiqa.core.payload import result_payload
from qiqa.core.result import QcResult
from qiqa.store import schema
from qiqa.store.chain import GENESIS, seal, sha256_text
from qiqa.store.packing import Packed, pack
from qiqa.store.superseding import place
from qiqa.store.transactions import writing

__all__ = [
    "Saved",
    "exam_columns",
    "exam_identity",
    "insert_exam",
    "insert_values",
    "save",
    "value_columns",
    "wall_clock",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of an exam that was handed to the store."""

    exam_id: int
    created: bool
    """False where the same exam was stored already."""
    superseded_id: int | None
    """The exam that this one replaces, None where it is the first."""


def exam_identity(payload: dict[str, Any]) -> str:
    """Return the SHA-256 of what makes two results the same.

    Inputs, definitions, algorithms and parameters (`Provenance.identity`), what a person
    entered, and which scanner and phantom unit it counts for.
    """
    return digest(
        {
            "provenance": payload["provenance"]["identity"],
            "entries": payload["entries"],
            "scanner": payload["scanner"]["identity"],
            "phantom_unit": payload["phantom"]["unit"],
        }
    )


def wall_clock(moment: dt.datetime | None) -> dt.datetime | None:
    """Return a time as the scanner's clock showed it: charts are in local time, without zone."""
    return None if moment is None else moment.replace(tzinfo=None)


def exam_columns(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of table exam that repeat what the payload says."""
    acquired = payload["acquired_at"]
    return {
        "identity": exam_identity(payload),
        "input_identity": payload["provenance"]["input_identity"],
        "schema": payload["schema"],
        "acquired_at": wall_clock(
            None if acquired is None else dt.datetime.fromisoformat(acquired)
        ),
        "scanner": payload["scanner"]["identity"],
        "scanner_label": payload["scanner"]["label"],
        "scanner_fields": payload["scanner"],
        "protocol": payload["protocol"]["id"],
        "phantom": payload["phantom"]["id"],
        "phantom_unit": payload["phantom"]["unit"],
        "verdict": payload["verdict"],
    }


def save(
    engine: Engine,
    result: QcResult,
    *,
    user: str,
    now: dt.datetime,
    supersedes: int | None,
    reason: str | None,
) -> Saved:
    """Store one exam in one transaction; see `Store.save`."""
    if now.tzinfo is None:
        raise StoreError("the time of storing has no time zone", hint="pass a time in UTC")
    if not result.provenance.inputs:
        raise StoreError("the result names no input file, so nothing proves which exam it is")
    if supersedes is not None and not (reason or "").strip():
        raise StoreError(f"superseding exam {supersedes} needs a reason", hint="say why")
    payload = result_payload(result)
    columns = exam_columns(payload)
    with writing(engine) as connection:
        where = place(connection, payload, columns, supersedes, reason)
        if where.same_as is not None:
            return Saved(exam_id=where.same_as, created=False, superseded_id=where.supersedes)
        record = {
            "created_at": now.astimezone(dt.UTC).replace(tzinfo=None),
            "created_by": user,
            "supersedes": where.supersedes,
            "supersede_reason": where.reason,
        }
        exam_id = insert_exam(connection, payload, columns, record, _epochs(result))
    return Saved(exam_id=exam_id, created=True, superseded_id=where.supersedes)


def insert_exam(
    connection: Connection,
    payload: dict[str, Any],
    columns: dict[str, Any],
    record: dict[str, Any],
    epochs: list[str | None],
) -> int:
    """Insert every row of one exam at the end of the chain and return its id."""
    text = canonical_json(payload)
    last = select(schema.exam.c.chain).order_by(schema.exam.c.id.desc()).limit(1)
    previous = connection.scalar(last) or GENESIS
    payload_sha256 = sha256_text(text)
    chain = seal(
        previous,
        payload_sha256,
        identity=columns["identity"],
        created_at=record["created_at"],
        created_by=record["created_by"],
        supersedes=record["supersedes"],
        reason=record["supersede_reason"],
    )
    row = {
        **columns,
        **record,
        "payload": text,
        "payload_sha256": payload_sha256,
        "chain_previous": previous,
        "chain": chain,
    }
    key: Any = connection.execute(insert(schema.exam).values(row)).inserted_primary_key
    exam_id = int(key[0])
    insert_values(connection, exam_id, columns, pack(payload, epochs))
    for table, rows in child_rows(payload, epochs).items():
        if rows:
            connection.execute(
                insert(schema.metadata.tables[table]), [{"exam_id": exam_id, **r} for r in rows]
            )
    connection.execute(
        insert(schema.audit).values(
            at=record["created_at"],
            by=record["created_by"],
            action="store" if record["supersedes"] is None else "supersede",
            exam_id=exam_id,
            detail={
                "chain": chain,
                "supersedes": record["supersedes"],
                "reason": record["supersede_reason"],
            },
        )
    )
    return exam_id


def value_columns(columns: dict[str, Any], packed: Packed) -> dict[str, Any]:
    """Return the columns of table exam_values, without exam and layout."""
    return {
        "scanner": columns["scanner"],
        "acquired_at": columns["acquired_at"],
        "temperature_degc": packed.temperature_degc,
        "packed": packed.block,
    }


def insert_values(
    connection: Connection, exam_id: int, columns: dict[str, Any], packed: Packed
) -> None:
    """Insert the values of one exam as columns, and their layout where it is a new one."""
    layout = schema.layout
    layout_id = connection.scalar(select(layout.c.id).where(layout.c.digest == packed.digest))
    if layout_id is None:
        new = insert(layout).values(digest=packed.digest, content=packed.layout)
        key: Any = connection.execute(new).inserted_primary_key
        layout_id = int(key[0])
    row = {"exam_id": exam_id, "layout_id": layout_id, **value_columns(columns, packed)}
    connection.execute(insert(schema.exam_values), row)


def _epochs(result: QcResult) -> list[str | None]:
    """Return the epoch of each measurement, in the order of the rows."""
    by_stack = {item.stack: epoch_key(item.acquisition) for item in result.series}
    return [by_stack.get(item.measurement.stack or "") for item in result.assessments]


def child_rows(
    payload: dict[str, Any], epochs: list[str | None]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table that belongs to an exam, without the exam's id."""
    acquired = exam_columns(payload)["acquired_at"]
    scanner = payload["scanner"]["identity"]
    provenance = payload["provenance"]
    rows = enumerate(zip(payload["measurements"], epochs, strict=True))
    return {
        "measurement": [
            {"position": i, "acquired_at": acquired, "scanner": scanner, "epoch": epoch, **row}
            for i, (row, epoch) in rows
        ],
        "finding": list(payload["findings"]),
        "entry": [{"entry_id": key, "value": v} for key, v in sorted(payload["entries"].items())],
        "source_file": [
            {"kind": kind, **file}
            for kind, files in (("input", "inputs"), ("definition", "definitions"))
            for file in provenance[files]
        ],
    }
