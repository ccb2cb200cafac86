"""The wall of the bath in one slice: half-height radii all around, and a local model of them."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.geometry.edges import first_crossing
from qiqa.measure.stack_view import StackView

__all__ = ["Wall", "WallRadius", "find_wall"]

STEP_DEG = 0.5
CLEAN_WINDOW_DEG = 10.0
"""Half width of the arc that a wall point is taken from where nothing hides it."""
REACH_DEG = 30.0
"""How far beyond the hidden arc the wall is used to bridge it."""
NEEDED_AIR_MM = 3.0
MAX_GAP_DEG = 70.0
"""A wider hidden arc is not bridged."""
RAIL_HALF_WIDTH_MM = 9.0
"""The rail at 12 o'clock and the film beside it hide at least this much on either side."""


@dataclasses.dataclass(frozen=True, slots=True)
class WallRadius:
    """Distance of the wall from the axis in one direction [mm]."""

    radius_mm: float
    standard_error_mm: float
    degrees_of_freedom: int
    model_mm: float
    """Uncertainty of the local model, from how well it predicts arcs that are seen."""
    hidden_deg: float
    """Width of the hidden arc that was bridged; 0 where the wall itself was seen."""


@dataclasses.dataclass(frozen=True, eq=False)
class Wall:
    """Wall points of one slice."""

    angle_deg: NDArray[np.float64]
    """(n,) clockwise from phantom +x."""
    radius_mm: NDArray[np.float64]
    """(n,) half-height radius, NaN where none was found."""
    hidden: NDArray[np.bool_]
    """(n,) part of the arc that rail, film or bubble hide, or that stands out of the wall."""
    cut: NDArray[np.bool_]
    """(n,) arc where the wall lies outside the image."""
    base_mm: NDArray[np.float64]
    """(n,) smooth closed curve through the visible wall."""
    blur_mm: float
    """Change of the edge per change of the level by the whole bath [mm]."""

    @property
    def off_center_mm(self) -> float:
        """Distance of the wall's own center from the axis it is measured from."""
        theta = np.deg2rad(self.angle_deg)
        along = np.mean(self.base_mm * np.cos(theta)), np.mean(self.base_mm * np.sin(theta))
        return float(2 * np.hypot(*along))

    def radius(self, angle_deg: float) -> WallRadius:
        """Return the wall's distance in one direction.

        Raises
        ------
        NotMeasurable
            Where too little of the wall is seen around that direction.
        """
        delta = (self.angle_deg - angle_deg + 180) % 360 - 180
        usable = ~self.hidden & np.isfinite(self.radius_mm)
        nearby = np.abs(delta) <= CLEAN_WINDOW_DEG / 2
        if self.cut[nearby].any():
            raise NotMeasurable("the wall lies outside the image there")
        if usable[nearby].mean() > 0.8:
            value, error, dof = _local(delta, self._residual(), usable, CLEAN_WINDOW_DEG, 1)
            offset, gap = value, 0.0
            model = self._window_effect
        else:
            gap = _gap_width(delta, usable)
            reach = gap / 2 + REACH_DEG
            if gap > MAX_GAP_DEG:
                raise NotMeasurable(f"{gap:.0f} degrees of the wall are hidden there")
            value, error, dof = _local(delta, self._residual(), usable, reach, 2)
            offset = value
            model = self._bridge_error(gap)
        base = float(np.interp(angle_deg, self.angle_deg, self.base_mm, period=360))
        return WallRadius(base + offset, error, dof, model, gap)

    def _residual(self) -> NDArray[np.float64]:
        return np.where(np.isfinite(self.radius_mm), self.radius_mm - self.base_mm, 0.0)

    @functools.cached_property
    def _window_effect(self) -> float:
        """RMS difference between a narrow and a wide local model where the wall is seen."""
        return self._compare(lambda delta, use: _local(delta, self._residual(), use, 20.0, 2)[0])

    def _bridge_error(self, gap_deg: float) -> float:
        """RMS error of bridging a gap of that width where the wall is seen."""

        def bridged(delta: NDArray[np.float64], use: NDArray[np.bool_]) -> float:
            seen = use & (np.abs(delta) > gap_deg / 2)
            return _local(delta, self._residual(), seen, gap_deg / 2 + REACH_DEG, 2)[0]

        return self._compare(bridged)

    def _compare(self, model) -> float:  # type: ignore[no-untyped-def]  # noqa: ANN001
        usable = ~self.hidden & np.isfinite(self.radius_mm)
        squares = []
        for center in range(0, 360, 15):
            delta = (self.angle_deg - center + 180) % 360 - 180
            if usable[np.abs(delta) <= 40].mean() < 0.95:
                continue
            near = _local(delta, self._residual(), usable, CLEAN_WINDOW_DEG, 1)[0]
            squares.append((near - model(delta, usable)) ** 2)
        return float(np.sqrt(np.mean(squares))) if squares else 0.3


def _gap_width(delta: NDArray[np.float64], usable: NDArray[np.bool_]) -> float:
    right = delta[usable & (delta > 0)]
    left = delta[usable & (delta < 0)]
    return float((right.min() if right.size else 180) - (left.max() if left.size else -180))


