"""The long edges of a dark box in a bright bath."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.geometry.edges import first_crossing
from qiqa.geometry.plane import SlicePlane

__all__ = ["box_edge"]


def box_edge(
    plane: SlicePlane, x_mm: NDArray[np.float64], y_mm: float, outward: float
) -> NDArray[np.float64]:
    """Return y of a horizontal edge [mm] at several x, NaN where it is not seen.

    The edge is where the signal, coming from the bath, falls to half of it.

    Parameters
    ----------
    plane
        Slice.
    x_mm : (n,)
        Where to look.
    y_mm
        Where the edge should be.
    outward
        Sign of y pointing from the box into the bath.
    """
    y = y_mm + outward * np.arange(8.0, -5.0, -0.25)
    profile = plane.sample(*np.broadcast_arrays(x_mm[:, None], y[None, :]))
    bath = profile[:, :12].mean(axis=1)
    return first_crossing(-profile, y, -bath / 2)
