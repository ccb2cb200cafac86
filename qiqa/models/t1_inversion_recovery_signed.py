"""T1 by inversion recovery from real-part (phase-sensitive) images; free inversion efficiency.

As `t1_inversion_recovery`, with the sign as measured. Magnitudes fitted with this model give
nonsense.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example, Points
from qiqa.kernels.elementary import exp

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

TITLE = "T1 by inversion recovery, signed"
EQUATION = "S = M0 [1 - (1 + k) exp(-TI / T1) + k exp(-TR / T1)], k the inversion efficiency"
REFERENCES = (
    "Barral et al. 2010, doi 10.1002/mrm.22497",
    "Stikov et al. 2015, doi 10.1002/mrm.25135",
)
QUANTITY = "t1"
ENCODING = "inversion_time"
ENGINE = "two_amplitudes"
SIGNED = True
"""Small signal is signal: there is no noise floor."""
PARAMETERS = (
    Parameter(name="t1", unit="ms", bids="T1map", lower=1.0, upper=20000.0),
    Parameter(name="m0", unit="signal", bids="M0map"),
    Parameter(name="inversion_efficiency", unit="1", bids="inversionefficiency"),
)
EXAMPLE = Example(
    values=(35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0),
    tr_ms=4500.0,
    ranges=((100.0, 2500.0), (1.0, 1.0), (0.9, 1.0)),
)

_UNIT_MS = 1000.0
"""Times are counted in this unit, so that rates are about 1."""


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signed signal (n, ...) of (t1 [ms], m0, inversion efficiency), shape (3, ...)."""
    time, m0, efficiency = parameters[0], parameters[1], parameters[2]
    shape = (-1, *(1,) * time.ndim)
    inversion = np.exp(-points.values.reshape(shape) / time)
    whole = np.exp(-np.nan_to_num(points.tr_ms, nan=np.inf).reshape(shape) / time)
    signal: NDArray[np.float64] = m0 * (1 - (1 + efficiency) * inversion + efficiency * whole)
    return signal


def coordinate(parameter: float, _: Points) -> float:
    """Return the rate [1/s]."""
    return _UNIT_MS / parameter


def constants(points: Points) -> NDArray[np.float64]:
    """Return inversion times [s]."""
    ti = points.values / _UNIT_MS
    return np.stack([ti, np.zeros_like(ti)])


def scale(points: Points) -> NDArray[np.float64]:
    """Return the unit of time [ms] and TR [s]; without a TR, it counts as very long."""
    tr = float(points.tr_ms[0]) if points.tr_ms.size else np.nan
    return np.array([_UNIT_MS, tr / _UNIT_MS if np.isfinite(tr) else 1e6])


def basis(e, t, a, b, q):
    """Return f0 = 1 and f1 = exp(-a t), each with its derivative with respect to ln t."""
    return np.float32(1.0), np.float32(0.0), e, -a * t * e


def value(t, k):
    """Return T1 [ms] and its derivative with respect to ln t."""
    time = k[0] / t
    return time, -time


def finish(t, c0, c1, k):
    """Return m0 and inversion efficiency, each with derivatives with respect to ln t, c0, c1.

    With w = exp(-TR/T1): c0 = m0 (1 + efficiency w) and c1 = -m0 (1 + efficiency).
    """
    w = exp(-k[1] * t)
    dw = -k[1] * t * w
    m0 = (c0 + w * c1) / (1.0 - w)
    m0_t = dw * (c1 + m0) / (1.0 - w)
    m0_0, m0_1 = 1.0 / (1.0 - w), w / (1.0 - w)
    efficiency = -c1 / m0 - 1.0
    lean = c1 / (m0 * m0)
    return (
        m0, m0_t, m0_0, m0_1,
        efficiency, lean * m0_t, lean * m0_0, lean * m0_1 - 1.0 / m0,
    )  # fmt: skip
