"""What a shaped pulse does across the slice it selects: the Bloch equations, step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["WINDOWS", "excited", "refocusing_deg"]

Values = NDArray[np.float64]

WINDOWS = ("hann", "hamming", "none", "gauss")
"""Windows of the sinc; `gauss` is a Gaussian without one."""
_STEPS = 200
_GAUSS_SD = 0.18
"""Of a Gaussian pulse, in its duration."""


def _heights(window: str, time_bandwidth: float) -> Values:
    """Return a pulse (steps,) of unit sum."""
    t = (np.arange(_STEPS) + 0.5) / _STEPS - 0.5
    bell = np.exp(-0.5 * (t / _GAUSS_SD) ** 2)
    share = {"hann": 0.5, "hamming": 0.46, "none": 0.0, "gauss": 0.0}[window]
    sinc = np.sinc(time_bandwidth * t) * (1 - share + share * np.cos(2 * np.pi * t))
    shape = bell if window == "gauss" else sinc
    return np.asarray(shape / shape.sum())


def _turned(flip_deg: float, window: str, time_bandwidth: float, place: Values) -> Rotation:
    """Return the rotation at each place, in units of bandwidth over gradient."""
    off = 2 * np.pi * time_bandwidth * place / _STEPS
    whole = Rotation.identity(place.size)
    for height in _heights(window, time_bandwidth):
        across = np.full(place.size, np.radians(flip_deg) * height)
        whole = Rotation.from_rotvec(np.stack((across, 0 * off, off), axis=1)) * whole
    return whole


def excited(flip_deg: float, window: str, time_bandwidth: float, place: Values) -> Values:
    """Return the transverse magnetization (places,) from 1 after half the gradient is undone.

    Along the axis that it is refocused about; what is across it is odd in the place and cancels
    over the slice.
    """
    after = _turned(flip_deg, window, time_bandwidth, place).apply([0.0, 0.0, 1.0])
    back = np.pi * time_bandwidth * place
    found: Values = np.sin(back) * after[:, 0] - np.cos(back) * after[:, 1]
    return found


def refocusing_deg(flip_deg: float, window: str, time_bandwidth: float, place: Values) -> Values:
    """Return the angle (places,) that the pulse turns by about a transverse axis.

    What is left of longitudinal magnetization is its cosine; phases go to the crushers.
    """
    kept = _turned(flip_deg, window, time_bandwidth, place).apply([0.0, 0.0, 1.0])[:, 2]
    return np.asarray(np.degrees(np.arccos(np.clip(kept, -1.0, 1.0))))
