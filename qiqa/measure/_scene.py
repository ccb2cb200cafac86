"""What every artifact screen looks at: the upright slices, the bath level, the air."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.evidence import Evidence
from qiqa.core.finding import Severity
from qiqa.geometry.plane import SlicePlane, square_up
from qiqa.measure.stack_view import UNIFORM_SLICE, StackView

__all__ = ["Scene", "Seen", "slices_text"]

BORDER_PIXELS = 3
"""Pixels beside the border of the image (or of its zeros) that reconstruction may have touched."""
WALL_MM = 8.0
"""Distance from the bath beyond which ringing of its edge is under 1 % of it at 1 mm pixels."""
CENTER_MM = 75.0
"""Radius within which the bath level is taken."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One artifact: what a finding and a picture are made of."""

    code: str
    severity: Severity
    message: str
    hint: str
    evidence: Evidence | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Slices of one located stack, upright, and what all screens need of them."""

    view: StackView

    @functools.cached_property
    def numbers(self) -> tuple[int, ...]:
        """Slices of the phantom that the stack holds, in order."""
        return tuple(sorted(self.view.planes))

    def plane(self, number: int) -> SlicePlane:
        """Return one slice."""
        return self.view.planes[number]

    @functools.cached_property
    def reference(self) -> int:
        """The uniform slice, or the middle one of a stack that lacks it."""
        numbers = self.numbers
        return UNIFORM_SLICE if UNIFORM_SLICE in numbers else numbers[len(numbers) // 2]

    @functools.cached_property
    def stack(self) -> NDArray[np.float32]:
        """(slices, rows, columns), upright, in the order of `numbers`."""
        return np.stack([self.plane(n).image for n in self.numbers])

    @functools.cached_property
    def bath(self) -> float:
        """Signal of the bath: of the uniform slice, else of the brightest one."""
        chosen = [self.reference] if self.reference == UNIFORM_SLICE else list(self.numbers)
        inner = np.hypot(*self.plane(self.reference).grid_mm) < CENTER_MM
        return max(float(np.median(self.plane(n).image[inner])) for n in chosen)

    @functools.cached_property
    def used(self) -> tuple[slice, slice]:
        """Rows and columns inside the border of exact zeros that all slices share."""
        any_signal = np.asarray(self.stack.any(axis=0))
        spans = []
        for axis in (1, 0):
            lines = np.flatnonzero(np.asarray(any_signal.any(axis=axis)))
            spans.append(slice(int(lines[0]), int(lines[-1]) + 1) if lines.size else slice(0, 0))
        return spans[0], spans[1]

    @functools.cached_property
    def drift_mm(self) -> float:
        """How far the axis moves from slice to slice in the image, at most [mm]."""
        plane = self.plane(self.reference)
        origins = np.array([self.plane(n).origin for n in self.numbers])
        return float(np.abs((origins - plane.origin) * plane.pixel_mm).max())

    @functools.cached_property
    def air(self) -> NDArray[np.bool_]:
        """(rows, columns), pixels that lie in air on every slice, away from wall and border."""
        x, y = self.plane(self.reference).grid_mm
        radius = self.view.phantom.body.inner_diameter_mm / 2
        air = np.hypot(x, y) > radius + WALL_MM + self.drift_mm
        rows, columns = self.used
        inner = np.zeros_like(air)
        inner[
            rows.start + BORDER_PIXELS : max(rows.stop - BORDER_PIXELS, 0),
            columns.start + BORDER_PIXELS : max(columns.stop - BORDER_PIXELS, 0),
        ] = True
        return np.asarray(air & inner)

    @functools.cached_property
    def transposed(self) -> bool:
        """True where rows of the upright view are columns of the stored image."""
        return bool(square_up(self.view.pose.phantom_to_voxel[:2, :2])[0, 0] == 0)

    def stored_axis(self, vertical: bool) -> str:
        """Return the direction in the stored image (`COL` or `ROW`) of one in the upright view."""
        return "COL" if vertical != self.transposed else "ROW"

    def encoding_words(self, vertical: bool) -> str:
        """Return words for a direction of the upright view and what was encoded along it."""
        axis = self.stored_axis(vertical)
        name = {"COL": "columns", "ROW": "rows"}[axis]
        phase = self.view.series.header.acquisition.phase_encode_direction
        if phase is None:
            return f"along the {name} (the header does not say what was encoded there)"
        kind = "phase" if phase == axis else "frequency"
        return f"along the {name} ({kind} encoding by the header)"

    def picture(
        self,
        title: str,
        number: int,
        window: tuple[float, float],
        caption: str,
    ) -> Evidence:
        """Return a slice as evidence, window in shares of the bath."""
        plane = self.plane(number)
        return Evidence(
            title=title,
            measurements=(),
            series_uid=self.view.series.header.series_uid,
            slice=number,
            image=plane.image,
            window=(window[0] * self.bath, window[1] * self.bath),
            pixel_mm=plane.pixel_mm[0],
            caption=caption,
        )


def slices_text(numbers: list[int] | tuple[int, ...]) -> str:
    """Return slice numbers in words, runs joined.

    >>> slices_text([1, 2, 3, 5]), slices_text([7])
    ('slices 1 to 3, 5', 'slice 7')
    """
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    parts = [str(a) if a == b else f"{a} to {b}" for a, b in runs]
    return f"slice{'s' if len(numbers) > 1 else ''} {', '.join(parts)}"
