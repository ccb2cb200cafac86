"""`qiqa drift alarms`: what was raised and what was said about it."""

from __future__ import annotations

import dataclasses

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option, store_option
from qiqa.cli.console import say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.drift import AlarmState
from qiqa.report.drift_text import sentence

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.alarms/1"
OPERANDS = ""
EPILOG = """
examples:
  qiqa drift alarms
  qiqa drift alarms --scanner "SIEMENS 46229" --all --json alarms.json
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    scanner: str | None = None
    all: bool = False
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    store_option(parser)
    parser.add_argument("--scanner", metavar="NAME", help="one scanner")
    parser.add_argument("--all", action="store_true", help="closed ones too")
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """List the alarms that are open or acknowledged, or all."""
    from qiqa.store import open_store

    with open_store(options.store, create=False) as store:
        found = store.alarms(options.scanner)
        url = store.url
    shown = [a for a in found if options.all or a.state is not AlarmState.CLOSED]
    if options.json is not None:
        write_json({"schema": SCHEMA, "alarms": plain(shown)}, options.json)
    if options.json != "-":
        rows = tuple(
            Row(
                cells=(
                    str(a.record_id),
                    f"{a.raised_at:%Y-%m-%d}",
                    a.state.value,
                    a.finding.scanner,
                    sentence(a.finding),
                    "; ".join(
                        " ".join(p for p in (f"{d.by}:", d.comment, d.corrective_action) if p)
                        for d in a.decisions
                    ),
                )
            )
            for a in shown
        )
        columns = ("alarm", "raised", "state", "scanner", "what", "said")
        table(columns, [Section(rows=rows)], right=(0,))
        say(f"{len(shown)} of {len(found)} alarms in {url}")
    return status.PASS
