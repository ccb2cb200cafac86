"""T1 by variable flip angles: spoiled gradient echo in the steady state (Ernst), optional B1 map.

The flip angle in a voxel is the nominal one times B1, so an error of B1 by 1 % is one of T1 by
about 2 %: without a B1 map T1 is biased wherever the transmit field is not what it should be, most
near the edge of a slab. Incomplete spoiling is not modeled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example, Points
from qiqa.kernels.elementary import log, sincos

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

TITLE = "T1 by variable flip angles"
EQUATION = "S = M0 sin(a) (1 - E) / (1 - cos(a) E), E = exp(-TR / T1), a = B1 times flip angle"
REFERENCES = (
    "Fram et al. 1987, doi 10.1016/0730-725X(87)90021-X",
    "Deoni et al. 2003, doi 10.1002/mrm.10407",
)
QUANTITY = "t1"
ENCODING = "flip_angle"
ENGINE = "amplitude"
NEEDS_TR = True
PARAMETERS = (
    Parameter(name="t1", unit="ms", bids="T1map", lower=1.0, upper=20000.0),
    Parameter(name="m0", unit="signal", bids="M0map"),
)
EXAMPLE = Example(
    values=(2.0, 5.0, 10.0, 15.0, 20.0), tr_ms=6.6, ranges=((100.0, 3000.0), (10.0, 10.0))
)


def predict(
    parameters: NDArray[np.float64], points: Points, b1: float = 1.0
) -> NDArray[np.float64]:
    """Return the signal (n, ...) of parameters (t1 [ms], m0), shape (2, ...)."""
    time, m0 = parameters[0], parameters[1]
    shape = (-1, *(1,) * time.ndim)
    angle = np.radians(points.values).reshape(shape) * b1
    e = np.exp(-points.tr_ms.reshape(shape) / time)
    signal: NDArray[np.float64] = m0 * np.sin(angle) * (1 - e) / (1 - np.cos(angle) * e)
    return signal


def coordinate(parameter: float, points: Points) -> float:
    """Return 1 - exp(-TR/T1): E itself is so near 1 that its digits would be lost."""
    return float(-np.expm1(-points.tr_ms[0] / parameter))


def constants(points: Points) -> NDArray[np.float64]:
    """Return flip angles [radian] and their haversines 1 - cos, free of cancellation."""
    angle = np.radians(points.values)
    return np.stack([angle, 2.0 * np.sin(angle / 2.0) ** 2])


def scale(points: Points) -> NDArray[np.float64]:
    """Return TR [ms]."""
    return np.array([float(points.tr_ms[0])])


def decay(t, a):
    """Return the sine of the flip angle, in place of an exponential."""
    return sincos(a)[0]


def basis(e, t, a, b, q):
    """Return f = sin(a) t / (1 - cos(a) (1 - t)) and df/d ln t; b = 1 - cos(a)."""
    per = np.float32(1.0) / (b + t - b * t)
    f = e * t * per
    return f, f * b * per


def decay_b1(t, a):
    """Return nothing: the angle depends on the voxel."""
    return t


def basis_b1(e, t, a, b, q):
    """Return f and df/d ln t for the flip angle a q."""
    sine, _ = sincos(a * q)
    half, _ = sincos(np.float32(0.5) * a * q)
    h = np.float32(2.0) * half * half
    per = np.float32(1.0) / (h + t - h * t)
    f = sine * t * per
    return f, f * h * per


def value(t, k):
    """Return T1 = -TR / ln(1 - t) [ms] and its derivative with respect to ln t."""
    rate = -log(1.0 - t)
    time = k[0] / rate
    return time, -time * t / ((1.0 - t) * rate)
