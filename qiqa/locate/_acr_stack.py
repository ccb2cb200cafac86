"""The pose of a stack of slices through an ACR phantom."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import Bars, Box, CylinderPhantom
from qiqa.core.errors import LocateError
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.series import Series
from qiqa.geometry.bars import bar_end
from qiqa.geometry.boxes import box_edge
from qiqa.geometry.plane import SlicePlane
from qiqa.geometry.views import plane_at
from qiqa.locate._hint import positioning_hint
from qiqa.locate._outline import Outline, body_outline
from qiqa.locate._template import Match, match_slices, polar_slices, variant_scores

__all__ = ["locate_stack"]

MIN_SCORE = 0.5
"""Agreement below this is no match: real series reach 0.7 to 0.95, other objects stay below 0.4."""
DIAMETER_TOLERANCE_MM = 8.0
"""Farther from the design diameter it is another phantom, not a badly calibrated gradient."""
MIN_SHARE = 0.5
LEAST_MARGIN = 0.02
"""Explanations whose scores differ by less are equally good."""


def locate_stack(series: Series, phantom: CylinderPhantom, override: Override) -> PhantomPose:
    """Find the phantom in a stack of slices across its axis.

    Raises
    ------
    LocateError
        If the outline is no circle of the right size, or the inserts do not match.
    """
    size = series.header.voxel_size_mm
    stack = series.signal[:, :, :, 0]
    outline = body_outline(stack, size[:2])
    centers = _axis_line(outline, series, phantom)
    if override.center_px is not None:
        shift = np.array(override.center_px) * size[:2] - centers[0]
        centers = centers + shift
    polar = polar_slices(stack, size[:2], centers)
    positions = np.array(series.header.slice_positions_mm)
    trust = bool(override.given)
    found = match_slices(polar, positions, phantom, trust_user=trust)
    matches = [m for m in found if _allowed(m, override)]
    if not matches or (matches[0].score < MIN_SCORE and not override.given):
        seen = f"best agreement {matches[0].score:.2f}, needs {MIN_SCORE}" if matches else "none"
        raise LocateError(
            f"a round object of the right size, but its inserts do not match ({seen})"
        )
    best = matches[0]
    scores = variant_scores(polar, best, phantom)
    variant = max(scores, key=lambda name: scores[name])
    if len(scores) > 1 and scores[variant] - min(scores.values()) < LEAST_MARGIN:
        variant = None  # the slices that tell variants apart are not there
    best = dataclasses.replace(best, variant=variant)
    return _Refiner(series, phantom, override, outline, centers, best, scores, matches).pose()


def _allowed(match: Match, override: Override) -> bool:
    if override.reversed_order is not None and match.reversed_order != override.reversed_order:
        return False
    if override.first_slice is None:
        return True
    index = override.first_slice - 1
    return 0 <= index < len(match.numbers) and match.numbers[index] == 1


def _axis_line(outline: Outline, series: Series, phantom: CylinderPhantom) -> NDArray[np.float64]:
    """Return the axis in every slice (k, 2) [mm]: a straight line through the circle centers."""
    found = outline.radii_mm[np.isfinite(outline.radii_mm)]
    diameter = 2 * float(np.median(found)) if found.size else math.nan
    design = phantom.body.inner_diameter_mm
    if outline.share < MIN_SHARE or not math.isfinite(diameter):
        raise LocateError(
            f"the outline is not round: {100 * outline.share:.0f} % of it lies on a circle, "
            f"at least {100 * MIN_SHARE:.0f} % must"
        )
    if abs(diameter - design) > DIAMETER_TOLERANCE_MM:
        raise LocateError(f"the outline is a circle of {diameter:.1f} mm, not of {design:.0f} mm")
    z = np.array(series.header.slice_positions_mm)
    good = np.asarray(np.isfinite(outline.centers_mm).all(axis=1))
    if good.sum() < max(2, 0.5 * good.size) and good.size > 1:
        raise LocateError(f"a wall was found on {good.sum()} of {good.size} slices only")
    line = np.empty((z.size, 2))
    for axis in (0, 1):
        line[:, axis] = _robust_line(z, outline.centers_mm[:, axis], good)
    return line


def _robust_line(
    z: NDArray[np.float64], values: NDArray[np.float64], good: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Fit a straight line, slices that stray by more than 0.5 mm left out."""
    keep = good.copy()
    fitted = np.full(z.shape, np.median(values[good]))
    for _ in range(4):
        if keep.sum() < 3:
            break
        slope, start = np.polyfit(z[keep], values[keep], 1)
        fitted = start + slope * z
        spread = max(0.5, 2.5 * float(np.median(np.abs(values[keep] - fitted[keep]))))
        keep = good & (np.abs(values - fitted) < spread)
    return fitted


