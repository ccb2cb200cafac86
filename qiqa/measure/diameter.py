"""Geometric accuracy: inner diameters on slices 1 and 5, sub-pixel, at half height."""

from __future__ import annotations

import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence, Shape
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.measure.outcome import Outcome, finish, not_measured
from qiqa.measure.pictures import polyline, window_of
from qiqa.measure.stack_view import StackView
from qiqa.measure.wall import Wall, WallRadius, find_wall

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "axial_stack"
ALGORITHM = "diameter/1"
DIRECTIONS_DEG = {"lr": 0.0, "ap": 90.0, "d1": 45.0, "d2": 135.0}
"""Clockwise from phantom +x: d1 runs from upper left to lower right."""
ON_SLICE = {1: ("lr", "ap"), 5: ("lr", "ap", "d1", "d2")}
NAMES = tuple(
    (f"diameter_slice{number}_{direction}", "diameter", "mm", number)
    for number, directions in ON_SLICE.items()
    for direction in directions
)
LEVEL_UNCERTAINTY = 0.02
"""Relative uncertainty of the half-height level: shading and ringing at the wall."""
EDGE_MODEL_MM = 0.03
"""Residual bias of half height on truncated magnitude images, each end; simulated exams."""


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure the diameters of the bath [mm], tilt corrected."""
    measurements: list[Measurement] = []
    pictures: list[Evidence] = []
    for number, directions in ON_SLICE.items():
        try:
            wall = find_wall(view, number)
        except NotMeasurable as reason:
            measurements += [
                not_measured(
                    view, f"diameter_slice{number}_{d}", "diameter", "mm", reason.message, number
                )
                for d in directions
            ]
            continue
        found = [_diameter(view, number, direction, wall) for direction in directions]
        measurements += found
        pictures.append(_picture(view, number, wall, found, directions))
    return Outcome(measurements=tuple(measurements), evidence=tuple(pictures))


def _diameter(view: StackView, number: int, direction: str, wall: Wall) -> Measurement:
    name = f"diameter_slice{number}_{direction}"
    angle = DIRECTIONS_DEG[direction]
    try:
        ends = (wall.radius(angle), wall.radius(angle - 180))
    except NotMeasurable as reason:
        return not_measured(view, name, "diameter", "mm", reason.message, number)
    shrink, tilt_u = _tilt(view, angle)
    value = (ends[0].radius_mm + ends[1].radius_mm) * shrink
    hidden = [end.hidden_deg for end in ends if end.hidden_deg > 0]
    notes = tuple(
        f"{h:.0f} degrees of the wall hidden by rail, film or bubble, bridged" for h in hidden
    )
    return finish(
        view,
        name,
        "diameter",
        "mm",
        value,
        _budget(ends, wall, value * tilt_u),
        algorithm=ALGORITHM,
        slice_number=number,
        assumptions=notes,
    )


def _tilt(view: StackView, angle_deg: float) -> tuple[float, float]:
    """Return the factor that undoes the stretch of a tilted cylinder, and its uncertainty.

    A cylinder cut at an angle tau to its axis is an ellipse, longer by 1 / cos tau along the
    direction of the tilt.
    """
    tx, ty = (math.tan(math.radians(t)) for t in view.pose.tilt_deg)
    tau2 = tx**2 + ty**2
    if tau2 == 0:
        return 1.0, 0.0
    along = (tx * math.cos(math.radians(angle_deg)) + ty * math.sin(math.radians(angle_deg))) ** 2
    sine2 = tau2 / (1 + tau2)
    shrink = math.sqrt(1 - along / tau2 * sine2)
    tilt_uncertainty = math.radians(0.2)
    return shrink, math.sqrt(sine2) * tilt_uncertainty


def _budget(
    ends: tuple[WallRadius, WallRadius], wall: Wall, tilt_mm: float
) -> tuple[BudgetLine, ...]:
    statistical = math.hypot(ends[0].standard_error_mm, ends[1].standard_error_mm)
    dof = min(ends[0].degrees_of_freedom, ends[1].degrees_of_freedom)
    return (
        BudgetLine(
            name="wall points",
            standard_uncertainty=statistical,
            degrees_of_freedom=float(dof),
            evaluation="A",
        ),
        BudgetLine(
            name="local wall model",
            standard_uncertainty=math.hypot(ends[0].model_mm, ends[1].model_mm),
            degrees_of_freedom=20.0,
            evaluation="A",
            note="how well the same model predicts arcs that are seen",
        ),
        BudgetLine(
            name="half-height level",
            standard_uncertainty=2 * LEVEL_UNCERTAINTY / 2 * wall.blur_mm,
            note="same sign at both ends",
        ),
        BudgetLine(name="edge model", standard_uncertainty=math.sqrt(2) * EDGE_MODEL_MM),
        BudgetLine(name="tilt", standard_uncertainty=tilt_mm),
        BudgetLine(
            name="chord off the center",
            standard_uncertainty=wall.off_center_mm**2 / float(np.mean(wall.base_mm)),
            note=f"the axis used lies {wall.off_center_mm:.2f} mm from the wall's center",
        ),
    )


def _picture(
    view: StackView, number: int, wall: Wall, found: list[Measurement], directions: tuple[str, ...]
) -> Evidence:
    plane = view.plane(number)
    theta = np.deg2rad(wall.angle_deg)
    shapes: list[Shape] = []
    for mask, role in ((~wall.hidden, "edge"), (wall.hidden, "excluded")):
        use = mask & np.isfinite(wall.radius_mm)
        r = wall.radius_mm[use]
        shapes.append(
            polyline(plane, r * np.cos(theta[use]), r * np.sin(theta[use]), role, kind="points")
        )
    for direction, measurement in zip(directions, found, strict=True):
        if not measurement.measured:
            continue
        a = math.radians(DIRECTIONS_DEG[direction])
        r = np.array([1.0, -1.0]) * measurement.value / 2
        label = f"{direction.upper()} {measurement.value:.1f}"
        shapes.append(polyline(plane, r * math.cos(a), r * math.sin(a), "length", label=label))
    return Evidence(
        title=f"Diameters, slice {number}",
        measurements=tuple(m.name for m in found),
        series_uid=view.series.header.series_uid,
        slice=number,
        image=plane.image,
        window=window_of(plane.image),
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        caption="Half-height wall points; hidden arcs left out and bridged.",
    )
