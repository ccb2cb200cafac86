"""`qiqa history event`: what was done to a scanner, its phantom or its room."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option, moment, store_option
from qiqa.cli.console import say, write_json
from qiqa.cli.deliver import current_user
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.drift import EVENT_KINDS, ServiceEvent
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.store import Store

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.events/1"
OPERANDS = "[add | withdraw NUMBER]"
EPILOG = """
examples:
  qiqa history event
  qiqa history event add --scanner "SIEMENS 46229" --at 2026-09-04 --kind service \\
      --text "gradient amplifier exchanged"
  qiqa history event add --scanner "*" --at 2026-10-01 --kind room --text "new air condition"
  qiqa history event withdraw 12 --reason "wrong scanner"

Values before and after an event may differ because of it: charts learn their level anew, and a step
there names it as the cause. --same-epoch notes an event that cannot change a value.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    words: tuple[str, ...] | list[str] = ()
    store: str | None = None
    scanner: str | None = None
    at: str | None = None
    kind: str = "service"
    text: str | None = None
    same_epoch: bool = False
    reason: str | None = None
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="WHAT", help="add, or withdraw and a number")
    store_option(parser)
    parser.add_argument("--scanner", metavar="NAME", help="identity of a scanner; *: all")
    add = parser.add_argument_group("add")
    add.add_argument("--at", metavar="YYYY-MM-DD", help="when, with a time where it matters")
    add.add_argument("--kind", choices=EVENT_KINDS, default="service", help="default: %(default)s")
    add.add_argument("--text", metavar="TEXT", help="what was done")
    add.add_argument(
        "--same-epoch", action="store_true", help="it cannot have changed a value: only noted"
    )
    parser.add_argument("--reason", metavar="TEXT", help="withdraw: why it does not count")
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """List events, add one, or withdraw one."""
    from qiqa.store import open_store

    words = list(options.words)
    if words[:1] == ["add"] and len(words) == 1:
        event = _event(options)
        with open_store(options.store) as store:
            number = store.add_event(event, user=current_user(), now=dt.datetime.now(dt.UTC))
        say(f"event {number}: {event.kind} of {event.scanner} on {event.at:%Y-%m-%d}")
        return status.PASS
    if words[:1] == ["withdraw"] and len(words) == 2:
        return _withdraw(words[1], options)
    if words:
        hint = "add, or withdraw and the number of an event"
        raise UsageError(f"{' '.join(words)!r} is not understood", where="WHAT", hint=hint)
    with open_store(options.store, create=False) as store:
        return _list(store, options)


def _event(options: Options) -> ServiceEvent:
    for name in ("scanner", "at", "text"):
        if not (getattr(options, name) or "").strip():
            raise UsageError("is needed to add an event", where=f"--{name}")
    at = moment(options.at, "--at")
    return ServiceEvent(
        at=at or dt.datetime.min,
        scanner=options.scanner or "",
        kind=options.kind,
        text=options.text or "",
        new_epoch=not options.same_epoch,
    )


def _withdraw(number: str, options: Options) -> int:
    from qiqa.cli.drift_sources import existing

    if not number.isdecimal():
        hint = "qiqa history event lists the numbers"
        raise UsageError(f"{number!r} is no number of an event", where="WHAT", hint=hint)
    if not (options.reason or "").strip():
        raise UsageError("is needed to withdraw an event", where="--reason")
    with existing(options.store, writing=True) as store:
        store.withdraw_event(
            int(number), options.reason or "", user=current_user(), now=dt.datetime.now(dt.UTC)
        )
    say(f"event {number}: withdrawn")
    return status.PASS


def _list(store: Store, options: Options) -> int:
    found = store.events(options.scanner)
    if options.json is not None:
        write_json({"schema": SCHEMA, "events": plain(list(found))}, options.json)
    if options.json != "-":
        rows = tuple(
            Row(
                cells=(
                    str(e.record_id),
                    f"{e.at:%Y-%m-%d %H:%M}",
                    e.scanner,
                    e.kind,
                    e.text,
                    "new epoch" if e.new_epoch else "noted",
                    e.by,
                )
            )
            for e in found
        )
        columns = ("event", "when", "scanner", "kind", "what", "charts", "by")
        table(columns, [Section(rows=rows)], right=(0,))
        say(f"{len(found)} events in {store.url}")
    return status.PASS