@dataclasses.dataclass(eq=False)
class _Refiner:
    """From the best match to a pose: turn by the ramp box, place along the axis by the wedges."""

    series: Series
    phantom: CylinderPhantom
    override: Override
    outline: Outline
    centers_mm: NDArray[np.float64]
    match: Match
    variant_scores: dict[str | None, float]
    matches: list[Match]

    def pose(self) -> PhantomPose:
        angle = self.match.angle_deg
        evidence = [self._match_words()]
        if self.override.angle_deg is not None:
            angle = self.override.angle_deg
        else:
            for _ in range(3):
                correction, n = self._ramp_box_turn(self._to_voxel(angle, 0.0, 0.0))
                if n == 0:
                    break
                # in a mirrored frame a turn of the box counts the other way round
                angle += -correction if self.match.mirrored else correction
            words = (
                f"turn from the long edges of the ramp box on {n} slices"
                if n
                else "turn from the template only"
            )
            evidence.append(words)
        angle = (angle + 180) % 360 - 180
        first, last, words = self._displacements(self._to_voxel(angle, 0.0, 0.0), angle)
        evidence.append(words)
        to_voxel = self._to_voxel(angle, first, last)
        runner_up = self._runner_up()
        tilt = self._tilt(angle)
        pose = PhantomPose(
            phantom_id=self.phantom.id,
            variant=self.match.variant,
            kind="axial_stack",
            score=self.match.score,
            runner_up=runner_up.describe() if runner_up else "none",
            runner_up_score=runner_up.score * runner_up.coverage if runner_up else 0.0,
            phantom_to_voxel=to_voxel,
            slice_numbers=self.match.numbers,
            rotation_deg=angle,
            tilt_deg=(math.degrees(math.atan(tilt[0])), math.degrees(math.atan(tilt[1]))),
            offset_mm=(*self._off_center(to_voxel), (first + last) / 2),
            mirrored=self._mirrored_in_world(to_voxel),
            reversed_order=self.match.reversed_order,
            residual_mm=self.outline.rms_mm,
            symmetry=self._ambiguity(runner_up),
            evidence=tuple(evidence),
            overrides=self.override.given,
        )
        return dataclasses.replace(pose, hint=positioning_hint(pose, self.series.header))

    def _match_words(self) -> str:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in self.variant_scores.items())
        words = f"inserts agree by {self.match.score:.2f} ({self.match.describe()})"
        return f"{words}; slice 5: {scores}" if len(self.variant_scores) > 1 else words

    def _ambiguity(self, runner_up: Match | None) -> str:
        """Say what the images leave open: an explanation that is as good as the best."""
        best = self.match.score * self.match.coverage
        if runner_up is None or runner_up.score * runner_up.coverage < best - LEAST_MARGIN:
            return "none"
        return f"as good: {runner_up.describe()}"

    def _runner_up(self) -> Match | None:
        def differs(m: Match) -> bool:
            turn = abs((m.angle_deg - self.match.angle_deg + 180) % 360 - 180)
            other = (m.mirrored, m.reversed_order, m.numbers)
            return turn > 20 or other != (
                self.match.mirrored,
                self.match.reversed_order,
                self.match.numbers,
            )

        return next((m for m in self.matches if differs(m)), None)

    def _frame(self, angle_deg: float) -> NDArray[np.float64]:
        a = math.radians(angle_deg)
        hand = -1.0 if self.match.mirrored else 1.0
        return np.array([[math.cos(a) * hand, -math.sin(a)], [math.sin(a) * hand, math.cos(a)]])

    def _tilt(self, angle_deg: float) -> NDArray[np.float64]:
        """Slope of the axis along phantom x and y, per millimetre of z."""
        z = np.array(self.series.header.slice_positions_mm)
        if z.size < 2:
            return np.zeros(2)
        slope = (self.centers_mm[-1] - self.centers_mm[0]) / (z[-1] - z[0])
        if self.match.reversed_order:
            slope = -slope
        return np.asarray(self._frame(angle_deg).T @ slope)

    def _to_voxel(self, angle_deg: float, first_mm: float, last_mm: float) -> NDArray[np.float64]:
        """Return the affine for displacements of slices 1 and 11 along the axis [mm]."""
        stack = self.phantom.stack
        size = np.array(self.series.header.voxel_size_mm)
        k_some, number = next((k, n) for k, n in enumerate(self.match.numbers) if n is not None)
        z = np.array(self.series.header.slice_positions_mm)
        spacing = float(np.median(np.diff(z))) if z.size > 1 else stack.spacing_mm
        sign = -1.0 if self.match.reversed_order else 1.0
        k_first = k_some - sign * stack.spacing_mm / spacing * (number - 1)
        reach = stack.z_mm(stack.n_slices) - stack.first_z_mm
        stretch = 1 + (last_mm - first_mm) / reach
        tilt = self._tilt(angle_deg)
        inplane = self._frame(angle_deg) / size[:2, None]
        slope = (
            (self.centers_mm[-1] - self.centers_mm[0]) / (z[-1] - z[0])
            if z.size > 1
            else np.zeros(2)
        )
        per_k = slope * spacing
        along_k = sign / spacing / stretch
        center_first = self.centers_mm[0] + per_k * k_first
        m = np.eye(4)
        m[:2, :2] = inplane
        m[2, :3] = along_k * np.array([-tilt[0], -tilt[1], 1.0])
        m[2, 3] = k_first - along_k * (stack.first_z_mm + first_mm)
        m[:2, 2] = per_k * along_k / size[:2]
        m[:2, 3] = (center_first + per_k * (m[2, 3] - k_first)) / size[:2]
        return m

    def _plane(self, to_voxel: NDArray[np.float64], number: int) -> SlicePlane | None:
        if number not in self.match.numbers:
            return None
        return plane_at(self.series, to_voxel, self.match.numbers.index(number))

    def _ramp_box_turn(self, to_voxel: NDArray[np.float64]) -> tuple[float, int]:
        """Return the turn [degree] of the ramp box against the frame, and from how many slices."""
        box = self.phantom.shape("ramp_box", Box)
        turns = []
        for number in (1, 2, 3, 4):
            plane = self._plane(to_voxel, number)
            turn = None if plane is None else _box_slope(plane, box)
            if turn is not None:
                turns.append(turn)
        return (float(np.median(turns)), len(turns)) if turns else (0.0, 0)

    def _displacements(
        self, to_voxel: NDArray[np.float64], angle_deg: float
    ) -> tuple[float, float, str]:
        """Return how far slices 1 and 11 lie towards slice 11 on the axis [mm], from the wedges."""
        found: dict[int, float] = {}
        tilt_y = self._tilt(angle_deg)[1]
        for number in (1, self.phantom.stack.n_slices):
            plane = self._plane(to_voxel, number)
            pair = [
                self.phantom.shape(f"wedge_slice{number}_{side}", Bars)
                for side in ("left", "right")
            ]
            ends = [wedge_end(plane, shape) if plane is not None else None for shape in pair]
            if ends[0] is not None and ends[1] is not None:
                found[number] = (ends[1] - ends[0]) / 2 - tilt_y * pair[0].y0_mm
        if not found:
            return 0.0, 0.0, "place along the axis from the slice numbers only: no wedges seen"
        values = list(found.values())
        words = ", ".join(f"slice {n} {v:+.1f} mm" for n, v in found.items())
        return values[0], values[-1], f"place along the axis from the wedges: {words}"

    def _off_center(self, to_voxel: NDArray[np.float64]) -> tuple[float, float]:
        """Return phantom center minus center of the field of view, along i and j [mm]."""
        middle = self.phantom.stack.z_mm((self.phantom.stack.n_slices + 1) // 2)
        at = to_voxel @ np.array([0.0, 0.0, middle, 1.0])
        ni, nj, _, _ = self.series.header.shape
        size = self.series.header.voxel_size_mm
        return ((at[0] - (ni - 1) / 2) * size[0], (at[1] - (nj - 1) / 2) * size[1])

    def _mirrored_in_world(self, to_voxel: NDArray[np.float64]) -> bool:
        """Say whether the phantom's right-handed axes turn left-handed in scanner coordinates."""
        world = self.series.header.affine[:3, :3] @ to_voxel[:3, :3]
        return bool(np.linalg.det(world) < 0)


def wedge_end(plane: SlicePlane, shape: Bars) -> float | None:
    """Return y of the lower end of one wedge bar [mm], or None; quick version for placing."""
    inner = (shape.x_mm[0] + 1.2, shape.x_mm[1] - 1.2)
    end = bar_end(plane, inner, ((-13.0, -9.0), (9.0, 13.0)), (-88.0, -82.0), (-79.0, -46.0))
    return None if end is None else end.y_mm


def _box_slope(plane: SlicePlane, box: Box) -> float | None:
    """Return the turn of a long dark box from its two long edges [degree], or None."""
    side = np.arange(12.0, 84.1, 2.0)
    x = np.concatenate([-side[::-1], side])
    angles = []
    for y_edge, outward in ((box.y_mm[0], -1.0), (box.y_mm[1], 1.0)):
        edge = box_edge(plane, x, y_edge, outward)
        good = np.isfinite(edge)
        if good.sum() < 0.6 * x.size:
            return None
        slope, start = np.polyfit(x[good], edge[good], 1)
        keep = good & (np.abs(edge - start - slope * x) < 0.8)
        if keep.sum() < 0.5 * x.size:
            return None
        angles.append(math.degrees(math.atan(np.polyfit(x[keep], edge[keep], 1)[0])))
    return float(np.mean(angles))
