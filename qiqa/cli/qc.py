"""`qiqa qc`: the first walk, from files to a verdict."""

from __future__ import annotations

import dataclasses
import datetime as dt
import getpass
import json as json_module
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.console import complain, progress, say, table, tell_findings, write_json
from qiqa.core.errors import OutputError, QiqaError, UsageError
from qiqa.core.finding import Severity
from qiqa.core.measurement import Verdict
from qiqa.core.pose import Override
from qiqa.core.protocol import Protocol
from qiqa.core.result import QcResult

if TYPE_CHECKING:
    from qiqa.report.trend import TrendPoints
    from qiqa.store import Saved, Store

__all__ = ["QcOptions", "command", "judge"]

_STYLES = {
    Verdict.PASS: "green",
    Verdict.TOLERANCE: "yellow",
    Verdict.ACTION: "bold red",
    Verdict.NOT_EVALUATED: None,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QcOptions:
    """What was asked for on the command line."""

    paths: tuple[Path, ...]
    protocol: str
    report: Path | None = None
    json: str | None = None
    store: str | None = None
    keep: bool = True
    enter: Path | None = None
    ask: bool = False
    exam: int | None = None
    scanner: str | None = None
    date: str | None = None
    first_slice: int | None = None
    angle_deg: float | None = None
    center: str | None = None
    reversed_order: bool | None = None
    phantom_unit: str | None = None
    reason: str | None = None


def command(options: QcOptions) -> int:
    """Run the QC, show it, report it, keep it; return the exit status."""
    from qiqa.io.definitions import load_phantom, load_protocol
    from qiqa.workflows.weekly_qc import QcRequest, run_qc

    protocol = load_protocol(options.protocol)
    entries = _entries(options, protocol)
    request = QcRequest(
        paths=options.paths,
        phantom=load_phantom(protocol.phantom),
        protocol=protocol,
        exam=options.exam,
        scanner_name=options.scanner,
        date=_date(options.date),
        override=_override(options),
        entries=entries,
        entries_from=str(options.enter or "--ask"),
    )
    with progress() as tell:
        result = run_qc(request, now=dt.datetime.now(dt.UTC), user=_user(), progress=tell)
    return judge(result, options)


def judge(result: QcResult, options: QcOptions) -> int:
    """Show, report and keep a result. A fault in one of these never loses the others."""
    faults: list[QiqaError] = []
    to_error = options.json == "-"
    _show(result, to_error=to_error)
    store = _opened(options, faults) if options.keep else None
    try:
        _write(result, options, store, faults)
    finally:
        if store is not None:
            store.close()
    for fault in faults:
        complain(fault)
    return status.FAILED if faults else status.of_verdict(result.verdict)


def _write(
    result: QcResult, options: QcOptions, store: Store | None, faults: list[QiqaError]
) -> None:
    from qiqa.core.payload import result_payload
    from qiqa.report.html import write_html

    to_error = options.json == "-"
    label = None if store is None else store.url
    try:
        path = _report_path(options, result)
        write_html(result, path, trend=_trend(result, store), store_label=label)
        say(f"report   {path.resolve()}", to_error=to_error)
    except QiqaError as error:
        faults.append(error)
    if options.json is not None:
        try:
            write_json(result_payload(result), options.json)
        except QiqaError as error:
            faults.append(error)
    if store is None:
        return
    try:
        now = dt.datetime.now(dt.UTC)
        saved = store.save(result, user=_user(), now=now, reason=options.reason)
        say(f"history  {_saved_words(saved)} in {store.url}", to_error=to_error)
    except QiqaError as error:
        faults.append(error)


def _saved_words(saved: Saved) -> str:
    if not saved.created:
        return f"exam {saved.exam_id}, already kept,"
    if saved.superseded_id is not None:
        return f"exam {saved.exam_id} (supersedes {saved.superseded_id})"
    return f"exam {saved.exam_id}"


def _opened(options: QcOptions, faults: list[QiqaError]) -> Store | None:
    from qiqa.store import open_store

    try:
        store = open_store(options.store)
    except QiqaError as error:
        faults.append(error)
        return None
    tell_findings(store.findings, to_error=True)
    return store


def _show(result: QcResult, *, to_error: bool) -> None:
    from qiqa.report.table import table_rows

    rows = table_rows(result)
    several = len({row.series for row in rows}) > 1
    cells = []
    for row in rows:
        name = f"{row.title} ({row.series})" if several and row.series else row.title
        cells.append((name, row.quantity, row.limits_text, row.verdict_text, row.reason))
    date = "date unknown" if result.acquired_at is None else f"{result.acquired_at:%Y-%m-%d %H:%M}"
    variant = next((s.pose.variant for s in result.series if s.pose and s.pose.variant), None)
    label = result.scanner.label
    say(
        " | ".join((f"{result.phantom.name}{f' ({variant})' if variant else ''}", label, date)),
        to_error=to_error,
    )
    say(f"{result.protocol.name}: {result.protocol.edition}\n", to_error=to_error)
    table(
        ("measurement", "value", "passes (limit)", "verdict", "remark"),
        cells,
        to_error=to_error,
        styles=[_STYLES[row.verdict] for row in rows],
    )
    say(to_error=to_error)
    for item in result.series:
        if item.pose is not None and item.pose.hint:
            say(f"positioning ({item.role}): {item.pose.hint}", to_error=to_error)
    serious = [f for f in result.findings if f.severity is not Severity.INFO]
    tell_findings(serious, to_error=to_error)
    say(f"verdict  {_verdict_words(result)}", to_error=to_error)


def _verdict_words(result: QcResult) -> str:
    counts = {v: sum(a.verdict is v for a in result.assessments) for v in Verdict}
    open_ones = sum(not a.answered for a in result.assessments)
    parts = [
        f"{counts[v]} {v.value}"
        for v in (Verdict.PASS, Verdict.TOLERANCE, Verdict.ACTION)
        if counts[v]
    ]
    if open_ones:
        parts.append(f"{open_ones} not evaluated")
    return f"{result.verdict.value.upper().replace('_', ' ')}  ({', '.join(parts)})"


def _trend(result: QcResult, store: Store | None) -> tuple[TrendPoints, ...]:
    """Return earlier values of what was measured, for the report's charts."""
    from qiqa.core.rows import result_rows
    from qiqa.report.trend import TrendPoints

    if store is None or result.acquired_at is None:
        return ()
    trends = []
    for row in result_rows(result):
        key = row["series_key"]
        if key is None or row["value"] is None:
            continue
        past = store.previous(key, result.acquired_at)
        if past:
            trends.append(
                TrendPoints(
                    name=row["name"],
                    unit=row["unit"],
                    dates=tuple(p.acquired_at for p in past),
                    values=tuple(p.value for p in past),
                    standard_uncertainties=tuple(p.standard_uncertainty for p in past),
                    role=row["role"],
                )
            )
    return tuple(trends)


def _report_path(options: QcOptions, result: QcResult) -> Path:
    if options.report is not None:
        return options.report
    # nothing from a header goes into a file name: the date of the run and the result's own digest
    day = f"{result.provenance.created_at:%Y-%m-%d}"
    path = Path("qiqa-report") / f"qc_{day}_{result.provenance.identity[:8]}.html"
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be made: {error.strerror or error}",
            where=str(path.parent.absolute()),
            hint="say where the report goes with --report FILE",
        ) from error
    return path


