"""`qiqa trial`: one trial, many scanners; each question has a command of its own."""

from __future__ import annotations

from qiqa.cli.group import Options, arguments, asking, listed

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
EPILOG = listed(
    COMMANDS,
    """  qiqa trial report --table phantom.csv --claim 3.6%
  qiqa trial change 1.05@2026-01-10@"SIEMENS 1" 1.31@2026-03-02@"SIEMENS 1" --tissue breast
  qiqa trial deidentify exams -o shared --key trial.key
""",
)
command = asking("trial", COMMANDS)
