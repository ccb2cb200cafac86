"""Decide what a result replaces: nothing, an earlier result, or that it is stored already."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from sqlalchemy import Connection, select

from qiqa.core.errors import StoreError
from qiqa.store.differences import what_differs
from qiqa.store.schema import exam

__all__ = ["Place", "place"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a result goes among those stored."""

    same_as: int | None = None
    """The stored exam that is this very result; nothing is to be stored then."""
    supersedes: int | None = None
    """The exam that it replaces; with `same_as`, the one that was replaced then."""
    reason: str | None = None


def place(
    connection: Connection,
    payload: dict[str, Any],
    columns: dict[str, Any],
    supersedes: int | None,
    reason: str | None,
) -> Place:
    """Return where a result goes; `supersedes` and `reason` are what the user asked for.

    At any time at most one result of the same input files counts, and none of files that were
    replaced by others.

    Raises
    ------
    StoreError
        If that would not hold any more, or the exam to supersede is not there or superseded.
    """
    newest = _newest_of(connection, columns["input_identity"])
    replaced_by = None if newest is None else _superseder(connection, newest.id)
    if newest is not None and newest.identity == columns["identity"]:
        if supersedes is None:
            return Place(same_as=newest.id, supersedes=newest.supersedes)
        if replaced_by is None:
            message = f"exam {newest.id} is this very result; it cannot supersede {supersedes}"
            raise StoreError(message)
    if supersedes is not None:
        _check_target(connection, supersedes, None if replaced_by is not None else newest)
        return Place(supersedes=supersedes, reason=reason)
    if newest is None:
        return Place()
    if replaced_by is not None:
        raise StoreError(
            f"the same files are stored as exam {newest.id}, which exam {replaced_by} replaced",
            hint=f"to make them count again, supersede exam {replaced_by} and give a reason",
        )
    why = reason or what_differs(json.loads(newest.payload), payload)
    return Place(supersedes=newest.id, reason=why)


def _newest_of(connection: Connection, input_identity: str) -> Any:
    """Return the row of the newest result of these input files, or None."""
    query = (
        select(exam.c.id, exam.c.identity, exam.c.supersedes, exam.c.payload)
        .where(exam.c.input_identity == input_identity)
        .order_by(exam.c.id.desc())
    )
    return connection.execute(query.limit(1)).first()


def _superseder(connection: Connection, exam_id: int) -> int | None:
    return connection.scalar(select(exam.c.id).where(exam.c.supersedes == exam_id))


def _check_target(connection: Connection, target: int, current: Any) -> None:
    """Refuse to supersede what is not there, is superseded already, or leaves two that count."""
    if connection.scalar(select(exam.c.id).where(exam.c.id == target)) is None:
        raise StoreError(f"there is no exam {target} to supersede", hint="see the list of exams")
    by = _superseder(connection, target)
    if by is not None:
        raise StoreError(f"exam {target} is superseded by exam {by}", hint=f"supersede exam {by}")
    if current is not None and current.id != target:
        raise StoreError(
            f"the same files are stored as exam {current.id}, so exam {target} cannot be "
            "superseded by them",
            hint=f"supersede exam {current.id}",
        )
