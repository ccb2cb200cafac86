"""`qiqa history`: list, export, verify."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, json_option, moment, store_option
from qiqa.cli.console import one_line, say, tell_findings, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.store import Store

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.history/1"
COMMANDS = {
    "event": ("qiqa.cli.history_event", "List, add or withdraw what was done to scanners."),
}
"""What has options of its own: next word -> module, summary."""
OPERANDS = "[event]"
EPILOG = """
examples:
  qiqa history
  qiqa history --name piu --since 2026-01-01 --export piu.csv
  qiqa history --exam 12
  qiqa history --verify
  qiqa history event add --scanner "SIEMENS 46229" --at 2026-09-04 --text "new coil" --kind coil
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    name: str | None = None
    scanner: str | None = None
    since: str | None = None
    exam: int | None = None
    export: Path | None = None
    verify: bool = False
    all: bool = False
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    store_option(parser)
    which = parser.add_argument_group("which results")
    which.add_argument("--name", metavar="NAME", help="one measurement, for instance piu")
    which.add_argument("--scanner", metavar="NAME", help="one scanner, as the list names it")
    which.add_argument("--since", metavar="YYYY-MM-DD", help="from this date on")
    which.add_argument("--exam", type=counted, metavar="N", help="all values of one exam")
    which.add_argument("--all", action="store_true", help="superseded results too")
    out = parser.add_argument_group("what to do with them")
    out.add_argument(
        "--export", type=Path, metavar="FILE", help="write values to .csv, .json or .parquet"
    )
    json_option(out, SCHEMA)
    out.add_argument("--verify", action="store_true", help="check that nothing stored was altered")


def command(options: Options) -> int:
    """List exams, or values of one measurement or exam; export them; verify the chain."""
    from qiqa.store import open_store

    since = moment(options.since, "--since")
    if options.export is not None:
        _writer(options.export)  # a wrong suffix is refused before the database is touched
    with open_store(options.store, create=False) as store:
        tell_findings(store.findings, to_error=True)
        if options.verify:
            return _verify(store, options)
        superseded = options.all or options.exam is not None
        exams = store.exams(scanner=options.scanner, since=since, include_superseded=superseded)
        if options.exam is not None and options.exam not in {e["id"] for e in exams}:
            raise UsageError(
                f"there is no exam {options.exam}", where="--exam", hint="qiqa history lists them"
            )
        if not (options.name or options.exam is not None or options.export or options.json):
            return _exams(exams, store.url)
        rows = store.rows(
            name=options.name,
            scanner=options.scanner,
            since=since,
            include_superseded=superseded,
            exam=options.exam,
        )
        return _rows(rows, exams, options, store.url)


def _verify(store: Store, options: Options) -> int:
    findings = store.verify()
    if options.json is not None:
        payload = {"schema": SCHEMA, "store": store.url, "findings": plain(list(findings))}
        write_json(payload, options.json)
    if options.json != "-":
        tell_findings(findings)
        if not findings:
            say(f"{store.url}: nothing stored was altered")
    return status.FAILED if findings else status.PASS


def _exams(exams: list[dict[str, Any]], url: str) -> int:
    lines = tuple(
        Row(
            cells=(
                str(e["id"]),
                _day(e["acquired_at"]),
                str(e["scanner"] or e["scanner_label"]),
                " ".join(str(p) for p in (e["phantom"], e["phantom_unit"]) if p),
                str(e["protocol"]),
                str(e["verdict"]),
                _superseded(e),
            )
        )
        for e in exams
    )
    columns = ("exam", "acquired", "scanner", "phantom", "protocol", "verdict", "note")
    table(columns, [Section(rows=lines)])
    count = "1 exam" if len(exams) == 1 else f"{len(exams)} exams"
    say(f"{count} in {url}")
    return status.PASS


def _superseded(exam: dict[str, Any]) -> str:
    parts = []
    if exam["superseded_by"] is not None:
        parts.append(f"superseded by {exam['superseded_by']}")
    if exam["supersedes"] is not None:
        parts.append(f"supersedes {exam['supersedes']}: {exam['supersede_reason'] or 'no reason'}")
    return "; ".join(parts)


def _rows(
    rows: list[dict[str, Any]], exams: list[dict[str, Any]], options: Options, url: str
) -> int:
    if options.export is not None:
        _writer(options.export)(rows, options.export)
        say(f"{len(rows)} rows written to {options.export.resolve()}", to_error=True)
    if options.json is not None:
        wanted = {row["exam_id"] for row in rows}
        listed = [e for e in exams if e["id"] in wanted]
        payload = {"schema": SCHEMA, "store": url, "exams": plain(listed), "rows": plain(rows)}
        write_json(payload, options.json)
    if options.export is None and options.json is None:
        _show_rows(rows, url)
    return status.PASS


def _writer(path: Path) -> Callable[[list[dict[str, Any]], Path], object]:
    from qiqa.io import export

    writers: dict[str, Callable[[list[dict[str, Any]], Path], object]] = {
        ".csv": export.rows_to_csv,
        ".json": export.rows_to_json,
        ".parquet": export.rows_to_parquet,
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        raise UsageError(
            f"{suffix or 'no suffix'!r} is not one of {', '.join(writers)}",
            where=str(path),
            hint="the suffix says what is written",
        )
    return writers[suffix]


def _show_rows(rows: list[dict[str, Any]], url: str) -> None:
    lines = tuple(
        Row(
            cells=(
                str(r["exam_id"]),
                _day(r["acquired_at"]),
                one_line(r["scanner"] or "unknown", 60),
                str(r["name"]),
                str(r["role"] or ""),
                *_numbers(r["value"], r["standard_uncertainty"]),
                str(r["unit"]),
                str(r["verdict"]),
            )
        )
        for r in rows
    )
    columns = ("exam", "acquired", "scanner", "name", "series", "value", "u", "unit", "verdict")
    table(columns, [Section(rows=lines)], right=(5, 6))
    say(f"{len(rows)} rows in {url}")


def _numbers(value: float | None, u: float | None) -> tuple[str, str]:
    """Return a value rounded by its standard uncertainty, and that."""
    from qiqa.report.numbers import decimals, fixed, plain_number

    if value is None:
        return "-", "-"
    if not u:
        return plain_number(value), "-"
    places = decimals(u)
    return fixed(value, places), fixed(u, places)


def _day(value: object) -> str:
    return "unknown" if value is None else str(value)[:16].replace("T", " ")
