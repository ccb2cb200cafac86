"""`qiqa harmonize`: values of many scanners made comparable, and whether that worked."""

from __future__ import annotations

import dataclasses

from qiqa.cli.arguments import Parser
from qiqa.core.errors import UsageError

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

COMMANDS = {
    "calibrate": ("qiqa.cli.harmonize_calibrate", "Correction of each scanner by its phantom."),
    "fit": ("qiqa.cli.harmonize_fit", "Learn the shift and scale of each batch (ComBat)."),
    "apply": ("qiqa.cli.harmonize_apply", "Correct a table or a map by what was learned."),
    "diagnose": ("qiqa.cli.harmonize_diagnose", "Whether batches can still be told apart."),
}
"""What there is: next word -> module, summary."""
OPERANDS = "{" + " | ".join(COMMANDS) + "}"
EPILOG = (
    "commands:\n"
    + "\n".join(f"  {name:11}{text}" for name, (_, text) in COMMANDS.items())
    + """

examples:
  qiqa harmonize calibrate --table phantom.csv -o calibration.json
  qiqa harmonize apply calibration.json values.csv -o calibrated.csv
  qiqa harmonize fit features.csv --batch site --keep age -o model.json
  qiqa harmonize apply model.json new.csv -o harmonized.csv
  qiqa harmonize diagnose features.csv --batch site --keep age

Phantom first, statistics for the rest: docs/trial.md says when to use which, and when none.
"""
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Nothing: the next word says what is wanted."""

    words: tuple[str, ...] | list[str] = ()


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="see below")


def command(options: Options) -> int:
    """Say what there is.

    Raises
    ------
    UsageError
        Always: the word that says what to do is missing or not known.
    """
    given = " ".join(options.words)
    raise UsageError(
        f"{given!r} is none of {', '.join(COMMANDS)}" if given else "a command is needed",
        where="qiqa harmonize",
        hint=f"for instance qiqa harmonize {next(iter(COMMANDS))} --help",
    )
