"""`qiqa vet review`: what waits for a person, and decisions without reading an image again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, json_option
from qiqa.cli.console import one_line, progress, say, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.errors import ReadError, UsageError
from qiqa.core.vetting import VET_SCHEMA, Action

if TYPE_CHECKING:
    from qiqa.core.vet_result import VetResult, VetRow
    from qiqa.workflows.reviewing import StoredVet

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "OUT"
WAITING = 3
"""Exit status where a person has to decide; as `tolerance` elsewhere."""
EPILOG = """
examples:
  qiqa vet review vetted
  qiqa vet review vetted --series 1.2.826.0.1.7 --action keep --who "B. Lind" \\
      --reason "the letters are the side marker"
  qiqa vet review vetted --waiting waiting.csv
  qiqa vet review vetted --decisions waiting.csv --who "B. Lind"
  qiqa vet review vetted --policy policy2.toml --who "J. Kask" --reason "GE clips at 1.5 %"

A decision is added to overrides.jsonl, a change of the policy to policy_changes.jsonl; nothing is
ever taken out of them. Manifest and card are written again.
Exit status: 0 nothing waits, 3 series wait for a person, 1 it could not be done.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    folder: Path
    series: str = ""
    action: str = ""
    decisions: Path | None = None
    policy: Path | None = None
    who: str = ""
    reason: str = ""
    most: int = 40
    waiting: Path | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, metavar="OUT", help="what qiqa vet wrote")
    person = parser.add_argument_group("a decision on one series")
    person.add_argument("--series", default="", metavar="UID", help="which series")
    person.add_argument(
        "--action", default="", metavar="ACTION", help="keep, correct, quarantine or reject"
    )
    many = parser.add_argument_group("decisions on many")
    many.add_argument(
        "--decisions",
        type=Path,
        metavar="FILE",
        help="a sheet of --waiting with action and reason filled in",
    )
    policy = parser.add_argument_group("another policy")
    policy.add_argument("--policy", type=Path, metavar="FILE", help="hold all series against it")
    both = parser.add_argument_group("for all of these")
    both.add_argument("--who", default="", metavar="NAME", help="who decided")
    both.add_argument("--reason", default="", metavar="TEXT", help="why")
    out = parser.add_argument_group("what to show")
    out.add_argument(
        "--most", type=counted, default=40, metavar="N", help="series in the table; default: 40"
    )
    out.add_argument(
        "--waiting",
        type=Path,
        metavar="FILE",
        help="write those that wait as a sheet (CSV), a new file",
    )
    json_option(out, VET_SCHEMA)


def command(options: Options) -> int:
    """Show what waits, after a decision where one was given."""
    from qiqa.core.vet_payload import vet_payload
    from qiqa.core.vet_words import headline, lapsed_words
    from qiqa.io.ro_crate import seal
    from qiqa.workflows.reviewing import open_output
    from qiqa.workflows.vet_checks import known_checks

    _check_options(options)
    to_error = options.json == "-"
    with progress() as told:
        told("reading what was seen")
        stored = open_output(options.folder, known_checks())
        result = _decided(stored, options, dt.datetime.now(dt.UTC).replace(microsecond=0))
    if options.json is not None:
        write_json(vet_payload(result), options.json)
    say(one_line(headline(result)), style="bold", to_error=to_error)
    if lapsed := lapsed_words(result):
        say(lapsed, to_error=to_error)
    if options.action or options.policy or options.decisions:
        say(f"seal: {seal(options.folder)}", to_error=to_error)
    return _tell(result, options, to_error=to_error)


