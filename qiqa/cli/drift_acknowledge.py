"""`qiqa drift acknowledge`: what an alarm was and what is done about it, on record."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, store_option
from qiqa.cli.console import say
from qiqa.cli.deliver import current_user
from qiqa.core.drift import AlarmState
from qiqa.core.errors import UsageError

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = "NUMBER ..."
EPILOG = """
examples:
  qiqa drift acknowledge 7 --comment "gradient amplifier" --action "service booked for Friday"
  qiqa drift acknowledge 7 --close --comment "repaired, level is back"

An acknowledged alarm stays on the pages, marked; a closed one asks for nothing more. Nothing is
ever removed.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    numbers: tuple[int, ...] | list[int] = ()
    store: str | None = None
    comment: str | None = None
    action: str | None = None
    close: bool = False


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "numbers", nargs="+", type=counted, metavar="NUMBER", help="as qiqa drift alarms lists them"
    )
    store_option(parser)
    parser.add_argument("--comment", metavar="TEXT", help="what it was")
    parser.add_argument("--action", metavar="TEXT", help="corrective action")
    parser.add_argument("--close", action="store_true", help="nothing more is to be done")


def command(options: Options) -> int:
    """Put on record what a person says about alarms."""
    from qiqa.cli.drift_sources import existing

    if not (options.comment or "").strip():
        raise UsageError("is needed", where="--comment", hint="say what it was")
    state = AlarmState.CLOSED if options.close else AlarmState.ACKNOWLEDGED
    with existing(options.store, writing=True) as store:
        _check(options.numbers, [alarm.record_id for alarm in store.alarms()])
        for number in options.numbers:
            store.decide_alarm(
                number,
                state,
                comment=options.comment or "",
                corrective_action=options.action or "",
                user=current_user(),
                now=dt.datetime.now(dt.UTC),
            )
            say(f"alarm {number}: {state.value}")
    return status.PASS


def _check(numbers: Sequence[int], there: Sequence[int]) -> None:
    """Refuse numbers of no alarm before anything is put on record."""
    for number in numbers:
        if number not in there:
            shown = ", ".join(map(str, there[-12:])) or "none"
            raise UsageError(
                f"{number} is no alarm; the latest are {shown}",
                where="NUMBER",
                hint="qiqa drift alarms --all lists them",
            )
