"""Slice position on slices 1 and 11: difference of the two wedge bars."""

from __future__ import annotations

import math

import numpy as np

from qiqa.core.cylinder import Bars
from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence, Marker, Plot, Shape
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.geometry.bars import BarEnd, bar_end
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish, not_measured
from qiqa.measure.pictures import curve, polyline, window_of
from qiqa.measure.stack_view import StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "axial_stack"
ALGORITHM = "slice_position/1"
SLICES = (1, 11)
NAMES = tuple((f"slice_position_slice{n}", "slice_position", "mm", n) for n in SLICES)
MARGIN_MM = 1.2
BESIDE_MM = ((-13.0, -9.0), (9.0, 13.0))
FLOOR_MM = (-88.0, -82.0)
SEARCH_MM = {1: (-79.0, -36.0), 11: (-79.0, -46.0)}
"""Rail end to clear bath: on slice 11 the low-contrast ring begins at y = -44.5."""
WEDGE_MM = 0.2
"""Making of the wedges: difference of the two bars at the crossing, from bars against ramps."""
LEVEL_UNCERTAINTY = 0.02
LINEARITY = 0.01
"""Relative: angle of the wedges and scale of the image."""


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure bar differences, right minus left [mm]; positive: slice lies towards slice 11."""
    measurements: list[Measurement] = []
    pictures: list[Evidence] = []
    for number in SLICES:
        name = f"slice_position_slice{number}"
        try:
            plane = view.plane(number)
            ends = _bar_ends(view, plane, number)
        except NotMeasurable as reason:
            measurements.append(
                not_measured(view, name, "slice_position", "mm", reason.message, number)
            )
            continue
        value = ends[1].y_mm - ends[0].y_mm
        measurements.append(
            finish(
                view,
                name,
                "slice_position",
                "mm",
                value,
                _budget(ends, value),
                algorithm=ALGORITHM,
                slice_number=number,
                displacement=value / 2,
            )
        )
        pictures.append(_picture(view, plane, number, ends, value))
    return Outcome(measurements=tuple(measurements), evidence=tuple(pictures))


def _bar_ends(view: StackView, plane: SlicePlane, number: int) -> tuple[BarEnd, BarEnd]:
    found = []
    for side in ("left", "right"):
        shape = view.phantom.shape(f"wedge_slice{number}_{side}", Bars)
        inner = (shape.x_mm[0] + MARGIN_MM, shape.x_mm[1] - MARGIN_MM)
        end = bar_end(plane, inner, BESIDE_MM, FLOOR_MM, SEARCH_MM[number])
        if end is None:
            raise NotMeasurable(f"the end of the {side} bar is not seen on slice {number}")
        found.append(end)
    return found[0], found[1]


def _budget(ends: tuple[BarEnd, BarEnd], value: float) -> tuple[BudgetLine, ...]:
    level = LEVEL_UNCERTAINTY / 2 * math.hypot(ends[0].width_mm, ends[1].width_mm)
    return (
        BudgetLine(
            name="bar ends",
            standard_uncertainty=math.hypot(ends[0].standard_error_mm, ends[1].standard_error_mm),
            degrees_of_freedom=float(ends[0].degrees_of_freedom + ends[1].degrees_of_freedom),
            evaluation="A",
        ),
        BudgetLine(name="half-height level", standard_uncertainty=level),
        BudgetLine(name="making of the wedges", standard_uncertainty=WEDGE_MM),
        BudgetLine(name="angle and scale", standard_uncertainty=LINEARITY * abs(value)),
    )


def _picture(
    view: StackView, plane: SlicePlane, number: int, ends: tuple[BarEnd, BarEnd], value: float
) -> Evidence:
    shapes: list[Shape] = []
    plots = []
    for end, side in zip(ends, ("left", "right"), strict=True):
        shape = view.phantom.shape(f"wedge_slice{number}_{side}", Bars)
        y = np.array([end.y_mm, end.y_mm])
        shapes.append(polyline(plane, np.array(shape.x_mm), y, "edge"))
        plots.append(
            Plot(
                x_label=f"y along the {side} bar [mm]",
                y_label="signal / bath",
                curves=(
                    curve(end.positions_mm, end.ratio),
                    curve(end.positions_mm, end.model, "fit", "fit"),
                ),
                markers=(Marker(x=end.y_mm, label=f"{end.y_mm:.1f} mm"),),
            )
        )
    return Evidence(
        title=f"Slice position, slice {number}",
        measurements=(f"slice_position_slice{number}",),
        series_uid=view.series.header.series_uid,
        slice=number,
        image=plane.image,
        window=window_of(plane.image),
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        plots=tuple(plots),
        caption=f"Right minus left {value:+.1f} mm, displacement {value / 2:+.1f} mm.",
    )
