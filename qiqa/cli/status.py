"""Exit statuses."""

from __future__ import annotations

from qiqa.core.measurement import Verdict

__all__ = ["FAILED", "INTERRUPTED", "PASS", "USAGE", "of_verdict"]

PASS = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

_OF_VERDICT = {
    Verdict.PASS: PASS,
    Verdict.TOLERANCE: 3,
    Verdict.ACTION: 4,
    Verdict.NOT_EVALUATED: 5,
}


def of_verdict(verdict: Verdict) -> int:
    """Return the exit status of an exam."""
    return _OF_VERDICT[verdict]
