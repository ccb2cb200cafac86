"""`qiqa history`: list, export, verify."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.console import say, table, tell_findings, write_json
from qiqa.core.canonical import plain
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.store import Store

__all__ = ["HistoryOptions", "command"]

SCHEMA = "qiqa.history/1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """What was asked for on the command line."""

    store: str | None
    name: str | None
    scanner: str | None
    since: str | None
    exam: int | None
    export: Path | None
    verify: bool
    all_results: bool
    json: str | None


def command(options: HistoryOptions) -> int:
    """List exams, or rows of one measurement or exam; export them; verify the chain."""
    from qiqa.store import open_store

    since = _date(options.since)
    with open_store(options.store, create=False) as store:
        tell_findings(store.findings, to_error=True)
        if options.verify:
            return _verify(store)
        if options.name or options.exam or options.export or options.json:
            rows = store.rows(
                name=options.name,
                scanner=options.scanner,
                since=since,
                include_superseded=options.all_results,
                exam=options.exam,
            )
            return _rows(rows, options, store.url)
        return _exams(store, options, since)


def _verify(store: Store) -> int:
    findings = store.verify()
    tell_findings(findings)
    if findings:
        return status.FAILED
    say(f"{store.url}: nothing stored was altered")
    return status.PASS


def _exams(store: Store, options: HistoryOptions, since: dt.datetime | None) -> int:
    exams = store.exams(
        scanner=options.scanner, since=since, include_superseded=options.all_results
    )
    table(
        ("exam", "acquired", "scanner", "phantom", "protocol", "verdict", "supersedes"),
        [
            (
                str(e["id"]),
                _day(e["acquired_at"]),
                str(e["scanner"] or e["scanner_label"]),
                " ".join(str(p) for p in (e["phantom"], e["phantom_unit"]) if p),
                str(e["protocol"]),
                str(e["verdict"]),
                _superseded(e),
            )
            for e in exams
        ],
    )
    say(f"{len(exams)} exams in {store.url}")
    return status.PASS


def _superseded(exam: dict[str, Any]) -> str:
    if exam.get("supersedes") is None:
        return ""
    return f"{exam['supersedes']}: {exam.get('supersede_reason') or ''}"


def _rows(rows: list[dict[str, Any]], options: HistoryOptions, url: str) -> int:
    from qiqa.io import export

    if options.export is not None:
        writers = {
            ".csv": export.rows_to_csv,
            ".json": export.rows_to_json,
            ".parquet": export.rows_to_parquet,
        }
        suffix = options.export.suffix.lower()
        if suffix not in writers:
            raise UsageError(
                f"{suffix or 'no suffix'!r} is not one of {', '.join(writers)}",
                where=str(options.export),
            )
        writers[suffix](rows, options.export)
        say(f"{len(rows)} rows written to {options.export.resolve()}", to_error=True)
    if options.json is not None:
        write_json({"schema": SCHEMA, "store": url, "rows": plain(rows)}, options.json)
    if options.export is None and options.json is None:
        table(
            ("exam", "acquired", "scanner", "name", "series", "value", "u", "unit", "verdict"),
            [
                (
                    str(r["exam_id"]),
                    _day(r["acquired_at"]),
                    str(r["scanner"] or "unknown"),
                    str(r["name"]),
                    str(r["role"] or ""),
                    _number(r["value"]),
                    _number(r["standard_uncertainty"], 2),
                    str(r["unit"]),
                    str(r["verdict"]),
                )
                for r in rows
            ],
            right=(5, 6),
        )
        say(f"{len(rows)} rows in {url}")
    return status.PASS


def _number(value: float | None, digits: int = 6) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _day(value: object) -> str:
    return "unknown" if value is None else str(value)[:16].replace("T", " ")


def _date(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date", where="--since", hint="write YYYY-MM-DD"
        ) from None
