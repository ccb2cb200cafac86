"""The manifest of a vetted set, `qiqa.manifest/1`: one row a series, as CSV and as Parquet.

Rows stream: a million series take the memory of one block. They are sorted by series UID, then
path, and hold no time, so that the same decisions give the same bytes.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from qiqa.core.canonical import storable
from qiqa.core.errors import OutputError
from qiqa.core.vet_result import VetRow
from qiqa.core.vetting import MANIFEST_SCHEMA, Observation
from qiqa.io.export import cell, write_file

__all__ = [
    "MANIFEST_COLUMNS",
    "arrow",
    "in_order",
    "manifest_row",
    "parquet_blocks",
    "write_manifest_csv",
    "write_manifest_parquet",
]

MANIFEST_COLUMNS: Mapping[str, str] = {
    "path": "folder or file of the series, below the folder that was vetted",
    "series_uid": "series instance UID; nifti: and the path for a NIfTI file",
    "patient_hash": "keyed hash of the patient's identity; empty where it is unknown",
    "site": "site, or its pseudonym",
    "scanner": "maker and serial number, or their pseudonym",
    "modality": "modality as DICOM names it",
    "decision": "keep, correct, quarantine or reject",
    "reasons": "codes that call for it or for a milder action, worst first, joined by ;",
    "correction": "what has to be done before the series is used, joined by ;",
    "evidence": "what was found, for each reason, and a person's decision where there is one",
    "seen": "digest of what was seen of it: files, pixel values, findings; of a table its measures",
}
"""Name -> what it holds."""
_CELLS = 1 << 18
"""Of a row group: 20 MB of texts at most, and few enough groups to be read quickly."""


def manifest_row(row: VetRow) -> dict[str, str]:
    """Return one row of the manifest."""
    decision = row.decision
    found = [_said(one) for code in decision.reasons for one in _of(row, code)]
    if decision.override is not None:
        person = decision.override
        found.append(f"{person.who} decided {person.action}: {person.reason}")
    return {
        "path": row.path,
        "series_uid": row.series_uid,
        "patient_hash": row.patient_hash,
        "site": row.site,
        "scanner": row.scanner,
        "modality": row.modality,
        "decision": decision.action.value,
        "reasons": ";".join(decision.reasons),
        "correction": ";".join(decision.asked_corrections),
        "evidence": "; ".join(found),
        "seen": row.seen,
    }


def _of(row: VetRow, code: str) -> list[Observation]:
    found = [one for one in row.observations if one.code == code]
    return sorted(found, key=lambda one: (-one.value, one.where, one.evidence))


def _said(one: Observation) -> str:
    words = f"{one.code}: {one.evidence}" if one.evidence else one.code
    return f"{words} ({one.where})" if one.where else words


def in_order(rows: Iterable[VetRow]) -> Iterator[VetRow]:
    """Yield rows, and refuse any that is not behind the one before it.

    Raises
    ------
    OutputError
        If rows are not sorted by series UID, then path, or one occurs twice.
    """
    before: tuple[str, str] | None = None
    for row in rows:
        if before is not None and not before < row.key:
            raise OutputError(
                f"series {row.series_uid} ({row.path}) does not come after {before[0]}",
                where="manifest",
                hint="sort by series UID, then path, and give each series once",
            )
        before = row.key
        yield row


def write_manifest_csv(rows: Iterable[VetRow], path: Path) -> Path:
    """Write the manifest as CSV: UTF-8 without mark, comma, CRLF (RFC 4180), one header line.

    No byte order mark, unlike tables for a spreadsheet: what trains a model reads this file, and
    takes the mark for a part of the first name. A text that a spreadsheet would run as a formula
    gets a leading apostrophe; Parquet has it as it is.

    Raises
    ------
    OutputError
        If it cannot be written, or rows are out of order; nothing half written is left behind.
    """

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        writer.writerow(MANIFEST_COLUMNS)
        for row in in_order(rows):
            writer.writerow([cell(value) for value in manifest_row(row).values()])
        text.flush()
        text.detach()

    write_file(path, write)
    return path


def write_manifest_parquet(rows: Iterable[VetRow], path: Path, policy_sha256: str) -> Path:
    """Write the manifest as Parquet; the metadata name the schema and the policy's SHA-256.

    Raises
    ------
    OutputError
        If it cannot be written, pyarrow is not installed, or rows are out of order.
    """
    pa, _ = arrow(path)
    schema = pa.schema(
        [(name, pa.string()) for name in MANIFEST_COLUMNS],
        metadata={"schema": MANIFEST_SCHEMA, "policy_sha256": policy_sha256},
    )
    parquet_blocks((manifest_row(row) for row in in_order(rows)), schema, path)
    return path


def arrow(where: Path) -> tuple[Any, Any]:
    """Return pyarrow and its Parquet module.

    Raises
    ------
    OutputError
        If it is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-not-found, unused-ignore]
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        hint = "pip install 'qiqa[parquet]'"
        raise OutputError("Parquet needs pyarrow", where=str(where), hint=hint) from error
    return pa, parquet


def parquet_blocks(rows: Iterable[Mapping[str, Any]], schema: Any, path: Path) -> None:
    """Write rows block by block, whole or not at all; the same rows give the same bytes.

    Parameters
    ----------
    rows
        Each with a value for every column of the schema.
    schema
        Arrow schema with its metadata.
    """
    pa, parquet = arrow(path)

    def write(file: BinaryIO) -> None:
        most = max(_CELLS // len(schema.names), 1)
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            remaining = iter(rows)
            while True:
                columns: dict[str, list[Any]] = {name: [] for name in schema.names}
                # row by row into columns: a block of dicts would be several times as large
                for row in itertools.islice(remaining, most):
                    for name, column in columns.items():
                        column.append(storable(row[name]))
                if not columns[schema.names[0]]:
                    break
                writer.write_table(pa.table(columns, schema=schema))

    write_file(path, write)
