"""Series that wait, as a sheet that a person fills in, and the decisions from it."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from qiqa.core.errors import ReadError
from qiqa.core.vet_result import VetRow
from qiqa.core.vetting import Action, Override
from qiqa.io._table_cells import texts_of
from qiqa.io._table_file import cells_of_file
from qiqa.io.export import cell, write_file
from qiqa.io.manifest import manifest_row

__all__ = ["read_decisions", "write_waiting"]

_SHOWN = ("series_uid", "path", "site", "scanner", "modality", "reasons", "evidence", "seen")
_FILLED_IN = ("action", "reason")
_NEEDED = ("series_uid", *_FILLED_IN)
_KNOWN = ("who", "reasons", "seen")
_MARK = "#"
"""Before a digest: a spreadsheet takes `12345e67` for a number."""


def write_waiting(rows: Iterable[VetRow], path: Path) -> int:
    """Write series as CSV with empty columns `action` and `reason`; return how many there are.

    UTF-8 with byte order mark, for spreadsheets.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there stays.
    """
    count = 0

    def write(file: BinaryIO) -> None:
        nonlocal count
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        writer.writerow((*_SHOWN, *_FILLED_IN))
        for row in rows:
            said = manifest_row(row)
            said["seen"] = _MARK + said["seen"]
            writer.writerow([*(cell(said[name]) for name in _SHOWN), "", ""])
            count += 1
        text.flush()
        text.detach()

    write_file(path, write)
    return count


def read_decisions(path: Path, who: str, reason: str, at: dt.datetime) -> tuple[Override, ...]:
    """Return the decisions of a sheet, in its order; rows without an action are left out.

    Parameters
    ----------
    path
        `.csv` or `.parquet` with `series_uid`, `action` and `reason`. If there, `who` is read, and
        `reasons` and `seen` as `write_waiting` wrote them: what the person knew of. Others are not.
    who, reason
        Of rows that state none; may be empty.
    at
        When it is decided.

    Raises
    ------
    ReadError
        If the file cannot be read, a column is missing, or a row is no decision: names the line.
    UsageError
        If it is of another kind.
    """
    cells = cells_of_file(path)
    missing = [name for name in _NEEDED if name not in cells.columns]
    if missing:
        raise ReadError(
            f"has no column {missing[0]!r}; there are {', '.join(list(cells.columns)[:20])}",
            where=str(path),
            hint="qiqa vet review OUT --waiting FILE writes a sheet to fill in",
        )
    if cells.too_long:
        message = "has more cells than there are names of columns"
        raise ReadError(message, where=f"{path}, line {cells.too_long[0]}", hint="mend that line")
    lines = cells.lines or range(1, cells.rows + 1)
    empty = [""] * cells.rows
    columns = [texts_of(cells.columns.get(name, empty)) for name in (*_NEEDED, *_KNOWN)]
    made: dict[str, Override] = {}
    for line, uid, action, why, person, codes, seen in zip(lines, *columns, strict=True):
        where = f"{path}, line {line}"
        if not action:
            if why:
                message = f"has the reason {why!r} and no action"
                raise ReadError(message, where=where, hint=_ALLOWED)
            continue
        if uid in made:
            raise ReadError(f"series {uid!r} stands there twice", where=where, hint="leave one")
        one = _decision(uid, action, why or reason, person or who, at, where)
        if seen.startswith(_MARK):
            reasons = tuple(filter(None, codes.split(";")))
            one = dataclasses.replace(one, reasons=reasons, seen=seen.removeprefix(_MARK))
        made[uid] = one
    return tuple(made.values())


_ALLOWED = f"an action is {', '.join(Action)}; empty where nothing is decided"


def _decision(
    uid: str, action: str, reason: str, who: str, at: dt.datetime, where: str
) -> Override:
    if not uid:
        raise ReadError("has an action and no series_uid", where=where)
    if action.lower() not in list(Action):
        raise ReadError(f"{action!r} is no action", where=where, hint=_ALLOWED)
    for name, given in (("reason", reason), ("name of who decides", who)):
        if not given.strip():
            hint = "fill in the cell, or give --reason or --who for all"
            raise ReadError(f"series {uid} has no {name}", where=where, hint=hint)
    return Override(series_uid=uid, action=Action(action.lower()), who=who, reason=reason, at=at)
