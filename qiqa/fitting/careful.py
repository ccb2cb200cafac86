"""Voxels some of whose points cannot be used, fitted to the points that are left.

Voxels that lack the same points are fitted together, as a shorter series, by the same kernel.
Points at the noise floor are found from the fit itself, so this goes round until they stay the
same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from qiqa.core.maps import FitStatus
from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.floor import Floor
from qiqa.fitting.outputs import Outputs
from qiqa.kernels.status import SUSPECT

__all__ = ["LOG_ENGINES", "Careful", "Counts"]

_ROUNDS = 4
LOG_ENGINES = ("log_linear", "log_weighted", "tensor")
"""Engines that take logarithms; the mean of noise cannot be taken off a logarithm."""


@dataclasses.dataclass(slots=True)
class Counts:
    """Points left out, over all voxels that were fitted."""

    clipped: int = 0
    floor: int = 0
    non_finite: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of other voxels."""
        self.clipped += other.clipped
        self.floor += other.floor
        self.non_finite += other.non_finite


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Careful:
    """Fits voxels with unusable points."""

    module: ModuleType
    points: Points
    """In the order of the rows."""
    planner: Callable[[Points], Plan]
    floor: Floor
    good_range: tuple[float, float]
    """Lowest and highest signal that is not clipped."""
    noise_sd: float
    full: bool
    covariance: bool

    def fit(
        self, y: NDArray[np.float32], b1: NDArray[np.float32], prior: Outputs
    ) -> tuple[Outputs, NDArray[np.uint16], Counts]:
        """Fit signals y (n, voxels) with relative B1 (voxels,) or none (0,).

        `prior` holds what the kernel found with all points, for voxels that are SUSPECT. Returns
        the results, the number of points used, and counts of points left out.
        """
        p = len(self.module.PARAMETERS)
        finite = np.isfinite(y)
        low, high = self.good_range
        clipped = finite & ((y < low) | (y > high))
        base = ~finite | clipped
        if b1.size:
            base |= ~(np.isfinite(b1) & (b1 > 0))
        never = base.copy()
        if self.module.ENGINE in LOG_ENGINES:
            with np.errstate(invalid="ignore"):
                never |= ~(y > 0)  # there is no logarithm
        out, bad = prior, never.copy()
        fitted = prior.status == SUSPECT
        out.status[fitted] = FitStatus.CONVERGED if y.shape[0] > p else FitStatus.EXACT
        todo = np.flatnonzero(~fitted)
        self._round(y, b1, bad, todo, out)
        todo = np.arange(y.shape[1]) if self.floor.cut else np.empty(0, np.intp)
        for _ in range(_ROUNDS):
            fresh = self._below(y, b1, out, todo)
            fresh |= never if todo.size == y.shape[1] else never[:, todo]
            moved = np.flatnonzero((fresh != bad[:, todo]).any(axis=0))
            if not moved.size:
                break
            todo = todo[moved]
            bad[:, todo] = fresh[:, moved]
            self._round(y, b1, bad, todo, out)
        used = (~bad).sum(axis=0)
        self._reasons(out, finite, clipped, p)
        answered = np.isin(out.status, (FitStatus.CONVERGED, FitStatus.EXACT))
        counts = Counts(
            clipped=int(clipped[:, answered].sum()),
            floor=int((bad & ~base)[:, answered].sum()),
            non_finite=int((~finite)[:, answered].sum()),
        )
        return out, used.astype(np.uint16), counts

    def _round(
        self,
        y: NDArray[np.float32],
        b1: NDArray[np.float32],
        bad: NDArray[np.bool_],
        todo: NDArray[np.intp],
        out: Outputs,
    ) -> None:
        p = len(self.module.PARAMETERS)
        for pattern, members in _patterns(bad[:, todo]):
            index = todo[members]
            keep = np.flatnonzero(~pattern)
            distinct = np.unique(self.points.values[keep]).size
            if keep.size < p or distinct < min(p, 2):
                out.status[index] = FitStatus.TOO_FEW_POINTS
                for array in (out.estimates, out.errors, out.covariance, out.residual):
                    if array.shape[-1] == out.status.size:
                        array[..., index] = np.nan
                continue
            part = Outputs.make(p, index.size, full=self.full, covariance=self.covariance)
            task = Task(
                signal=np.ascontiguousarray(y[np.ix_(keep, index)]),
                order=np.arange(keep.size),
                extra=b1[index] if b1.size else b1,
                limits=np.array([-np.inf, np.inf, 0.0, self.floor.variance, self.floor.silent]),
                noise_sd=self.noise_sd,
                outputs=part.arrays,
                full=self.full,
            )
            self.planner(self.points.take(keep)).run(task, 0, index.size)
            out.put(index, part, np.arange(index.size))

    def _below(
        self,
        y: NDArray[np.float32],
        b1: NDArray[np.float32],
        out: Outputs,
        todo: NDArray[np.intp],
    ) -> NDArray[np.bool_]:
        """Say which points (n, todo) the fit puts below the cut."""
        estimates = out.estimates[:, todo].astype(np.float64)
        extra = (b1[todo],) if b1.size else ()
        with np.errstate(all="ignore"):
            predicted = self.module.predict(estimates, self.points, *extra)
            np.abs(predicted, out=predicted)
            found: NDArray[np.bool_] = predicted < self.floor.cut
        unknown = np.flatnonzero(~np.isfinite(out.estimates[0, todo]))
        if unknown.size:
            # where there is no fit, the measured signal has to do
            with np.errstate(invalid="ignore"):
                found[:, unknown] = ~(np.abs(y[:, todo[unknown]]) >= self.floor.cut)
        return found

    def _reasons(
        self, out: Outputs, finite: NDArray[np.bool_], clipped: NDArray[np.bool_], p: int
    ) -> None:
        """Say why points are too few."""
        # voxels without signal in the points that were left are at the floor too
        few = np.isin(out.status, (FitStatus.TOO_FEW_POINTS, FitStatus.NOISE_FLOOR))
        n, n_finite, n_clipped = finite.shape[0], finite.sum(axis=0), clipped.sum(axis=0)
        out.status[few & (n_finite - n_clipped >= p)] = FitStatus.NOISE_FLOOR
        lacking = few & (n_finite - n_clipped < p)
        out.status[lacking & (n - n_clipped < p)] = FitStatus.SATURATED
        out.status[lacking & (n_finite < p)] = FitStatus.NON_FINITE


def _patterns(bad: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Yield each pattern of unusable points with the voxels that have it."""
    if not bad.shape[1]:
        return
    packed = np.packbits(bad, axis=0).T
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    edges = np.searchsorted(inverse[order], np.arange(first.size + 1))
    for number, voxel in enumerate(first):
        yield bad[:, voxel], order[edges[number] : edges[number + 1]]
