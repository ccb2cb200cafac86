"""A located cylinder as measurements see it: planes, bath, noise."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import NotMeasurable
from qiqa.geometry.plane import SlicePlane
from qiqa.geometry.raster import expected_signal
from qiqa.geometry.views import localizer_plane, stack_planes
from qiqa.measure.view import View
from qiqa.metrology.noise import block_noise

__all__ = ["StackView"]


@dataclasses.dataclass(frozen=True, eq=False)
class StackView(View):
    """A stack of slices or a localizer of a cylinder; everything derived is computed once."""

    phantom: CylinderPhantom

    @functools.cached_property
    def planes(self) -> dict[int, SlicePlane]:
        """Planes of an axial stack by slice number."""
        return stack_planes(self.series, self.pose, self.volume)

    @functools.cached_property
    def localizer(self) -> SlicePlane:
        """The plane of a localizer: right is phantom y, down is phantom -z."""
        return localizer_plane(self.series, self.pose)

    def plane(self, number: int) -> SlicePlane:
        """Return one slice of the stack.

        Raises
        ------
        NotMeasurable
            If the stack does not hold it.
        """
        if number not in self.planes:
            have = sorted(self.planes)
            raise NotMeasurable(
                f"slice {number} is not in this series (it holds slices {_ranges(have)})"
            )
        return self.planes[number]

    def slice_z_mm(self, number: int) -> float:
        """Return where slice `number` lies on the phantom's axis, displacement included [mm]."""
        k = self.pose.slice_numbers.index(number)
        m = self.pose.phantom_to_voxel
        return float((k - m[2, 3]) / m[2, 2])

    def bath(
        self, number: int, margin_mm: float, r_max_mm: float, r_min_mm: float = 0.0
    ) -> NDArray[np.bool_]:
        """Return the pixels of a slice that hold plain bath, `margin_mm` away from everything.

        Parameters
        ----------
        number
            Slice.
        margin_mm
            Distance from any other part.
        r_max_mm, r_min_mm
            Distances from the axis.
        """
        plane = self.plane(number)
        x, y = plane.grid_mm
        z = self.slice_z_mm(number)
        half = self.phantom.stack.thickness_mm / 2
        r = np.hypot(x, y)
        clear = (r <= r_max_mm) & (r >= r_min_mm)
        px, py = x[clear], y[clear]
        good = np.ones(px.shape, dtype=bool)
        for dx, dy in ((0, 0), (margin_mm, 0), (-margin_mm, 0), (0, margin_mm), (0, -margin_mm)):
            expected = expected_signal(
                self.phantom, self.pose.variant, px + dx, py + dy, (z - half, z, z + half)
            )
            good &= expected > 0.999
        clear[clear] = good
        return np.asarray(clear)

    @functools.cached_property
    def noise(self) -> tuple[float, int]:
        """SD of the noise in the bath of the uniform slice, and its degrees of freedom."""
        plane = self.plane(UNIFORM_SLICE)
        x, y = plane.grid_mm
        region = (np.hypot(x, y) < 75) & ~((np.abs(x) < 9) & (y < -60))
        sd, dof = block_noise(plane.image.astype(np.float64), region, 9 * self._interpolation)
        if not sd > 0:
            raise NotMeasurable("the noise cannot be found on the uniform slice")
        return sd, dof

    @property
    def _interpolation(self) -> int:
        """Stored over acquired pixels: blocks must hold as much of the noise's own grain."""
        acquisition = self.series.header.acquisition
        if acquisition.matrix is None or not acquisition.matrix_acquired:
            return 1
        acquired = max(acquisition.matrix_acquired)
        return min(max(round(max(acquisition.matrix) / acquired), 1), 4) if acquired > 0 else 1

    @functools.cached_property
    def bath_mean(self) -> float:
        """Mean signal of the bath in the middle of the uniform slice."""
        plane = self.plane(UNIFORM_SLICE)
        x, y = plane.grid_mm
        return float(np.mean(plane.image[np.hypot(x, y) < 75]))

    @functools.cached_property
    def zero_border(self) -> tuple[int, int, int, int]:
        """Rows on top and below, columns left and right, of exact zeros in the uniform slice."""
        image = self.plane(UNIFORM_SLICE).image
        rows, columns = np.asarray(image.any(axis=1)), np.asarray(image.any(axis=0))
        if not rows.any():
            return (0, 0, 0, 0)
        return (
            int(np.argmax(rows)),
            int(np.argmax(rows[::-1])),
            int(np.argmax(columns)),
            int(np.argmax(columns[::-1])),
        )


UNIFORM_SLICE = 7


def _ranges(numbers: list[int]) -> str:
    """Return rising numbers in words.

    >>> _ranges([1, 2, 3, 5, 7, 8])
    '1 to 3, 5, 7 to 8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(texts) or "none"
