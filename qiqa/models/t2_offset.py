"""T2 with a constant added: one exponential and an offset.

For a signal that does not decay to zero. The offset takes up the noise floor and whatever else
stays; where the last echo is not well beyond T2, offset and T2 cannot be told apart and the
standard error says so.
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

TITLE = "T2 with offset"
EQUATION = "S = S0 exp(-TE / T2) + C"
REFERENCES = ("Milford et al. 2015, doi 10.1371/journal.pone.0145255",)
QUANTITY = "t2"
ENCODING = "echo_time"
ENGINE = "two_amplitudes"
FLOOR_IS_MODELED = True
"""Points at the noise floor tell the offset: they are kept, and magnitudes are not corrected."""
PARAMETERS = (
    Parameter(name="t2", unit="ms", bids="T2map", lower=0.5, upper=10000.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
    Parameter(name="offset", unit="signal", bids="S0map"),
)
EXAMPLE = Example(
    values=tuple(10.0 * n for n in range(1, 33)), ranges=((10.0, 200.0), (1.0, 1.0), (0.0, 0.1))
)

_UNIT_MS = 100.0


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signal (n, ...) of parameters (t2 [ms], s0, offset), shape (3, ...)."""
    time, s0, offset = parameters[0], parameters[1], parameters[2]
    te = points.values.reshape(-1, *(1,) * time.ndim)
    signal: NDArray[np.float64] = s0 * np.exp(-te / time) + offset
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
    """Return f0 = 1 and f1 = exp(-a t), each with its derivative with respect to ln t."""
    return np.float32(1.0), np.float32(0.0), e, -a * t * e


def value(t, k):
    """Return T2 [ms] and its derivative with respect to ln t."""
    time = k[0] / t
    return time, -time


def finish(t, c0, c1, k):
    """Return s0 and offset, each with derivatives with respect to ln t, c0, c1."""
    return c1, 0.0, 0.0, 1.0, c0, 0.0, 1.0, 0.0
