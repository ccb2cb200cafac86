"""Artifact screen: spikes, lines, offsets, ghosts, fold-over, bubbles and clipped pixels.

It yields findings and pictures, no values. All thresholds are set on simulated exams, where they
keep quiet on clean images; they are meant to catch what a person would call an artifact.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence
from qiqa.core.finding import Finding, Severity
from qiqa.measure._bubble import bubble
from qiqa.measure._lines import center_point, lines
from qiqa.measure._scene import Scene, Seen
from qiqa.measure._spikes import spikes
from qiqa.measure.ghosting import AirStrip, air_strips
from qiqa.measure.outcome import Outcome
from qiqa.measure.stack_view import UNIFORM_SLICE, StackView

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "axial_stack"
ALGORITHM = "artifacts/1"
NAMES: tuple[tuple[str, str, str, int | None], ...] = ()
"""No measurements: findings only."""

GHOST_PERCENT = 0.5
"""Signed ghost ratio that is worth a remark: a sixth of the 3 % that the ACR allows..."""
GHOST_WARNING_PERCENT = 1.5
"""...and worth a warning: half of it."""
GHOST_SIGMAS = 4.0
GHOST_BLOCKS = 8
FLOOR_VARIATION = 0.1
"""Relative: the noise floor itself differs between the sides of the field of view."""
FOLDED = 0.15
"""Signal in air at the border, over the bath, that is an object and not a ghost."""
FOLDED_MM2 = 60.0
"""Least area of it: a zipper covers one or two columns, not a patch."""
FOLDED_DEPTH_MM = 15.0
"""How far from the border fold-over is looked for."""
MIN_CLIPPED = 3
"""Pixels at the top of one slice: scanners that scale to the top reach it with one pixel."""
BITS = (10, 12, 14, 15, 16)
"""Widths of converters and formats: their largest values are tops even in wider pixels."""


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Screen one stack for artifacts; findings and pictures only where something was seen."""
    scene = Scene(view)
    if not scene.numbers or not scene.bath > 0:
        raise NotMeasurable("the stack shows no bath")
    seen = [
        item
        for item in (
            spikes(scene),
            *lines(scene),
            center_point(scene),
            _ghost(scene),
            _wrap(scene),
            bubble(scene),
            _clipped(scene),
        )
        if item is not None
    ]
    return Outcome(
        findings=tuple(_finding(view, item) for item in seen),
        evidence=tuple(item.evidence for item in seen if item.evidence is not None),
    )


def _finding(view: StackView, item: Seen) -> Finding:
    header = view.series.header
    return Finding(
        code=item.code,
        severity=item.severity,
        message=item.message,
        where=header.description or view.role,
        hint=item.hint,
        series_uid=header.series_uid,
    )


def _ghost(scene: Scene) -> Seen | None:
    """Say along which axis signal lies in air, where it clearly exceeds the noise."""
    if UNIFORM_SLICE not in scene.numbers:
        return None
    plane = scene.plane(UNIFORM_SLICE)
    try:
        strips = {strip.side: strip for strip in air_strips(scene.view, plane)}
    except NotMeasurable:
        return None  # the ghosting test says so, with the reason
    found = {side: _strip_mean(plane.image, strip) for side, strip in strips.items()}
    scale = 50 / scene.bath
    vertical = found["top"][0] + found["bottom"][0]
    horizontal = found["left"][0] + found["right"][0]
    signed = scale * (vertical - horizontal)
    noise = scale * math.sqrt(sum(error**2 for _, error in found.values()))
    floor = scale * FLOOR_VARIATION * min(vertical, horizontal)
    if abs(signed) < max(GHOST_PERCENT, GHOST_SIGMAS * noise, 2 * floor):
        return None
    along = signed > 0
    header = scene.view.series.header.acquisition
    axis = scene.stored_axis(along)
    expected = header.phase_encode_direction in (None, axis)
    hint = (
        "instability or motion between phase encoding steps: check that the phantom rests, "
        "then repeat; if it stays, call service"
        if expected
        else "ghosts lie along phase encoding: check its direction in the protocol and the "
        "export; if it is right, look for signal from outside the field of view"
    )
    caption = f"Signal in air {scene.encoding_words(along)}; white is 6 % of the bath."
    return Seen(
        code="artifact_ghost",
        severity=(Severity.WARNING if abs(signed) >= GHOST_WARNING_PERCENT else Severity.INFO),
        message=f"ghost {scene.encoding_words(along)}: air there is {2 * abs(signed):.1f} % of "
        f"the bath brighter (both sides together), signed ghost ratio {signed:+.2f} %, slice 7",
        hint=hint,
        evidence=scene.picture("Ghost, slice 7", UNIFORM_SLICE, (0.0, 0.06), caption),
    )


def _strip_mean(image: NDArray[np.float32], strip: AirStrip) -> tuple[float, float]:
    """Return mean and its standard error, from blocks along the strip."""
    values = image[strip.r0 : strip.r1, strip.c0 : strip.c1].astype(np.float64)
    along = 1 if strip.side in ("top", "bottom") else 0
    means = [block.mean() for block in np.array_split(values, GHOST_BLOCKS, axis=along)]
    return float(values.mean()), float(np.std(means, ddof=1) / math.sqrt(GHOST_BLOCKS))


