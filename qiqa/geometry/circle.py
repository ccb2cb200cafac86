"""Circles through points, with outliers."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Circle", "fit_circle", "search_circle"]


@dataclasses.dataclass(frozen=True, slots=True)
class Circle:
    """A circle and how well the points lie on it, in the unit of the points."""

    x: float
    y: float
    radius: float
    rms: float
    """RMS distance of the inliers."""
    inliers: NDArray[np.bool_]


def fit_circle(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    tolerance: float,
    start: tuple[float, float, float] | None = None,
) -> Circle | None:
    """Fit a circle by least squares of distances, points beyond `tolerance` left out.

    Parameters
    ----------
    x, y : (n,)
        Points; non-finite ones are left out.
    tolerance
        Largest distance from the circle of a point that counts, in the unit of the points.
    start
        Center and radius to begin with; by default the algebraic fit through all points.

    Returns
    -------
    Circle or None
        None where fewer than ten points support any circle.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    inliers = finite.copy()
    if inliers.sum() < 10:
        return None
    if start is None:
        cx, cy, r = _algebraic(x[inliers], y[inliers])
    else:
        cx, cy, r = start
    for width in (4.0, 2.0, 1.0, 1.0, 1.0, 1.0):
        distance = np.hypot(x - cx, y - cy)
        inliers = finite & (np.abs(distance - r) < width * tolerance)
        if inliers.sum() < 10:
            return None
        for _ in range(3):
            dx, dy = x[inliers] - cx, y[inliers] - cy
            d = np.hypot(dx, dy)
            jacobian = np.column_stack([dx / d, dy / d, np.ones(d.size)])
            step = np.linalg.lstsq(jacobian, d - r, rcond=None)[0]
            cx, cy, r = cx + step[0], cy + step[1], r + step[2]
    distance = np.hypot(x - cx, y - cy) - r
    inliers = finite & (np.abs(distance) < tolerance)
    if inliers.sum() < 10:
        return None
    rms = float(np.sqrt(np.mean(distance[inliers] ** 2)))
    return Circle(float(cx), float(cy), float(r), rms, inliers)


def search_circle(
    x: NDArray[np.float64], y: NDArray[np.float64], tolerance: float, tries: int = 300
) -> Circle | None:
    """Find the circle that most points agree on, however many do not.

    Triples of points are drawn in a fixed sequence, so that the same points give the same circle.
    """
    n = x.size
    if n < 10:
        return None
    rng = np.random.default_rng(20221019)
    triples = rng.integers(0, n, (tries, 3))
    best, best_score = None, 0
    for a, b, c in triples:
        circle = _through(x[[a, b, c]], y[[a, b, c]])
        if circle is None:
            continue
        close = np.abs(np.hypot(x - circle[0], y - circle[1]) - circle[2]) < tolerance
        score = int(close.sum())
        if score > best_score:
            best, best_score = circle, score
    return None if best is None else fit_circle(x, y, tolerance, best)


def _algebraic(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    a = np.column_stack([x, y, np.ones(x.size)])
    p, q, s = np.linalg.lstsq(a, x**2 + y**2, rcond=None)[0]
    return float(p / 2), float(q / 2), float(np.sqrt(max(s + (p**2 + q**2) / 4, 0.0)))


def _through(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float] | None:
    a = np.array([[x[1] - x[0], y[1] - y[0]], [x[2] - x[0], y[2] - y[0]]])
    if abs(np.linalg.det(a)) < 1e-6:
        return None
    b = np.array([(x[i] ** 2 - x[0] ** 2 + y[i] ** 2 - y[0] ** 2) / 2 for i in (1, 2)])
    cx, cy = np.linalg.solve(a, b)
    return float(cx), float(cy), float(np.hypot(x[0] - cx, y[0] - cy))
