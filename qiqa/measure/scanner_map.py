"""Our ADC against the map that the scanner computed from the same images."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.measure._insert_roi import insert_roi
from qiqa.measure.insert_values import insert_means
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "inserts"
ALGORITHM = "scanner_map/1"
NAMES = (("adc_versus_scanner", "adc_versus_scanner", "%", None),)
_UNITS = (1e-6, 1.0, 1e-3)
"""mm²/s a pixel unit of the map, in the order of how common they are: headers seldom say."""
_PLAUSIBLE = 2.0
"""Factor within which the maps must agree for a unit to be taken."""


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:  # noqa: ARG001
    """Measure how far our ADC is above the scanner's, in every insert [%]."""
    if view.scanner_map is None or view.quantity != "adc" or view.pose.labels == "unresolved":
        return Outcome()
    ours, theirs = insert_means(view), _theirs(view)
    both = [label for label in ours if label in theirs and theirs[label][0] > 0]
    ratios = [ours[label][0] / theirs[label][0] for label in both]
    unit = _unit(ratios)
    if unit is None:
        return Outcome(findings=(_unknown(view, ratios),))
    found = [
        _one(view, label, 100 * (ours[label][0] / (unit * theirs[label][0]) - 1), theirs[label])
        for label in both
    ]
    return Outcome(measurements=tuple(found))


def _theirs(view: InsertView) -> dict[str, tuple[float, float]]:
    """Return mean and standard error of the scanner's map by label, in its own unit."""
    assert view.scanner_map is not None  # noqa: S101 - the caller looked
    found = {}
    for insert in view.pose.inserts:
        try:
            roi = insert_roi(view, insert)
        except NotMeasurable:
            continue
        values = view.scanner_map[roi.index].astype(np.float64)
        error = float(values.std(ddof=1)) / math.sqrt(values.size)
        found[insert.label] = (float(values.mean()), error)
    return found


def _unit(ratios: list[float]) -> float | None:
    """Return mm²/s a pixel unit that makes the maps agree, None where none does."""
    if not ratios:
        return None
    middle = float(np.median(ratios))
    return next((u for u in _UNITS if 1 / _PLAUSIBLE < middle / u < _PLAUSIBLE), None)


def _one(view: InsertView, label: str, value: float, theirs: tuple[float, float]) -> Measurement:
    plain = finish(
        view, f"adc_versus_scanner_{label}", "adc_versus_scanner", "%", value,
        (
            BudgetLine(
                name="spread of the scanner's map",
                standard_uncertainty=100 * theirs[1] / theirs[0],
                evaluation="A",
                note="the noise is that of the same images: most of it cancels",
            ),
        ),
        algorithm=ALGORITHM,
    )  # fmt: skip
    return dataclasses.replace(plain, insert=label, reference=None)


def _unknown(view: InsertView, ratios: list[float]) -> Finding:
    middle = f"{float(np.median(ratios)):.3g}" if ratios else "unknown"
    return Finding(
        code="scanner_map_unit",
        severity=Severity.WARNING,
        message=f"the unit of the scanner's ADC map is unknown: ours over its pixels is {middle} "
        "mm²/s, which fits neither 1e-6, 1e-3 nor 1",
        where=view.series.header.description,
        hint="compare the maps by hand; the values of this page are ours",
        series_uid=view.series.header.series_uid,
    )
