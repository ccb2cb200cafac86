"""Slice thickness from the two crossed ramps of slice 1."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import Box, Slot
from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence, Marker, Plot
from qiqa.core.measurement import BudgetLine
from qiqa.geometry.boxes import box_edge
from qiqa.geometry.edges import first_crossing
from qiqa.geometry.leastsq import fit
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish
from qiqa.measure.pictures import curve, polyline, window_of
from qiqa.measure.stack_view import StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "axial_stack"
ALGORITHM = "slice_thickness/1"
NAMES = (("slice_thickness", "slice_thickness", "mm", 1),)
AVERAGED_MM = 2.0
"""Height of the slot that is averaged, rounded to whole periods of the ringing that the bright bath
sends into the dark box (two pixels), so that it cancels in the bar."""
STEP_MM = 0.5
RAMP_SLOPE_UNCERTAINTY = 0.01
"""Relative uncertainty of the slope 1:10 (angle 5.71 ± 0.06 degree)."""
GROUND_SHARE = 0.06
"""Change of the thickness with the level of the dark slot, relative to both."""
SHAPE_MM = 0.05
"""Half height of slice profiles that are no box, widened by the slot's own 1 mm."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Bar:
    """The bright bar in one ramp."""

    width_mm: float
    center_mm: float
    standard_error_mm: float
    dof: int
    x: NDArray[np.float64]
    profile: NDArray[np.float64]
    ground: float
    """Magnitude of the dark slot over the bar's top, before it was taken off."""
    model: NDArray[np.float64]
    y: float


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure the slice thickness [mm]: 0.2 T B / (T + B) of the bar lengths at half height.

    The harmonic form takes out a turn of the phantom about the vertical (ACR guidance 10/2022,
    section 3).
    """
    plane = view.plane(1)
    middle = _box_middle(plane, view)
    bars = [_bar(plane, view, name, middle) for name in ("ramp_upper", "ramp_lower")]
    top, bottom = bars[0].width_mm, bars[1].width_mm
    value = 0.2 * top * bottom / (top + bottom)
    for_top = 0.2 * (bottom / (top + bottom)) ** 2
    for_bottom = 0.2 * (top / (top + bottom)) ** 2
    budget = (
        BudgetLine(
            name="bar lengths",
            standard_uncertainty=math.hypot(
                for_top * bars[0].standard_error_mm, for_bottom * bars[1].standard_error_mm
            ),
            degrees_of_freedom=float(bars[0].dof + bars[1].dof),
            evaluation="A",
        ),
        BudgetLine(name="slope of the ramps", standard_uncertainty=RAMP_SLOPE_UNCERTAINTY * value),
        BudgetLine(name="shape of the slice profile", standard_uncertainty=SHAPE_MM),
        BudgetLine(
            name="noise and ringing in the dark slot",
            standard_uncertainty=GROUND_SHARE * value * max(bar.ground for bar in bars),
        ),
    )
    result = finish(
        view,
        "slice_thickness",
        "slice_thickness",
        "mm",
        value,
        budget,
        algorithm=ALGORITHM,
        slice_number=1,
    )
    return Outcome(measurements=(result,), evidence=(_picture(view, plane, bars, value),))


def _box_middle(plane: SlicePlane, view: StackView) -> NDArray[np.float64]:
    """Return coefficients of y(x) of the middle of the ramp box: a parabola, it may be bent."""
    box = view.phantom.shape("ramp_box", Box)
    x = np.concatenate([np.arange(-84.0, -11.9, 3.0), np.arange(12.0, 84.1, 3.0)])
    edges = [box_edge(plane, x, box.y_mm[0], -1.0), box_edge(plane, x, box.y_mm[1], 1.0)]
    middle = (edges[0] + edges[1]) / 2
    good = np.isfinite(middle)
    if good.sum() < 0.6 * x.size:
        raise NotMeasurable("the long edges of the ramp box are not seen on slice 1")
    result = np.polyfit(x[good], middle[good], 2)
    off = np.abs(middle - np.polyval(result, x))
    good &= off < max(0.3, 3 * float(np.median(off[good])))
    design = (box.y_mm[0] + box.y_mm[1]) / 2
    result = np.polyfit(x[good], middle[good], 2)
    result[2] -= design
    return np.asarray(result)


def _bar(plane: SlicePlane, view: StackView, name: str, middle: NDArray[np.float64]) -> _Bar:
    slot = view.phantom.shape(name, Slot)
    y0 = (slot.y_mm[0] + slot.y_mm[1]) / 2
    period = 2 * plane.pixel_mm[1]
    height = period * max(1, round(AVERAGED_MM / period))
    x = np.arange(slot.x_mm[0] + 2, slot.x_mm[1] - 2 + 0.1, STEP_MM)
    lines = ((np.arange(8) + 0.5) / 8 - 0.5) * height
    y = y0 + lines[None, :] + np.polyval(middle, x)[:, None]
    values = plane.sample(np.broadcast_to(x[:, None], y.shape), y)
    if not np.isfinite(values).all():
        raise NotMeasurable("the ramps reach outside the image")
    power = (values**2).mean(axis=1)
    profile, ground = _above_ground(power)
    return _fit_bar(x, profile / _shading(plane, view, x), ground, y0, plane.pixel_mm[0])


def _above_ground(power: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the signal without the magnitude bias of the noise, and the level taken off.

    For any number of coils E[M²] is the squared signal plus a constant. The dark part of the
    slot shows it, where air may not: scanners mask, scale and normalize air. It is two thirds of
    the slot, so the 30th percentile of 20 mm runs is about its median. Ringing that comes with
    it does no harm, since squares are subtracted.
    """
    n = round(20 / STEP_MM)
    runs = np.convolve(power, np.full(n, 1 / n), mode="valid")
    ground = float(np.percentile(runs, 30))
    return np.asarray(np.sign(power - ground) * np.sqrt(np.abs(power - ground))), math.sqrt(ground)


