"""B1 by the double-angle method: two spin or gradient echoes, the second with twice the flip angle.

With full relaxation between excitations the signals are proportional to sin(a) and sin(2a), so their
ratio is 2 cos(a). Magnitudes tell angles up to 90 degree (ratio from 0 up); TR must be at least about
5 T1, or B1 is biased. Two points, two parameters: there is no residual, and the standard error rests
on the noise SD.
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

TITLE = "B1 by double angle"
EQUATION = "S(a) = S0 sin(a), S(2a) = S0 sin(2a), a = B1 times flip angle"
REFERENCES = ("Insko and Bolinger 1993, doi 10.1006/jmra.1993.1133",)
QUANTITY = "b1"
ENCODING = "flip_angle"
ENGINE = "double_angle"
PARAMETERS = (
    Parameter(name="b1", unit="1", bids="TB1map", lower=0.0, upper=3.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=(40.0, 80.0), ranges=((0.6, 1.3), (1.0, 1.0)), tr_ms=10000.0)


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the magnitude (n, ...) of parameters (b1, s0), shape (2, ...)."""
    b1, s0 = parameters[0], parameters[1]
    angle = np.radians(points.values).reshape(-1, *(1,) * b1.ndim)
    signal: NDArray[np.float64] = s0 * np.abs(np.sin(angle * b1))
    return signal
