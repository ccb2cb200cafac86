"""What the state of a series means: control limits never take the place of specification limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qiqa.core.drift import Bounds, DriftFinding

if TYPE_CHECKING:
    from qiqa.drift.outcome import Outcome

__all__ = ["FEWEST_EXAMS", "WORST_FIRST", "outside", "reason", "verdict", "worst"]

WORST_FIRST = ("action", "tolerance", "not_evaluated", "pass")


def outside(value: float, limits: Bounds | None) -> bool:
    """Say whether a value is known to lie outside of specification limits."""
    return limits is not None and (value < limits[0] or value > limits[1])


def worst(verdicts: Sequence[str]) -> str:
    """Return the worst of some verdicts; `not_evaluated` of none."""
    return min(verdicts, key=WORST_FIRST.index, default="not_evaluated")


def verdict(outcome: Outcome, found: Sequence[DriftFinding]) -> str:
    """Return the verdict on a series: that of its worst finding, or of having none.

    `pass`: charted, nothing to look into. `tolerance`: something moved, within specification.
    `action`: something moved and the level, or the forecast, is beyond the specification.
    `not_evaluated`: fewer exams than a baseline needs.
    """
    if found and worst([f.verdict for f in found]) in ("action", "tolerance"):
        return worst([f.verdict for f in found])
    scored = int(np.isfinite(outcome.prediction.score).sum())
    return (
        "pass" if scored and outcome.prediction.learned.sum() >= FEWEST_EXAMS else "not_evaluated"
    )


def reason(learned: int) -> str:
    """Return why nothing is said of a series that is charted: how many exams are missing."""
    if learned >= FEWEST_EXAMS:
        return f"none of its {learned} usable exams can be predicted from those before it"
    exams = "1 usable exam" if learned == 1 else f"{learned} usable exams"
    return f"{exams}: {FEWEST_EXAMS - learned} more before it can be called in control"


FEWEST_EXAMS = 5
"""Exams before "in control" is said at all."""
