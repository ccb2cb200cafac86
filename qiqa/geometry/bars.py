"""Where a dark bar in a bright bath ends."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.geometry.edges import crossing
from qiqa.geometry.leastsq import fit
from qiqa.geometry.plane import SlicePlane

__all__ = ["BarEnd", "bar_end"]

STEP_MM = 0.25
LINE_STEP_MM = 0.5


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class BarEnd:
    """Lower end of a bar, in phantom coordinates."""

    y_mm: float
    standard_error_mm: float
    degrees_of_freedom: int
    width_mm: float
    """Width (10 to 90 %) of the edge."""
    positions_mm: NDArray[np.float64]
    ratio: NDArray[np.float64]
    """Signal in the bar against the bath beside it."""
    model: NDArray[np.float64]
    """Fitted edge where it was fitted, NaN elsewhere."""


def bar_end(
    plane: SlicePlane,
    bar_x_mm: tuple[float, float],
    beside_mm: tuple[tuple[float, float], tuple[float, float]],
    floor_y_mm: tuple[float, float],
    search_y_mm: tuple[float, float],
    half_window_mm: float = 9.0,
) -> BarEnd | None:
    """Find the lower end of a vertical bar at half height against the bath on its two sides.

    The ratio to the bath beside it takes shading out. The end is fitted by a smooth step, because
    a 45 degree wedge in a slice blurs it over the slice thickness; half height then lies at the
    center of the slice.

    Parameters
    ----------
    plane
        Slice.
    bar_x_mm
        Left and right of the bar's clean inner part.
    beside_mm
        Two spans of x with plain bath.
    floor_y_mm
        Where there is nothing but plastic, for the level of no signal.
    search_y_mm
        Lowest (dark) and highest (bright) y of the search.
    half_window_mm
        Range of the fit around the first crossing.

    Returns
    -------
    BarEnd or None
        None where the profile does not cross half height.
    """
    y = np.arange(search_y_mm[1], search_y_mm[0], -STEP_MM)
    bar = _mean_over_x(plane, bar_x_mm, y)
    bath = (_mean_over_x(plane, beside_mm[0], y) + _mean_over_x(plane, beside_mm[1], y)) / 2
    level = np.median(bath[np.isfinite(bath)]) if np.isfinite(bath).any() else math.nan
    if not level > 0:
        return None
    bath = _smooth(np.where(bath > 0.3 * level, bath, level), 21)
    deep = np.arange(floor_y_mm[0], floor_y_mm[1], STEP_MM)
    floor = float(np.mean(_mean_over_x(plane, bar_x_mm, deep)) / level)
    ratio = bar / bath
    if not np.isfinite(ratio).all() or not -0.1 < floor < 0.5:
        return None
    guess = crossing(-_smooth(ratio, 9), y, -(1 + floor) / 2)
    if not math.isfinite(guess):
        return None
    near = np.abs(y - guess) <= half_window_mm
    if near.sum() < 20:
        return None

    def edge(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(floor + (p[2] - floor) * _step((y[near] - p[0]) / abs(p[1])))

    start = np.array([guess, 2.0, 1.0])
    result = fit(edge, ratio[near], start, np.array([1.0, 1.0, 0.1]))
    position = float(result.parameters[0])
    if not abs(position - guess) < 3.0:
        return None
    # neighboring samples of an interpolated image are not independent: one pixel is one datum
    share = STEP_MM / plane.pixel_mm[1]
    model = np.full(y.shape, np.nan)
    model[near] = edge(result.parameters)
    return BarEnd(
        position,
        float(np.sqrt(result.covariance[0, 0] / share)),
        max(int(near.sum() * share) - 3, 1),
        2.563 * abs(float(result.parameters[1])),
        y,
        ratio,
        model,
    )


def _mean_over_x(
    plane: SlicePlane, span_mm: tuple[float, float], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    n = max(round((span_mm[1] - span_mm[0]) / LINE_STEP_MM) + 1, 2)
    x = np.linspace(span_mm[0], span_mm[1], n)
    return np.asarray(plane.sample(*np.meshgrid(x, y)).mean(axis=1))


def _smooth(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    padded = np.pad(values, n // 2, mode="edge")
    return np.convolve(padded, np.full(n, 1 / n), mode="valid")


def _step(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative normal distribution, to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    z = np.abs(t) / math.sqrt(2)
    k = 1 / (1 + 0.3275911 * z)
    poly = k * (
        0.254829592 + k * (-0.284496736 + k * (1.421413741 + k * (-1.453152027 + k * 1.061405429)))
    )
    erf = 1 - poly * np.exp(-(z**2))
    return 0.5 * (1 + np.sign(t) * erf)
