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
from qiqa.fitting.threads import both, run_spans
from qiqa.kernels.status import SET_ASIDE, SUSPECT

__all__ = ["Fitter", "Results"]

_CHUNK = 1 << 14
"""Voxels with unusable points that are gathered at a time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Level:
    """Noise of a series."""

    noise_sd: float | None
    """SD of one channel where there is signal [signal]; None: unknown or not judged."""
    floor_sd: float | None
    """SD that puts the floor where it is; as the first, or larger."""
    source: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a fit found, voxels in a row."""

    outputs: Outputs
    level: Level
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
    t1: NDArray[np.float32]
    """(voxels,), one for all, or (0,) [ms]."""
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
    def logarithms(self) -> bool:
        """Whether the engine takes logarithms of the signal."""
        return bool(getattr(self.engine, "LOGARITHMS", False))

    @property
    def algorithm(self) -> str:
        """Name and version of the estimator."""
        return str(self.engine.ALGORITHM)

    @property
    def method(self) -> str:
        """How it is fitted, in words."""
        signs = "; every place of the change of sign tried"
        return str(self.engine.METHOD) + (signs if getattr(self.module, "MAGNITUDE", False) else "")

    @property
    def order(self) -> NDArray[np.intp]:
        """Volumes by rising value: the order of the fit, whatever that of the files."""
        return np.argsort(self.points.values, kind="stable")

    @property
    def good_range(self) -> tuple[float, float]:
        """Lowest and highest signal that is not clipped."""
        most = float(np.finfo(np.float32).max)
        if self.saturation is None:
            return -most, most
        low, high = (np.float32(end) for end in self.saturation)
        above, below = (
            np.nextafter(low, np.float32(np.inf)),
            np.nextafter(high, np.float32(-np.inf)),
        )
        return max(float(above), -most), min(float(below), most)

    def run(self, progress: Callable[[float], None] | None = None) -> Results:
        """Fit all voxels."""
        planner = _planner(self.engine, self.module, bool(self.b1.size))
        noise_found = self._noise(planner)
        return self.fit_with(planner, noise_found, progress)

    def floor_of(self, sd: float | None, floor_sd: float | None) -> Floor:
        """Return how low signal is treated at a noise SD."""
        free = ("FLOOR_IS_MODELED", "SIGNED")
        if sd is None or any(getattr(self.module, name, False) for name in free):
            return NOT_JUDGED
        plain = self.rician and not self.logarithms
        return Floor(sd, sd if floor_sd is None else floor_sd, plain)

    def _limits(self, floor: Floor) -> NDArray[np.float64]:
        """Return what kernels compare signals with."""
        return np.array(
            [*self.good_range, floor.suspicious, floor.variance, floor.silent, floor.cut]
        )

    def fit_with(
        self,
        planner: Callable[[Points], Plan],
        level: Level,
        progress: Callable[[float], None] | None,
    ) -> Results:
        """Fit all voxels at a level of noise."""
        sd = level.noise_sd
        floor = self.floor_of(sd, level.floor_sd)
        n, voxels = self.signal.shape
        p = len(self.module.PARAMETERS)
        out = Outputs.make(p, voxels, full=self.full, covariance=self.covariance)
        ordered = self.points.take(self.order)
        task = Task(
            signal=self.signal,
            order=self.order,
            extra=self.b1,
            limits=self._limits(floor),
            noise_sd=np.nan if sd is None else sd,
            outputs=out.arrays,
            full=self.full,
            t1=self.t1,
        )
        plan = planner(ordered)
        careful = Careful(
            module=self.module,
            signal=self.signal,
            order=self.order,
            b1=self.b1,
            t1=self.t1,
            points=ordered,
            planner=planner,
            floor=floor,
            good_range=self.good_range,
            noise_sd=task.noise_sd,
            logarithms=self.logarithms,
            full=self.full,
            covariance=self.covariance,
        )
        counts, lock = Counts(), threading.Lock()
        again: dict[int, list[NDArray[np.uint32]]] = {SUSPECT: [], SET_ASIDE: []}

        def work(start: int, stop: int) -> None:
            out.begin(start, stop, n, self.mask)
            plan.run(task, start, stop)
            missing, state = out.missing(start, stop, n), out.status[start:stop]
            found = {kind: (np.flatnonzero(state == kind) + start) for kind in again}
            with lock:
                counts.missing += missing
                for kind, index in found.items():
                    again[kind].append(index.astype(np.uint32))  # half of the memory

        run_spans(work, voxels, self.workers, _part(progress))
        for kind, fit in ((SUSPECT, careful.fit_suspects), (SET_ASIDE, careful.fit_aside)):
            parts = sorted((part for part in again[kind] if part.size), key=lambda part: part[0])
            if parts:
                self._again(out, np.concatenate(parts), fit, counts)
        if progress:
            progress(1.0)
        return Results(out, level, counts)

    def _again(
        self,
        out: Outputs,
        found: NDArray[np.uint32],
        fit: Callable[[NDArray[np.intp], Outputs], Counts],
        counts: Counts,
    ) -> None:
        """Fit the voxels `found` again, many together: a small group costs as much as a block."""
        lock = threading.Lock()

        def work(start: int, stop: int) -> None:
            for first in range(start, stop, _CHUNK):
                index = found[first : min(first + _CHUNK, stop)].astype(np.intp)
                part = out.take(index)
                left_out = fit(index, part)
                left_out.missing = part.missing(0, index.size, self.signal.shape[0])
                with lock:
                    out.put(index, part)
                    counts.add(left_out)

        run_spans(work, found.size, self.workers)

    def _noise(self, planner: Callable[[Points], Plan]) -> Level:
        """Return the noise SD, that of the floor, and where they come from."""
        if self.noise_sd is None:
            return Level(None, None, "not judged")
        if self.noise_sd != "estimate":
            return Level(float(self.noise_sd), float(self.noise_sd), "given")
        seen = noise.look(self.signal)
        inside_mask = seen if self.mask is None else noise.look(self.signal, self.mask)
        signed = getattr(self.module, "SIGNED", False)
        inside, air = both(
            lambda: self._noise_inside(planner, inside_mask) if inside_mask else None,
            lambda: None if signed or seen is None else noise.from_air(seen),
            self.workers,
        )
        if inside is None and air is None:
            n, p = self.signal.shape[0], len(self.module.PARAMETERS)
            few = "as many points as parameters" if n <= p else "too few voxels with signal"
            return Level(None, None, f"unknown: {few}, and no air to take it from")
        if inside is None or (air is not None and air < inside):
            return Level(air, air, "air")
        if air is None:
            return Level(inside, inside, "residuals of the fit")
        return Level(inside, air, f"residuals of the fit; air puts the floor at {air:.3g}")

    def _noise_inside(self, planner: Callable[[Points], Plan], seen: noise.Look) -> float | None:
        """Return the noise SD from the residuals of voxels with signal."""
        bright = noise.sample(seen)
        if not bright.size:
            return None
        part = dataclasses.replace(
            self,
            signal=np.ascontiguousarray(seen.signal[:, bright]),
            mask=None,
            b1=self.b1[seen.index[bright]] if self.b1.size else self.b1,
            t1=self.t1[seen.index[bright]] if self.t1.size > 1 else self.t1,
            full=True,
            covariance=False,
            workers=1,
        )
        p = len(self.module.PARAMETERS)

        def residuals(sd: float | None) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
            found = part.fit_with(planner, Level(sd, sd, ""), None)
            return found.outputs.residual, found.outputs.n_used.astype(np.intp) - p

        return noise.from_residuals(residuals, seen.peak[bright])


_QUICK_SHARE = 0.9
"""Share of the progress that all voxels are worth; the rest are those fitted again."""


def _part(progress: Callable[[float], None] | None) -> Callable[[float], None] | None:
    return (lambda done: progress(_QUICK_SHARE * done)) if progress else None


def _planner(engine: ModuleType, module: ModuleType, b1: bool) -> Callable[[Points], Plan]:
    """Return a function that makes plans, each pattern of points once."""
    kept: dict[bytes, Plan] = {}

    def make(points: Points) -> Plan:
        directions = b"" if points.directions is None else points.directions.tobytes()
        key = points.values.tobytes() + points.tr_ms.tobytes() + directions
        key += f"{points.pulses}".encode()
        if key not in kept:
            kept[key] = engine.plan(module, points, b1)
        return kept[key]

    return make
