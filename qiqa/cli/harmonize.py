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
    "diagnose": (
        "qiqa.cli.harmonize_diagnose",
        "Whether batches can still be told apart.",
    ),
}
OPERANDS = "calibrate | fit | apply | diagnose"
EPILOG = """
Phantom first, statistics for the rest:
  qiqa harmonize calibrate --table phantom.csv -o calibration.json
  qiqa harmonize apply calibration.json values.csv -o calibrated.csv
  qiqa harmonize fit features.csv --batch site --keep age -o model.json
  qiqa harmonize apply model.json new.csv -o harmonized.csv
  qiqa harmonize diagnose features.csv --batch site --keep age
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """None: the next word is a command of its own."""


def arguments(parser: Parser) -> None:
    """Declare no options: each command has its own."""


def command(options: Options) -> int:  # noqa: ARG001 - the form that commands have
    """Say which commands there are."""
    raise UsageError(f"harmonize how? {OPERANDS}", hint="qiqa harmonize --help")
