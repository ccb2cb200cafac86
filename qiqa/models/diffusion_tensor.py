"""Diffusion tensor by reweighted log-linear least squares: mean diffusivity, anisotropy, S0.

The mean diffusivity is a third of the trace of the tensor, the ADC averaged over all directions. At
least six directions that are not in one plane and one unweighted volume are needed.
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

TITLE = "Diffusion tensor, reweighted lines through ln S"
EQUATION = "ln S = ln S0 - b g' D g, MD = trace(D) / 3"
REFERENCES = (
    "Basser et al. 1994, doi 10.1006/jmrb.1994.1037",
    "Veraart et al. 2013, doi 10.1016/j.neuroimage.2013.05.028",
)
QUANTITY = "adc"
ENCODING = "b_value"
ENGINE = "tensor"
NEEDS_DIRECTIONS = True
PARAMETERS = (
    Parameter(name="md", unit="mm²/s", bids="ADC"),
    Parameter(name="fa", unit="1", bids="FA"),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
_H = 0.7071067811865476
_SIX = ((_H, _H, 0.0), (_H, -_H, 0.0), (_H, 0.0, _H), (_H, 0.0, -_H), (0.0, _H, _H), (0.0, _H, -_H))
EXAMPLE = Example(
    values=(0.0, 0.0, *(800.0,) * 6, *(600.0,) * 6),
    directions=((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), *_SIX, *_SIX),
    ranges=((0.3e-3, 2.0e-3), (0.05, 0.8), (1.0, 1.0)),
)


def predict(parameters: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Return the signal (n, ...) of (md [mm²/s], fa, s0), shape (3, ...).

    The tensor is taken as symmetric around (1, 2, 2) / 3, with the first eigenvalue the largest:
    mean diffusivity and anisotropy alone do not tell where it points.
    """
    md, fa, s0 = parameters[0], parameters[1], parameters[2]
    # eigenvalues md (1 + 2 d, 1 - d, 1 - d): fa² = 9 d² / (3 + 6 d²)
    d = fa * np.sqrt(3.0 / np.maximum(9.0 - 6.0 * fa**2, 1e-12))
    if points.directions is None:
        cosine = np.full(points.values.shape, 1.0 / np.sqrt(3.0))
    else:
        cosine = points.directions @ np.array([1.0, 2.0, 2.0]) / 3.0
    shape = (-1, *(1,) * np.ndim(md))
    along = md * ((1.0 - d) + 3.0 * d * (cosine**2).reshape(shape))
    signal: NDArray[np.float64] = s0 * np.exp(-points.values.reshape(shape) * along)
    return signal
