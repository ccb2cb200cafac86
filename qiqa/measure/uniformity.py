"""Percent integral uniformity (PIU) on slice 7, with the noise's share taken out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import Box
from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence
from qiqa.core.measurement import BudgetLine, Interval
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish
from qiqa.measure.pictures import disk, window_of
from qiqa.measure.stack_view import UNIFORM_SLICE, StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "REGION_RADIUS_MM", "large_region", "measure"]

KIND = "axial_stack"
ALGORITHM = "piu/1"
NAMES = (("piu", "integral_uniformity", "%", UNIFORM_SLICE),)
REGION_RADIUS_MM = math.sqrt(200e2 / math.pi)
"""200 cm², the middle of the 195 to 205 cm² of the ACR guidance."""
RAIL_MARGIN_MM = 1.5
"""The region stays this far from the rail, which takes less than 0.5 cm² off it."""
SMALL_RADIUS_MM = math.sqrt(100 / math.pi)
"""1 cm²."""
DRAWS = 120
PLACEMENT = 0.02
"""Share of what PIU lacks to 100 by which other allowed sizes and places of the region change it:
195 to 205 cm² is ±1.3 % of the radius, 1 mm off center another 1.3 %."""
LEAST_PLACEMENT_PERCENT = 0.1
SMOOTH_DEGREE = 6


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Means:
    """Means over 1 cm² at every place where the small region fits."""

    values: NDArray[np.float64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]

    def piu(self) -> float:
        high, low = float(self.values.max()), float(self.values.min())
        return 100 * (1 - (high - low) / (high + low))


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure PIU [%] = 100 (1 - (high - low) / (high + low)) of 1 cm² means in 200 cm².

    Extremes of noisy means lie too far apart, so PIU reads too low; the bias is found by adding
    noise of the observed size to a smooth version of the image and is taken off. The interval is
    the bootstrap's and is not symmetric. Higher is better.
    """
    plane = view.plane(UNIFORM_SLICE)
    inside = large_region(view, plane)
    x, y = plane.grid_mm
    means = _disk_means(view, plane, inside)
    observed = means.piu()
    smooth, noise_sd, dof = _smooth_model(plane, means, inside, x, y)
    draws = _redraw(plane, smooth, noise_sd)
    truth = _piu(smooth.values)
    bias = float(draws.mean()) - truth
    value = min(observed - bias, 100.0)
    spread = float(draws.std(ddof=1))
    low, high = (float(q) for q in np.quantile(draws - draws.mean(), (0.025, 0.975)))
    place_u = max(LEAST_PLACEMENT_PERCENT, PLACEMENT * (100 - value))
    place = 1.96 * place_u
    bias_u = 0.3 * abs(bias)
    budget = (
        BudgetLine(
            name="noise",
            standard_uncertainty=spread,
            degrees_of_freedom=float(dof),
            evaluation="A",
        ),
        BudgetLine(
            name="correction for noise",
            standard_uncertainty=bias_u,
            note=f"{-bias:+.2f} points were added",
        ),
        BudgetLine(name="size and place of the region", standard_uncertainty=place_u),
    )
    interval = Interval(
        low=value - math.hypot(high, place, 1.96 * bias_u),
        high=min(value + math.hypot(low, place, 1.96 * bias_u), 100.0),
    )
    result = finish(
        view,
        "piu",
        "integral_uniformity",
        "%",
        value,
        budget,
        algorithm=ALGORITHM,
        slice_number=UNIFORM_SLICE,
        interval=interval,
        assumptions=(f"{-bias:+.2f} points added for noise",) if abs(bias) >= 0.05 else (),
    )
    return Outcome(measurements=(result,), evidence=(_picture(view, plane, means, value),))


def large_region(view: StackView, plane: SlicePlane) -> NDArray[np.bool_]:
    """Return the pixels of the large region: a disk around the axis without the rail.

    Raises
    ------
    NotMeasurable
        If the image cuts it off.
    """
    x, y = plane.grid_mm
    inside = (np.hypot(x, y) <= REGION_RADIUS_MM) & (_rail_distance(view, x, y) > RAIL_MARGIN_MM)
    expected = math.pi * REGION_RADIUS_MM**2
    area = float(inside.sum()) * plane.pixel_area_mm2
    if area < 0.975 * expected:
        raise NotMeasurable(
            f"the image cuts off the region: {area / 100:.0f} of {expected / 100:.0f} cm²"
        )
    return np.asarray(inside)


