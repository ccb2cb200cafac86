"""`qiqa drift`: what changed, when, how sure, and how long until it matters."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, json_option, moment, store_option
from qiqa.cli.console import progress, say, write_json
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.drift.policy import Policy
    from qiqa.workflows.watching import Watched

__all__ = [
    "COMMANDS",
    "EPILOG",
    "OPERANDS",
    "Options",
    "arguments",
    "command",
    "moment_of",
    "policy_of",
    "show",
]

SCHEMA = "qiqa.drift/1"
COMMANDS = {
    "baseline": ("qiqa.cli.drift_baseline", "Propose and approve the exams that limits come from."),
    "alarms": ("qiqa.cli.drift_alarms", "List what was raised and what was said about it."),
    "acknowledge": ("qiqa.cli.drift_acknowledge", "Put on record what an alarm was, or close it."),
    "design": ("qiqa.cli.drift_design", "Which rule finds a shift how soon, at what false alarms."),
}
"""What has options of its own: next word -> module, summary."""
OPERANDS = "[baseline | alarms | acknowledge | design]"
EPILOG = """
examples:
  qiqa drift
  qiqa drift --scanner "SIEMENS 46229" --name piu
  qiqa drift --table qc.csv --column value=PSNR --column scanner=Site --json -
  qiqa drift baseline --scanner "SIEMENS 46229"
  qiqa drift acknowledge 7 --comment "gradient amplifier" --action "service booked"
  qiqa drift design --shift 1 --every 1000

Exit status: 0 nothing to look into, 3 something moved, 4 something moved and a limit is passed or
near, 5 too few exams to say, 1 it could not be done.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    table: Path | None = None
    column: tuple[str, ...] | list[str] = ()
    scanner: str | None = None
    name: str | None = None
    adjust: tuple[str, ...] | list[str] = ()
    no_adjust: bool = False
    rules: str | None = None
    false_alarms: float | None = None
    every_days: float | None = None
    as_of: str | None = None
    output: Path | None = None
    no_pages: bool = False
    read_only: bool = False
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    what = parser.add_argument_group("what to look at")
    store_option(what)
    what.add_argument("--table", type=Path, metavar="FILE", help="CSV or Parquet instead")
    what.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="what a column of the table is, for instance value=PSNR; repeatable",
    )
    what.add_argument("--scanner", metavar="NAME", help="one scanner")
    what.add_argument("--name", metavar="NAME", help="one measurement")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--adjust",
        action="append",
        default=[],
        metavar="NAME",
        help="adjust for this covariate; default: temperature_degc or temperature where stated",
    )
    how.add_argument("--no-adjust", action="store_true", help="adjust for nothing")
    how.add_argument("--rules", metavar="A,B", help="these rules instead of the default ones")
    how.add_argument(
        "--false-alarms",
        type=finite,
        metavar="X",
        help="allowed a year over all scanners; default: 1 a scanner",
    )
    how.add_argument(
        "--every-days", type=finite, metavar="D", help="days from exam to exam; default: as seen"
    )
    how.add_argument(
        "--as-of",
        metavar="YYYY-MM-DD",
        help="the day it is, later exams do not count; default: today, last exam of a table",
    )
    out = parser.add_argument_group("what to write")
    out.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="pages; default: qiqa-drift"
    )
    out.add_argument("--no-pages", action="store_true", help="write no pages")
    out.add_argument("--read-only", action="store_true", help="raise no alarms in the history")
    json_option(out, SCHEMA)


def command(options: Options) -> int:
    """Look at all scanners or one."""
    from qiqa.cli.drift_sources import from_store, from_table

    made = from_table(options) if options.table is not None else from_store(options)
    return show(made, options)


def policy_of(options: Options, scanners: int) -> Policy:
    """Return how scanners are watched, as asked for."""
    from qiqa.drift.policy import Policy
    from qiqa.drift.rules import RULES

    made = Policy(every_days=options.every_days)
    if options.every_days is not None and not 0.5 <= options.every_days <= 3660.0:
        message = f"{options.every_days:g} is not from 0.5 to 3660 days"
        raise UsageError(message, where="--every-days", hint="7 is every week")
    if options.no_adjust and options.adjust:
        raise UsageError("not with --no-adjust", where="--adjust")
    if options.no_adjust or options.adjust:
        made = dataclasses.replace(made, adjust=tuple(options.adjust))
    if options.rules is not None:
        rules = tuple(part.strip() for part in options.rules.split(",") if part.strip())
        for rule in rules or ("",):
            if rule not in RULES.names():
                hint = f"there are {', '.join(RULES.names())}"
                raise UsageError(f"{rule!r} is no rule", where="--rules", hint=hint)
        made = dataclasses.replace(made, rules=rules)
    if options.false_alarms is not None:
        if not 0.0 < options.false_alarms <= 1000.0 * max(scanners, 1):
            raise UsageError(
                f"{options.false_alarms:g} a year is not above 0 and up to 1000 a scanner",
                where="--false-alarms",
                hint="1 a scanner is the default; fewer make wider limits",
            )
        made = dataclasses.replace(
            made, false_alarms_per_scanner_year=options.false_alarms / max(scanners, 1)
        )
    return made


def show(made: Watched, options: Options) -> int:
    """Print what was found, write pages and JSON, and return the exit status."""
    from qiqa.cli.drift_words import tell
    from qiqa.core.drift_payload import drift_payload
    from qiqa.report.drift_text import sentence
    from qiqa.workflows.watching import worst_first

    found = worst_first(f for state in made.scanners for f in state.findings)
    if options.json is not None:
        said = [dataclasses.replace(f, message=sentence(f)) for f in found]
        write_json(drift_payload(made.fleet, said), options.json)
    to_error = options.json == "-"
    pages = None if options.no_pages else _pages(made, options)
    tell(made, to_error=to_error)
    if pages is not None:
        say(f"pages: {pages.resolve()}", to_error=to_error)
    verdicts = [s.verdict for s in made.fleet.scanners]
    for verdict, code in (("action", 4), ("tolerance", 3)):
        if verdict in verdicts:
            return code
    return status.PASS if "pass" in verdicts else 5


def _pages(made: Watched, options: Options) -> Path:
    """Write the page of each scanner with findings and that of the fleet."""
    from qiqa.report.drift_pages import write_pages

    folder = options.output or Path("qiqa-drift")
    with progress() as told:
        return write_pages(made.fleet, made.scanners, folder, told)


def moment_of(options: Options, default: dt.datetime) -> dt.datetime:
    """Return the time for which scanners are looked at."""
    return moment(options.as_of, "--as-of") or default
