"""Read whole histories as series over time, from one block of bytes an exam."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, select

from qiqa.core.drift import TimeSeries
from qiqa.core.errors import StoreError
from qiqa.store import schema
from qiqa.store.packing import unpack
from qiqa.store.reading import Filter

__all__ = ["columns"]

TEMPERATURE = "temperature_degc"

_AT_ONCE = 500
"""Exams asked for in one query: databases limit how many parameters one may have."""

Bounds = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """The exams of one layout, oldest first; e of them, p positions that are wanted."""

    positions: list[tuple[int, dict[str, Any]]]
    """Number of each position in the exam, and what stands there."""
    scanner: str
    phantom_unit: str
    exam: NDArray[np.int64]
    at: NDArray[np.datetime64]
    temperature: NDArray[np.float64]
    value: NDArray[np.float64]
    """(p, e)."""
    standard_uncertainty: NDArray[np.float64]
    """(p, e)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Times:
    """The exams of several blocks in the order of time, shared by every series in them."""

    order: NDArray[np.intp] | None
    """None: the blocks one after the other are in order."""
    exam: NDArray[np.int64]
    at: NDArray[np.datetime64]
    name: NDArray[np.str_]
    temperature: NDArray[np.float64]
    """(1, n), or (0, 0) where no exam states one."""
    last: int
    """Which of the blocks the newest exam is in."""

    def sorted(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return what each block says of its exams in the order of time."""
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return joined if self.order is None else joined[self.order]


Pieces = tuple[tuple[int, int], ...]
"""Where the values of a series are: index of the block, row in it."""


def columns(engine: Engine, chosen: Filter) -> tuple[TimeSeries, ...]:
    """Return series over time; see `Store.columns`."""
    with engine.connect() as connection:
        blocks = _blocks(connection, chosen)
        plans = list(_plans(blocks).values())
        times: dict[tuple[int, ...], _Times] = {}
        for pieces in plans:
            those = tuple(block for block, _ in pieces)
            if those not in times:
                times[those] = _times([blocks[block] for block in those])
        limits = _limits(connection, {int(each.exam[-1]) for each in times.values()})
    epochs: dict[Any, NDArray[np.str_]] = {}
    return tuple(_series(blocks, pieces, times, epochs, limits) for pieces in plans)


def _blocks(connection: Connection, chosen: Filter) -> list[_Block]:
    """Return the exams that count by layout; scanner by scanner, the newest layout first."""
    by_layout: dict[int, list[Row[Any]]] = {}
    for row in _exams(connection, chosen):
        by_layout.setdefault(row.layout_id, []).append(row)
    found = []
    for layout_id, content in _layouts(connection, sorted(by_layout)):
        rows = by_layout.pop(layout_id)
        positions = [
            (number, one)
            for number, one in enumerate(content["positions"])
            if one["series_key"] is not None and chosen.name in (None, one["name"])
        ]
        if positions:
            found.append(_block(rows, positions, content))
    found.sort(key=lambda block: block.at[-1], reverse=True)
    return sorted(found, key=lambda block: block.scanner)


def _exams(connection: Connection, chosen: Filter) -> Iterable[Row[Any]]:
    kept = schema.exam_values.c
    newer = schema.exam.alias("newer")
    query = (
        select(
            kept.exam_id,
            kept.layout_id,
            kept.scanner,
            kept.acquired_at,
            kept.temperature_degc,
            kept.packed,
        )
        .outerjoin(newer, newer.c.supersedes == kept.exam_id)
        .where(newer.c.id.is_(None), kept.acquired_at.is_not(None), kept.scanner.is_not(None))
    )
    if chosen.scanner is not None:
        query = query.where(kept.scanner == chosen.scanner)
    if chosen.since is not None:
        query = query.where(kept.acquired_at >= chosen.since.replace(tzinfo=None))
    if chosen.until is not None:
        query = query.where(kept.acquired_at <= chosen.until.replace(tzinfo=None))
    return connection.execute(query)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE))


def _layouts(connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    table = schema.layout.c
    for some in _chunks(ids):
        query = select(table.id, table.content).where(table.id.in_(some)).order_by(table.id)
        for row in connection.execute(query):
            yield row.id, json.loads(row.content)


def _block(
    rows: list[Row[Any]], positions: list[tuple[int, dict[str, Any]]], content: dict[str, Any]
) -> _Block:
    # series keys hold the scanner and the phantom unit: a layout with keys is of one of each
    rows.sort(key=lambda row: (row.acquired_at, row.exam_id))
    try:
        fields = unpack([row.packed for row in rows], len(content["positions"]))
    except ValueError as error:
        which = f"exams {rows[0].exam_id} to {rows[-1].exam_id}"
        hint = "qiqa history --verify says which was altered"
        raise StoreError(f"the columns of {which} cannot be read: {error}", hint=hint) from error
    wanted = [number for number, _ in positions]
    # native, and a series in one piece: what is computed along it runs fast
    return _Block(
        positions=positions,
        scanner=rows[0].scanner,
        phantom_unit=content["phantom_unit"] or "",
        exam=np.array([row.exam_id for row in rows], dtype=np.int64),
        at=np.array([row.acquired_at for row in rows], dtype="datetime64[us]"),
        temperature=np.array([row.temperature_degc for row in rows], dtype=np.float64),
        value=np.ascontiguousarray(fields["value"].T[wanted], dtype=np.float64),
        standard_uncertainty=np.ascontiguousarray(
            fields["standard_uncertainty"].T[wanted], dtype=np.float64
        ),
    )


def _plans(blocks: list[_Block]) -> dict[tuple[str, str], Pieces]:
    """Return where each series is found. Values in another unit are another series."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for index, block in enumerate(blocks):
        for row, (_, position) in enumerate(block.positions):
            found.setdefault((position["series_key"], position["unit"]), []).append((index, row))
    return {key: tuple(pieces) for key, pieces in found.items()}


def _times(blocks: list[_Block]) -> _Times:
    exam = np.concatenate([block.exam for block in blocks])
    at = np.concatenate([block.at for block in blocks])
    temperature = np.concatenate([block.temperature for block in blocks])
    which = np.repeat(np.arange(len(blocks)), [len(block.exam) for block in blocks])
    order = None
    if len(blocks) > 1:
        # the same moment: as stored, and within an exam as it stands there
        order = np.lexsort((which, exam, at))
        exam, at, temperature, which = exam[order], at[order], temperature[order], which[order]
    stated = np.isfinite(temperature).any()
    return _Times(
        order=order,
        exam=exam,
        at=at,
        name=exam.astype(np.str_),
        temperature=temperature[None, :] if stated else np.empty((0, 0), dtype=np.float64),
        last=int(which[-1]),
    )


def _limits(connection: Connection, exams: set[int]) -> dict[tuple[int, int], Any]:
    """Return limits and reference of every value of some exams, by exam and position."""
    table = schema.measurement.c
    found: dict[tuple[int, int], Any] = {}
    for some in _chunks(sorted(exams)):
        query = select(table.exam_id, table.position, table.limits, table.reference_value)
        for row in connection.execute(query.where(table.exam_id.in_(some))):
            found[row.exam_id, row.position] = row
    return found


def _series(
    blocks: list[_Block],
    pieces: Pieces,
    times: dict[tuple[int, ...], _Times],
    epochs: dict[Any, NDArray[np.str_]],
    limits: dict[tuple[int, int], Any],
) -> TimeSeries:
    those = tuple(block for block, _ in pieces)
    time = times[those]
    own = [blocks[block].positions[row] for block, row in pieces]
    texts = tuple(position["epoch"] or "" for _, position in own)
    if (those, texts) not in epochs:
        # the epochs of most series of an exam are the same: one array for all of them
        each = zip(texts, those, strict=True)
        parts = [np.full(len(blocks[block].exam), text) for text, block in each]
        epochs[those, texts] = time.sorted(parts)
    number, newest = own[time.last]
    row = limits.get((int(time.exam[-1]), number))
    levels = {} if row is None else row.limits or {}
    return TimeSeries(
        scanner=blocks[those[0]].scanner,
        name=newest["name"],
        quantity=newest["quantity"],
        unit=newest["unit"],
        at=time.at,
        value=time.sorted([blocks[block].value[row] for block, row in pieces]),
        standard_uncertainty=time.sorted(
            [blocks[block].standard_uncertainty[row] for block, row in pieces]
        ),
        epoch=epochs[those, texts],
        exam=time.name,
        insert=newest["insert"] or "",
        slice=newest["slice"] or 0,
        role=newest["role"] or "",
        phantom_unit=blocks[those[time.last]].phantom_unit,
        series_key=newest["series_key"],
        covariates=(TEMPERATURE,) if time.temperature.size else (),
        covariate_values=time.temperature,
        tolerance=_bounds(levels.get("tolerance")),
        action=_bounds(levels.get("action")),
        reference=math.nan if row is None or row.reference_value is None else row.reference_value,
    )


def _bounds(pair: list[float | None] | None) -> Bounds | None:
    """Return a pair of limits as stored; an end that is null is open."""
    if pair is None:
        return None
    low, high = pair
    return (-math.inf if low is None else low, math.inf if high is None else high)
