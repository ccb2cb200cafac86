"""The diffusion tensor: closed form."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qiqa.core.errors import FitError
from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.loading import handle
from qiqa.kernels.tensor import fit_tensor

__all__ = ["ALGORITHM", "LOGARITHMS", "METHOD", "plan"]

ALGORITHM = "tensor_reweighted/1"
METHOD = "straight lines through the logarithms, reweighted twice by the fitted signal squared"
LOGARITHMS = True
_UNIT = 1e-3
"""Diffusivities are counted in this unit [mm²/s]."""


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`.

    Raises
    ------
    FitError
        If no directions are known.
    """
    del b1
    if points.directions is None:
        raise FitError("the tensor needs the diffusion directions", hint="give directions or bvecs")
    model = handle(module, False)
    x, y, z = points.directions.T
    b = points.values * _UNIT
    columns = (b * x * x, b * y * y, b * z * z, 2 * b * x * y, 2 * b * x * z, 2 * b * y * z)
    design = np.ascontiguousarray(np.stack([*(-c for c in columns), np.ones_like(b)], axis=1))

    def run(task: Task, start: int, stop: int) -> None:
        fit_tensor(
            model, task.signal, task.order, design, _UNIT, task.limits, task.noise_sd,
            np.array([start, stop]), task.full, task.outputs,
        )  # fmt: skip

    return Plan(module, points, run)
