"""`qiqa drift baseline`: which exams say what is normal; a person approves, with a reason."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option, moment, store_option
from qiqa.cli.console import say, write_json
from qiqa.cli.deliver import current_user
from qiqa.cli.drift_sources import chosen, existing, of_scanner
from qiqa.core.canonical import plain
from qiqa.core.drift import ApprovedBaseline
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.drift.baseline import BaselineProposal

__all__ = ["EPILOG", "OPERANDS", "Options", "approval", "arguments", "command"]

SCHEMA = "qiqa.baseline/1"
OPERANDS = "--scanner NAME"
EPILOG = """
examples:
  qiqa drift baseline --scanner "SIEMENS 46229"
  qiqa drift baseline --scanner "SIEMENS 46229" --leave-out "2026-03-02=bubble" \\
      --approve --reason "first ten exams after installation"
  qiqa drift baseline --scanner "SIEMENS 46229" --first 2026-09-07 --approve \\
      --reason "new coil"

Without --approve it says which exams it would take, which of them do not belong, and whether the
level moves among them; nothing is put on record.
"""
_MOST = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    store: str | None = None
    scanner: str | None = None
    name: str | None = None
    first: str | None = None
    last: str | None = None
    leave_out: tuple[str, ...] | list[str] = ()
    approve: bool = False
    reason: str | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    store_option(parser)
    parser.add_argument("--scanner", metavar="NAME", help="the scanner, as qiqa drift names it")
    parser.add_argument("--name", metavar="NAME", help="one measurement; default: all of them")
    parser.add_argument(
        "--first",
        metavar="YYYY-MM-DD",
        help="first exam of it; default: the first one since settings or service last changed",
    )
    parser.add_argument("--last", metavar="YYYY-MM-DD", help="last exam of it; default: ten exams")
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="DATE=WHY",
        help="an exam that does not count, with the reason; repeatable",
    )
    parser.add_argument("--approve", action="store_true", help="let limits come from it")
    parser.add_argument("--reason", metavar="TEXT", help="why this baseline")
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """Propose a baseline for one scanner, or put an approved one on record."""
    from qiqa.drift.baseline import propose
    from qiqa.drift.policy import Policy
    from qiqa.workflows.dating import up_to

    if options.scanner is None:
        hint = "qiqa drift lists the scanners"
        raise UsageError("is needed: a baseline is of one scanner", where="--scanner", hint=hint)
    if options.approve and not (options.reason or "").strip():
        raise UsageError("is needed to approve", where="--reason", hint="say why these exams")
    left_out = _left_out(options)
    with existing(options.store, writing=options.approve) as store:
        series, ahead = up_to(
            chosen(of_scanner(store, options.scanner), None, options.name), dt.datetime.now()
        )
        for note in ahead:
            say(note, to_error=True)
        if not series:
            hint = "correct the dates: a baseline cannot rest on exams that are still to come"
            raise UsageError("all exams are dated ahead of today", where=store.url, hint=hint)
        proposal = propose(
            series,
            exams=Policy().baseline_exams,
            events=store.events(options.scanner),
            first=moment(options.first, "--first"),
            last=_end_of_day(moment(options.last, "--last")),
        )
        if not proposal.exams:
            hint = "qiqa history --scanner NAME lists them"
            raise UsageError(
                "there are no exams between these dates", where="--first, --last", hint=hint
            )
        if not options.approve:
            return _propose(proposal, options)
        approved = _approved(proposal, options, left_out)
        record = store.approve_baseline(approved, user=current_user(), now=approved.at)
    kept = len(proposal.exams) - len(approved.left_out)
    say(f"baseline {record}: {kept} exams of {options.scanner}, {_span(proposal)}")
    if proposal.missing:
        say(f"!  {proposal.missing} exams fewer than the usual 10: limits are wider for it")
    return status.PASS


def _approved(
    proposal: BaselineProposal,
    options: Options,
    left_out: dict[dt.date, str],
) -> ApprovedBaseline:
    """Return the baseline as it goes on record."""
    for day in left_out:
        if all(at.date() != day for at in proposal.exams):
            raise UsageError(f"{day} is no exam of this baseline", where="--leave-out")
    return ApprovedBaseline(
        scanner=proposal.scanner,
        name=options.name or "",
        first=proposal.exams[0],
        last=proposal.exams[-1],
        left_out=tuple((at, left_out[at.date()]) for at in proposal.exams if at.date() in left_out),
        reason=options.reason or "",
        by=current_user(),
        at=dt.datetime.now(dt.UTC),
    )


def _propose(proposal: BaselineProposal, options: Options) -> int:
    """Print what would be approved and what speaks against it."""
    if options.json is not None:
        write_json({"schema": SCHEMA, "proposal": plain(proposal)}, options.json)
    to_error = options.json == "-"
    say(f"{proposal.scanner}: {len(proposal.exams)} exams, {_span(proposal)}", to_error=to_error)
    say(f"   begins with: {proposal.why_from}", to_error=to_error)
    say(f"   holds for {proposal.series} measurements", to_error=to_error)
    if proposal.missing:
        say(f"!  {proposal.missing} more exams are needed for a baseline of 10", to_error=to_error)
    for one in proposal.outliers[:_MOST]:
        value, median = f"{one.value:.6g}", f"{one.median:.6g}"
        unit = f" {one.unit}" if one.unit not in ("", "1") else ""
        text = f"{one.at:%Y-%m-%d}: {one.label} is {value}{unit}, the others {median}"
        say(f"!  outlier {text}", style="yellow", to_error=to_error)
    for text in proposal.unsteady[:_MOST]:
        say(f"!  not steady: a step of {text}", style="yellow", to_error=to_error)
    days = sorted({one.at.date() for one in proposal.outliers})
    say(f"to approve: {approval(proposal.scanner, options, days)}", to_error=to_error)
    return status.PASS


def approval(scanner: str, options: Options, days: Sequence[dt.date]) -> str:
    """Return the command line that approves what was shown.

    Names come from headers: what a shell would run in one is quoted so that it does not.
    """
    given = [("store", options.store), ("scanner", scanner), ("name", options.name)]
    given += [("first", options.first), ("last", options.last)]
    words = [f"--{name} {_quoted(value)}" for name, value in given if value is not None]
    words += [f'--leave-out "{day}=WHY"' for day in days[:3]]
    return " ".join(["qiqa drift baseline", *words, '--approve --reason "WHY"'])


def _quoted(text: str) -> str:
    # double quotes are what all shells know; they do not stop $, ` and "
    return f'"{text}"' if re.fullmatch(r"[\w .,:/+-]+", text) else shlex.quote(text)


def _span(proposal: BaselineProposal) -> str:
    return f"{proposal.exams[0]:%Y-%m-%d} to {proposal.exams[-1]:%Y-%m-%d}"


def _end_of_day(day: dt.datetime | None) -> dt.datetime | None:
    if day is None or day.time() != dt.time():
        return day
    return day + dt.timedelta(days=1, microseconds=-1)


def _left_out(options: Options) -> dict[dt.date, str]:
    """Return the exams that do not count, by day, with the reason."""
    made = {}
    for text in options.leave_out:
        day, sign, why = text.partition("=")
        found = moment(day.strip() or None, "--leave-out")
        if found is None or not sign or not why.strip():
            raise UsageError(
                f"{text!r} is not DATE=WHY", where="--leave-out", hint="2026-03-02=bubble in it"
            )
        made[found.date()] = why.strip()
    return made
