"""T1 by inversion recovery from magnitudes where TR differs from volume to volume.

Scanners that keep the recovery time after the readout let TR grow with TI. Then the factor in front
differs between volumes, and a fit that ignores TR is wrong by the incomplete recovery.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example, Points
from qiqa.kernels.elementary import fade

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

TITLE = "T1 by inversion recovery, TR differs"
EQUATION = "S = |M0 [1 - (1 + k) exp(-TI / T1) + k exp(-TR / T1)]|, k the inversion efficiency"
REFERENCES = (
    "Barral et al. 2010, doi 10.1002/mrm.22497",
    "Stikov et al. 2015, doi 10.1002/mrm.25135",
)
QUANTITY = "t1"
ENCODING = "inversion_time"
ENGINE = "two_amplitudes"
MAGNITUDE = True
"""The sign of early points was lost."""
NEEDS_TR = True
PARAMETERS = (
    Parameter(name="t1", unit="ms", bids="T1map", lower=1.0, upper=20000.0),
    Parameter(name="m0", unit="signal", bids="M0map"),
    Parameter(name="inversion_efficiency", unit="1", bids="inversionefficiency"),
)
EXAMPLE = Example(
    values=(50.0, 100.0, 200.0, 400.0, 800.0, 1200.0, 1800.0, 2600.0),
    tr_ms=(1050.0, 1100.0, 1200.0, 1400.0, 1800.0, 2200.0, 2800.0, 3600.0),
    ranges=((100.0, 1500.0), (1.0, 1.0), (0.9, 1.0)),
)

_UNIT_MS = 1000.0
"""Times are counted in this unit, so that rates are about 1."""


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the magnitude (n, ...) of (t1 [ms], m0, inversion efficiency), shape (3, ...)."""
    time, m0, efficiency = parameters[0], parameters[1], parameters[2]
    shape = (-1, *(1,) * time.ndim)
    inversion = np.exp(-points.values.reshape(shape) / time)
    whole = np.exp(-np.nan_to_num(points.tr_ms, nan=np.inf).reshape(shape) / time)
    signal: NDArray[np.float64] = m0 * (1 - (1 + efficiency) * inversion + efficiency * whole)
    return np.abs(signal)


def coordinate(parameter: float, _: Points) -> float:
    """Return the rate [1/s]."""
    return _UNIT_MS / parameter


def constants(points: Points) -> NDArray[np.float64]:
    """Return inversion and repetition times [s]."""
    return np.stack([points.values / _UNIT_MS, points.tr_ms / _UNIT_MS])


def scale(_: Points) -> NDArray[np.float64]:
    """Return the unit of time [ms]."""
    return np.array([_UNIT_MS])


def basis(e, t, a, b, q):
    """Return f0 = 1 - exp(-a t), f1 = exp(-b t) - exp(-a t), each with its derivative."""
    w = fade(-b * t)
    de, dw = -a * t * e, -b * t * w
    return np.float32(1.0) - e, -de, w - e, dw - de


def value(t, k):
    """Return T1 [ms] and its derivative with respect to ln t."""
    time = k[0] / t
    return time, -time


def finish(t, c0, c1, k):
    """Return m0 = |c0| and efficiency = c1 / c0, each with its derivatives.

    All signs turned give the same magnitudes.
    """
    sign = 1.0 if c0 >= 0.0 else -1.0
    return sign * c0, 0.0, sign, 0.0, c1 / c0, 0.0, -c1 / (c0 * c0), 1.0 / c0