def _shading(plane: SlicePlane, view: StackView, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bath along x just above and below the ramp box, relative to its mean."""
    box = view.phantom.shape("ramp_box", Box)
    rows = np.concatenate(
        [box.y_mm[0] - np.arange(4.0, 8.1, 1.0), box.y_mm[1] + np.arange(4.0, 8.1, 1.0)]
    )
    bath = plane.sample(*np.broadcast_arrays(x[:, None], rows[None, :])).mean(axis=1)
    u = x / 100
    design = np.vander(u, 5)
    smooth = design @ np.linalg.lstsq(design, bath, rcond=None)[0]
    if not np.isfinite(smooth).all() or smooth.min() < 0.1 * smooth.mean():
        raise NotMeasurable("the bath beside the ramps is too uneven")
    return np.asarray(smooth / smooth.mean())


def _fit_bar(
    x: NDArray[np.float64], profile: NDArray[np.float64], dark: float, y: float, pixel_mm: float
) -> _Bar:
    """Fit a plateau with two smooth edges on a flat ground; `dark` is the level taken off."""
    smooth = np.convolve(np.pad(profile, 10, mode="edge"), np.full(21, 1 / 21), mode="valid")
    ground = float(np.percentile(smooth, 20))
    top = float(np.percentile(smooth, 90))
    above = np.flatnonzero(smooth > (ground + top) / 2)
    noise = float(np.median(np.abs(np.diff(profile)))) / 0.95
    if above.size < 20 or top - ground < 2 * noise:
        raise NotMeasurable("no bright bar stands out in a ramp")
    left, right = float(x[above[0]]), float(x[above[-1]])
    if left < x[0] + 4 or right > x[-1] - 4:
        raise NotMeasurable(
            "a ramp bar runs out of its slot: the slice lies too far from its place"
        )

    def shape(p: NDArray[np.float64]) -> NDArray[np.float64]:
        left_edge, right_edge = (x - p[0]) / abs(p[2]), (x - p[1]) / abs(p[3])
        return np.asarray(_sigmoid(left_edge) - _sigmoid(right_edge))

    def model(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(p[4] + p[5] * shape(p))

    start = np.array([left, right, 4.0, 4.0, ground, top - ground])
    scale = np.array([5.0, 5.0, 3.0, 3.0, top - ground, top - ground])
    result = fit(model, profile, start, scale)
    p = result.parameters
    width, center = _half_height(x, model(p))
    if not math.isfinite(width) or not 10 < width < 160:
        raise NotMeasurable("the bar in a ramp has no clear ends")
    share = STEP_MM / pixel_mm
    variance = result.covariance[0, 0] + result.covariance[1, 1] - 2 * result.covariance[0, 1]
    return _Bar(
        width,
        center,
        math.sqrt(max(float(variance), 0.0) / share),
        max(int(x.size * share) - 6, 1),
        x,
        profile,
        dark / float(model(p).max()),
        model(p),
        y,
    )


def _sigmoid(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(np.clip(-1.702 * t, -60, 60))))


def _half_height(x: NDArray[np.float64], bar: NDArray[np.float64]) -> tuple[float, float]:
    """Return width and middle at half of the bar's top.

    The level is half of the top, not the middle between ground and top: in the dark part of the
    slot magnitudes of ringing add up to a ground that is not there under the bar.
    """
    level = np.array([bar.max() / 2])
    left = float(first_crossing(bar[None, :], x, level)[0])
    right = float(first_crossing(bar[None, ::-1], x[::-1], level)[0])
    return right - left, (left + right) / 2


def _picture(view: StackView, plane: SlicePlane, bars: list[_Bar], value: float) -> Evidence:
    shapes, plots = [], []
    for bar, name in zip(bars, ("upper", "lower"), strict=True):
        left, right = bar.center_mm - bar.width_mm / 2, bar.center_mm + bar.width_mm / 2
        shapes.append(
            polyline(
                plane,
                np.array([left, right]),
                np.array([bar.y, bar.y]),
                "length",
                label=f"{bar.width_mm:.1f}",
            )
        )
        plots.append(
            Plot(
                x_label=f"x along the {name} ramp [mm]",
                y_label="signal",
                curves=(curve(bar.x, bar.profile), curve(bar.x, bar.model, "fit", "fit")),
                markers=(Marker(x=left), Marker(x=right, label=f"{bar.width_mm:.1f} mm")),
            )
        )
    return Evidence(
        title="Slice thickness, slice 1",
        measurements=("slice_thickness",),
        series_uid=view.series.header.series_uid,
        slice=1,
        image=plane.image,
        window=(0.0, 0.45 * window_of(plane.image)[1]),
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        plots=tuple(plots),
        caption=f"Bars at half height; thickness 0.2 T B / (T + B) = {value:.2f} mm.",
    )
