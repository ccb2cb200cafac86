"""What a family of tests returns, and how a value gets its uncertainty."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence
from qiqa.core.finding import Finding
from qiqa.core.measurement import BudgetLine, Interval, Measurement
from qiqa.measure.view import View
from qiqa.metrology.budget import combine, student_interval

__all__ = ["Outcome", "finish", "not_measured"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Measurements of one family on one series, with pictures and remarks."""

    measurements: tuple[Measurement, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()


def finish(
    view: View,
    name: str,
    quantity: str,
    unit: str,
    value: float,
    budget: tuple[BudgetLine, ...],
    *,
    algorithm: str,
    slice_number: int | None = None,
    interval: Interval | None = None,
    displacement: float | None = None,
    assumptions: tuple[str, ...] = (),
) -> Measurement:
    """Return a measurement with combined uncertainty and, unless given, Student's interval.

    Raises
    ------
    NotMeasurable
        If value or uncertainty is not a finite number.
    """
    u, dof = combine(budget)
    if not (math.isfinite(value) and math.isfinite(u)):
        raise NotMeasurable("no finite value or uncertainty came out")
    overrides = tuple(f"{name_} set by hand" for name_ in view.pose.overrides)
    header = view.series.header
    if header.shape[3] > 1 and view.kind != "inserts":
        which = header.encoding.values[view.volume]
        kind = header.encoding.name.replace("_", " ")
        said = f", {kind} {which:g} {header.encoding.unit}" if kind != "repeat" else ""
        overrides += (f"image {view.volume + 1} of {header.shape[3]}{said}",)
    return Measurement(
        name=name,
        quantity=quantity,
        unit=unit,
        value=float(value),
        standard_uncertainty=u,
        degrees_of_freedom=dof,
        interval=interval or student_interval(float(value), u, dof),
        budget=budget,
        displacement=displacement,
        slice=slice_number,
        reference=view.phantom.reference_for(quantity),
        series_uid=view.series.header.series_uid,
        stack=view.series.header.key,
        role=view.role,
        assumptions=assumptions + overrides,
        algorithm=algorithm,
    )


def not_measured(
    view: View, name: str, quantity: str, unit: str, reason: str, slice_number: int | None = None
) -> Measurement:
    """Return a measurement without a value, and why."""
    return Measurement(
        name=name,
        quantity=quantity,
        unit=unit,
        value=math.nan,
        slice=slice_number,
        reference=view.phantom.reference_for(quantity),
        series_uid=view.series.header.series_uid,
        stack=view.series.header.key,
        role=view.role,
        reason=reason,
    )
