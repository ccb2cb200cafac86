"""A result on its way out: shown, reported, written, kept. No fault in one loses the others."""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.console import complain, one_line, say, tell_findings, write_json
from qiqa.core.errors import OutputError, QiqaError
from qiqa.core.result import QcResult

if TYPE_CHECKING:
    from qiqa.cli.qc import Options
    from qiqa.core.drift import SeriesState
    from qiqa.report.trend import TrendPoints
    from qiqa.store import Saved, Store

__all__ = ["current_user", "deliver"]


class _Delivery:
    """The steps of handing out one result, and what went wrong in them."""

    def __init__(self, result: QcResult, options: Options, user: str) -> None:
        self.result = result
        self.options = options
        self.user = user
        self.to_error = options.json == "-"
        self.store: Store | None = None
        self.trend: tuple[TrendPoints, ...] = ()
        self.faults: list[QiqaError] = []

    def step(self, work: Callable[[], None]) -> None:
        """Do one step; a fault is noted, the other steps go on."""
        try:
            work()
        except QiqaError as error:
            self.faults.append(error)
        except Exception as error:  # noqa: BLE001 - shown in full below; the result must not be lost
            text = f"internal error: {type(error).__name__}: {error}"
            trace = "".join(traceback.format_exception(error))
            hint = f"this is a fault of qiqa; please report it:\n{trace}"
            self.faults.append(QiqaError(text, hint=hint))

    def show(self) -> None:
        """Print the result."""
        from qiqa.cli.verdict import show

        show(self.result, to_error=self.to_error)

    def open(self) -> None:
        """Open the history."""
        from qiqa.store import open_store

        self.store = open_store(self.options.store)
        tell_findings(self.store.findings, to_error=True)

    def look_back(self) -> None:
        """Chart the values among those of earlier exams, and say which moved."""
        from qiqa.cli.trends import trend_lines, trends, watched

        if self.store is None:
            return
        states: tuple[SeriesState, ...] = ()
        try:
            states = watched(self.result, self.store)
        finally:  # where charts fail, earlier values still stand
            self.trend = trends(self.result, self.store, states)
        for words in trend_lines(states):
            say(one_line(words), to_error=self.to_error)

    def report(self) -> None:
        """Write the page; without trends where the history cannot be read."""
        from qiqa.report.html import write_html

        path = _report_path(self.options, self.result)
        label = None if self.store is None else self.store.url
        write_html(self.result, path, trend=self.trend, store_label=label)
        say(f"report   {path.resolve()}", to_error=self.to_error)

    def json(self) -> None:
        """Write `qiqa.qc/1`."""
        from qiqa.core.payload import result_payload

        if self.options.json is not None:
            write_json(result_payload(self.result), self.options.json)

    def keep(self) -> None:
        """Store the result."""
        if self.store is None:
            return
        now = dt.datetime.now(dt.UTC)
        saved = self.store.save(self.result, user=self.user, now=now, reason=self.options.reason)
        say(f"history  {_saved_words(saved)} in {self.store.url}", to_error=self.to_error)

    def end(self) -> None:
        """Print the verdict again, where the eye rests last."""
        from qiqa.cli.verdict import show_verdict

        show_verdict(self.result, to_error=self.to_error)


def deliver(result: QcResult, options: Options, *, user: str) -> int:
    """Show, report, write and keep a result; return the exit status."""
    delivery = _Delivery(result, options, user)
    delivery.step(delivery.show)
    if not options.no_store:
        delivery.step(delivery.open)
    try:
        for work in (delivery.look_back, delivery.report, delivery.json, delivery.keep):
            delivery.step(work)
    finally:
        if delivery.store is not None:
            delivery.store.close()
    for fault in delivery.faults:
        complain(fault)
    shown = len(delivery.faults)
    delivery.step(delivery.end)
    for fault in delivery.faults[shown:]:
        complain(fault)
    return status.FAILED if delivery.faults else status.of_verdict(result.verdict)


def _saved_words(saved: Saved) -> str:
    if not saved.created:
        return f"exam {saved.exam_id}, already kept,"
    if saved.superseded_id is not None:
        return f"exam {saved.exam_id} (supersedes {saved.superseded_id})"
    return f"exam {saved.exam_id}"


def _report_path(options: Options, result: QcResult) -> Path:
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


def current_user() -> str:
    """Return the login name, `unknown` where the system has none."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
