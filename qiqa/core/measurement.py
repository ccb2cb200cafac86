"""THE record: one measured value with unit, uncertainty, interval and where it came from."""

from __future__ import annotations

import dataclasses
import enum
import math

from qiqa.core.phantom import ReferenceValue

ENTERED = "entered by a person"
"""Algorithm of a measurement that a person read and entered."""

__all__ = ["ENTERED", "Assessment", "BudgetLine", "Interval", "Measurement", "Verdict", "worst"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """One contribution to the standard uncertainty, already in the unit of the result."""

    name: str
    standard_uncertainty: float
    degrees_of_freedom: float = math.inf
    evaluation: str = "B"
    """`A` from statistics of this exam, `B` from other knowledge (GUM 4.2, 4.3)."""
    note: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Coverage interval; an infinite end makes it one-sided."""

    low: float
    high: float
    coverage: float = 0.95
    kind: str = "continuous"
    """`continuous`, `discrete`, or `scatter` for that of a standard deviation."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value. Where nothing could be measured, `value` is NaN and `reason` says why."""

    name: str
    """What was measured where, for instance `diameter_slice1_lr`."""
    quantity: str
    """Kind of quantity, for instance `diameter`; shared by values that may be compared in kind."""
    unit: str
    value: float = math.nan
    standard_uncertainty: float = math.nan
    degrees_of_freedom: float = math.nan
    interval: Interval | None = None
    budget: tuple[BudgetLine, ...] = ()
    displacement: float | None = None
    """Only for slice positions: half of the bar difference [mm]."""
    insert: str | None = None
    slice: int | None = None
    reference: ReferenceValue | None = None
    reference_budget: tuple[BudgetLine, ...] = ()
    """Contributions to the standard uncertainty of the reference value."""
    series_uid: str | None = None
    stack: str | None = None
    """Key of the stack (SeriesHeader.key); stacks may share a series UID."""
    role: str | None = None
    """Which series of the protocol it was measured on: `T1`, `T2`, `localizer`, ... or `other`."""
    reason: str | None = None
    """Why there is no value, or None."""
    assumptions: tuple[str, ...] = ()
    """What changed the number or must be known to use it: overrides, left-out arcs, ..."""
    algorithm: str = ""
    """Name and version of the method, for instance `wall_edges/1`."""

    @property
    def measured(self) -> bool:
        """True where there is a finite value."""
        return math.isfinite(self.value)


class Verdict(enum.StrEnum):
    """What a value means for the scanner's use."""

    PASS = "pass"  # noqa: S105 - not a password
    TOLERANCE = "tolerance"
    """Outside the target, inside the limit: plan to look into it."""
    ACTION = "action"
    """Outside the limit: act before further use for the purpose."""
    NOT_EVALUATED = "not_evaluated"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A measurement held against the limits of a protocol."""

    measurement: Measurement
    verdict: Verdict
    rule: str | None = None
    """Which limit of the protocol decided, or None where there is none."""
    tolerance: tuple[float, float] | None = None
    """Lowest and highest value that passes, in the unit of the value; ends may be infinite."""
    action: tuple[float, float] | None = None
    """Lowest and highest value that is still in tolerance."""
    source: str | None = None
    confidence: str | None = None
    reason: str | None = None
    """Why the verdict is not_evaluated, or what to know about it."""
    answered: bool = True
    """False where a limit exists but no verdict could be given: an open question."""


def worst(assessments: tuple[Assessment, ...]) -> Verdict:
    """Return the verdict on a whole exam.

    Action before tolerance before an unanswered limit before pass. Values without a limit
    (measured for the record) do not count against the exam.
    """
    found = {item.verdict for item in assessments if item.verdict is not Verdict.NOT_EVALUATED}
    if Verdict.ACTION in found:
        return Verdict.ACTION
    if Verdict.TOLERANCE in found:
        return Verdict.TOLERANCE
    if not found or any(not item.answered for item in assessments):
        return Verdict.NOT_EVALUATED
    return Verdict.PASS
