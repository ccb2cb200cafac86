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

__all__ = ["Careful", "Counts"]

_ROUNDS = 4
_NEAR_CLIP = 2.0
"""Noise SD below the clip level."""


@dataclasses.dataclass(slots=True)
class Counts:
    """Points left out, over all voxels that were fitted."""

    missing: int = 0
    """All that are left out."""
    clipped: int = 0
    non_finite: int = 0

    @property
    def floor(self) -> int:
        """Points at the noise floor, or without a logarithm."""
        return self.missing - self.clipped - self.non_finite

    def add(self, other: Counts) -> None:
        """Add the counts of other voxels."""
        self.missing += other.missing
        self.clipped += other.clipped
        self.non_finite += other.non_finite


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Careful:
    """Fits voxels with unusable points."""

    module: ModuleType
    signal: NDArray[np.float32]
    """(rows, voxels) of the whole series."""
    order: NDArray[np.intp]
    """Rows in the order of the points."""
    b1: NDArray[np.float32]
    """(voxels,) or (0,)."""
    t1: NDArray[np.float32]
    """(voxels,), one for all, or (0,) [ms]."""
    points: Points
    planner: Callable[[Points], Plan]
    floor: Floor
    good_range: tuple[float, float]
    """Lowest and highest signal that is not clipped."""
    noise_sd: float
    logarithms: bool
    """Whether the engine takes them."""
    full: bool
    covariance: bool

    def fit_suspects(self, index: NDArray[np.intp], out: Outputs) -> Counts:
        """Look again at voxels that were fitted to all points but have little signal.

        `out` holds what was found, and receives what is found now.
        """
        n, p = self.order.size, len(self.module.PARAMETERS)
        out.status[...] = FitStatus.CONVERGED if n > p else FitStatus.EXACT
        at_floor = self._outside(out, np.arange(index.size), index, None)
        todo = np.flatnonzero(at_floor.any(axis=0))
        bad = at_floor[:, todo]
        self._settle(index, out, bad, todo, None, None)
        out.status[out.status == FitStatus.TOO_FEW_POINTS] = FitStatus.NOISE_FLOOR
        out.n_used[...] = n
        out.n_used[todo] -= bad.sum(axis=0).astype(np.uint16)
        return Counts()

    def fit_aside(self, index: NDArray[np.intp], out: Outputs) -> Counts:
        """Fit voxels with points that are not finite, clipped, or without a logarithm."""
        y = self.signal[np.ix_(self.order, index)]
        finite = np.isfinite(y)
        low, high = self.good_range
        clipped = finite & ((y < low) | (y > high))
        base = ~finite | clipped
        if self.b1.size:
            b1 = self.b1[index]
            base |= ~(np.isfinite(b1) & (b1 > 0))
        if self.t1.size > 1:
            t1 = self.t1[index]
            base |= ~(np.isfinite(t1) & (t1 > 0))
        never = base
        if self.logarithms:
            with np.errstate(invalid="ignore"):
                # nothing has no logarithm, next to nothing none in float32
                never = base | ~(y > np.finfo(np.float32).tiny)
        bad = never.copy()
        ceiling = None
        if clipped.any() and self.floor.noise_sd:
            # of points near the clip level only those that noise has made small are left: in voxels
            # with clipped points, those that the fit puts there are left out too
            near = high - _NEAR_CLIP * self.floor.noise_sd
            ceiling = np.where(clipped.any(axis=0), near, np.inf)
        self._settle(index, out, bad, np.arange(index.size), never, ceiling)
        if ceiling is not None:
            clipped |= bad & ~base & (y > ceiling / 2.0)
        self._reasons(out, finite, clipped)
        out.n_used[...] = (~bad).sum(axis=0)
        answered = out.answered()
        return Counts(
            clipped=int(clipped[:, answered].sum()),
            non_finite=int((~finite)[:, answered].sum()),
        )

    def _settle(
        self,
        index: NDArray[np.intp],
        out: Outputs,
        bad: NDArray[np.bool_],
        todo: NDArray[np.intp],
        never: NDArray[np.bool_] | None,
        ceiling: NDArray[np.float64] | None,
    ) -> None:
        """Fit the voxels `todo` without their bad points until these stay the same.

        `bad` (n, todo) is brought up to date; `never` are points that cannot come back; `ceiling`
        is the signal of each voxel from which a fitted point is as good as clipped.
        """
        here = np.arange(todo.size)
        for turn in range(_ROUNDS):
            self._round(index, bad[:, here], todo[here], out)
            if not self.floor.cut and ceiling is None:
                return
            fresh = self._outside(out, todo[here], index, ceiling)
            if never is not None:
                fresh |= never[:, todo[here]]
            if turn > 1:
                fresh |= bad[:, here]  # from here on none comes back, so that this ends
            lost = np.flatnonzero(~out.answered()[todo[here]])
            fresh[:, lost] = bad[:, here[lost]]  # without a fit nothing is known of its points
            moved = np.flatnonzero((fresh != bad[:, here]).any(axis=0))
            if not moved.size:
                return
            here = here[moved]
            bad[:, here] = fresh[:, moved]
        self._round(index, bad[:, here], todo[here], out)

    def _round(
        self, index: NDArray[np.intp], bad: NDArray[np.bool_], todo: NDArray[np.intp], out: Outputs
    ) -> None:
        p = len(self.module.PARAMETERS)
        for pattern, members in _patterns(bad):
            mine = todo[members]
            keep = np.flatnonzero(~pattern)
            if keep.size < p or np.unique(self.points.values[keep]).size < min(p, 2):
                out.clear(mine, FitStatus.TOO_FEW_POINTS)
                continue
            part = Outputs.make(p, mine.size, full=self.full, covariance=self.covariance)
            part.begin(0, mine.size, keep.size)
            task = Task(
                signal=self.signal[np.ix_(self.order[keep], index[mine])],
                order=np.arange(keep.size),
                extra=self.b1[index[mine]] if self.b1.size else self.b1,
                limits=np.array(
                    [-np.inf, np.inf, 0.0, self.floor.variance, self.floor.silent, 0.0]
                ),
                noise_sd=self.noise_sd,
                outputs=part.arrays,
                full=self.full,
                t1=self._t1_of(index[mine]),
            )
            self.planner(self.points.take(keep)).run(task, 0, mine.size)
            out.put(mine, part)

    def _t1_of(self, index: NDArray[np.intp]) -> NDArray[np.float32]:
        return self.t1[index] if self.t1.size > 1 else self.t1

    def _outside(
        self,
        out: Outputs,
        todo: NDArray[np.intp],
        index: NDArray[np.intp],
        ceiling: NDArray[np.float64] | None,
    ) -> NDArray[np.bool_]:
        """Say which points (n, todo) the fit puts below the cut, or above the ceiling."""
        estimates = out.estimates[:, todo].astype(np.float64)
        extra = (self.b1[index[todo]],) if self.b1.size else ()
        own = self.planner(self.points).predict
        with np.errstate(all="ignore"):
            if own is None:
                predicted = self.module.predict(estimates, self.points, *extra)
            else:
                predicted = own(estimates, self._t1_of(index[todo]))
            np.abs(predicted, out=predicted)
            found: NDArray[np.bool_] = predicted < self.floor.cut
            if ceiling is not None:
                found |= predicted > ceiling[todo]
        return found

    def _reasons(self, out: Outputs, finite: NDArray[np.bool_], clipped: NDArray[np.bool_]) -> None:
        """Say why points are too few."""
        p = len(self.module.PARAMETERS)
        # voxels without signal in the points that were left are at the floor too
        few = np.isin(out.status, (FitStatus.TOO_FEW_POINTS, FitStatus.NOISE_FLOOR))
        n, n_finite, n_clipped = finite.shape[0], finite.sum(axis=0), clipped.sum(axis=0)
        if self.floor.cut:
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
