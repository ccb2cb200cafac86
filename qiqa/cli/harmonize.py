"""`qiqa harmonize`: values of many scanners made comparable, and whether that worked."""

from __future__ import annotations

from qiqa.cli.group import Options, arguments, asking, listed

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

COMMANDS = {
    "calibrate": ("qiqa.cli.harmonize_calibrate", "Correction of each scanner by its phantom."),
    "fit": ("qiqa.cli.harmonize_fit", "Learn the shift and scale of each batch (ComBat)."),
    "apply": ("qiqa.cli.harmonize_apply", "Correct a table or a map by what was learned."),
    "diagnose": ("qiqa.cli.harmonize_diagnose", "Whether batches can still be told apart."),
}
"""What there is: next word -> module, summary."""
OPERANDS = "{" + " | ".join(COMMANDS) + "}"
EPILOG = listed(
    COMMANDS,
    """  qiqa harmonize calibrate --table phantom.csv -o calibration.json
  qiqa harmonize apply calibration.json values.csv -o calibrated.csv
  qiqa harmonize fit features.csv --batch site --keep age -o model.json
  qiqa harmonize apply model.json new.csv -o harmonized.csv
  qiqa harmonize diagnose features.csv --batch site --keep age

Phantom first, statistics for the rest: docs/trial.md says when to use which, and when none.
""",
)
command = asking("harmonize", COMMANDS)
