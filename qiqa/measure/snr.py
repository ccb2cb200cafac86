"""Signal to noise on slice 7: three measurands that never share a chart."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence, Shape
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish, not_measured
from qiqa.measure.pictures import disk, window_of
from qiqa.measure.stack_view import UNIFORM_SLICE, StackView
from qiqa.metrology.noise import chi_coils, chi_mean_factor, chi_sd_factor

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "axial_stack"
ALGORITHM = "snr/1"
NAMES = (
    ("snr_background", "snr_background", "1", UNIFORM_SLICE),
    ("snr_local", "snr_local", "1", UNIFORM_SLICE),
)
PAIR_NAME = ("snr_nema_method1", "snr_nema_method1", "1", UNIFORM_SLICE)
REGION_RADIUS_MM = 95.0 * math.sqrt(0.75)
"""NEMA MS 1: at least 75 % of the area of the image of the object."""
MAX_MOVED_MM = 0.5
"""A phantom that moved by more is not the same image twice; poses repeat within 0.1 mm."""
CORNER_MM = 18.0
RINGING = 0.002
"""SD of truncation ringing in the middle of the bath, over its signal."""
MAX_ZEROS = 0.02
MAX_LOCAL_RATIO = 2.0
"""Noise in the phantom over noise in air above which air is no measure of it."""
MIN_MEAN_STEPS = 1.5
"""Background mean in stored steps below which rounding, not noise, makes the spread."""


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:
    """Measure SNR in the bath of slice 7: from the corners, locally, and from a pair."""
    plane = view.plane(UNIFORM_SLICE)
    region = _region(plane)
    signal = float(plane.image[region].mean())
    results: list[Measurement] = []
    pictures: list[Evidence] = []
    try:
        measurement, evidence = _background(view, plane, signal)
        results.append(measurement)
        pictures.append(evidence)
    except NotMeasurable as reason:
        name, quantity, unit, number = NAMES[0]
        results.append(not_measured(view, name, quantity, unit, reason.message, number))
    results.append(_local(view, signal))
    second = _second_image(view, siblings)
    if second is not None:
        results.append(_pair(view, plane, second, region))
    return Outcome(measurements=tuple(results), evidence=tuple(pictures))


def _region(plane: SlicePlane) -> NDArray[np.bool_]:
    x, y = plane.grid_mm
    region = np.hypot(x, y) <= REGION_RADIUS_MM
    region &= ~((np.abs(x) < 9) & (y < -75))
    if region.sum() * plane.pixel_area_mm2 < 0.9 * math.pi * REGION_RADIUS_MM**2:
        raise NotMeasurable("the image cuts off the region of 75 % of the phantom")
    return np.asarray(region)


def _local(view: StackView, signal: float) -> Measurement:
    """SNR from the spread inside small blocks after removing smooth shading."""
    name, quantity, unit, number = NAMES[1]
    try:
        sd, dof = view.noise
    except NotMeasurable as reason:
        return not_measured(view, name, quantity, unit, reason.message, number)
    value = signal / sd
    budget = (
        BudgetLine(
            name="noise in blocks",
            standard_uncertainty=value / math.sqrt(2 * dof),
            degrees_of_freedom=float(dof),
            evaluation="A",
        ),
        BudgetLine(
            name="structure in the bath",
            standard_uncertainty=_structure(value) * value,
            note="ringing and texture count as noise",
        ),
    )
    return finish(
        view, name, quantity, unit, value, budget, algorithm=ALGORITHM, slice_number=number
    )


def _structure(snr: float) -> float:
    """Return the relative uncertainty by what the bath holds besides noise.

    Ringing of about 0.2 % of the signal adds to the noise in squares: little at SNR 50, a tenth at
    SNR 250, and beyond that it is what the value shows.
    """
    return min(0.02 + (RINGING * snr) ** 2 / 2, 0.3)


def _background(view: StackView, plane: SlicePlane, signal: float) -> tuple[Measurement, Evidence]:
    """SNR from the corners, where their spread is that of magnitude noise."""
    normalization = view.series.header.acquisition.reconstruction.intensity_normalization
    if normalization not in (None, "none"):
        raise NotMeasurable(
            f"the images were normalized ({normalization}): noise in the corners is not that in "
            "the phantom"
        )
    corners = _corners(view, plane)
    values = [plane.image[r0:r1, c0:c1].astype(np.float64).ravel() for r0, r1, c0, c1 in corners]
    pooled = np.concatenate(values)
    zeros = float((pooled == 0).mean())
    step = view.series.quantization
    if zeros > 0.5 or zeros > MAX_ZEROS + _zeros_by_rounding(pooled, step):
        raise NotMeasurable(
            f"{100 * zeros:.0f} % of the background is exactly zero: the scanner masks or "
            "subtracts it, so its spread is not the noise"
        )
    if pooled.mean() < MIN_MEAN_STEPS * step:
        raise NotMeasurable("the background is only a step or two of the stored numbers high")
    sds = [math.sqrt(max(v.var(ddof=1) - step**2 / 12, 0.0)) for v in values]
    sd = math.sqrt(float(np.mean(np.square(sds))))
    coils = chi_coils(float(pooled.mean()) / sd) if sd > 0 else None
    if coils is None or coils > 40:
        raise NotMeasurable(
            f"mean over SD of the background is {pooled.mean() / max(sd, 1e-30):.2f}: not that of "
            "magnitude noise (1.91 for one coil, more for several)"
        )
    sigma = sd / chi_sd_factor(coils)
    value = signal / sigma
    if view.noise[0] > MAX_LOCAL_RATIO * sigma:
        raise NotMeasurable(
            f"the spread in the phantom is {view.noise[0] / sigma:.1f} times what the background "
            "says: the background is not the noise of the signal"
        )
    budget = _background_budget(value, pooled, sds, sigma, coils)
    name, quantity, unit, number = NAMES[0]
    notes = (f"background as of {coils:.1f} coils summed by squares",)
    result = finish(
        view,
        name,
        quantity,
        unit,
        value,
        budget,
        algorithm=ALGORITHM,
        slice_number=number,
        assumptions=notes,
    )
    return result, _picture(view, plane, corners, signal, value)


def _background_budget(
    value: float, pooled: NDArray[np.float64], sds: list[float], sigma: float, coils: float
) -> tuple[BudgetLine, ...]:
    sd = sigma * chi_sd_factor(coils)
    spread = float(np.std(sds, ddof=1)) / sd / 2
    by_mean = pooled.mean() / chi_mean_factor(max(round(coils), 1))
    return (
        BudgetLine(
            name="spread in the corners",
            standard_uncertainty=value / math.sqrt(2 * pooled.size / 2),
            degrees_of_freedom=pooled.size / 2,
            evaluation="A",
        ),
        BudgetLine(
            name="corners differ",
            standard_uncertainty=value * spread,
            degrees_of_freedom=3.0,
            evaluation="A",
        ),
        BudgetLine(
            name="noise model",
            standard_uncertainty=value * min(abs(by_mean / sigma - 1), 0.5) / math.sqrt(3),
            note=f"mean / SD {pooled.mean() / sd:.2f} taken as {coils:.1f} independent coils",
        ),
    )


def _zeros_by_rounding(values: NDArray[np.float64], step: float) -> float:
    """Return the share of zeros that Rayleigh noise of this size rounds to."""
    power = float(np.mean(values**2)) / 2
    return 1.0 if power == 0 else 1 - math.exp(-((step / 2) ** 2) / (2 * power))


def _corners(view: StackView, plane: SlicePlane) -> list[tuple[int, int, int, int]]:
    """Return four squares (r0, r1, c0, c1) in the corners, clear of phantom and border."""
    rows, columns = plane.shape
    margin = max(min(rows, columns) // 32, 2)
    top, bottom, left, right = (n + margin for n in view.zero_border)
    nc, nr = (round(CORNER_MM / size) for size in plane.pixel_mm)
    boxes = []
    for r0 in (top, rows - bottom - nr):
        for c0 in (left, columns - right - nc):
            inner = (r0 + nr if r0 == top else r0, c0 + nc if c0 == left else c0)
            dx = (inner[1] - plane.origin[0]) * plane.pixel_mm[0]
            dy = (inner[0] - plane.origin[1]) * plane.pixel_mm[1]
            if math.hypot(dx, dy) < view.phantom.body.inner_diameter_mm / 2 + 6:
                raise NotMeasurable("the corners of the image hold too little air")
            boxes.append((r0, r0 + nr, c0, c0 + nc))
    return boxes


def _second_image(
    view: StackView, siblings: tuple[StackView, ...]
) -> SlicePlane | Measurement | None:
    """Return slice 7 of an identical acquisition, why it cannot be used, or None without one."""
    if view.series.header.encoding.name == "repeat" and view.series.header.shape[3] > 1:
        again = dataclasses.replace(view, volume=0 if view.volume else 1)
        return again.plane(UNIFORM_SLICE)
    partner = _partner(view, siblings)
    if partner is None:
        return None
    ends = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 100.0, 1.0], [80.0, 0.0, 50.0, 1.0]]).T
    apart = (partner.pose.phantom_to_voxel - view.pose.phantom_to_voxel) @ ends
    size = np.array(view.series.header.voxel_size_mm)[:, None]
    moved = float(np.linalg.norm(apart[:3] * size, axis=0).max())
    if moved > MAX_MOVED_MM:
        name, quantity, unit, number = PAIR_NAME
        reason = f"the phantom moved by {moved:.1f} mm between the two acquisitions"
        return not_measured(view, name, quantity, unit, reason, number)
    return partner.plane(UNIFORM_SLICE)


def _partner(view: StackView, siblings: tuple[StackView, ...]) -> StackView | None:
    """Return the repeat of this series that comes after it, if the exam has one."""
    mine = view.series.header
    for other in siblings:
        theirs = other.series.header
        same = (
            other is not view
            and other.role == view.role
            and theirs.shape[:3] == mine.shape[:3]
            and theirs.acquisition.tr_ms == mine.acquisition.tr_ms
            and theirs.acquisition.te_ms == mine.acquisition.te_ms
            and np.allclose(theirs.affine, mine.affine, atol=0.05)
            and other.pose.slice_numbers == view.pose.slice_numbers
        )
        if same and theirs.key > mine.key:
            return other
    return None


def _pair(
    view: StackView,
    plane: SlicePlane,
    second: SlicePlane | Measurement,
    region: NDArray[np.bool_],
) -> Measurement:
    """NEMA MS 1 method 1: sqrt(2) S / SD of the difference of two identical acquisitions."""
    if isinstance(second, Measurement):
        return second
    name, quantity, unit, number = PAIR_NAME
    first_values = plane.image[region].astype(np.float64)
    difference = first_values - second.image[region]
    sd = float(difference.std(ddof=1))
    if not sd > 0:
        return not_measured(view, name, quantity, unit, "the two images are identical", number)
    signal = float((first_values.mean() + second.image[region].mean()) / 2)
    value = math.sqrt(2) * signal / sd
    shift = abs(float(difference.mean())) / signal
    budget = (
        BudgetLine(
            name="spread of the difference",
            standard_uncertainty=value / math.sqrt(2 * difference.size),
            degrees_of_freedom=float(difference.size),
            evaluation="A",
        ),
        BudgetLine(
            name="change between the acquisitions",
            standard_uncertainty=value * shift,
            note="mean signal differs by this share",
        ),
    )
    return finish(
        view, name, quantity, unit, value, budget, algorithm=ALGORITHM, slice_number=number
    )


def _picture(
    view: StackView,
    plane: SlicePlane,
    corners: list[tuple[int, int, int, int]],
    signal: float,
    value: float,
) -> Evidence:
    shapes = [disk(plane, (0.0, 0.0), REGION_RADIUS_MM, "roi")]
    for r0, r1, c0, c1 in corners:
        box = (
            (c0 - 0.5, r0 - 0.5),
            (c1 - 0.5, r0 - 0.5),
            (c1 - 0.5, r1 - 0.5),
            (c0 - 0.5, r1 - 0.5),
        )
        shapes.append(Shape(kind="polygon", points=box, role="roi"))
    return Evidence(
        title="Signal to noise, slice 7",
        measurements=("snr_background", "snr_local"),
        series_uid=view.series.header.series_uid,
        slice=UNIFORM_SLICE,
        image=plane.image,
        window=(0.0, min(window_of(plane.image)[1], 20 * signal / value)),
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        caption="Signal inside the circle, noise in the corners; window set to the noise.",
    )
