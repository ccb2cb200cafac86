"""Evidence of the measurements: crops, windows, outlines in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.evidence import Curve, Shape
from qiqa.geometry.plane import SlicePlane

__all__ = ["curve", "disk", "polyline", "window_of"]


def window_of(image: NDArray[np.float32], top: float = 1.15) -> tuple[float, float]:
    """Return the grey window: from 0 to a little above the bath."""
    return (0.0, float(top * np.percentile(image, 90)) or 1.0)


def disk(
    plane: SlicePlane,
    center_mm: tuple[float, float],
    radius_mm: float,
    role: str = "roi",
    label: str | None = None,
) -> Shape:
    """Return a circle given in phantom millimetres."""
    t = np.linspace(0, 2 * np.pi, 73)[:-1]
    points = plane.outline(
        center_mm[0] + radius_mm * np.cos(t), center_mm[1] + radius_mm * np.sin(t)
    )
    return Shape(kind="polygon", points=points, role=role, label=label)


def polyline(
    plane: SlicePlane,
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    role: str,
    *,
    kind: str = "line",
    label: str | None = None,
) -> Shape:
    """Return a line, polygon or points given in phantom millimetres."""
    points = plane.outline(np.asarray(x_mm, dtype=float), np.asarray(y_mm, dtype=float))
    return Shape(kind=kind, points=points, role=role, label=label)


def curve(
    x: NDArray[np.float64], y: NDArray[np.float64], role: str = "data", label: str | None = None
) -> Curve:
    """Return a curve without its non-finite points."""
    keep = np.isfinite(x) & np.isfinite(y)
    return Curve(
        x=tuple(float(v) for v in np.asarray(x)[keep]),
        y=tuple(float(v) for v in np.asarray(y)[keep]),
        role=role,
        label=label,
    )
