"""Percent signal ghosting (PSG) on slice 7."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.evidence import Evidence, Shape
from qiqa.core.measurement import BudgetLine, Interval
from qiqa.geometry.plane import SlicePlane
from qiqa.measure.outcome import Outcome, finish
from qiqa.measure.pictures import disk
from qiqa.measure.stack_view import UNIFORM_SLICE, StackView
from qiqa.measure.uniformity import REGION_RADIUS_MM, large_region
from qiqa.metrology.budget import combine, coverage_factor

__all__ = ["ALGORITHM", "KIND", "NAMES", "AirStrip", "air_strips", "measure"]

KIND = "axial_stack"
ALGORITHM = "psg/1"
NAMES = (("psg", "signal_ghosting", "%", UNIFORM_SLICE),)
AREA_MM2 = 1000.0
ASPECT = 4.0
MIN_AREA_MM2 = 500.0
"""Regions that do not fit shrink across to this, never lower."""
WALL_GAP_MM = 4.0
"""Ringing of the wall and wall of the phantom stay outside."""
BORDER_PIXELS = 2
BLOCKS = 8
DROWNED_PERCENT = 0.35
"""Noise of the freed difference above which it says less than the plain one: a tenth of the limit
of 3 %."""
STRUCTURE_PERCENT = 0.03
STRUCTURE_SHARE = 0.04
"""PSG changes by about this much, in percent and as a share, with the place of the regions."""


@dataclasses.dataclass(frozen=True, slots=True)
class AirStrip:
    """One region in air, in whole pixels: columns c0..c1, rows r0..r1, ends not included."""

    side: str
    c0: int
    c1: int
    r0: int
    r1: int
    area_mm2: float


def measure(view: StackView, siblings: tuple[StackView, ...]) -> Outcome:  # noqa: ARG001
    """Measure PSG [%] = 100 |((top + bottom) - (left + right)) / (2 large region)|.

    The sides are those of the image, along which ghosts run. A weak ghost hardly lifts the
    magnitude of noise, so each side's signal is freed of the noise floor first; what noise then
    adds to the folded value is taken off in quadrature. Where the floor is too high for that, the
    plain means are compared and the interval reaches up to what the noise can hide. Lower is
    better.
    """
    plane = view.plane(UNIFORM_SLICE)
    strips = air_strips(view, plane)
    bath = float(plane.image[large_region(view, plane)].mean())
    air = _compare(view, plane, strips, 100 / (2 * bath))
    budget = (
        BudgetLine(
            name="air above the noise floor",
            standard_uncertainty=air.freed_u,
            degrees_of_freedom=4.0 * (BLOCKS - 1),
            evaluation="A",
        ),
        BudgetLine(
            name="ringing and structure in air",
            standard_uncertainty=STRUCTURE_PERCENT + STRUCTURE_SHARE * abs(air.signed),
            note="other allowed places of the air regions",
        ),
        BudgetLine(
            name="air set to zero by the scanner",
            standard_uncertainty=air.masked,
            note="values below a threshold were removed",
        ),
    )
    u, dof = combine(budget)
    value = math.sqrt(max(air.signed**2 - air.signed_u**2, 0.0))
    k = coverage_factor(dof)
    low = abs(air.signed) - k * (air.signed_u if air.drowned else u)
    interval = Interval(low=max(low, 0.0), high=max(abs(air.freed), abs(air.signed)) + k * u)
    result = finish(
        view,
        "psg",
        "signal_ghosting",
        "%",
        value,
        budget,
        algorithm=ALGORITHM,
        slice_number=UNIFORM_SLICE,
        interval=interval,
        assumptions=_notes(strips, air),
    )
    return Outcome(measurements=(result,), evidence=(_picture(view, plane, strips, value, bath),))


@dataclasses.dataclass(frozen=True, slots=True)
class _Air:
    """Both ways to compare the sides, in percent of twice the large region; signs as measured."""

    means: dict[str, _AirMean]
    floor: float
    """Noise floor [% of the large region]."""
    freed: float
    """Sides freed of the noise floor."""
    freed_u: float
    plain: float
    """Sides as they are."""
    plain_u: float
    masked: float

    @property
    def drowned(self) -> bool:
        """Say whether the noise floor hides too much for the sides to be freed of it."""
        return self.freed_u > DROWNED_PERCENT

    @property
    def signed(self) -> float:
        """The difference that counts; positive where top and bottom are brighter."""
        return self.plain if self.drowned else self.freed

    @property
    def signed_u(self) -> float:
        """Noise of `signed`."""
        return self.plain_u if self.drowned else self.freed_u


def _compare(
    view: StackView, plane: SlicePlane, strips: tuple[AirStrip, ...], scale: float
) -> _Air:
    floor, floor_u = _noise_floor(view, plane)
    means = {s.side: _mean(plane, s) for s in strips}
    freed = {side: _above(m, floor, floor_u) for side, m in means.items()}
    sign = {"top": 1.0, "bottom": 1.0, "left": -1.0, "right": -1.0}
    return _Air(
        means=means,
        floor=2 * scale * floor,
        freed=scale * sum(sign[side] * value for side, (value, _) in freed.items()),
        freed_u=scale * math.sqrt(sum(u**2 for _, u in freed.values())),
        plain=scale * sum(sign[side] * m.mean for side, m in means.items()),
        plain_u=scale * math.sqrt(sum(m.standard_error**2 for m in means.values())),
        masked=scale * math.sqrt(sum(m.masked**2 for m in means.values())),
    )


def _noise_floor(view: StackView, plane: SlicePlane) -> tuple[float, float]:
    """Return the mean magnitude of noise in air and its uncertainty, from the corners.

    The corners are where neither phantom nor ghosts along rows or columns reach. 0 where the
    scanner has set them to zero: then the noise floor is gone from the sides as well.
    """
    image = plane.image.astype(np.float64)
    rows, columns = image.shape
    top, bottom, left, right = view.zero_border
    n, margin = max(min(rows, columns) // 16, 4), max(min(rows, columns) // 64, 2)
    means = []
    for r in (top + margin, rows - bottom - margin - n):
        for c in (left + margin, columns - right - margin - n):
            corner = image[r : r + n, c : c + n]
            if (corner == 0).mean() < 0.5:
                means.append(float(corner.mean()))
    if not means:
        return 0.0, 0.0
    spread = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else 0.0
    return float(np.mean(means)), spread


def _above(side: _AirMean, floor: float, floor_u: float) -> tuple[float, float]:
    """Return the signal in a side without the noise floor, and its standard uncertainty.

    For Rayleigh noise of mean F and a signal a the mean magnitude is sqrt(a² + F²) within 6 %
    of F; what noise alone adds to the difference of squares is taken off.
    """
    squares = side.mean**2 - floor**2
    u = 2 * math.hypot(side.mean * side.standard_error, floor * floor_u)
    value = math.sqrt(max(squares - u, 0.0))
    return value, (min(u / (2 * value), math.sqrt(u)) if value > 0 else math.sqrt(u) / 2)


def air_strips(view: StackView, plane: SlicePlane) -> tuple[AirStrip, ...]:
    """Place the four air regions: top, bottom, left, right of the phantom in the image.

    Raises
    ------
    NotMeasurable
        Naming the side where not even the smallest region fits.
    """
    rows, columns = plane.shape
    top, bottom, left, right = view.zero_border
    radius = view.phantom.body.inner_diameter_mm / 2 + WALL_GAP_MM
    cx, cy = plane.origin
    sx, sy = plane.pixel_mm
    room = {
        "top": (cy * sy - radius) - (top + BORDER_PIXELS) * sy,
        "bottom": ((rows - bottom - BORDER_PIXELS) * sy) - (cy * sy + radius) - sy,
        "left": (cx * sx - radius) - (left + BORDER_PIXELS) * sx,
        "right": ((columns - right - BORDER_PIXELS) * sx) - (cx * sx + radius) - sx,
    }
    length = math.sqrt(AREA_MM2 * ASPECT)
    width = math.sqrt(AREA_MM2 / ASPECT)
    strips = []
    for side, gap in room.items():
        across = min(gap, width)
        if across * length < MIN_AREA_MM2:
            raise NotMeasurable(
                f"no air region of {MIN_AREA_MM2 / 100:.0f} cm² fits at the {side} of the image "
                f"({max(gap, 0):.0f} mm of air between phantom and border)"
            )
        strips.append(_strip(side, plane, gap, across, length, radius))
    return tuple(strips)


def _strip(
    side: str, plane: SlicePlane, gap: float, across: float, length: float, radius: float
) -> AirStrip:
    cx, cy = plane.origin
    sx, sy = plane.pixel_mm
    sign = -1 if side in ("top", "left") else 1
    if side in ("top", "bottom"):
        middle = cy + sign * (radius + gap / 2) / sy
        nc, nr = round(length / sx), max(int(across / sy), 1)
    else:
        middle = cx + sign * (radius + gap / 2) / sx
        nc, nr = max(int(across / sx), 1), round(length / sy)
    center_c, center_r = (cx, middle) if side in ("top", "bottom") else (middle, cy)
    c0, r0 = round(center_c - (nc - 1) / 2), round(center_r - (nr - 1) / 2)
    rows, columns = plane.shape
    c0, r0 = min(max(c0, 0), columns - nc), min(max(r0, 0), rows - nr)
    return AirStrip(side, c0, c0 + nc, r0, r0 + nr, nc * sx * nr * sy)


@dataclasses.dataclass(frozen=True, slots=True)
class _AirMean:
    mean: float
    standard_error: float
    zeros: float
    masked: float
    """How much the mean may miss because small values were set to zero."""


def _mean(plane: SlicePlane, strip: AirStrip) -> _AirMean:
    values = plane.image[strip.r0 : strip.r1, strip.c0 : strip.c1].astype(np.float64)
    along = 1 if strip.side in ("top", "bottom") else 0
    blocks = [block.mean() for block in np.array_split(values, BLOCKS, axis=along)]
    error = float(np.std(blocks, ddof=1) / math.sqrt(BLOCKS))
    zeros = float((values == 0).mean())
    # integer noise near zero is zero now and then; only more than that is a mask
    removed = float(values[values > 0].min()) * zeros / math.sqrt(3) if 0.05 < zeros < 1 else 0.0
    return _AirMean(float(values.mean()), error, zeros, removed)


def _notes(strips: tuple[AirStrip, ...], air: _Air) -> tuple[str, ...]:
    notes = [
        f"{strip.side} air region shrunk to {strip.area_mm2 / 100:.1f} cm²"
        for strip in strips
        if strip.area_mm2 < 0.93 * AREA_MM2
    ]
    masked = {side: m.zeros for side, m in air.means.items() if m.zeros > 0.05}
    if masked:
        share = ", ".join(f"{side} {100 * z:.0f} %" for side, z in masked.items())
        notes.append(f"air set to zero by the scanner ({share}): weak ghosts may be hidden")
    if air.drowned:
        notes.append(f"noise floor of {air.floor:.1f} %: ghosts weaker than it are hidden in part")
    notes.append(f"signed {air.signed:+.2f} % (positive: top and bottom brighter)")
    return tuple(notes)


def _picture(
    view: StackView, plane: SlicePlane, strips: tuple[AirStrip, ...], value: float, bath: float
) -> Evidence:
    shapes = [disk(plane, (0.0, 0.0), REGION_RADIUS_MM, "roi")]
    for s in strips:
        left, right, top, bottom = s.c0 - 0.5, s.c1 - 0.5, s.r0 - 0.5, s.r1 - 0.5
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        shapes.append(Shape(kind="polygon", points=corners, role="roi", label=s.side))
    return Evidence(
        title="Ghosting, slice 7",
        measurements=("psg",),
        series_uid=view.series.header.series_uid,
        slice=UNIFORM_SLICE,
        image=plane.image,
        window=(0.0, 0.06 * bath),
        pixel_mm=plane.pixel_mm[0],
        shapes=tuple(shapes),
        caption=f"Window set to the air (white is 6 % of the bath); PSG {value:.2f} %.",
    )
