"""Hold the values as columns against the payloads that they repeat."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from qiqa.core.finding import Finding
from qiqa.store.altered import altered as _altered
from qiqa.store.chain import sha256_text
from qiqa.store.packing import pack
from qiqa.store.schema import exam, exam_values, layout
from qiqa.store.writing import value_columns

__all__ = ["check_layouts", "check_values"]


def check_values(
    connection: Connection,
    exam_id: int,
    columns: dict[str, Any],
    payload: dict[str, Any],
    epochs: list[str | None],
) -> list[Finding]:
    """Return what is altered in the columns of one exam.

    Parameters
    ----------
    connection
        The database.
    exam_id
        The exam.
    columns
        What its columns in table exam should be, by its payload.
    payload
        The exam.
    epochs
        Epoch of each measurement as stored in table measurement.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the payload is not an exam.
    """
    where = f"exam {exam_id}"
    expected = pack(payload, epochs)
    query = (
        select(exam_values, layout.c.digest)
        .outerjoin(layout, layout.c.id == exam_values.c.layout_id)
        .where(exam_values.c.exam_id == exam_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return [_altered("rows_altered", "its row of exam_values is missing", where)]
    told = {**value_columns(columns, expected), "digest": expected.digest}
    names = [name for name, value in told.items() if row[name] != value]
    if not names:
        return []
    listed = ", ".join("layout" if name == "digest" else name for name in names)
    return [_altered("rows_altered", f"exam_values: {listed} altered", where)]


def check_layouts(connection: Connection) -> list[Finding]:
    """Return which layouts are not what their digest says, and values that belong to no exam."""
    query = select(layout.c.id, layout.c.digest, layout.c.content).order_by(layout.c.id)
    found = [
        _altered("layout_altered", "the content is not what was hashed", f"layout {row.id}")
        for row in connection.execute(query)
        if sha256_text(row.content) != row.digest
    ]
    stray = (
        select(exam_values.c.exam_id)
        .outerjoin(exam, exam.c.id == exam_values.c.exam_id)
        .where(exam.c.id.is_(None))
        .order_by(exam_values.c.exam_id)
    )
    for exam_id in connection.scalars(stray):
        message = "has a row of exam_values but is not there"
        found.append(_altered("rows_altered", message, f"exam {exam_id}"))
    return found
