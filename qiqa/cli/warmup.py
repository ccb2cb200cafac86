"""`qiqa warmup`: compile every model ahead of the first map."""

from __future__ import annotations

import dataclasses
import time

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import progress, say, write_json

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.warmup/1"
OPERANDS = ""
EPILOG = """
example:
  qiqa warmup

Fits are compiled for this processor when they are first used and kept on disk. This does it for
all models at once, for instance after an installation; it changes no result.

exit status: 0 done, 1 could not do it, 2 wrong usage
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """Compile everything; say how long it took and where it is kept."""
    started = time.perf_counter()
    with progress() as tell:
        tell("loading the compiler")
        from qiqa.fitting import warmup

        cache = warmup(tell)
    seconds = time.perf_counter() - started
    to_error = options.json == "-"
    where = "nowhere: no cache folder is writable, so every process compiles anew"
    say(f"compiled in {seconds:.1f} s", to_error=to_error)
    say(f"kept     {where if cache is None else cache}", to_error=to_error)
    if options.json is not None:
        kept = None if cache is None else str(cache)
        write_json({"schema": SCHEMA, "seconds": seconds, "cache": kept}, options.json)
    return status.PASS
