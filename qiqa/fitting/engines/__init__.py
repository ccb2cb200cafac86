"""Engines: one file each turns a model and its points into a call of a kernel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.registry import Registry
from qiqa.core.signal_model import Points

__all__ = ["ENGINES", "Plan", "Task"]

ENGINES = Registry("qiqa.fitting.engines")
"""Modules with ALGORITHM, METHOD and `plan(module, points, b1) -> Plan`; a model names its own.
LOGARITHMS: it takes them, so points must be positive and the mean of noise cannot be taken off."""


def _nothing() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """Voxels to fit, and where the results go."""

    signal: NDArray[np.float32]
    """(rows, voxels)."""
    order: NDArray[np.intp]
    """Rows in the order of the plan's points."""
    extra: NDArray[np.float32]
    """(voxels,) relative B1, or empty."""
    limits: NDArray[np.float64]
    """Lowest and highest good value, magnitude below which a voxel is looked at again, variance to
    be corrected for, magnitude that some point must reach, fitted magnitude below which a kernel
    may leave a point out itself (0: it leaves none)."""
    noise_sd: float
    """For fits without residual; NaN where unknown."""
    outputs: tuple[NDArray[Any], ...]
    """estimates, errors, covariance, residual, number of points, status, as kernels take them."""
    full: bool
    """Whether errors and residual are wanted."""
    t1: NDArray[np.float32] = dataclasses.field(default_factory=_nothing)
    """(voxels,) T1 [ms], one for all, or empty, for models that take it."""

    def __post_init__(self) -> None:
        # a series is read-only, an array need not be: one type, so one compilation for both
        view = self.signal.view()
        view.flags.writeable = False
        object.__setattr__(self, "signal", view)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A model ready to be run on points of one series."""

    module: ModuleType
    points: Points
    run: Callable[[Task, int, int], None]
    """run(task, first voxel, voxel behind the last)."""
    predict: Callable[[NDArray[np.float64], NDArray[np.float32]], NDArray[np.float64]] | None = None
    """predict(estimates (p, voxels), T1 as in a task) -> signal (n, voxels), where the engine does
    it faster than the model."""
