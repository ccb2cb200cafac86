"""A few ten thousand voxels of the object and their neighbors, which all local metrics rest on."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.quality.foreground import Foreground
from qiqa.vetting.quality.scan import Scan

__all__ = ["Sites", "sites"]

FloatArray = NDArray[np.float64]
MAX_SITES = 16384


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sites:
    """The middle voxel of each block of the object, s of them, in the brightest volume."""

    volume: NDArray[np.float32]
    """(k, rows, columns)."""
    slice: NDArray[np.intp]
    row: NDArray[np.intp]
    column: NDArray[np.intp]

    def __len__(self) -> int:
        return int(self.row.size)

    def at(self, down: int = 0, right: int = 0, through: int = 0) -> FloatArray:
        """Return the values (s,) some rows, columns and slices away.

        Sites lie at least two voxels inside a slice. Where there is no slice on one side, that on
        the other side is taken.
        """
        k, height, width = self.volume.shape
        plane = self.slice
        if through:
            ahead = plane + through
            plane = np.where(ahead < k, ahead, plane - through)
        where = (plane * height + self.row + down) * width + self.column + right
        return np.asarray(self.volume.reshape(-1).take(where), dtype=np.float64)


def sites(scan: Scan, found: Foreground) -> Sites:
    """Return the sites; none where a slice has fewer than five rows or columns.

    Of more than `MAX_SITES` blocks evenly spaced ones are taken.
    """
    _, height, width = scan.volume.shape
    which, r, c = np.nonzero(found.inside)
    if height < 5 or width < 5:
        which, r, c = which[:0], r[:0], c[:0]
    if which.size > MAX_SITES:
        at = ((np.arange(MAX_SITES) + 0.5) * which.size / MAX_SITES).astype(np.intp)
        which, r, c = which[at], r[at], c[at]
    middle = found.side // 2
    return Sites(
        volume=scan.volume,
        slice=scan.chosen[which],
        row=np.clip(r * found.side + middle, 2, height - 3),
        column=np.clip(c * found.side + middle, 2, width - 3),
    )
