"""`qiqa trial`: one trial, many scanners."""

from __future__ import annotations

import dataclasses

from qiqa.cli.arguments import Parser
from qiqa.core.errors import UsageError

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

COMMANDS = {
    "report": ("qiqa.cli.trial_report", "Who is in claim, who is out and since when, and why."),
    "change": ("qiqa.cli.trial_change", "Is this change of a value the patient?"),
}
OPERANDS = "report | change"
EPILOG = """
examples:
  qiqa trial report --table phantom.csv --claim 3.6%
  qiqa trial change 1.05@2026-01-10@"SIEMENS 1" 1.31@2026-03-02@"SIEMENS 1" --tissue breast
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """None: the next word is a command of its own."""


def arguments(parser: Parser) -> None:
    """Declare no options: each command has its own."""


def command(options: Options) -> int:  # noqa: ARG001 - the form that commands have
    """Say which commands there are."""
    raise UsageError(f"what of a trial? {OPERANDS}", hint="qiqa trial --help")
