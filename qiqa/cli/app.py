"""The commands by name; each has its options and its work in a module of its own.

The standard library's parser is used: it costs 10 ms of start-up where others cost 250, it groups
options by itself, and a hospital has one package less to vet.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from qiqa import __version__
from qiqa.cli import status
from qiqa.cli.arguments import Parser, glued
from qiqa.cli.console import complain, prepare_streams, say
from qiqa.cli.interruption import was_interrupted
from qiqa.core.errors import QiqaError, UsageError

__all__ = ["COMMANDS", "run"]

COMMANDS = {
    "qc": ("qiqa.cli.qc", "Run the QC of one phantom exam: measure, judge, report, keep."),
    "map": ("qiqa.cli.map", "Map T1, T2, T2*, ADC or B1, with standard error and status."),
    "index": ("qiqa.cli.index", "List exams and series behind files, and what is wrong."),
    "demo": ("qiqa.cli.demo", "Simulate an exam and run the whole QC on it; needs no data."),
    "drift": ("qiqa.cli.drift", "Watch scanners: what changed, when, how sure, what next."),
    "trial": ("qiqa.cli.trial", "One trial, many scanners: bias, claims, what changed."),
    "harmonize": ("qiqa.cli.harmonize", "Make values of many scanners comparable, and judge it."),
    "vet": ("qiqa.cli.vet", "May these series train a model: keep, correct, quarantine, reject."),
    "history": ("qiqa.cli.history", "List, export and verify what was kept."),
    "simulate": ("qiqa.cli.simulate", "Simulate an exam of a phantom as DICOM."),
    "phantoms": ("qiqa.cli.phantoms", "List phantoms, check or show one, import a unit's values."),
    "protocols": ("qiqa.cli.protocols", "List the protocols, check one, print its entry file."),
    "warmup": ("qiqa.cli.warmup", "Compile all now, so that no map or vetting waits for it later."),
}
"""Name -> module with `arguments(parser)` and `command(options) -> exit status`, summary."""

_EPILOG = """
exit status:
  0 pass, 1 could not do it, 2 wrong usage, 3 tolerance, 4 action, 5 not evaluated,
  130 interrupted

Start with: qiqa demo. Options of a command: qiqa COMMAND --help.
qiqa supports quality control by a qualified person; it is not a medical device.
"""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; nothing foreseen leaves as an exception.

    Parameters
    ----------
    arguments
        What stands after `qiqa`; None takes it from the command line of this process.
    """
    prepare_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(given)
    except SystemExit as stop:  # the parser ends so, after --help and on wrong usage
        return stop.code if isinstance(stop.code, int) else status.PASS
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last boundary
        return _failed(error)


def _failed(error: BaseException) -> int:
    """Say what ended a command, in full where nobody foresaw it, and return its status."""
    if isinstance(error, KeyboardInterrupt) or was_interrupted():
        say("interrupted; nothing half done was kept", to_error=True)
        return status.INTERRUPTED
    if isinstance(error, QiqaError):
        complain(error)
        return status.USAGE if isinstance(error, UsageError) else status.FAILED
    import traceback

    say("".join(traceback.format_exception(error)), to_error=True)
    say(
        f"qiqa: internal error: {type(error).__name__}: {error}\n"
        "  To do: this is a fault of qiqa; please report the lines above",
        to_error=True,
    )
    return status.FAILED


def _dispatch(given: list[str]) -> int:
    top = _top()
    if not given:
        say(top.format_help().rstrip())
        return status.USAGE
    name = given[0]
    if name.startswith("-"):
        top.parse_args(given[:1])
    if name not in COMMANDS:
        top.unknown("command", name, COMMANDS)
    module_name, summary = COMMANDS[name]
    module, rest = importlib.import_module(module_name), given[1:]
    # a command may have others of its own, told apart by the next word
    inner = getattr(module, "COMMANDS", {})
    if rest and rest[0] in inner:
        name = f"{name} {rest[0]}"
        module_name, summary = inner[rest[0]]
        module, rest = importlib.import_module(module_name), rest[1:]
    parser = Parser(
        prog=f"qiqa {name}",
        usage=f"qiqa {name} [OPTIONS] {module.OPERANDS}".rstrip(),
        description=summary,
        epilog=module.EPILOG,
    )
    module.arguments(parser)
    options = parser.parse_intermixed_args(glued(rest))
    return int(module.command(module.Options(**vars(options))))


def _top() -> Parser:
    parser = Parser(
        prog="qiqa",
        usage="qiqa COMMAND [OPTIONS] ...",
        description="Phantom scans in, measurements with unit, uncertainty and verdict out.\n\n"
        "commands:\n" + "\n".join(f"  {name:11}{text}" for name, (_, text) in COMMANDS.items()),
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"qiqa {__version__}")
    return parser
