"""What the options of all commands share: the parser, groups, common options, texts to values."""

from __future__ import annotations

import argparse
import datetime as dt
import difflib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from qiqa.cli import status
from qiqa.cli.console import say
from qiqa.core.errors import UsageError

__all__ = [
    "Parser",
    "finite",
    "glued",
    "json_option",
    "moment",
    "numbers",
    "paths_argument",
    "store_option",
]

_NEGATIVE = re.compile(r"-\.?\d")


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and names the nearest option."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
        )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and end with status 2."""
        wrong, _, rest = message.partition("unrecognized arguments: ")
        if not wrong and rest:
            self.unknown("option", rest.split()[0], self._option_string_actions)
        self._refuse(message)

    def unknown(self, kind: str, given: str, known: Iterable[str]) -> NoReturn:
        """Refuse a name that is not known, with the nearest that is."""
        near = difflib.get_close_matches(given.partition("=")[0], list(known), n=1)
        self._refuse(f"no {kind} {given!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def _refuse(self, message: str) -> NoReturn:
        say(f"qiqa: {message}\n  To do: {self.prog} --help lists what there is", to_error=True)
        raise SystemExit(status.USAGE)


def finite(text: str) -> float:
    """Return a number of the command line; NaN and infinity are none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def counted(text: str) -> int:
    """Return a whole number of the command line that counts from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def glued(arguments: Sequence[str]) -> list[str]:
    """Return arguments with negative numbers tied to their option.

    The parser takes `-3,2` in `--offset -3,2` for an option; `--offset=-3,2` it understands.

    >>> glued(["--offset", "-3,2", "--snr", "60"])
    ['--offset=-3,2', '--snr', '60']
    """
    done: list[str] = []
    for item in arguments:
        before = done[-1] if done else ""
        if _NEGATIVE.match(item) and before.startswith("--") and "=" not in before:
            done[-1] = f"{before}={item}"
        else:
            done.append(item)
    return done


def paths_argument(parser: Parser) -> None:
    """Add what to read."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="folders, files or zip archives, any file names",
    )


def store_option(group: argparse._ArgumentGroup | Parser) -> None:
    """Add where the history is."""
    group.add_argument(
        "--store",
        metavar="URL",
        help="history: file or database URL; default: QIQA_STORE, else in your data folder",
    )


def json_option(group: argparse._ArgumentGroup | Parser, schema: str) -> None:
    """Add JSON output."""
    group.add_argument(
        "--json",
        metavar="FILE",
        help=f"write JSON ({schema}) to a file, - for standard output",
    )


def moment(text: str | None, where: str) -> dt.datetime | None:
    """Return a date, with or without a time, as wall-clock time.

    Raises
    ------
    UsageError
        If it is none.
    """
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date", where=where, hint="write YYYY-MM-DD") from None
    # scanners write wall-clock time without a zone; a zone would make the two incomparable
    return found.replace(tzinfo=None)


def numbers(text: str, count: int, where: str, example: str) -> tuple[float, ...]:
    """Return `count` numbers that stand with commas between them.

    Raises
    ------
    UsageError
        If there are not so many, or one is no number.
    """
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(map(math.isfinite, values)):
        hint = f"for instance {where} {example}"
        raise UsageError(f"{text!r} is not {count} numbers with commas", where=where, hint=hint)
    return values
