"""Exit statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiqa.core.measurement import Verdict

__all__ = ["ACTION", "FAILED", "INTERRUPTED", "PASS", "TOLERANCE", "USAGE", "of_verdict"]

PASS = 0
FAILED = 1
USAGE = 2
TOLERANCE = 3
ACTION = 4
INTERRUPTED = 130

_OF_VERDICT = {"pass": PASS, "tolerance": TOLERANCE, "action": ACTION, "not_evaluated": 5}


def of_verdict(verdict: Verdict) -> int:
    """Return the exit status of an exam."""
    return _OF_VERDICT[verdict.value]
