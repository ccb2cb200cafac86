"""T1 by saturation recovery or variable TR: full saturation, one exponential.

The encoding is the recovery time: the saturation time, or TR where each excitation turns all
magnetization by 90 degree (spin echo of variable TR).
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

TITLE = "T1 by saturation recovery (variable TR)"
EQUATION = "S = M0 [1 - exp(-TR / T1)]"
REFERENCES = ("Haacke et al. 1999, Magnetic Resonance Imaging, chapter 22",)
QUANTITY = "t1"
ENCODING = "repetition_time"
ENGINE = "amplitude"
PARAMETERS = (
    Parameter(name="t1", unit="ms", bids="T1map", lower=1.0, upper=20000.0),
    Parameter(name="m0", unit="signal", bids="M0map"),
)
EXAMPLE = Example(
    values=(100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0),
    ranges=((100.0, 2500.0), (1.0, 1.0)),
)

_UNIT_MS = 1000.0


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signal (n, ...) of parameters (t1 [ms], m0), shape (2, ...)."""
    time, m0 = parameters[0], parameters[1]
    tr = points.values.reshape(-1, *(1,) * time.ndim)
    signal: NDArray[np.float64] = -m0 * np.expm1(-tr / time)
    return signal


def coordinate(parameter: float, _: Points) -> float:
    """Return the rate [1/s]."""
    return _UNIT_MS / parameter


def constants(points: Points) -> NDArray[np.float64]:
    """Return recovery times [s]."""
    tr = points.values / _UNIT_MS
    return np.stack([tr, np.zeros_like(tr)])


def scale(_: Points) -> NDArray[np.float64]:
    """Return the unit of time [ms]."""
    return np.array([_UNIT_MS])


def basis(e, t, a, b, q):
    """Return f = 1 - exp(-a t) and df/d ln t."""
    return np.float32(1.0) - e, a * t * e


def value(t, k):
    """Return T1 [ms] and its derivative with respect to ln t."""
    time = k[0] / t
    return time, -time
