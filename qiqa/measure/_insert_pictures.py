"""Pictures of inserts: the disks that were read, and departures from certified values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qiqa.core.evidence import Curve, Evidence, Plot, Shape
from qiqa.core.measurement import Measurement
from qiqa.core.pose import InsertPosition
from qiqa.measure._insert_roi import InsertRoi
from qiqa.measure.insert_view import InsertView

__all__ = ["pictures"]

_BORDER_MM = 25.0
"""What is shown around the outermost inserts."""

_Found = Sequence[tuple[InsertPosition, InsertRoi]]


def pictures(
    view: InsertView, rois: _Found, measured: Sequence[Measurement]
) -> tuple[Evidence, ...]:
    """Return one picture a slice that was read: brightest volume, disks, departures."""
    found = []
    for k in sorted({roi.slices[len(roi.slices) // 2] for _, roi in rois}):
        here = [(insert, roi) for insert, roi in rois if k in roi.slices]
        found.append(_picture(view, k, here, measured))
    return tuple(found)


def _picture(view: InsertView, k: int, here: _Found, measured: Sequence[Measurement]) -> Evidence:
    signal, sizes = view.series.signal, view.series.header.voxel_size_mm
    brightness = [float(signal[:, :, k, n].mean()) for n in range(signal.shape[3])]
    image = signal[:, :, k, int(np.argmax(brightness))]
    low = [0, 0]
    high = list(image.shape)
    for axis in (0, 1):
        ends = [end for _, roi in here for end in _ends(roi, axis)]
        border = (view.group(here[0][0]).outer_diameter_mm / 2 + _BORDER_MM) / sizes[axis]
        low[axis] = max(int(min(ends) - border), 0)
        high[axis] = min(int(max(ends) + border) + 1, image.shape[axis])
    cut = np.ascontiguousarray(image[low[0] : high[0], low[1] : high[1]].T)
    labels = {insert.label for insert, _ in here}
    plot = _departures([m for m in measured if m.insert in labels])
    return Evidence(
        title=" and ".join(dict.fromkeys(view.group(insert).title for insert, _ in here)),
        measurements=tuple(f"{view.quantity}_{insert.label}" for insert, _ in here),
        series_uid=view.series.header.series_uid,
        stack=view.series.header.key,
        image=cut,
        window=(0.0, float(np.percentile(cut, 99.5)) or 1.0),
        pixel_mm=sizes[0],
        shapes=tuple(_outline(insert, roi, k, sizes, low) for insert, roi in here),
        plots=() if plot is None else (plot,),
        caption=f"slice {k + 1}, cut to the inserts; values are read inside the lines",
    )


def _ends(roi: InsertRoi, axis: int) -> tuple[float, float]:
    """Return from where to where the inserts' own part of a picture reaches."""
    if roi.solid:
        return float(roi.index[axis].min()), float(roi.index[axis].max())
    return roi.center[axis], roi.center[axis]


def _outline(
    insert: InsertPosition,
    roi: InsertRoi,
    k: int,
    sizes: tuple[float, float, float],
    low: list[int],
) -> Shape:
    if roi.solid:
        points = _around_voxels(roi, k, low)
    else:
        t = np.linspace(0, 2 * np.pi, 49)[:-1]
        x = roi.center[0] - low[0] + roi.radius_mm / sizes[0] * np.cos(t)
        y = roi.center[1] - low[1] + roi.radius_mm / sizes[1] * np.sin(t)
        points = tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))
    return Shape(
        kind="polygon",
        points=points,
        role="roi",
        label=insert.label.removeprefix(insert.group).removeprefix("-"),
    )


def _around_voxels(roi: InsertRoi, k: int, low: list[int]) -> tuple[tuple[float, float], ...]:
    """Return a line around the voxels in one slice; inside of a sphere or tube has no dents."""
    i, j = (axis[roi.index[2] == k] for axis in roi.index[:2])
    left: list[tuple[float, float]] = []
    right: list[tuple[float, float]] = []
    for row in np.unique(j):
        ends = float(i[j == row].min() - low[0]), float(i[j == row].max() - low[0])
        for edge in (float(row - low[1]) - 0.5, float(row - low[1]) + 0.5):
            left.append((ends[0] - 0.5, edge))
            right.append((ends[1] + 0.5, edge))
    return (*left, *reversed(right))


def _departures(measured: Sequence[Measurement]) -> Plot | None:
    """Return departure from the certified value over that value, with 95 % intervals."""
    good = [
        m
        for m in measured
        if m.measured and m.reference is not None and math.isfinite(m.standard_uncertainty)
    ]
    if len(good) < 2:
        return None
    x, y, bars = [], [], []
    factor, unit = (1e6, "µm²/s") if good[0].unit == "mm²/s" else (1.0, good[0].unit)
    for m in sorted(good, key=lambda m: m.reference.value if m.reference else 0.0):
        assert m.reference is not None  # noqa: S101 - only those are kept
        at, value = m.reference.value, m.value
        x.append(math.log10(at * factor))
        y.append(100 * (value / at - 1))
        half = 196 * math.hypot(m.standard_uncertainty, _finite(m.reference.standard_uncertainty))
        bars.append(Curve(x=(x[-1], x[-1]), y=(y[-1] - half / at, y[-1] + half / at), role="fit"))
    zero = Curve(x=(x[0], x[-1]), y=(0.0, 0.0), label="certified", role="level")
    points = Curve(x=tuple(x), y=tuple(y), label="measured, 95 %", role="data")
    return Plot(
        x_label=f"certified, log10 [{unit}]",
        y_label="departure [%]",
        curves=(zero, *bars, points),
    )


def _finite(u: float) -> float:
    return u if math.isfinite(u) else 0.0