def _wrap(scene: Scene) -> Seen | None:
    """Look for a phantom that leaves the image, and for what folds over at its border."""
    gaps = _gaps(scene)
    cut = {side: gap for side, gap in gaps.items() if gap < 0}
    folded = _folded(scene)
    if not cut and not folded:
        return None
    parts = []
    if cut:
        sides = ", ".join(f"{side} by {-gap:.0f} mm" for side, gap in cut.items())
        parts.append(f"the phantom reaches beyond the image ({sides})")
    if folded:
        sides = ", ".join(f"{side} {area / 100:.1f} cm²" for side, area in folded.items())
        parts.append(f"bright signal in air at the border of slice {scene.reference} ({sides})")
    vertical = bool({"top", "bottom"} & (cut.keys() | folded.keys()))
    picture = scene.picture(
        f"Fold-over or cut, slice {scene.reference}",
        scene.reference,
        (0.0, 0.6),
        "Window set to see signal in air.",
    )
    return Seen(
        code="artifact_wrap",
        severity=Severity.WARNING,
        message=f"{' and '.join(parts)}, {scene.encoding_words(vertical)}",
        hint="center the phantom, widen the field of view or switch on phase oversampling; take "
        "other objects out of the coil",
        evidence=picture,
    )


def _gaps(scene: Scene) -> dict[str, float]:
    """Return the air between wall and border on each side [mm], the least of all slices."""
    rows, columns = scene.used
    gaps = {"top": math.inf, "bottom": math.inf, "left": math.inf, "right": math.inf}
    radius = scene.view.phantom.body.inner_diameter_mm / 2
    for number in scene.numbers:
        plane = scene.plane(number)
        (cx, cy), (sx, sy) = plane.origin, plane.pixel_mm
        here = {
            "top": (cy - rows.start + 0.5) * sy,
            "bottom": (rows.stop - 0.5 - cy) * sy,
            "left": (cx - columns.start + 0.5) * sx,
            "right": (columns.stop - 0.5 - cx) * sx,
        }
        gaps = {side: min(gap, here[side] - radius) for side, gap in gaps.items()}
    return gaps


def _folded(scene: Scene) -> dict[str, float]:
    """Return the area [mm²] of bright air at each border, where it is more than a line."""
    from scipy.ndimage import uniform_filter

    plane = scene.plane(scene.reference)
    smooth = uniform_filter(plane.image, 3)
    bright = (smooth > FOLDED * scene.bath) & scene.air
    rows, columns = scene.used
    depth = [math.ceil(FOLDED_DEPTH_MM / size) for size in plane.pixel_mm]
    bands = {
        "top": np.s_[rows.start : rows.start + depth[1], columns],
        "bottom": np.s_[max(rows.stop - depth[1], 0) : rows.stop, columns],
        "left": np.s_[rows, columns.start : columns.start + depth[0]],
        "right": np.s_[rows, max(columns.stop - depth[0], 0) : columns.stop],
    }
    areas = {side: float(bright[band].sum()) * plane.pixel_area_mm2 for side, band in bands.items()}
    return {side: area for side, area in areas.items() if area >= FOLDED_MM2}


def _clipped(scene: Scene) -> Seen | None:
    """Count pixels at the top of what the converter or the stored format can hold."""
    series = scene.view.series
    counts: dict[int, int] = {}
    top = float(scene.stack.max())
    if not _is_top(top, series.stored_range, series.quantization):
        return None
    for number, image in zip(scene.numbers, scene.stack, strict=True):
        n = int((image == top).sum())
        if n >= MIN_CLIPPED:
            counts[number] = n
    if not counts:
        return None
    worst = max(counts, key=lambda number: counts[number])
    places = ", ".join(f"slice {number}: {n} pixels" for number, n in counts.items())
    return Seen(
        code="clipped_pixels",
        severity=Severity.WARNING,
        message=f"pixels are cut off at the largest value, {top:g} ({places})",
        hint="lower the scale of the stored images (or the receiver gain); where the bath is cut "
        "off, uniformity and signal to noise read too well",
        evidence=_clipped_picture(scene, worst, top),
    )


def _is_top(value: float, stored_range: tuple[float, float] | None, step: float) -> bool:
    """Say whether a value is the largest of its format, or of a converter of fewer bits."""
    if stored_range is not None and abs(value - stored_range[1]) < step / 2:
        return True
    if step <= 0:
        return False  # floating-point pixels have no top
    stored = value / step
    return any(abs(stored - (2**bits - 1)) < 0.5 for bits in BITS)


def _clipped_picture(scene: Scene, number: int, top: float) -> Evidence:
    from qiqa.core.evidence import Shape

    picture = scene.picture(
        f"Clipped pixels, slice {number}", number, (0.0, 1.5), "Points mark pixels at the top."
    )
    rows, columns = np.nonzero(scene.plane(number).image == top)
    points = tuple((float(c), float(r)) for c, r in zip(columns[:400], rows[:400], strict=True))
    return dataclasses.replace(picture, shapes=(Shape(kind="points", points=points, role="note"),))
