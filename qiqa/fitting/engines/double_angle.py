"""Two flip angles, one twice the other: closed form."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qiqa.core.errors import FitError
from qiqa.core.maps import FitStatus
from qiqa.core.signal_model import Points
from qiqa.fitting.engines import Plan, Task
from qiqa.kernels.status import PENDING, SET_ASIDE, SUSPECT

__all__ = ["ALGORITHM", "METHOD", "plan"]

ALGORITHM = "double_angle/1"
METHOD = "closed form from the ratio of the two signals"
_TWICE = 0.01
_CHUNK = 1 << 14


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return the method ready to be used on two flip angles.

    Raises
    ------
    FitError
        If there are not two angles, or one is not twice the other.
    """
    del b1
    angles = points.values
    if angles.size != 2 or abs(angles[1] / max(angles[0], 1e-9) - 2.0) > _TWICE:
        shown = ", ".join(f"{a:g}" for a in angles)
        raise FitError(f"double angle needs two flip angles a and 2a, got {shown} degree")
    nominal = float(np.radians(angles[0]))

    def run(task: Task, start: int, stop: int) -> None:
        for first in range(start, stop, _CHUNK):
            _solve(task, first, min(first + _CHUNK, stop), nominal, module)

    return Plan(module, points, run)


def _solve(task: Task, start: int, stop: int, nominal: float, module: ModuleType) -> None:
    """Solve a few voxels; written with arrays, since two points a voxel cost next to nothing."""
    estimates, errors, covariance, residual, _, status = task.outputs
    here = slice(start, stop)
    s1, s2 = (task.signal[row, here].astype(np.float64) for row in task.order)
    low, high, floor, variance, silent, _ = task.limits
    with np.errstate(all="ignore"):
        usable = np.ones(s1.shape, dtype=bool)
        for s in (s1, s2):
            usable &= (s >= low) & (s <= high)
        low_signal = np.minimum(np.abs(s1), np.abs(s2)) < floor
        no_signal = np.maximum(np.abs(s1), np.abs(s2)) < silent
        if variance > 0:
            s1, s2 = (np.sqrt(np.maximum(s * s - variance, 0.0)) for s in (s1, s2))
        ratio = s2 / (2.0 * s1)
        angle = np.arccos(ratio)
        sine = np.sin(angle)
        b1, s0 = angle / nominal, s1 / sine
        # d angle = -d ratio / sin(angle)
        slope_1, slope_2 = ratio / (s1 * sine), -1.0 / (2.0 * s1 * sine)
        rise_1 = 1.0 / sine - s1 * ratio / sine**2 * slope_1
        rise_2 = -s1 * ratio / sine**2 * slope_2
        sd = task.noise_sd
        found = np.where(np.isfinite(b1) & (sine > 0), FitStatus.EXACT, FitStatus.SINGULAR)
        inside = (b1 > module.PARAMETERS[0].lower) & (b1 < module.PARAMETERS[0].upper)
        outside = (ratio >= 1.0) | (ratio < 0.0) | ((found == FitStatus.EXACT) & ~inside)
        found = np.where(outside & (s1 > 0), FitStatus.AT_BOUND, found)
        pending = status[here] == PENDING
        found = np.where(no_signal, FitStatus.NOISE_FLOOR, found)
        found = np.where(usable, found, SET_ASIDE)
        good = pending & (found == FitStatus.EXACT)
        found = np.where(good & low_signal, SUSPECT, found)
        status[here] = np.where(pending, found, status[here])
        estimates[0, here] = np.where(good, b1, np.nan)
        estimates[1, here] = np.where(good, s0, np.nan)
        if task.full:
            error_b1 = sd * np.hypot(slope_1, slope_2) / nominal
            error_s0 = sd * np.hypot(rise_1, rise_2)
            errors[0, here] = np.where(good, error_b1, np.nan)
            errors[1, here] = np.where(good, error_s0, np.nan)
            residual[here] = np.nan
            if covariance.shape[1] > 0:
                both = sd**2 * (slope_1 * rise_1 + slope_2 * rise_2) / nominal
                covariance[0, here] = np.where(good, error_b1**2, np.nan)
                covariance[1, here] = np.where(good, both, np.nan)
                covariance[2, here] = np.where(good, error_s0**2, np.nan)
