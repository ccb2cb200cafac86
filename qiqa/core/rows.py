"""The one row schema of a measurement: database, JSON, CSV and Parquet all derive from it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from qiqa.core.canonical import digest, plain
from qiqa.core.measurement import Assessment
from qiqa.core.result import ExamSeries, QcResult
from qiqa.core.scanner import Acquisition, Scanner

__all__ = ["COLUMNS", "ROW_SCHEMA", "Column", "assessment_row", "result_rows", "series_key"]

ROW_SCHEMA = "qiqa.measurement/1"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One field of a row."""

    name: str
    type: str
    """`text`, `number`, `integer` or `json`."""
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("name", "text", "what was measured where"),
    Column("quantity", "text", "kind of quantity"),
    Column("insert", "text", "object in the phantom, where it is about one"),
    Column("slice", "integer", "slice of the phantom, where it is about one"),
    Column("role", "text", "series of the protocol: T1, T2, localizer, other"),
    Column("value", "number", "measured value; empty where nothing could be measured"),
    Column("unit", "text", "unit of value, uncertainty, interval and limits"),
    Column("standard_uncertainty", "number", "standard uncertainty"),
    Column("degrees_of_freedom", "number", "effective degrees of freedom; empty: infinite"),
    Column("interval", "json", "95 % coverage interval: [low, high]; null: no bound"),
    Column("interval_kind", "text", "continuous or discrete"),
    Column("budget", "json", "contributions to the standard uncertainty"),
    Column("displacement", "number", "slice positions: half of the bar difference [mm]"),
    Column("reference_value", "number", "reference value"),
    Column("reference_standard_uncertainty", "number", "its standard uncertainty"),
    Column("limits", "json", "levels: {rule, tolerance, action, source, confidence}"),
    Column("verdict", "text", "pass, tolerance, action or not_evaluated"),
    Column("reason", "text", "why there is no value or no verdict, or what to know"),
    Column("assumptions", "json", "what changed the number or must be known to use it"),
    Column("algorithm", "text", "method and its version"),
    Column("series_uid", "text", "DICOM SeriesInstanceUID it was measured on"),
    Column("series_key", "text", "values with the same key may share a chart; empty: none may"),
)


def _bounds(pair: tuple[float, float] | None) -> list[float | None] | None:
    return None if pair is None else [plain(float(end)) for end in pair]


def series_key(
    scanner: Scanner,
    acquisition: Acquisition,
    protocol_family: str,
    role: str | None,
    phantom_unit: str | None,
    name: str,
    insert: str | None = None,
    slice_number: int | None = None,
) -> str | None:
    """Return the digest that says which values may share a chart, or None.

    It holds the scanner, coil, reconstruction state, acceleration, phase encoding, protocol and
    role of the series, phantom unit, name, insert and slice. An unknown scanner shares no chart.
    """
    if scanner.identity is None:
        return None
    return digest(
        {
            "scanner": scanner.identity,
            "coil": acquisition.coil,
            "reconstruction": acquisition.reconstruction,
            "acceleration": acquisition.acceleration,
            "phase_encode_direction": acquisition.phase_encode_direction,
            "protocol": protocol_family,
            "role": role,
            "phantom_unit": phantom_unit,
            "name": name,
            "insert": insert,
            "slice": slice_number,
        }
    )[:32]


def assessment_row(item: Assessment, key: str | None) -> dict[str, Any]:
    """Return one row of schema `qiqa.measurement/1`, JSON-ready, in the order of COLUMNS."""
    m = item.measurement
    limits = None
    if item.rule is not None:
        limits = {
            "rule": item.rule,
            "tolerance": _bounds(item.tolerance),
            "action": _bounds(item.action),
            "source": item.source,
            "confidence": item.confidence,
        }
    interval = None if m.interval is None else (m.interval.low, m.interval.high)
    values: dict[str, Any] = {
        "name": m.name,
        "quantity": m.quantity,
        "insert": m.insert,
        "slice": m.slice,
        "role": m.role,
        "value": m.value,
        "unit": m.unit,
        "standard_uncertainty": m.standard_uncertainty,
        "degrees_of_freedom": m.degrees_of_freedom if math.isfinite(m.degrees_of_freedom) else None,
        "interval": _bounds(interval),
        "interval_kind": None if m.interval is None else m.interval.kind,
        "budget": m.budget,
        "displacement": m.displacement,
        "reference_value": None if m.reference is None else m.reference.value,
        "reference_standard_uncertainty": (
            None if m.reference is None else m.reference.standard_uncertainty
        ),
        "limits": limits,
        "verdict": item.verdict,
        "reason": item.reason or m.reason,
        "assumptions": m.assumptions,
        "algorithm": m.algorithm,
        "series_uid": m.series_uid,
        "series_key": key,
    }
    return {column.name: plain(values[column.name]) for column in COLUMNS}


def result_rows(result: QcResult) -> list[dict[str, Any]]:
    """Return every measurement of an exam as rows of the one schema."""
    by_stack: dict[str | None, ExamSeries] = {item.stack: item for item in result.series}
    rows = []
    for item in result.assessments:
        m = item.measurement
        series = by_stack.get(m.stack)
        key = None
        if series is not None and result.acquired_at is not None:
            key = series_key(
                result.scanner,
                series.acquisition,
                result.protocol.family,
                m.role,
                result.phantom_unit,
                m.name,
                m.insert,
                m.slice,
            )
        rows.append(assessment_row(item, key))
    return rows
