"""A train of spin echoes: T2 and B1 from a table of exact trains."""

from __future__ import annotations

import functools
import math
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError
from qiqa.core.signal_model import Points, Pulses
from qiqa.fitting.engines import Plan, Task
from qiqa.fitting.loading import handle
from qiqa.kernels.epg import echo_trains
from qiqa.kernels.epg_fit import fit_trains
from qiqa.kernels.epg_predict import predict_trains
from qiqa.kernels.epg_table import spline

__all__ = ["ALGORITHM", "METHOD", "plan"]

ALGORITHM = "epg_table/1"
METHOD = (
    "least squares on the signal: a table of exact echo trains over T2 and B1, cubic splines, "
    "Gauss-Newton steps by variable projection"
)
_STEP_U, _STEP_B, _TURN = 0.1, 0.03, 0.4
"""Steps of the table; that of B1 times the number of echoes is at most the last: a late echo goes
up and down with it. The spline is then within 1e-4 of the largest echo (tests)."""
_SHORTEST = 12.0
"""T2 down to the echo spacing over this: the first echo is then exp(-12) of S0."""
_LONGEST = 4.0
"""The table goes on to this times the highest T2, to see that an optimum lies beyond."""
_MARGIN_B = 0.03
_TOLERANCE = 0.01
"""Of the spacing: echo times in headers are rounded."""
_STARTS_T2 = 20
_STARTS_B1 = (0.36, 0.48, 0.60, 0.72, 0.84, 0.96)
"""Below the B1 at which the train turns back on itself, near 1: see docs/models/t2_epg.md."""
_KNOWN_B1 = tuple(np.round(np.arange(0.3, 1.65, 0.1), 1).tolist())


class _Table:
    """Splines of the trains of one echo spacing and count."""

    def __init__(self, module: ModuleType, n: int, spacing: float, pulses: Pulses) -> None:
        self.model = handle(module, False)
        t2, _, b1 = module.PARAMETERS
        longest = _LONGEST * t2.upper
        assumed = float(module.ASSUMED_T1_MS)
        offset = spacing / assumed + 1.0 / n
        first = math.log(min(spacing / longest - spacing / assumed, 0.0) + offset)
        shortest = max(t2.lower / 1.2, spacing / _SHORTEST)
        last = math.log(spacing / shortest + offset)
        u = np.linspace(first, last, math.ceil((last - first) / _STEP_U) + 1)
        low, high = b1.lower - _MARGIN_B, b1.upper + _MARGIN_B
        b = np.linspace(low, high, math.ceil((high - low) / min(_STEP_B, _TURN / n)) + 1)
        along, half, weight = module.profiles(b, pulses)
        rows = np.tile(np.arange(b.size), u.size)
        decay = np.repeat(np.exp(offset - np.exp(u)), b.size)
        trains = np.empty((rows.size, n))
        echo_trains(along, half, rows, np.ones(rows.size), decay, weight, trains)
        self.coefficients = spline((trains / decay[:, None]).reshape(u.size, b.size, n))
        self.axes = np.array([u[0], u[1] - u[0], b[0], b[1] - b[0], offset])
        self.ends = np.array([u[0], u[-1], b[0], b[-1]])
        self.bounds = np.array([spacing, offset, t2.lower, t2.upper, b1.lower, b1.upper, assumed])
        self.starts = np.geomspace(shortest * 1.05, 0.8 * t2.upper, _STARTS_T2)

    def grid(
        self, keep: NDArray[np.intp], fields: tuple[float, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return unit vectors of the echoes that are kept, and their T2 and B1."""
        places = np.stack([a.ravel() for a in np.meshgrid(self.starts, fields)])
        none = np.empty(0, np.float32)
        found = np.empty((keep.size, places.shape[1]))
        chosen = np.ascontiguousarray(self.coefficients[:, :, keep])
        predict_trains(
            self.model, chosen, self.axes, self.ends, self.bounds, keep + 1.0, places[0], places[1],
            none, found,
        )  # fmt: skip
        norm = np.maximum(np.linalg.norm(found, axis=0), 1e-30)
        return np.ascontiguousarray(found / norm, dtype=np.float32), places


@functools.lru_cache(maxsize=8)
def _table(module: ModuleType, n: int, spacing: float, pulses: Pulses) -> _Table:
    return _Table(module, n, spacing, pulses)


def _train(points: Points) -> tuple[int, float, NDArray[np.intp]]:
    """Return the number of echoes of the train, their spacing [ms], and which ones are there.

    Raises
    ------
    FitError
        If the echoes are not those of a whole train of equal spacing.
    """
    train = np.sort(points.values if points.train is None else points.train)
    n, spacing = train.size, float(train[-1]) / train.size
    away = np.abs(train - spacing * np.arange(1, n + 1))
    if spacing <= 0 or away.max() > _TOLERANCE * spacing:
        steps = np.diff(train)
        even = steps.min() > 0 and np.ptp(steps) <= 2 * _TOLERANCE * steps.mean()
        shown = ", ".join(f"{value:g}" for value in train[:6]) + (", ..." if n > 6 else "")
        wrong = (
            f"the first echo time {train[0]:g} ms is not the echo spacing {steps.mean():g} ms: "
            "echoes before it are missing"
            if even
            else "echo times are not equally spaced"
        )
        raise FitError(
            f"{wrong} ({shown} ms); an echo depends on all pulses before it",
            hint="give every echo of the train from the first on, or fit t2",
        )
    return n, spacing, np.rint(points.values / spacing).astype(np.intp) - 1


def plan(module: ModuleType, points: Points, b1: bool) -> Plan:
    """Return a model ready to be fitted to `points`.

    Raises
    ------
    FitError
        If these are not echoes of a train that begins one spacing after excitation.
    """
    n, spacing, keep = _train(points)
    table = _table(module, n, spacing, points.pulses or module.PULSES)
    chosen = np.ascontiguousarray(table.coefficients[:, :, keep])
    grid, places = table.grid(keep, _KNOWN_B1 if b1 else _STARTS_B1)
    echoes = keep + 1.0

    about = (table.axes, table.ends, table.bounds)

    def run(task: Task, start: int, stop: int) -> None:
        fit_trains(
            table.model, task.signal, task.order, echoes, chosen, table.axes, table.ends, grid,
            places, table.bounds, task.extra, task.t1, task.limits, task.noise_sd,
            np.array([start, stop]), task.full, task.outputs,
        )  # fmt: skip

    def predict(estimates: NDArray[np.float64], t1: NDArray[np.float32]) -> NDArray[np.float64]:
        found = np.empty((keep.size, estimates.shape[1]))
        t2, s0, field = estimates
        predict_trains(table.model, chosen, *about, echoes, t2, field, t1, found)
        found *= s0
        return found

    return Plan(module, points, run, predict)
