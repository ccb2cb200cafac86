"""Readings of phantoms against their references, from every scanner of the history."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, select

from qiqa.core.trial import Readings, common_name
from qiqa.store import schema
from qiqa.store.columns import TEMPERATURE
from qiqa.store.reading import Filter, newer, restrict

__all__ = ["readings"]

_exam = schema.exam
_value = schema.measurement
_kept = schema.exam_values


def readings(engine: Engine, chosen: Filter) -> tuple[Readings, ...]:
    """Return readings; see `Store.readings`."""
    query = (
        select(
            _value, *(_exam.c[c] for c in ("scanner_fields", "phantom_unit")), _kept.c[TEMPERATURE]
        )
        .join(_exam, _value.c.exam_id == _exam.c.id)
        .outerjoin(_kept, _kept.c.exam_id == _exam.c.id)
        .outerjoin(newer, newer.c.supersedes == _exam.c.id)
        .where(_value.c.scanner.is_not(None), _value.c.acquired_at.is_not(None))
        .where(_value.c.reference_value.is_not(None))
        .order_by(_value.c.acquired_at, _value.c.exam_id, _value.c.position)
    )
    groups: dict[tuple[str, str], list[Row[Any]]] = {}
    newest: dict[str, int] = {}
    with engine.connect() as connection:
        for row in connection.execute(restrict(query, chosen)):
            name = common_name(row.name, row.insert or "")
            groups.setdefault((name, row.unit or ""), []).append(row)
            newest[row.scanner] = row.exam_id  # rows are in the order of time
        kept = _deviations(connection, set(newest.values()))
    return tuple(
        dataclasses.replace(_readings(name, rows), deviations=kept)
        for (name, _), rows in sorted(groups.items())
    )


def _deviations(connection: Connection, exams: set[int]) -> dict[str, tuple[str, ...]]:
    """Return how some exams differ from their protocols: those that a certificate asks about."""
    found = {}
    for exam in sorted(exams):
        text = connection.execute(select(_exam.c.payload).where(_exam.c.id == exam)).scalar_one()
        series = json.loads(text).get("series", ())
        words = (word for one in series for word in one.get("deviations", ()))
        found[str(exam)] = tuple(dict.fromkeys(words))
    return found


def _readings(name: str, rows: Sequence[Row[Any]]) -> Readings:
    def texts(of: Callable[[Row[Any]], Any]) -> NDArray[np.str_]:
        return np.array([str(of(row) or "") for row in rows], dtype=np.str_)

    def numbers(of: Callable[[Row[Any]], float | None]) -> NDArray[np.float64]:
        found = [of(row) for row in rows]
        return np.array([math.nan if x is None else x for x in found], dtype=np.float64)

    return Readings(
        name=name,
        quantity=str(rows[0].quantity),
        unit=str(rows[0].unit or ""),
        scanner=texts(lambda row: row.scanner),
        site=texts(lambda row: row.scanner_fields.get("site")),
        manufacturer=texts(lambda row: row.scanner_fields.get("manufacturer")),
        epoch=texts(lambda row: row.epoch),
        insert=texts(_insert),
        phantom_unit=texts(lambda row: row.phantom_unit),
        exam=texts(lambda row: row.exam_id),
        row=texts(lambda row: f"exam {row.exam_id}, {row.name}"),
        at=np.array([row.acquired_at for row in rows], dtype="datetime64[us]"),
        visit=np.full(len(rows), math.nan),
        value=numbers(lambda row: row.value),
        standard_uncertainty=numbers(lambda row: row.standard_uncertainty),
        reference=numbers(lambda row: row.reference_value),
        reference_standard_uncertainty=numbers(lambda row: row.reference_standard_uncertainty),
        temperature_degc=numbers(lambda row: row.temperature_degc),
        distance_mm=np.full(len(rows), math.nan),
    )


def _insert(row: Row[Any]) -> str:
    """Return insert and slice: a value of another slice is of another place."""
    return " ".join(filter(None, [row.insert or "", f"slice {row.slice}" if row.slice else ""]))
