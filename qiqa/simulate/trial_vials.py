"""Vials of the diffusion phantom of simulated trials: names, contents, places, certified values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONTENTS_PERCENT",
    "CONTENT_PERCENT",
    "INSERTS",
    "OTHER_CONTENT_PERCENT",
    "POSITIONS_MM",
    "ROOM_DEGC",
    "certified",
]

FloatArray = NDArray[np.float64]

CONTENTS_PERCENT = (0, 10, 20, 30, 40, 50)
"""PVP that there is in the phantom."""
_RINGS = ("inner", "outer")
INSERTS: tuple[str, ...] = (
    "PVP0-center",
    *(f"PVP{content}-{ring}" for content in CONTENTS_PERCENT for ring in _RINGS),
)
"""Names of the 13 vials, as in the definition of the QIBA diffusion phantom."""
CONTENT_PERCENT: tuple[float, ...] = (
    0.0,
    *(float(content) for content in CONTENTS_PERCENT for _ in _RINGS),
)
"""PVP in each vial."""
POSITIONS_MM: tuple[tuple[float, float, float], ...] = (
    (0.0, 0.0, 0.0),
    (30.31, 17.5, 0.0),
    (30.0, 51.96, 0.0),
    (0.0, 35.0, 0.0),
    (-30.0, 51.96, 0.0),
    (-30.31, 17.5, 0.0),
    (-60.0, 0.0, 0.0),
    (-30.31, -17.5, 0.0),
    (-30.0, -51.96, 0.0),
    (0.0, -35.0, 0.0),
    (30.0, -51.96, 0.0),
    (30.31, -17.5, 0.0),
    (60.0, 0.0, 0.0),
)
"""Rings of 35 and 60 mm about the central vial, which lies at isocenter."""
_BY_CONTENT: dict[str, tuple[float, ...]] = {
    "room": (2.000e-3, 1.551e-3, 1.183e-3, 0.832e-3, 0.507e-3, 0.267e-3),
    "ice": (1.109e-3, 0.817e-3, 0.579e-3, 0.380e-3, 0.220e-3, 0.110e-3),
}
"""ADC of 0 to 50 % PVP at 20 and 0 °C [mm²/s]: certificate of CaliberMRI unit 128-0155."""
ROOM_DEGC = 20.0
"""Temperature of the references of phantoms that are not in ice water."""
OTHER_CONTENT_PERCENT = (25.0, 14.0, 0.0, 18.0, 40.0, 25.0, 10.0, 14.0, 0.0, 40.0, 18.0, 10.0, 25.0)
"""PVP in the vials of another phantom, which somebody may take for this one [%]; chosen."""


def certified(bath: str, content_percent: tuple[float, ...] = CONTENT_PERCENT) -> FloatArray:
    """Return the ADC [mm²/s] of vials at the bath's temperature; log-linear between contents.

    >>> certified("ice")[[0, -1]].tolist()
    [0.001109, 0.00011]
    """
    known = np.array(_BY_CONTENT[bath])
    at = np.array(content_percent) / 10.0
    below = np.minimum(at.astype(np.int64), len(known) - 2)
    share = at - below
    between = np.exp((1.0 - share) * np.log(known[below]) + share * np.log(known[below + 1]))
    # where nothing lies between, not even a rounding is added
    exact = known[np.rint(at).astype(np.int64)]
    return np.where(at == np.rint(at), exact, between)
