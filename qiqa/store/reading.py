"""Read exams, rows, histories and trends from the database."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Engine, Row, Select, select

from qiqa.core.errors import StoreError
from qiqa.core.history import History, PastValue
from qiqa.core.rows import COLUMNS
from qiqa.store import schema

__all__ = ["Filter", "exams", "history", "newer", "payload", "previous", "restrict", "rows"]

_exam = schema.exam
_value = schema.measurement
newer = schema.exam.alias("newer")
"""The exam that supersedes another: what has one does not count."""

_EXAM_FIELDS = tuple(
    _exam.c[name]
    for name in (
        "created_at",
        "created_by",
        "acquired_at",
        "scanner",
        "scanner_label",
        "protocol",
        "phantom",
        "phantom_unit",
    )
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which exams and measurements to read; None: all."""

    name: str | None = None
    scanner: str | None = None
    series_key: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    include_superseded: bool = False
    exam: int | None = None


def restrict(query: Select[Any], chosen: Filter) -> Select[Any]:
    """Return a query of exams and measurements, outer joined with `newer`, with its conditions."""
    if not chosen.include_superseded:
        query = query.where(newer.c.id.is_(None))
    if chosen.scanner is not None:
        query = query.where(_exam.c.scanner == chosen.scanner)
    if chosen.since is not None:
        query = query.where(_exam.c.acquired_at >= chosen.since.replace(tzinfo=None))
    if chosen.until is not None:
        query = query.where(_exam.c.acquired_at <= chosen.until.replace(tzinfo=None))
    if chosen.exam is not None:
        query = query.where(_exam.c.id == chosen.exam)
    if chosen.name is not None:
        query = query.where(_value.c.name == chosen.name)
    if chosen.series_key is not None:
        query = query.where(_value.c.series_key == chosen.series_key)
    return query


def _utc(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "created_at": row["created_at"].replace(tzinfo=dt.UTC)}


def exams(engine: Engine, chosen: Filter) -> list[dict[str, Any]]:
    """Return exams without payload; see `Store.exams`."""
    query = (
        select(
            _exam.c.id,
            *_EXAM_FIELDS,
            _exam.c.verdict,
            _exam.c.identity,
            _exam.c.input_identity,
            _exam.c.supersedes,
            _exam.c.supersede_reason,
            newer.c.id.label("superseded_by"),
        )
        .outerjoin(newer, newer.c.supersedes == _exam.c.id)
        .order_by(_exam.c.acquired_at, _exam.c.id)
    )
    with engine.connect() as connection:
        found = connection.execute(restrict(query, chosen)).mappings()
        return [_utc(dict(row)) for row in found]


def payload(engine: Engine, exam_id: int) -> dict[str, Any]:
    """Return a stored exam as `qiqa.qc/1`; see `Store.payload`."""
    with engine.connect() as connection:
        text = connection.scalar(select(_exam.c.payload).where(_exam.c.id == exam_id))
    if text is None:
        raise StoreError(f"there is no exam {exam_id}", hint="see the list of exams")
    content: dict[str, Any] = json.loads(text)
    return content


def rows(engine: Engine, chosen: Filter) -> list[dict[str, Any]]:
    """Return measurements with the fields of their exam; see `Store.rows`."""
    query = (
        select(
            _exam.c.id.label("exam_id"),
            *_EXAM_FIELDS,
            newer.c.id.label("superseded_by"),
            _value.c.epoch,
            schema.exam_values.c.temperature_degc,
            *(_value.c[column.name] for column in COLUMNS),
        )
        .join(_value, _value.c.exam_id == _exam.c.id)
        .outerjoin(schema.exam_values, schema.exam_values.c.exam_id == _exam.c.id)
        .outerjoin(newer, newer.c.supersedes == _exam.c.id)
        .order_by(_exam.c.acquired_at, _exam.c.id, _value.c.position)
    )
    with engine.connect() as connection:
        found = connection.execute(restrict(query, chosen)).mappings()
        return [_utc(dict(row)) for row in found]


def previous(engine: Engine, series_key: str, before: dt.datetime, n: int) -> tuple[PastValue, ...]:
    """Return earlier values of one series; see `Store.previous`."""
    query = (
        select(
            _value.c.exam_id,
            _value.c.acquired_at,
            _value.c.value,
            _value.c.standard_uncertainty,
            _value.c.verdict,
        )
        .outerjoin(newer, newer.c.supersedes == _value.c.exam_id)
        .where(
            _value.c.series_key == series_key,
            _value.c.acquired_at < before.replace(tzinfo=None),
            _value.c.value.is_not(None),
            newer.c.id.is_(None),
        )
        .order_by(_value.c.acquired_at.desc(), _value.c.exam_id.desc())
        .limit(n)
    )
    with engine.connect() as connection:
        found = connection.execute(query).all()
    return tuple(
        PastValue(
            exam_id=row.exam_id,
            acquired_at=row.acquired_at,
            value=row.value,
            standard_uncertainty=_number(row.standard_uncertainty),
            verdict=row.verdict,
        )
        for row in reversed(found)
    )


def history(engine: Engine, chosen: Filter) -> History:
    """Return measured values as columns; see `Store.history`."""
    query = (
        select(_value)
        .join(_exam, _value.c.exam_id == _exam.c.id)
        .outerjoin(newer, newer.c.supersedes == _exam.c.id)
        .where(_value.c.value.is_not(None), _value.c.acquired_at.is_not(None))
        .order_by(_value.c.acquired_at, _value.c.exam_id, _value.c.position)
    )
    with engine.connect() as connection:
        found = connection.execute(restrict(query, chosen)).all()
    columns: dict[str, Any] = {name: _texts(found, name) for name in _TEXTS}
    for name in _NUMBERS:
        columns[name] = _numbers([_number(getattr(row, name)) for row in found])
    return History(
        **columns,
        exam_id=np.array([row.exam_id for row in found], dtype=np.int64),
        acquired_at=np.array([row.acquired_at for row in found], dtype="datetime64[us]"),
        slice=np.array([row.slice or 0 for row in found], dtype=np.int64),
        interval_low=_numbers([_end(row.interval, 0) for row in found]),
        interval_high=_numbers([_end(row.interval, 1) for row in found]),
    )


_TEXTS = ("scanner", "series_key", "epoch", "name", "insert", "role", "unit", "verdict")
_NUMBERS = ("value", "standard_uncertainty", "reference_value")


def _texts(found: Sequence[Row[Any]], name: str) -> np.ndarray[Any, np.dtype[np.str_]]:
    return np.array([getattr(row, name) or "" for row in found], dtype=np.str_)


def _numbers(values: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _end(interval: list[float | None] | None, index: int) -> float:
    """Return one end of a stored interval; a bound that is null lies at infinity."""
    if interval is None:
        return math.nan
    end = interval[index]
    return (-math.inf, math.inf)[index] if end is None else end