def _entries(options: QcOptions, protocol: Protocol) -> dict[str, object]:
    given: dict[str, object] = {}
    if options.enter is not None:
        given.update(_entry_file(options.enter))
    if options.phantom_unit is not None:
        given["phantom_unit"] = options.phantom_unit
    if options.ask:
        given.update(_asked(protocol, given))
    return given


def _entry_file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the entry file cannot be read: {error}", where=str(path)) from error
    try:
        data: Any = json_module.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json_module.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise UsageError(f"the entry file is not valid {kind}: {error}", where=str(path)) from error
    if not isinstance(data, dict):
        raise UsageError("the entry file must hold name = value pairs", where=str(path))
    return {name: value for name, value in data.items() if value != ""}


def _asked(protocol: Protocol, given: dict[str, object]) -> dict[str, object]:
    """Ask on the terminal for every entry that is not given; empty answers leave it open."""
    from qiqa.workflows.entries import check_entry

    if not sys.stdin.isatty():
        raise UsageError("--ask needs a terminal", hint="use --enter FILE instead")
    answers: dict[str, object] = {}
    for entry in protocol.entry:
        if entry.id in given:
            continue
        unit = f" [{entry.unit}]" if entry.unit and entry.unit != "1" else ""
        choice = f" ({'/'.join(entry.choices)})" if entry.choices else ""
        while True:
            answer = input(f"{entry.question}{unit}{choice}: ").strip()
            if not answer:
                break
            try:
                answers[entry.id] = check_entry(entry, answer, "--ask")
            except UsageError as error:
                complain(error)
                continue
            break
    return answers


def _override(options: QcOptions) -> Override:
    center = None
    if options.center is not None:
        parts = options.center.split(",")
        try:
            center = (float(parts[0]), float(parts[1]))
        except (ValueError, IndexError):
            raise UsageError(
                f"{options.center!r} is not a column and a row",
                where="--center",
                hint="for instance 127.5,130",
            ) from None
    return Override(
        first_slice=options.first_slice,
        reversed_order=options.reversed_order,
        angle_deg=options.angle_deg,
        center_px=center,
    )


def _date(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date", where="--date", hint="write YYYY-MM-DD"
        ) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