def _rail_distance(
    view: StackView, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    rail = view.phantom.shape("rail", Box)
    dx = np.maximum(np.maximum(rail.x_mm[0] - x, x - rail.x_mm[1]), 0)
    dy = np.maximum(y - rail.y_mm[1], 0)
    return np.asarray(np.hypot(dx, dy))


def _disk_means(view: StackView, plane: SlicePlane, inside: NDArray[np.bool_]) -> _Means:
    x, y = plane.grid_mm
    rows = np.flatnonzero(inside.any(axis=1))
    columns = np.flatnonzero(inside.any(axis=0))
    crop = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image = plane.image[crop].astype(np.float64)
    means = _convolve(image, _disk_kernel(plane.pixel_mm))
    fits = np.hypot(x[crop], y[crop]) <= REGION_RADIUS_MM - SMALL_RADIUS_MM
    fits &= _rail_distance(view, x[crop], y[crop]) >= SMALL_RADIUS_MM + RAIL_MARGIN_MM
    row, column = np.nonzero(fits)
    return _Means(means[row, column], column + columns[0], row + rows[0])


def _disk_kernel(pixel_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return weights of the pixels under a 1 cm² disk, by area (16 x 16 points a pixel)."""
    half = [math.ceil(SMALL_RADIUS_MM / size) for size in pixel_mm]
    fine = (np.arange(16) + 0.5) / 16 - 0.5
    axes = [
        (np.arange(-h, h + 1)[:, None] + fine).ravel() * size
        for h, size in zip(half, pixel_mm, strict=True)
    ]
    hit = np.hypot(axes[0][None, :], axes[1][:, None]) <= SMALL_RADIUS_MM
    kernel = hit.reshape(2 * half[1] + 1, 16, 2 * half[0] + 1, 16).mean(axis=(1, 3))
    return np.asarray(kernel / kernel.sum())


def _convolve(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve with a symmetric kernel; only places where the kernel fits are right."""
    shape = tuple(a + b - 1 for a, b in zip(image.shape, kernel.shape, strict=True))
    product = np.fft.rfft2(image, shape) * np.fft.rfft2(kernel, shape)
    full = np.fft.irfft2(product, shape)
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    return np.asarray(full[top : top + image.shape[0], left : left + image.shape[1]])


def _smooth_model(
    plane: SlicePlane,
    means: _Means,
    inside: NDArray[np.bool_],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> tuple[_Means, float, int]:
    """Return smooth 1 cm² means, SD of the noise of one mean, and its degrees of freedom."""
    u, v = x / REGION_RADIUS_MM, y / REGION_RADIUS_MM
    design = _polynomial(u[inside], v[inside])
    values = plane.image[inside].astype(np.float64)
    coefficients = np.linalg.solve(design.T @ design, design.T @ values)
    rest = np.zeros(plane.shape)
    rest[inside] = values - design @ coefficients
    kernel = _disk_kernel(plane.pixel_mm)
    noise = _convolve(rest, kernel)[means.row, means.column]
    smooth = _polynomial(u[means.row, means.column], v[means.row, means.column]) @ coefficients
    independent = int(inside.sum() * plane.pixel_area_mm2 / 100)
    lost = design.shape[1]
    dof = max(independent - lost, 10)
    sd = float(np.sqrt(np.mean(noise**2) * independent / dof))
    return _Means(smooth, means.column, means.row), sd, dof


def _polynomial(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    # products of rows, not powers: raising to a power costs twenty times a multiplication
    of_u = np.vander(u, SMOOTH_DEGREE + 1, increasing=True).T.copy()
    of_v = np.vander(v, SMOOTH_DEGREE + 1, increasing=True).T.copy()
    powers = ((i, j) for i in range(SMOOTH_DEGREE + 1) for j in range(SMOOTH_DEGREE + 1 - i))
    return np.stack([of_u[i] * of_v[j] for i, j in powers]).T


def _redraw(plane: SlicePlane, smooth: _Means, noise_sd: float) -> NDArray[np.float64]:
    """Return PIU of the smooth image with fresh noise of 1 cm² means, many times."""
    pitch = 2.0
    span = int(2 * REGION_RADIUS_MM / pitch) + 8
    kernel = _disk_kernel((pitch, pitch))
    grain = 1 / math.sqrt(float((kernel**2).sum()))
    rng = np.random.default_rng(7)
    x, y = plane.grid_mm
    half = span / 2
    i = np.round(x[smooth.row, smooth.column] / pitch + half).astype(int)
    j = np.round(y[smooth.row, smooth.column] / pitch + half).astype(int)
    i, j = np.clip(i, 0, span - 1), np.clip(j, 0, span - 1)
    shape = (span + kernel.shape[0] - 1, span + kernel.shape[1] - 1)
    white = np.fft.rfft2(rng.standard_normal((DRAWS, span, span)), shape)
    noise = np.fft.irfft2(white * np.fft.rfft2(kernel, shape), shape) * (grain * noise_sd)
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    means = smooth.values + noise[:, top + j, left + i]
    high, low = means.max(axis=1), means.min(axis=1)
    return np.asarray(100 * (1 - (high - low) / (high + low)))


def _piu(values: NDArray[np.float64]) -> float:
    high, low = float(values.max()), float(values.min())
    return 100 * (1 - (high - low) / (high + low))


def _picture(view: StackView, plane: SlicePlane, means: _Means, value: float) -> Evidence:
    x, y = plane.grid_mm
    shapes = [disk(plane, (0.0, 0.0), REGION_RADIUS_MM, "roi", "200 cm²")]
    for index, label in ((int(means.values.argmax()), "high"), (int(means.values.argmin()), "low")):
        row, column = means.row[index], means.column[index]
        center = (float(x[row, column]), float(y[row, column]))
        shapes.append(disk(plane, center, SMALL_RADIUS_MM, "note", label))
    window = window_of(plane.image)
    return Evidence(
        title="Uniformity, slice 7",
        measurements=("piu",),
        series_uid=view.series.header.series_uid,
        slice=UNIFORM_SLICE,
        image=plane.image,
        window=window,
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        caption=f"Brightest and darkest 1 cm² in the large region; PIU {value:.1f} %.",
    )