def _check_options(options: Options) -> None:
    """Refuse half a decision, and two at once."""
    ways = {
        "--series": bool(options.series or options.action),
        "--decisions": options.decisions is not None,
        "--policy": options.policy is not None,
    }
    taken = [way for way, given in ways.items() if given]
    if len(taken) > 1:
        message = f"not with {taken[0]}: decide one thing at a time"
        raise UsageError(message, where=taken[1])
    if bool(options.series) != bool(options.action):
        lacking = "--action" if options.series else "--series"
        raise UsageError("is needed for a decision on a series", where=lacking)
    if options.action and options.action not in list(Action):
        message = f"{options.action!r} is none of {', '.join(Action)}"
        raise UsageError(message, where="--action")
    deciding = options.series or options.policy is not None
    if deciding and not (options.who.strip() and options.reason.strip()):
        lacking = "--reason" if options.who.strip() else "--who"
        hint = "a decision says who made it and why"
        raise UsageError("is needed", where=lacking, hint=hint)
    if options.waiting is not None and options.waiting.exists():
        raise UsageError(
            "is there already: a sheet that may be filled in is not replaced",
            where=str(options.waiting),
            hint="choose another name, or delete it first",
        )
    if not taken and (options.who or options.reason):
        given = "--who" if options.who else "--reason"
        message = "needs --series, --decisions or --policy: nothing is decided"
        raise UsageError(message, where=given)


def _decided(stored: StoredVet, options: Options, now: dt.datetime) -> VetResult:
    """Return the set as it is decided after what was asked for."""
    from qiqa.core.vetting import Override, PolicyChange
    from qiqa.workflows.deciding_by_person import decide_by_person
    from qiqa.workflows.reviewing import decide_by_policy

    if options.series:
        action = Action(options.action)
        return decide_by_person(
            stored,
            Override(
                series_uid=options.series,
                action=action,
                who=options.who,
                reason=options.reason,
                at=now,
            ),
        )
    if options.decisions is not None:
        return _by_sheet(stored, options, options.decisions, now)
    if options.policy is None:
        return stored.judged()
    try:
        text = options.policy.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ReadError(message, where=str(options.policy)) from error
    change = PolicyChange(at=now, who=options.who, reason=options.reason, before_sha256="")
    return decide_by_policy(stored, text, str(options.policy), change)


def _by_sheet(stored: StoredVet, options: Options, path: Path, now: dt.datetime) -> VetResult:
    from qiqa.io.decision_sheet import read_decisions
    from qiqa.workflows.deciding_by_person import decide_by_person

    overrides = read_decisions(path, options.who, options.reason, now)
    if not overrides:
        hint = "fill in action and reason of the series that you decide on"
        raise ReadError("no row has an action", where=str(path), hint=hint)
    return decide_by_person(stored, *overrides)


def _tell(result: VetResult, options: Options, *, to_error: bool) -> int:
    """Print the series that wait for a person."""
    from qiqa.io.decision_sheet import write_waiting
    from qiqa.workflows.reviewing import waiting

    if options.waiting is not None:
        written = write_waiting(waiting(result), options.waiting)
        sheet = f"{one_line(options.waiting)}: {written} series; fill in action and reason"
        say(sheet, to_error=to_error)
    number = result.counts.actions[Action.QUARANTINE]
    if not number:
        say("nothing waits for a person", to_error=to_error)
        return status.PASS
    rows = [_row(one) for one in itertools.islice(waiting(result), options.most)]
    columns = ("series", "site", "scanner", "reasons")
    table(columns, [Section(rows=tuple(rows))], remark="evidence", to_error=to_error)
    if number > len(rows):
        more = f"{number - len(rows)} more; --most {number} shows them, manifest.csv has all"
        say(more, to_error=to_error)
    say(
        f"{number} wait for a person: qiqa vet review {one_line(options.folder)} --series UID "
        "--action keep --who NAME --reason TEXT",
        to_error=to_error,
    )
    return WAITING


def _row(one: VetRow) -> Row:
    said = [(code, o) for code in one.decision.reasons for o in one.observations]
    found = [o.evidence for code, o in said if o.code == code and o.evidence]
    cells = (one.series_uid, one.site, one.scanner, ", ".join(one.decision.reasons))
    return Row(cells=cells, remark="; ".join(dict.fromkeys(found)))