def _local(
    delta: NDArray[np.float64],
    residual: NDArray[np.float64],
    usable: NDArray[np.bool_],
    half_window: float,
    degree: int,
) -> tuple[float, float, int]:
    """Return value, standard error and degrees of freedom of a polynomial at delta 0."""
    near = usable & (np.abs(delta) <= half_window)
    if near.sum() < 12:
        raise NotMeasurable("too little of the wall is seen there")
    design = np.vander(delta[near] / half_window, degree + 1, increasing=True)
    coefficients, _, _, _ = np.linalg.lstsq(design, residual[near], rcond=None)
    rest = residual[near] - design @ coefficients
    # neighboring wall points share pixels: about one independent point a degree (1.7 mm of arc)
    independent = near.sum() * STEP_DEG
    dof = max(int(independent) - degree - 1, 1)
    variance = float(rest @ rest) / near.sum() * independent / dof
    covariance = np.linalg.pinv(design.T @ design) * (near.sum() / independent)
    return float(coefficients[0]), float(np.sqrt(variance * covariance[0, 0])), dof


def find_wall(view: StackView, number: int) -> Wall:
    """Find the wall in one slice.

    The edge lies where the signal, coming from outside, first reaches the middle between air and
    bath. The bath level at the wall comes from a smooth surface through clear bath, so that it
    holds where structures leave no plateau (Parker 1995 style half-height, doi
    10.1118/1.597593; surface extrapolated).
    """
    plane = view.plane(number)
    angle = np.arange(-180, 180, STEP_DEG)
    design_radius = view.phantom.body.inner_diameter_mm / 2
    radius = np.arange(design_radius + 8, design_radius - 12, -0.2)
    direction = np.deg2rad(angle)
    x = np.cos(direction)[:, None] * radius
    y = np.sin(direction)[:, None] * radius
    profile = plane.sample(x, y)
    level = _bath_surface(view, number)
    bath = level(np.cos(direction) * design_radius, np.sin(direction) * design_radius)
    # noise lifts the air of a magnitude image but hardly half the bath: the level ignores the air
    half = bath / 2
    # outside the wall there must be some air to see it against
    cut = ~np.isfinite(profile[:, np.flatnonzero(radius < design_radius + NEEDED_AIR_MM)[0]])
    edge = first_crossing(np.where(np.isfinite(profile), profile, -np.inf), radius, half)
    blur = _blur(profile, radius, edge, bath)
    hidden, base = _visible(angle, edge, design_radius)
    return Wall(angle, edge, hidden, cut, base, blur)


def _blur(
    profile: NDArray[np.float64],
    radius: NDArray[np.float64],
    edge: NDArray[np.float64],
    bath: NDArray[np.float64],
) -> float:
    """Return bath / slope at the edge, median over angles [mm]."""
    slope = np.abs(np.gradient(profile, radius, axis=1))
    rows = np.flatnonzero(np.isfinite(edge))
    if rows.size < 20:
        raise NotMeasurable("the wall is not seen on this slice")
    at = np.abs(radius[None, :] - edge[rows, None]).argmin(axis=1)
    found = bath[rows] / np.maximum(slope[rows, at], 1e-9 * bath[rows])
    return float(np.median(found[np.isfinite(found)]))


def _bath_surface(view: StackView, number: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return a function of x, y [mm]: bath level, a fourth-degree surface through clear bath."""
    plane = view.plane(number)
    x, y = plane.grid_mm
    radius = view.phantom.body.inner_diameter_mm / 2
    clear = view.bath(number, 2.0, radius - 3.5, radius - 22)
    if clear.sum() < 200:
        raise NotMeasurable("too little clear bath near the wall to know its level")
    values = plane.image[clear].astype(np.float64)
    u, v = x[clear] / radius, y[clear] / radius
    keep = np.ones(values.size, dtype=bool)
    coefficients = np.zeros(len(_POWERS), dtype=np.float64)
    for _ in range(3):
        design = _terms(u[keep], v[keep])
        coefficients[:] = np.linalg.solve(design.T @ design, design.T @ values[keep])
        expected = _terms(u, v) @ coefficients
        keep = np.abs(values - expected) < 0.15 * np.abs(expected)
        if keep.sum() < 200:
            raise NotMeasurable("the bath near the wall is too uneven to know its level")

    def level(x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_terms(x_mm / radius, y_mm / radius) @ coefficients)

    return level


_POWERS = tuple((i, j) for i in range(5) for j in range(5 - i))


def _terms(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([u**i * v**j for i, j in _POWERS])


def _visible(
    angle: NDArray[np.float64], edge: NDArray[np.float64], design_radius: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which arc is hidden, and a smooth closed curve through the rest."""
    theta = np.deg2rad(angle)
    rail = np.rad2deg(np.arcsin(RAIL_HALF_WIDTH_MM / design_radius))
    from_top = np.abs((angle + 90 + 180) % 360 - 180)
    hidden = (from_top < rail) | ~np.isfinite(edge)
    base: NDArray[np.float64] = np.full(angle.shape, np.nan)
    for order, tolerance in ((2, 2.5), (2, 1.5), (4, 1.2), (4, 0.8), (4, 0.6)):
        if (~hidden).sum() < 0.3 * angle.size:
            raise NotMeasurable("less than a third of the wall is seen on this slice")
        columns = [np.ones(angle.size)]
        for m in range(1, order + 1):
            columns += [np.cos(m * theta), np.sin(m * theta)]
        design = np.column_stack(columns)
        seen = ~hidden
        base = np.asarray(
            design @ np.linalg.lstsq(design[seen], edge[seen], rcond=None)[0], dtype=np.float64
        )
        stray = ~np.isfinite(edge) | (np.abs(edge - base) > tolerance)
        hidden = (from_top < rail) | _widen(stray, round(2 / STEP_DEG))
    return hidden, base


def _widen(mask: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    result = mask.copy()
    for shift in range(1, n + 1):
        result |= np.roll(mask, shift) | np.roll(mask, -shift)
    return np.asarray(result)
