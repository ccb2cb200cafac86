"""Arrays that a fit fills: one element a voxel, as kernels take them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.status import CONVERGED, EXACT, PENDING

__all__ = ["Outputs"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Results of voxels in a row."""

    estimates: NDArray[np.float32]
    """(p, voxels)."""
    errors: NDArray[np.float32]
    """(p, voxels), or (p, 0) where not wanted."""
    covariance: NDArray[np.float32]
    """(p (p + 1) / 2, voxels): upper triangle row by row; or (..., 0)."""
    residual: NDArray[np.float32]
    """(voxels,)."""
    n_used: NDArray[np.uint16]
    """(voxels,) points that the fit rests on."""
    status: NDArray[np.uint8]
    """(voxels,)."""

    @classmethod
    def make(
        cls,
        p: int,
        voxels: int,
        *,
        full: bool,
        covariance: bool,
    ) -> Outputs:
        """Return memory for the outputs; nothing is written to it before `begin`."""
        many = voxels if full else 0
        return cls(
            np.empty((p, voxels), np.float32),
            np.empty((p, many), np.float32),
            np.empty((p * (p + 1) // 2, voxels if covariance else 0), np.float32),
            np.empty(many, np.float32),
            np.empty(voxels, np.uint16),
            np.empty(voxels, np.uint8),
        )

    def begin(self, start: int, stop: int, n: int, mask: NDArray[np.bool_] | None = None) -> None:
        """Make voxels ready to be fitted to n points; outside the mask they have NaN and status 0.

        By whoever fits them: memory is given to a process when it is first written to, and two
        threads get theirs at the same time.
        """
        self.n_used[start:stop], self.status[start:stop] = n, PENDING
        if mask is not None:
            self.clear(np.flatnonzero(~mask[start:stop]) + start, 0)
            self.n_used[start:stop][~mask[start:stop]] = 0

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays in the order of kernels."""
        return (
            self.estimates, self.errors, self.covariance, self.residual, self.n_used, self.status,
        )  # fmt: skip

    def take(self, index: NDArray[np.intp]) -> Outputs:
        """Return a copy of some voxels."""
        voxels = self.status.size
        parts = (a[..., index] if a.shape[-1] == voxels else a.copy() for a in self.arrays)
        return Outputs(*parts)

    def put(self, index: NDArray[np.intp], part: Outputs) -> None:
        """Write the results of another set to the voxels `index` of this one."""
        voxels, size = self.status.size, part.status.size
        for own, other in zip(self.arrays, part.arrays, strict=True):
            if own.shape[-1] == voxels and other.shape[-1] == size:
                own[..., index] = other

    def answered(self) -> NDArray[np.bool_]:
        """Say which voxels have an answer."""
        found: NDArray[np.bool_] = (self.status == CONVERGED) | (self.status == EXACT)
        return found

    def missing(self, start: int, stop: int, n: int) -> int:
        """Return how many of n points a voxel are left out, over the voxels with an answer."""
        if self.n_used[start:stop].min(initial=n) == n:
            return 0
        here = np.flatnonzero(self.n_used[start:stop] < n) + start
        kept = here[np.isin(self.status[here], (CONVERGED, EXACT))]
        return int(n * kept.size - self.n_used[kept].sum(dtype=np.int64))

    def clear(self, index: NDArray[np.intp], status: int) -> None:
        """Leave the voxels `index` without an answer."""
        voxels = self.status.size
        for array in (self.estimates, self.errors, self.covariance, self.residual):
            if array.shape[-1] == voxels:
                array[..., index] = np.nan
        self.status[index] = status
