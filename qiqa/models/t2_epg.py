"""T2 from a train of equally spaced spin echoes by extended phase graphs with slice profile.

Refocusing below 180 degree, by B1 and toward the edges of every slice, sends signal through
stimulated echoes into later ones. This model computes them: T2 and B1 are fitted, T1, which
matters little, is given or assumed.

The pulses are those of a protocol that this model does not know: the constants below were set
beforehand; for other pulses give `pulses`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example, Points, Pulses
from qiqa.kernels.epg import echo_trains, hann_sinc, slice_angles

__all__ = [
    "ASSUMED_T1_MS",
    "ENCODING",
    "ENGINE",
    "EQUATION",
    "EXAMPLE",
    "PARAMETERS",
    "QUANTITY",
    "REFERENCES",
    "TITLE",
]

TITLE = "T2, echo train by extended phase graphs with slice profile"
EQUATION = "S_n = S0 |sum over slice of EPG_n(T1, T2, B1)|"
REFERENCES = (
    "Hennig 1991, doi 10.1002/cmr.1820030302",
    "Lebel and Wilman 2010, doi 10.1002/mrm.22487",
    "Weigel 2015, doi 10.1002/jmri.24619",
    "Pauly et al. 1991, doi 10.1109/42.75611",
)
QUANTITY = "t2"
ENCODING = "echo_time"
ENGINE = "epg"
POINTS_ONLY = True
TAKES_B1 = True
TAKES_T1 = True
PARAMETERS = (
    Parameter(name="t2", unit="ms", bids="T2map", lower=0.5, upper=10000.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
    Parameter(name="b1", unit="1", bids="TB1map", lower=0.3, upper=1.6),
)
EXAMPLE = Example(
    values=tuple(10.0 * n for n in range(1, 33)), ranges=((20.0, 300.0), (1.0, 1.0), (0.6, 0.9))
)
ASSUMED_T1_MS = 1000.0
"""T1 where none is given [ms]: that of much tissue at 1.5 and 3 T."""
PULSES = Pulses()
EXCITATION_DEGREE, REFOCUSING_DEGREE = 90.0, 180.0
_STEPS, _POSITIONS, _REACH = 256, 48, 1.5
"""Steps of a pulse; positions from the middle of the slice to so many slice thicknesses: the sum
differs from one over 2000 positions to 3 thicknesses by less than 1e-5."""


def positions() -> NDArray[np.float64]:
    """Return the distances (48,) from the middle of the slice, in thicknesses, one side."""
    return (np.arange(_POSITIONS) + 0.5) / _POSITIONS * _REACH


def profiles(
    b1: NDArray[np.float64], pulses: Pulses = PULSES
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return what is excited and sin(half the refocusing angle), (b, positions), and a weight.

    With the weight, the sum of what is excited at B1 = 1 is 1: S0 is the signal of the slice at
    nominal B1 before any decay.
    """
    along, whole = excited(b1, pulses.excitation_time_bandwidth)
    width = pulses.refocusing_width
    return along, refocused(b1, pulses.refocusing_time_bandwidth, width), 1.0 / whole


def excited(b1: NDArray[np.float64], time_bandwidth: float) -> tuple[NDArray[np.float64], float]:
    """Return the magnetization that is excited, (b, positions), and its sum where B1 is 1."""
    scale = np.append(b1, 1.0)
    along = np.empty((scale.size, _POSITIONS))
    pulse = hann_sinc(time_bandwidth, _STEPS)
    phase = 2.0 * np.pi * time_bandwidth * positions()
    slice_angles(pulse, np.radians(EXCITATION_DEGREE), scale, phase, np.empty_like(along), along)
    return along[:-1], float(along[-1].sum())


def refocused(b1: NDArray[np.float64], time_bandwidth: float, width: float) -> NDArray[np.float64]:
    """Return the sine of half the refocusing angle, (b, positions)."""
    half = np.empty((b1.size, _POSITIONS))
    pulse = hann_sinc(time_bandwidth, _STEPS)
    phase = 2.0 * np.pi * time_bandwidth / width * positions()
    slice_angles(pulse, np.radians(REFOCUSING_DEGREE), b1, phase, half, np.empty_like(half))
    return half


def predict(
    parameters: NDArray[np.float64],
    points: Points,
    b1: ArrayLike | None = None,
    t1: ArrayLike | None = None,
    pulses: Pulses = PULSES,
) -> NDArray[np.float64]:
    """Return the magnitude (n, ...) of parameters (t2 [ms], s0, b1), shape (3, ...).

    `points` hold echoes of a train that begins one echo spacing after excitation. A map of B1
    takes the place of the parameter; T1 [ms] is assumed where it is not given.
    """
    t2, s0 = (np.asarray(p, dtype=np.float64) for p in parameters[:2])
    field = np.broadcast_to(parameters[2] if b1 is None else np.asarray(b1), t2.shape)
    along_z = np.broadcast_to(ASSUMED_T1_MS if t1 is None else np.asarray(t1), t2.shape)
    train = np.sort(points.values if points.train is None else points.train)
    spacing = float(train[-1]) / train.size
    known = np.isfinite(t2) & np.isfinite(field) & np.isfinite(along_z)
    values, row = np.unique(field[known], return_inverse=True)
    along, half, weight = profiles(np.ascontiguousarray(values, dtype=np.float64), pulses)
    e1, e2 = np.exp(-spacing / along_z[known]), np.exp(-spacing / t2[known])
    trains = np.empty((row.size, train.size))
    echo_trains(along, half, row.ravel().astype(np.int64), e1.ravel(), e2.ravel(), weight, trains)
    which = np.rint(points.values / spacing).astype(np.intp) - 1
    signal = np.full((which.size, *t2.shape), np.nan)
    signal[:, known] = np.abs(trains.T[which]) * s0[known]
    return signal
