"""A straight line through the logarithms, equal weights: closed form."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.loading import handle
from qiqa.kernels.loglinear import fit_log_linear, fit_log_weighted

__all__ = ["ALGORITHM", "LOGARITHMS", "METHOD", "plan", "straight_line"]

ALGORITHM = "log_linear/1"
METHOD = "unweighted straight line through the logarithms of the signal"
LOGARITHMS = True
_UNIT = 1000.0
"""b-values are counted in this unit [s/mm²]."""


def straight_line(module: ModuleType, points: Points, weighted: bool) -> Plan:
    """Return a line through the logarithms ready to be fitted to `points`."""
    model = handle(module, False)
    b = points.values / _UNIT
    mean = float(b.mean())
    x = b - mean
    fit = fit_log_weighted if weighted else fit_log_linear

    def run(task: Task, start: int, stop: int) -> None:
        fit(
            model, task.signal, task.order, x, mean, _UNIT, task.limits, task.noise_sd,
            np.array([start, stop]), task.full, task.outputs,
        )  # fmt: skip

    return Plan(module, points, run)


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`."""
    del b1
    return straight_line(module, points, weighted=False)
