"""T2 from multi-echo spin echoes: one exponential without offset.

Stimulated echoes through imperfect refocusing lengthen the apparent T2; this model does not know of
them. Points at the noise floor are left out by the fit, not modeled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example, Points

__all__ = [
    "ENCODING",
    "ENGINE",
    "EQUATION",
    "EXAMPLE",
    "PARAMETERS",
    "QUANTITY",
    "REFERENCES",
    "TITLE",
]

TITLE = "T2, mono-exponential"
EQUATION = "S = S0 exp(-TE / T2)"
REFERENCES = (
    "Carr and Purcell 1954, doi 10.1103/PhysRev.94.630",
    "Meiboom and Gill 1958, doi 10.1063/1.1716296",
)
QUANTITY = "t2"
ENCODING = "echo_time"
ENGINE = "amplitude"
PARAMETERS = (
    Parameter(name="t2", unit="ms", bids="T2map", lower=0.5, upper=10000.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=tuple(10.0 * n for n in range(1, 33)), ranges=((10.0, 600.0), (1.0, 1.0)))

_UNIT_MS = 100.0
"""Times are counted in this unit, so that rates are about 1."""


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signal (n, ...) of parameters (t2 [ms], s0), shape (2, ...)."""
    time, s0 = parameters[0], parameters[1]
    te = points.values.reshape(-1, *(1,) * time.ndim)
    signal: NDArray[np.float64] = s0 * np.exp(-te / time)
    return signal


def coordinate(parameter: float, _: Points) -> float:
    """Return the rate in inverse units of 100 ms."""
    return _UNIT_MS / parameter


def constants(points: Points) -> NDArray[np.float64]:
    """Return echo times in units of 100 ms."""
    te = points.values / _UNIT_MS
    return np.stack([te, np.zeros_like(te)])


def scale(_: Points) -> NDArray[np.float64]:
    """Return the unit of time [ms]."""
    return np.array([_UNIT_MS])


def basis(e, t, a, b, q):
    """Return f = exp(-a t) and df/d ln t."""
    return e, -a * t * e


def value(t, k):
    """Return the time constant [ms] and its derivative with respect to ln t."""
    time = k[0] / t
    return time, -time
