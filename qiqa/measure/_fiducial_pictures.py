"""Pictures of the distortion: displaced fiducials on three planes, and size against radius."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.evidence import Curve, Evidence, Plot, Shape
from qiqa.measure._fiducial_fit import FiducialFit
from qiqa.measure.pictures import window_of
from qiqa.measure.view import View

__all__ = ["pictures"]

_Array = NDArray[np.float64]

MAGNIFIED = 10.0
PIXEL_MM = 1.0
PLANES = (
    # name, phantom axis to the right, axis downwards and its sign, axis across
    ("y", 0, 2, -1.0, 1),
    ("z", 0, 1, 1.0, 2),
    ("x", 1, 2, -1.0, 0),
)
BARB_PX = 3.0


def pictures(view: View, fit: FiducialFit, names: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Return three planes through the phantom's center, the first with the plot."""
    return tuple(
        _plane(view, fit, names, *plane, plots=(_against_radius(fit),) if at == 0 else ())
        for at, plane in enumerate(PLANES)
    )


def _plane(
    view: View,
    fit: FiducialFit,
    names: tuple[str, ...],
    axis: str,
    right: int,
    down: int,
    sign: float,
    across: int,
    *,
    plots: tuple[Plot, ...],
) -> Evidence:
    places = np.asarray(fit.group.centers_mm)
    reach = float(np.abs(places).max()) + 25.0
    image = _cut(view, right, down, sign, reach)

    def pixel(points: _Array) -> _Array:
        return np.asarray(
            np.stack([points[:, right] + reach, sign * points[:, down] + reach], axis=1) / PIXEL_MM
        )

    here = np.abs(places[:, across]) < 1.0
    # the residual in phantom axes, so that it can be drawn on a plane of the phantom
    moved = np.zeros(places.shape)
    moved[fit.seen] = fit.affine_residual_mm @ fit.axes
    start, end = pixel(places), pixel(places + MAGNIFIED * moved)
    shapes = [_arrow(start[i], end[i]) for i in np.flatnonzero(here & fit.seen)]
    shapes += _marks(start[here & fit.seen], "edge", None)
    shapes += _marks(start[here & fit.in_view & ~fit.seen], "excluded", "not found")
    size = np.linalg.norm(moved, axis=1)
    largest = float(size[here].max())
    return Evidence(
        title=f"Fiducials on the plane {axis} = 0 of the phantom",
        measurements=names,
        series_uid=view.series.header.series_uid,
        image=image,
        window=window_of(image),
        pixel_mm=PIXEL_MM,
        shapes=tuple(shapes),
        plots=plots,
        caption=f"Arrows: what the affine fit leaves, {MAGNIFIED:.0f} times enlarged; the largest "
        f"here is {largest:.2f} mm.",
    )


def _cut(view: View, right: int, down: int, sign: float, reach: float) -> NDArray[np.float32]:
    """Return the signal on a plane through the phantom's center, linear between voxels."""
    from scipy.ndimage import map_coordinates

    n = round(2 * reach / PIXEL_MM) + 1
    at = np.arange(n) * PIXEL_MM - reach
    points = np.zeros((n, n, 3))
    points[..., right] = at[None, :]
    points[..., down] = sign * at[:, None]
    m = view.pose.phantom_to_voxel
    index = np.moveaxis(points @ m[:3, :3].T + m[:3, 3], -1, 0)
    values = map_coordinates(view.series.signal[..., view.volume], index, order=1, cval=0.0)
    return np.asarray(values, dtype=np.float32)


def _arrow(start: _Array, end: _Array) -> Shape:
    along = end - start
    length = float(np.hypot(*along))
    points = [start, end]
    if length > 1e-6:
        back = -along / length * min(BARB_PX, length)
        for turn in (0.5, -0.5):
            c, s = math.cos(turn), math.sin(turn)
            barb = np.array([c * back[0] - s * back[1], s * back[0] + c * back[1]])
            points += [end + barb, end]
    return Shape(kind="line", points=_pairs(np.stack(points)), role="length")


def _marks(points: _Array, role: str, label: str | None) -> list[Shape]:
    if not len(points):
        return []
    return [Shape(kind="points", points=_pairs(points), role=role, label=label)]


def _pairs(points: _Array) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _against_radius(fit: FiducialFit) -> Plot:
    order = np.argsort(fit.radius_mm, kind="stable")

    def curve(residual: _Array, label: str, role: str) -> Curve:
        size = np.linalg.norm(residual, axis=1)[order]
        x, y = (tuple(float(v) for v in values) for values in (fit.radius_mm[order], size))
        return Curve(x=x, y=y, label=label, role=role)

    return Plot(
        x_label="distance from the isocenter [mm]",
        y_label="displacement [mm]",
        curves=(
            curve(fit.rigid_residual_mm, "rigid fit", "left_out"),
            curve(fit.affine_residual_mm, "affine fit", "data"),
        ),
    )
