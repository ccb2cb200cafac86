"""T1 by inversion recovery from magnitudes; sign restored, free inversion efficiency, one TR.

At constant TR the signal is c0 + c1 exp(-TI/T1), whatever the efficiency: T1 does not depend on the
TR stated, m0 and the efficiency do. The sign that the magnitude lost changes once along TI; every
place of that change is tried.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.signal_model import Points
from qiqa.kernels.elementary import exp
from qiqa.models import t1_inversion_recovery_signed as signed
from qiqa.models.t1_inversion_recovery_signed import (
    EXAMPLE,
    PARAMETERS,
    basis,
    constants,
    coordinate,
    scale,
    value,
)

__all__ = [
    "ENCODING",
    "ENGINE",
    "EQUATION",
    "EXAMPLE",
    "PARAMETERS",
    "QUANTITY",
    "REFERENCES",
    "TITLE",
    "basis",
    "constants",
    "coordinate",
    "scale",
    "value",
]

TITLE = "T1 by inversion recovery, magnitude"
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


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the magnitude (n, ...) of (t1 [ms], m0, inversion efficiency), shape (3, ...)."""
    return np.abs(signed.predict(parameters, points))


def finish(t, c0, c1, k):
    """Return m0 and inversion efficiency, each with derivatives with respect to ln t, c0, c1.

    With w = exp(-TR/T1): c0 = m0 (1 + efficiency w) and c1 = -m0 (1 + efficiency).
    """
    w = exp(-k[1] * t)
    # all signs turned give the same magnitudes
    sign = -1.0 if c0 + w * c1 < 0.0 else 1.0
    c0, c1 = sign * c0, sign * c1
    dw = -k[1] * t * w
    m0 = (c0 + w * c1) / (1.0 - w)
    m0_t = dw * (c1 + m0) / (1.0 - w)
    m0_0, m0_1 = 1.0 / (1.0 - w), w / (1.0 - w)
    efficiency = -c1 / m0 - 1.0
    lean = c1 / (m0 * m0)
    return (
        m0, m0_t, sign * m0_0, sign * m0_1,
        efficiency, lean * m0_t, sign * lean * m0_0, sign * (lean * m0_1 - 1.0 / m0),
    )  # fmt: skip
