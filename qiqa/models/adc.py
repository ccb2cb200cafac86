"""ADC, mono-exponential, by nonlinear least squares on the signal.

The estimator of choice: its noise is the smallest that least squares allows, and points with little
signal weigh as little as they should.
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

TITLE = "ADC, mono-exponential, nonlinear least squares"
EQUATION = "S = S0 exp(-b ADC)"
REFERENCES = ("Le Bihan et al. 1986, doi 10.1148/radiology.161.2.3763909",)
QUANTITY = "adc"
ENCODING = "b_value"
ENGINE = "amplitude"
PARAMETERS = (
    Parameter(name="adc", unit="mm²/s", bids="ADC", lower=1e-6, upper=0.05),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=(0.0, 100.0, 600.0, 800.0), ranges=((0.1e-3, 2.5e-3), (1.0, 1.0)))

_UNIT = 1e-3
"""ADC are counted in this unit [mm²/s], which is 1 µm²/ms."""


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signal (n, ...) of parameters (adc [mm²/s], s0), shape (2, ...)."""
    adc, s0 = parameters[0], parameters[1]
    b = points.values.reshape(-1, *(1,) * adc.ndim)
    signal: NDArray[np.float64] = s0 * np.exp(-b * adc)
    return signal


def coordinate(parameter: float, _: Points) -> float:
    """Return the ADC in µm²/ms."""
    return parameter / _UNIT


def constants(points: Points) -> NDArray[np.float64]:
    """Return b-values [ms/µm²]."""
    b = points.values * _UNIT
    return np.stack([b, np.zeros_like(b)])


def scale(_: Points) -> NDArray[np.float64]:
    """Return the unit of the ADC [mm²/s]."""
    return np.array([_UNIT])


def basis(e, t, a, b, q):
    """Return f = exp(-a t) and df/d ln t."""
    return e, -a * t * e


def value(t, k):
    """Return the ADC [mm²/s] and its derivative with respect to ln t."""
    adc = k[0] * t
    return adc, adc
