"""`qiqa trial`: one trial, many scanners; each question has a command of its own."""

from __future__ import annotations

import dataclasses

from qiqa.cli.arguments import Parser
from qiqa.core.errors import UsageError

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

COMMANDS = {
    "report": ("qiqa.cli.trial_report", "Who is in claim, who is out and since when, and why."),
    "change": ("qiqa.cli.trial_change", "Whether a change of a value is the patient."),
    "deidentify": (
        "qiqa.cli.trial_deidentify",
        "De-identify DICOM MR images by PS3.15 Annex E, before they leave the hospital.",
    ),
}
"""What there is: next word -> module, summary."""
OPERANDS = "{" + " | ".join(COMMANDS) + "}"
EPILOG = (
    "commands:\n"
    + "\n".join(f"  {name:11}{text}" for name, (_, text) in COMMANDS.items())
    + """

examples:
  qiqa trial report --table phantom.csv --claim 3.6%
  qiqa trial change 1.05@2026-01-10@"SIEMENS 1" 1.31@2026-03-02@"SIEMENS 1" --tissue breast
  qiqa trial deidentify exams -o shared --key trial.key
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
        where="qiqa trial",
        hint=f"for instance qiqa trial {next(iter(COMMANDS))} --help",
    )
