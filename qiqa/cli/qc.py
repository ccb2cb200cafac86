"""`qiqa qc`: the first walk, from files to a verdict."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from qiqa.cli.arguments import (
    Parser,
    counted,
    finite,
    json_option,
    moment,
    numbers,
    paths_argument,
    store_option,
)
from qiqa.cli.console import progress

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "PATH ..."
EPILOG = """
examples:
  qiqa qc export/monday
  qiqa qc system/ --phantom-unit 130-0093 --temperature 20.4
  qiqa qc monday.zip localizer/ --store qc.db --report monday.html
  qiqa protocols --entries acr_large_2022 > monday.toml; qiqa qc monday/ --enter monday.toml

exit status: 0 pass, 3 tolerance, 4 action, 5 not evaluated, 1 could not do it, 2 wrong usage
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    paths: tuple[Path, ...] | list[Path]
    protocol: str | None = None
    report: Path | None = None
    json: str | None = None
    store: str | None = None
    no_store: bool = False
    enter: Path | None = None
    ask: bool = False
    exam: int | None = None
    scanner: str | None = None
    date: str | None = None
    slice: int | None = None
    angle: float | None = None
    center: str | None = None
    reversed: bool | None = None
    phantom_unit: str | None = None
    temperature: float | None = None
    reason: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    paths_argument(parser)
    what = parser.add_argument_group("what is judged")
    what.add_argument(
        "--protocol",
        metavar="NAME",
        help="protocol by name or TOML file; default: the usual one for the phantom that is seen",
    )
    what.add_argument(
        "--exam", type=counted, metavar="N", help="which exam, where several are found (qiqa index)"
    )
    out = parser.add_argument_group("what is written")
    out.add_argument(
        "-o",
        "--report",
        type=Path,
        metavar="FILE",
        help="HTML report; default: in qiqa-report/ below this folder",
    )
    json_option(out, "qiqa.qc/1")
    store_option(out)
    out.add_argument("--no-store", action="store_true", help="do not keep the result")
    out.add_argument(
        "--reason", metavar="TEXT", help="why this replaces an earlier result of the same exam"
    )
    _person_arguments(parser)
    _pose_arguments(parser)


def _person_arguments(parser: Parser) -> None:
    person = parser.add_argument_group("what a person knows")
    person.add_argument(
        "--enter",
        type=Path,
        metavar="FILE",
        help="TOML or JSON file of entries and readings by eye (qiqa protocols --entries)",
    )
    person.add_argument("--ask", action="store_true", help="ask for them on this terminal")
    person.add_argument("--phantom-unit", metavar="TEXT", help="serial number of the phantom")
    person.add_argument(
        "--temperature", type=finite, metavar="DEGC", help="temperature of the phantom"
    )
    person.add_argument(
        "--scanner", metavar="NAME", help="scanner, where the headers do not say which"
    )
    person.add_argument(
        "--date", metavar="YYYY-MM-DD", help="date, where the headers do not say when"
    )


def _pose_arguments(parser: Parser) -> None:
    pose = parser.add_argument_group("where the phantom is, if it was not found right")
    pose.add_argument(
        "--slice", type=counted, metavar="N", help="image of the stack, from 1, that is slice 1"
    )
    pose.add_argument("--angle", type=finite, metavar="DEG", help="turn, degrees clockwise")
    pose.add_argument(
        "--center", metavar="C,R", help="axis of the phantom on the first image: column,row"
    )
    order = pose.add_mutually_exclusive_group()
    order.add_argument("--reversed", action="store_true", default=None, help="slice 11 comes first")
    order.add_argument(
        "--not-reversed", dest="reversed", action="store_false", help="slice 1 comes first"
    )


def command(options: Options) -> int:
    """Run the QC, show it, report it, keep it; return the exit status."""
    from qiqa.cli.deliver import current_user, deliver
    from qiqa.cli.entering import entries_of
    from qiqa.core.pose import Override
    from qiqa.core.protocol import ANY_PHANTOM
    from qiqa.io.definitions import load_phantom, load_protocol
    from qiqa.workflows.identifying import protocol_for, what_is_shown
    from qiqa.workflows.weekly_qc import QcRequest, run_qc

    now = dt.datetime.now(dt.UTC)
    center = None
    if options.center is not None:
        column, row = numbers(options.center, 2, "--center", "127.5,130")
        center = (column, row)
    date = _past(options.date, now)
    contents = None
    protocol = None if options.protocol is None else load_protocol(options.protocol)
    if protocol is None or protocol.phantom == ANY_PHANTOM:
        with progress() as tell:
            contents, phantom = what_is_shown(tuple(options.paths), options.exam, tell)
        protocol = protocol or protocol_for(phantom)
    else:
        phantom = load_phantom(protocol.phantom)
    request = QcRequest(
        paths=tuple(options.paths),
        phantom=phantom,
        protocol=protocol,
        contents=contents,
        exam=options.exam,
        scanner_name=options.scanner,
        date=date,
        override=Override(
            first_slice=options.slice,
            reversed_order=options.reversed,
            angle_deg=options.angle,
            center_px=center,
        ),
        entries=entries_of(options, protocol),
        entries_from=str(options.enter or "--ask"),
    )
    user = current_user()
    with progress() as tell:
        result = run_qc(request, now=now, user=user, progress=tell)
    return deliver(result, options, user=user)


def _past(text: str | None, now: dt.datetime) -> dt.datetime | None:
    """Return a date of an exam, which cannot lie ahead."""
    from qiqa.core.errors import UsageError

    found = moment(text, "--date")
    # a day of grace: the scanner may stand in another time zone
    if found is not None and found > now.replace(tzinfo=None) + dt.timedelta(days=1):
        raise UsageError(f"{text!r} lies ahead", where="--date", hint="write YYYY-MM-DD")
    return found
