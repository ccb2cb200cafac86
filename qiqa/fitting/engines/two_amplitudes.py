"""Two amplitudes and one nonlinear parameter: variable projection, lost signs restored."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.engines._grid import bounds_of, even, filled_up, grid_of
from qiqa.fitting.loading import handle
from qiqa.kernels.table import tabulate_two
from qiqa.kernels.two_amplitudes import fit_two_amplitudes

__all__ = ["ALGORITHM", "METHOD", "plan"]

ALGORITHM = "varpro_two_amplitudes/1"
METHOD = "least squares on the signal: grid and Gauss-Newton steps by variable projection"
_GRID = 28


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`."""
    model = handle(module, b1)
    constants = np.ascontiguousarray(module.constants(points), dtype=np.float64)
    n = constants.shape[1]
    own = hasattr(module, "decay")
    bounds = bounds_of(module, points)
    grid = grid_of(bounds, constants, _GRID, own)
    table = np.empty((grid.size, 2, n))
    tabulate_two(model, constants, grid, table)
    vectors, _ = np.linalg.qr(table.transpose(0, 2, 1))
    narrow = filled_up(vectors.transpose(0, 2, 1))
    scale = np.asarray(module.scale(points), dtype=np.float64)
    steady = even(constants) and not own
    constant = bool(np.ptp(table[:, 0], axis=0).max() == 0.0)
    flips = n - 1 if getattr(module, "MAGNITUDE", False) else 0

    def run(task: Task, start: int, stop: int) -> None:
        fit_two_amplitudes(
            model, task.signal, task.order, constants, steady, scale, task.extra, narrow, grid,
            constant, flips, bounds, task.limits, task.noise_sd, np.array([start, stop]), task.full,
            task.outputs,
        )  # fmt: skip

    return Plan(module, points, run)
