"""Where something was measured, in a form that a report can draw without measuring again."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "Evidence", "Marker", "Plot", "Shape"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An outline on an image, in pixels of that image: (column, row), center of first pixel 0, 0.

    `kind` is `polygon` (closed), `line` (open) or `points`. `role` tells the drawing style:
    `roi` (signal was averaged here), `edge` (found border), `length` (measured distance),
    `excluded` (left out), `note`.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    role: str = "roi"
    label: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line in a plot."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str | None = None
    role: str = "data"
    """`data` (dots or thin line), `left_out` (hollow dots), `fit` (line) or `level` (dashed)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A vertical mark in a plot, for instance a found edge."""

    x: float
    label: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A profile or other small plot that belongs to an image."""

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    markers: tuple[Marker, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """One picture: an image, what was drawn on it, and profiles; and which values rest on it."""

    title: str
    measurements: tuple[str, ...]
    """Names of the measurements shown."""
    series_uid: str
    stack: str | None = None
    """Key of the stack (SeriesHeader.key); stacks may share a series UID."""
    slice: int | None = None
    """Slice of the phantom (1 to 11 for ACR), where it has numbered slices."""
    image: NDArray[np.float32] | None = None
    """(rows, columns), first row on top."""
    window: tuple[float, float] | None = None
    """Lowest and highest value shown."""
    pixel_mm: float = 1.0
    shapes: tuple[Shape, ...] = ()
    plots: tuple[Plot, ...] = ()
    caption: str | None = None
