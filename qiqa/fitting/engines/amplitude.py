"""One amplitude and one nonlinear parameter: variable projection."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.engines._grid import bounds_of, even, filled_up, grid_of
from qiqa.fitting.loading import handle
from qiqa.kernels.amplitude import fit_amplitude
from qiqa.kernels.table import tabulate_one

__all__ = ["ALGORITHM", "METHOD", "plan"]

ALGORITHM = "varpro_amplitude/1"
METHOD = "least squares on the signal: grid and Gauss-Newton steps by variable projection"
_GRID = 16


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`."""
    model = handle(module, b1)
    constants = np.ascontiguousarray(module.constants(points), dtype=np.float64)
    own = hasattr(module, "decay")
    bounds = bounds_of(module, points)
    grid = grid_of(bounds, constants, _GRID, own)
    table = np.empty((grid.size, constants.shape[1]))
    tabulate_one(handle(module, False), constants, grid, table)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    narrow = filled_up(table)
    scale = np.asarray(module.scale(points), dtype=np.float64)
    steady = even(constants) and not own

    def run(task: Task, start: int, stop: int) -> None:
        fit_amplitude(
            model, task.signal, task.order, constants, steady, scale, task.extra, narrow, grid,
            bounds, task.limits, task.noise_sd, np.array([start, stop]), task.full, task.outputs,
        )  # fmt: skip

    return Plan(module, points, run)
