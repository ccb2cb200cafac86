"""`qiqa trial report`: bias of every scanner, answers against the claim, flags."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, json_option, moment, store_option
from qiqa.cli.console import progress, say, tell_findings, write_json
from qiqa.core.errors import UsageError
from qiqa.core.trial import TRIAL_SCHEMA, ClaimAnswer

if TYPE_CHECKING:
    from qiqa.core.programme import TrialState
    from qiqa.core.trial import Flag, Readings
    from qiqa.workflows.trial import Claim

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "claims_of", "command", "readings_of"]

OPERANDS = ""
EPILOG = """
examples:
  qiqa trial report
  qiqa trial report --table phantom.csv --claim adc=3.6% -o report
  qiqa trial report --table qc1.csv --column scanner=site --column acquired_at=scanDate \\
      --column name=parameter --json -

Exit status: 0 no scanner is out, 3 a label is wrong or a scanner moved, 4 a scanner is out of
claim, 5 no claim or no scanner could be judged, 1 it could not be done.
"""
_LABELS = frozenset(
    (
        "swapped_inserts",
        "wrong_unit",
        "wrong_phantom_unit",
        "wrong_phantom",
        "dates_out_of_order",
        "copied_values",
        "unit_in_two_places",
        "odd_phantom_unit",
        "moved",
        "moved_or_unit",
        "unstable",
    )
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    table: Path | None = None
    column: tuple[str, ...] | list[str] = ()
    name: tuple[str, ...] | list[str] = ()
    claim: tuple[str, ...] | list[str] = ()
    precision: float | None = None
    keep_flagged: bool = False
    as_of: str | None = None
    title: str = ""
    output: Path | None = None
    no_pages: bool = False
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    what = parser.add_argument_group("what to look at")
    store_option(what)
    table_options(what)
    what.add_argument(
        "--name", action="append", default=[], metavar="NAME", help="one measurement; repeatable"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="[NAME=]X[%]",
        help="largest bias allowed: 3.6%%, adc=3.6%%, PSNR=1; default: adc 3.6 %% (QIBA)",
    )
    how.add_argument(
        "--precision",
        type=finite,
        metavar="PERCENT",
        help="largest long-term wCV allowed, for certificates; QIBA says 2.2 for ADC",
    )
    how.add_argument(
        "--keep-flagged",
        action="store_true",
        help="use exams with errors of labeling too",
    )
    how.add_argument(
        "--as-of",
        metavar="YYYY-MM-DD",
        help="the day it is, later exams do not count; default: that of the last exam",
    )
    out = parser.add_argument_group("what to write")
    out.add_argument("--title", default="", metavar="TEXT", help="what the trial is called")
    out.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="pages; default: qiqa-trial"
    )
    out.add_argument("--no-pages", action="store_true", help="write no pages")
    json_option(out, TRIAL_SCHEMA)


def table_options(group: argparse._ArgumentGroup) -> None:
    """Add a table in place of the history."""
    group.add_argument(
        "--table", type=Path, metavar="FILE", help="CSV or Parquet of phantom readings instead"
    )
    group.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="what a column of the table is, for instance scanner=site; repeatable",
    )


def command(options: Options) -> int:
    """Look at all scanners of a trial."""
    from qiqa.cli.trial_words import tell
    from qiqa.core.programme import ProgrammePolicy
    from qiqa.core.trial_payload import trial_payload
    from qiqa.workflows.trial import chosen, last_day, look_at_trial, up_to_day

    claims = claims_of(options.claim)
    if options.precision is not None and options.precision <= 0.0:
        raise UsageError(f"{options.precision:g} is not above 0 %", where="--precision")
    readings, source, flags = readings_of(options.store, options.table, options.column)
    readings = chosen(readings, options.name)
    asked = moment(options.as_of, "--as-of")
    if asked is not None:
        readings, later = up_to_day(readings, asked)
        if later:
            say(f"{later} readings after {asked:%Y-%m-%d} are left out", to_error=True)
    _check_claims(claims, readings)
    with progress() as told:
        state = look_at_trial(
            readings,
            now=asked or last_day(readings, dt.datetime.now()),
            source=source,
            title=options.title or "Trial",
            claims=claims,
            policy=ProgrammePolicy(precision_claim_percent=options.precision),
            keep_flagged=options.keep_flagged,
            flags=flags,
            tell=told,
        )
    if options.json is not None:
        write_json(trial_payload(state), options.json)
    to_error = options.json == "-"
    tell(state, to_error=to_error)
    if not options.no_pages:
        from qiqa.report.trial_page import write_trial

        page = write_trial(state, options.output or Path("qiqa-trial"))
        say(f"pages: {page.resolve()}", to_error=to_error)
    return _status(state)


def readings_of(
    store: str | None, table: Path | None, columns: tuple[str, ...] | list[str]
) -> tuple[tuple[Readings, ...], str, tuple[Flag, ...]]:
    """Return readings of phantoms from a table or the history, their source, and what is odd."""
    if table is not None:
        from qiqa.cli.columns import named_columns
        from qiqa.io.readings_table import read_readings

        if store is not None:
            raise UsageError("not with --table", where="--store")
        read = read_readings(table, named_columns(columns))
        tell_findings(read.findings, to_error=True)
        return read.readings, str(table), read.flags
    from qiqa.cli.drift_sources import existing

    if columns:
        raise UsageError("needs --table", where="--column")
    with existing(store, writing=False) as opened:
        tell_findings(opened.findings, to_error=True)
        found, url = opened.readings(), opened.url
    if not found:
        raise UsageError(
            "the history holds no value with a reference",
            where=url,
            hint="exams need a scanner with a serial number, a date, and certified inserts",
        )
    return found, url, ()


def claims_of(texts: Sequence[str], where: str = "--claim") -> dict[str, Claim]:
    """Return name or quantity -> claim.

    Parameters
    ----------
    texts
        `adc=3.6%`, `PSNR=1`, or a number for all.
    where
        What to name where one is wrong.

    Raises
    ------
    UsageError
        If one is no number above zero.
    """
    from qiqa.workflows.trial import Claim

    made = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        percent = number.strip().endswith("%")
        try:
            value = float(number.strip().removesuffix("%"))
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise UsageError(
                f"{text!r} is not [NAME=]NUMBER[%]",
                where=where,
                hint="for instance adc=3.6% or PSNR=1",
            )
        made[name.strip()] = Claim(value=value, percent=percent, source=where)
    return made


def _check_claims(claims: dict[str, Claim], readings: tuple[Readings, ...]) -> None:
    """Refuse a claim of nothing that is there: it would not be judged, and nobody would see it."""
    there = sorted({name for one in readings for name in (one.name, one.quantity)})
    for name in claims:
        if name and name not in there:
            shown = ", ".join(there[:20])
            raise UsageError(f"there is no measurement {name!r}; there is {shown}", where="--claim")


def _status(state: TrialState) -> int:
    answers = [one.claim for study in state.studies for one in study.scanners if one.current]
    if ClaimAnswer.OUT in answers:
        return 4
    flags = [*state.flags, *(flag for study in state.studies for flag in study.flags)]
    if any(flag.kind in _LABELS for flag in flags):
        return 3
    return status.PASS if ClaimAnswer.IN in answers else 5
