"""Geometric accuracy: inner length from the sagittal localizer, corrected for tilt."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence
from qiqa.core.measurement import BudgetLine
from qiqa.geometry.edges import first_crossing
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish
from qiqa.measure.pictures import polyline, window_of
from qiqa.measure.stack_view import StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "localizer"
ALGORITHM = "length/1"
NAMES = (("length_si", "length", "mm", None),)
COLUMNS_MM = (63.0, 86.0)
"""Where plain bath runs from end to end: behind the inserts, away from rail and bubble."""
EDGE_MODEL_MM = 0.05
LEVEL_UNCERTAINTY = 0.03
THROUGH_PLANE_TILT_DEG = 1.0
"""Tilt out of the localizer plane is not seen in it."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _End:
    """One end wall: a straight line z = at + slope (y - y0)."""

    at: float
    slope: float
    standard_error: float
    dof: int
    blur_mm: float
    y: NDArray[np.float64]
    z: NDArray[np.float64]


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure the length of the bath between its end walls [mm]."""
    plane = view.localizer
    low, high = view.phantom.body.z_mm
    first = _end(plane, low, -1.0)
    last = _end(plane, high, 1.0)
    slope = (first.slope + last.slope) / 2
    cosine = 1 / math.sqrt(1 + slope**2)
    value = (last.at - first.at) * cosine
    wedge = abs(first.slope - last.slope)
    out_of_plane = math.radians(THROUGH_PLANE_TILT_DEG)
    budget = (
        BudgetLine(
            name="end walls",
            standard_uncertainty=math.hypot(first.standard_error, last.standard_error),
            degrees_of_freedom=float(min(first.dof, last.dof)),
            evaluation="A",
        ),
        BudgetLine(
            name="half-height level",
            standard_uncertainty=LEVEL_UNCERTAINTY / 2 * (first.blur_mm + last.blur_mm),
        ),
        BudgetLine(name="edge model", standard_uncertainty=math.sqrt(2) * EDGE_MODEL_MM),
        BudgetLine(
            name="tilt in the plane",
            standard_uncertainty=value * abs(slope) * wedge / math.sqrt(12),
            note="the two walls are not quite parallel in the image",
        ),
        BudgetLine(
            name="tilt out of the plane",
            standard_uncertainty=value * out_of_plane**2 / 2,
            note=f"taken as {THROUGH_PLANE_TILT_DEG:g} degree, not seen in one slice",
        ),
    )
    result = finish(view, "length_si", "length", "mm", value, budget, algorithm=ALGORITHM)
    return Outcome(measurements=(result,), evidence=(_picture(view, plane, first, last, value),))


def _end(plane: SlicePlane, design_mm: float, outward: float) -> _End:
    """Fit one end wall; `outward` is the sign of z pointing out of the bath.

    The wall is looked for twice: shading can move the outline by a few millimetres, and the bath
    level has to be read at a fixed distance from the wall itself.
    """
    wall_mm = design_mm
    for _ in range(2):
        wall_mm = _fitted_end(plane, wall_mm, outward).at
    return _fitted_end(plane, wall_mm, outward)


def _fitted_end(plane: SlicePlane, wall_mm: float, outward: float) -> _End:
    y = np.arange(COLUMNS_MM[0], COLUMNS_MM[1] + 0.1, 1.0)
    depth = np.arange(9.0, -19.1, -0.2)
    z = wall_mm + outward * depth
    profile = plane.sample(*np.broadcast_arrays(y[:, None], -z[None, :]))
    inside = (depth < -4) & (depth > -16)
    bath = np.array([_level_at_wall(row[inside], depth[inside]) for row in profile])
    outside = profile[:, depth > 4]
    finite = outside[np.isfinite(outside)]
    if finite.size < 20 or not np.isfinite(bath).all():
        raise NotMeasurable("an end of the phantom lies outside the image")
    half = bath / 2
    edge = first_crossing(profile, z, half)
    good = np.isfinite(edge)
    if good.sum() < 0.7 * y.size:
        raise NotMeasurable("an end wall is not seen where the bath runs from end to end")
    center = float(np.mean(COLUMNS_MM))
    keep = good
    slope, at = 0.0, 0.0
    for _ in range(3):
        slope, at = np.polyfit(y[keep] - center, edge[keep], 1)
        rest = edge - at - slope * (y - center)
        keep = good & (np.abs(rest) < max(0.3, 2.5 * float(np.median(np.abs(rest[good])))))
    rest = (edge - at - slope * (y - center))[keep]
    dof = max(int(keep.sum()) - 2, 1)
    error = math.sqrt(float(rest @ rest) / dof / keep.sum())
    gradient = np.abs(np.gradient(profile, z, axis=1))
    at_edge = np.abs(z[None, :] - edge[keep, None]).argmin(axis=1)
    blur = float(np.median(bath[keep] / gradient[np.flatnonzero(keep), at_edge]))
    return _End(float(at), float(slope), error, dof, blur, y[keep], edge[keep])


def _level_at_wall(values: NDArray[np.float64], depth: NDArray[np.float64]) -> float:
    """Return the bath level at the wall: a straight line through the bath before it."""
    if not np.isfinite(values).all():
        return math.nan
    return float(np.polyfit(depth, values, 1)[1])


def _picture(view: StackView, plane: SlicePlane, first: _End, last: _End, value: float) -> Evidence:
    middle = float(np.mean(COLUMNS_MM))
    shapes = (
        polyline(plane, first.y, -first.z, "edge", kind="points"),
        polyline(plane, last.y, -last.z, "edge", kind="points"),
        polyline(
            plane,
            np.array([middle, middle]),
            np.array([-first.at, -last.at]),
            "length",
            label=f"{value:.1f} mm",
        ),
    )
    return Evidence(
        title="Length, sagittal localizer",
        measurements=("length_si",),
        series_uid=view.series.header.series_uid,
        image=plane.image,
        window=window_of(plane.image),
        pixel_mm=plane.pixel_mm[0],
        shapes=shapes,
        caption="End walls at half height where plain bath runs from end to end.",
    )
