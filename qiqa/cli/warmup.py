"""`qiqa warmup`: compile every model ahead of the first map, and what vetting needs."""

from __future__ import annotations

import dataclasses
import time

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option
from qiqa.cli.console import one_line, progress, say, write_json

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.warmup/1"
OPERANDS = ""
EPILOG = """
example:
  qiqa warmup

Fits, and what qiqa vet looks at pixels with, are compiled for this processor when they are first
used and kept on disk. This does it for all at once, for instance after an installation; it changes
no result.

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
        from qiqa.fitting.warmup import warmup
        from qiqa.workflows.vet_warmup import warm_vetting

        found, cache = warmup(tell)
        vetting = warm_vetting(tell)
    seconds = time.perf_counter() - started
    to_error = options.json == "-"
    failed = {name: reason for name, reason in found.items() if isinstance(reason, str)}
    where = "nowhere: no cache folder is writable, so every process compiles anew"
    count = len(found) - len(failed)
    say(f"compiled {count} models and vetting in {seconds:.1f} s", to_error=to_error)
    for name, reason in failed.items():
        say(f"not {name}: {one_line(reason)}", style="yellow", to_error=to_error)
    say(f"kept     {where if cache is None else cache}", to_error=to_error)
    if options.json is not None:
        payload = {
            "schema": SCHEMA,
            "seconds": seconds,
            "cache": cache,
            "models": found,
            "vetting": vetting,
        }
        write_json(payload, options.json)
    return status.FAILED if failed else status.PASS
