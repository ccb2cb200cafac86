"""One fit from beginning to end: noise, all voxels at once, then those that lack points."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding
from qiqa.core.signal_model import Points
from qiqa.fitting import noise
from qiqa.fitting.careful import Careful, Counts
from qiqa.fitting.engines import ENGINES, Plan, Task
from qiqa.fitting.floor import NOT_JUDGED, Floor
from qiqa.fitting.outputs import Outputs
from qiqa.fitting.threads import run_spans
from qiqa.kernels.status import SET_ASIDE

__all__ = ["Fitter", "Results"]

_CHUNK = 1 << 16
"""Voxels with unusable points that are gathered at a time."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a fit found, voxels in a row."""

    outputs: Outputs
    n_used: NDArray[np.uint16]
    noise_sd: float | None
    noise_source: str
    counts: Counts
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitter:
    """Signal, model and settings of one fit."""

    name: str
    module: ModuleType
    points: Points
    """In the order of the volumes."""
    signal: NDArray[np.float32]
    """(n, voxels)."""
    mask: NDArray[np.bool_] | None
    b1: NDArray[np.float32]
    """(voxels,) or (0,)."""
    noise_sd: Literal["estimate"] | float | None
    rician: bool
    saturation: tuple[float, float] | None
    full: bool
    covariance: bool
    workers: int

    @property
    def engine(self) -> ModuleType:
        """The module that fits this model."""
        return ENGINES.load(self.module.ENGINE)

    @property
    def algorithm(self) -> str:
        """Name and version of the estimator."""
        return str(self.engine.ALGORITHM)

    @property
    def method(self) -> str:
        """How it is fitted, in words."""
        return str(self.engine.METHOD)

    @property
    def order(self) -> NDArray[np.intp]:
        """Volumes by rising value: the order of the fit, whatever that of the files."""
        return np.argsort(self.points.values, kind="stable")

    @property
    def good_range(self) -> tuple[float, float]:
        """Lowest and highest signal that is not clipped."""
        if self.saturation is None:
            return (-np.finfo(np.float32).max, np.finfo(np.float32).max)
        low, high = (np.float32(end) for end in self.saturation)
        return (
            float(max(np.nextafter(low, np.float32(np.inf)), -np.finfo(np.float32).max)),
            float(min(np.nextafter(high, np.float32(-np.inf)), np.finfo(np.float32).max)),
        )

    def run(self, progress: Callable[[float], None] | None = None) -> Results:
        """Fit all voxels."""
        planner = _planner(self.engine, self.module, bool(self.b1.size))
        sd, source = self._noise(planner)
        return self._fit(planner, self._floor(sd), sd, source, progress)

    def _floor(self, sd: float | None) -> Floor:
        free = ("FLOOR_IS_MODELED", "SIGNED")
        if sd is None or any(getattr(self.module, name, False) for name in free):
            return NOT_JUDGED
        return Floor(sd, self.rician)

    def _fit(
        self,
        planner: Callable[[Points], Plan],
        floor: Floor,
        sd: float | None,
        source: str,
        progress: Callable[[float], None] | None,
    ) -> Results:
        n, voxels = self.signal.shape
        p = len(self.module.PARAMETERS)
        out = Outputs.make(p, voxels, full=self.full, covariance=self.covariance, mask=self.mask)
        n_used = np.full(voxels, n, np.uint16)
        if self.mask is not None:
            n_used[~self.mask] = 0
        ordered = self.points.take(self.order)
        task = Task(
            signal=self.signal,
            order=self.order,
            extra=self.b1,
            limits=np.array([*self.good_range, floor.suspicious, floor.variance]),
            noise_sd=np.nan if sd is None else sd,
            outputs=out.arrays,
            full=self.full,
        )
        plan = planner(ordered)
        careful = Careful(
            module=self.module,
            points=ordered,
            planner=planner,
            floor=floor,
            good_range=self.good_range,
            noise_sd=task.noise_sd,
            full=self.full,
            covariance=self.covariance,
        )
        counts, lock = Counts(), threading.Lock()

        def work(start: int, stop: int) -> None:
            plan.run(task, start, stop)
            aside = np.flatnonzero(out.status[start:stop] == SET_ASIDE) + start
            for first in range(0, aside.size, _CHUNK):
                index = aside[first : first + _CHUNK]
                y = self.signal[np.ix_(self.order, index)]
                b1 = self.b1[index] if self.b1.size else self.b1
                part, used, found = careful.fit(y, b1)
                out.put(index, part, np.arange(index.size))
                n_used[index] = used
                with lock:
                    counts.add(found)

        run_spans(work, voxels, self.workers, progress)
        return Results(out, n_used, sd, source, counts)

    def _noise(self, planner: Callable[[Points], Plan]) -> tuple[float | None, str]:
        """Return the noise SD and where it comes from."""
        if self.noise_sd is None:
            return None, "not judged"
        if self.noise_sd != "estimate":
            return float(self.noise_sd), "given"
        index, peak = noise.sample(self.signal, self.mask)
        part = dataclasses.replace(
            self,
            signal=np.ascontiguousarray(self.signal[:, index]),
            mask=None,
            b1=self.b1[index] if self.b1.size else self.b1,
            full=True,
            covariance=False,
            workers=1,
        )
        p = len(self.module.PARAMETERS)

        def residuals(sd: float | None) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
            found = part._fit(planner, part._floor(sd), sd, "", None)
            return found.outputs.residual, found.n_used.astype(np.intp) - p

        inside = noise.from_residuals(residuals, peak) if index.size else None
        air = noise.from_air(self.signal) if self.rician else None
        if inside is None:
            return (
                (air, "air") if air is not None else (None, "unknown: too few voxels with signal")
            )
        if air is not None and air < inside:
            return air, "air"
        return inside, "residuals of the fit"


def _planner(engine: ModuleType, module: ModuleType, b1: bool) -> Callable[[Points], Plan]:
    """Return a function that makes plans, each pattern of points once."""
    kept: dict[bytes, Plan] = {}

    def make(points: Points) -> Plan:
        directions = b"" if points.directions is None else points.directions.tobytes()
        key = points.values.tobytes() + points.tr_ms.tobytes() + directions
        if key not in kept:
            kept[key] = engine.plan(module, points, b1)
        return kept[key]

    return make
