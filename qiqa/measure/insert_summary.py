"""What all inserts of a quantity say together: linearity, and scatter between repeats."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import BudgetLine, Interval, Measurement
from qiqa.core.pose import InsertPosition
from qiqa.measure._anchored import reference_of
from qiqa.measure.insert_values import insert_means, measured_t1, too_short
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish, not_measured
from qiqa.metrology.polynomial import fit_polynomial
from qiqa.metrology.precision import WithinSubjectSd, within_subject_sd

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "inserts"
ALGORITHM = "insert_summary/1"
NAMES = (
    ("linearity_slope", "linearity_slope", "1", None),
    ("repeatability_wcv", "repeatability_wcv", "%", None),
)
_LEAST = 4
_SAME = 0.02
"""Relative difference of settings up to which series are repeats: as protocols are held."""
_UNSURE = 0.1
"""Relative standard error from which an insert is left out of the line."""


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:
    """Measure the slope of measured on certified values [1], and the scatter of repeats [%]."""
    if view.maps is None or view.pose.labels == "unresolved":
        return Outcome()
    found = [*_slopes(view, siblings)]
    same_role = [
        other
        for other in siblings
        if other.role == view.role and other.maps is not None and other.pose.labels != "unresolved"
    ]
    repeats = [other for other in same_role if not _difference(view, other)]
    # told once, on the last of the repeats
    if len(repeats) > 1 and repeats[-1] is view:
        found += _repeats(view, repeats)
    others = [other for other in same_role if _difference(view, other)]
    told = others and same_role[-1] is view
    return Outcome(
        measurements=tuple(found), findings=tuple(_no_repeat(view, o) for o in others if told)
    )


def _difference(view: InsertView, other: InsertView) -> str | None:
    """Return what keeps two series of one role from being repeats of each other, or None."""
    mine, its = view.series.header, other.series.header
    if len(mine.encoding.values) != len(its.encoding.values) or not np.allclose(
        sorted(mine.encoding.values), sorted(its.encoding.values), rtol=_SAME
    ):
        return mine.encoding.name.replace("_", " ") + "s"
    if not np.allclose(mine.voxel_size_mm, its.voxel_size_mm, rtol=_SAME):
        return "voxel sizes"
    for name, words in (("tr_ms", "repetition times"), ("te_ms", "echo times")):
        a, b = getattr(mine.acquisition, name), getattr(its.acquisition, name)
        if a is not None and b is not None and not math.isclose(a, b, rel_tol=_SAME):
            return words
    return None


def _no_repeat(view: InsertView, other: InsertView) -> Finding:
    header = view.series.header
    return Finding(
        code="not_a_repeat",
        severity=Severity.WARNING,
        message=f"{header.description or view.role} and "
        f"{other.series.header.description or other.role} are no repeats: their "
        f"{_difference(view, other)} differ, so they say nothing on repeatability",
        where=header.description,
        hint="acquire the series twice with the same settings",
        series_uid=header.series_uid,
    )


def _slopes(view: InsertView, siblings: tuple[InsertView, ...]) -> list[Measurement]:
    """Return the slope of ln(measured) on ln(certified) for each group that has certificates."""
    means, t1 = insert_means(view), measured_t1(siblings)
    found = []
    for name in dict.fromkeys(item.group for item in view.pose.inserts):
        pairs = []
        for insert in view.pose.inserts:
            reference = reference_of(view, insert, t1).value
            if insert.group != name or insert.label not in means or reference is None:
                continue
            mean, error = means[insert.label]
            if too_short(view, min(mean, reference.value)) is not None:
                continue
            if reference.confidence != "unreliable" and 0 <= error <= _UNSURE * mean:
                pairs.append((math.log(reference.value), math.log(mean)))
        if len(pairs) < _LEAST:
            continue
        x, y = np.array(pairs).T
        # equal weights: departures come from the method, not from noise
        try:
            line = fit_polynomial(x, y)
        except NotMeasurable:
            continue
        slope, slope_u = line.coefficient(1)
        budget = (
            BudgetLine(
                name="scatter about the line",
                standard_uncertainty=slope_u,
                degrees_of_freedom=line.degrees_of_freedom,
                evaluation="A",
                note=f"{x.size} inserts, ln(measured) on ln(certified); R² {line.r_squared:.5f}",
            ),
        )
        plain = finish(
            view, f"linearity_slope_{view.quantity}_{name}", "linearity_slope", "1", slope,
            budget, algorithm=ALGORITHM,
        )  # fmt: skip
        found.append(dataclasses.replace(plain, reference=None))
    return found


def _repeats(view: InsertView, repeats: list[InsertView]) -> list[Measurement]:
    """Return wCV of every insert over the repeats of the exam."""
    means = [insert_means(other) for other in repeats]
    found: list[Measurement] = []
    for insert in view.pose.inserts:
        values = [m[insert.label][0] for m in means if insert.label in m]
        try:
            found.append(_scatter(view, insert, within_subject_sd(values)))
        except NotMeasurable as error:
            found.append(_none(view, insert, error.message))
    return found


def _scatter(view: InsertView, insert: InsertPosition, scatter: WithinSubjectSd) -> Measurement:
    """Return wCV; the repeatability coefficient, 2.77 wSD, stands in the budget's note."""
    assert view.maps is not None  # noqa: S101
    factor, unit = (1e6, "µm²/s") if view.maps.parameters[0].unit == "mm²/s" else (1.0, "ms")
    repeats = scatter.degrees_of_freedom + 1
    percent = 100 / abs(scatter.mean) if scatter.mean else math.nan
    wcv = percent * scatter.wsd
    ends = scatter.interval
    plain = finish(
        view, f"repeatability_wcv_{insert.label}", "repeatability_wcv", "%", wcv,
        (
            BudgetLine(
                name="number of repeats",
                # standard uncertainty of a standard deviation of normal values
                standard_uncertainty=wcv / math.sqrt(2 * scatter.degrees_of_freedom),
                degrees_of_freedom=float(scatter.degrees_of_freedom),
                evaluation="A",
                note=f"{repeats} repeats, mean {scatter.mean * factor:.5g} {unit}, RC "
                f"{scatter.rc * factor:.2g} {unit}",
            ),
        ),
        interval=Interval(low=percent * ends.low, high=percent * ends.high, kind="scatter"),
        algorithm=ALGORITHM,
    )  # fmt: skip
    return dataclasses.replace(plain, insert=insert.label, reference=None)


def _none(view: InsertView, insert: InsertPosition, reason: str) -> Measurement:
    name = f"repeatability_wcv_{insert.label}"
    plain = not_measured(view, name, "repeatability_wcv", "%", reason)
    return dataclasses.replace(plain, insert=insert.label)
