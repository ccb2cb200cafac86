"""Signal equations for simulation, written here again and not taken from the package.

Each returns signed signal for times or angles `x`; derivatives are by complex step, which is
exact to rounding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DESIGNS", "Design"]

Array = NDArray[np.float64]
Equation = Callable[[NDArray[np.complex128], Array, Array], Any]

TI_10 = (35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0)


def _decay(p: NDArray[np.complex128], x: Array, _: Array) -> Any:
    return p[1] * np.exp(-x / p[0])


def _diffusion(p: NDArray[np.complex128], x: Array, _: Array) -> Any:
    return p[1] * np.exp(-x * p[0])


def _decay_offset(p: NDArray[np.complex128], x: Array, _: Array) -> Any:
    return p[1] * np.exp(-x / p[0]) + p[2]


def _inversion(p: NDArray[np.complex128], x: Array, tr: Array) -> Any:
    """Inversion, delay, 90° readout that leaves no Mz, recovery to TR; p[2] is the efficiency.

    Mz before the inversion is M0 (1 - exp(-(TR - TI)/T1)); the pulse makes it -efficiency times
    as large; it recovers for TI.
    """
    before = p[1] * (1 - np.exp(-(tr - x) / p[0]))
    inverted = -p[2] * before
    return p[1] + (inverted - p[1]) * np.exp(-x / p[0])


def _saturation(p: NDArray[np.complex128], x: Array, _: Array) -> Any:
    return p[1] * (1 - np.exp(-x / p[0]))


def _spoiled(p: NDArray[np.complex128], x: Array, tr: Array) -> Any:
    e1 = np.exp(-tr / p[0])
    angle = np.deg2rad(x)
    return p[1] * np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)


@dataclasses.dataclass(frozen=True)
class Design:
    """One acquisition and model; the first parameter is the one that is judged."""

    model: str
    """Name in the package."""
    parameter: str
    equation: Equation
    values: tuple[float, ...]
    unit: str
    truths: tuple[float, ...]
    """Values of the parameter in the regular regime, where the aims hold."""
    outside: tuple[float, ...] = ()
    """Values outside it."""
    others: tuple[float, ...] = (1000.0,)
    """The remaining parameters: amplitude first."""
    tr_ms: float | tuple[float, ...] | None = None
    judged: bool = True
    """Whether the aims apply; else the table is for information."""
    snr_of_peak: bool = False
    """SNR is of the largest signal, not of the amplitude."""

    def signal(self, truth: float) -> Array:
        """Return the signed signal (n,)."""
        return np.asarray(self._at(np.array([truth, *self.others], dtype=complex)).real)

    def jacobian(self, truth: float) -> Array:
        """Return the derivatives (n, p) of the signed signal."""
        point = np.array([truth, *self.others], dtype=float)
        columns = []
        for k in range(point.size):
            step = 1e-20 * max(abs(point[k]), 1.0 if point[k] == 0 else 0.0)
            moved = point.astype(complex)
            moved[k] += 1j * step
            columns.append(self._at(moved).imag / step)
        return np.stack(columns, axis=1)

    def noise_sd(self, truth: float, snr: float) -> float:
        """Return the noise SD of one channel for an SNR."""
        top = np.abs(self.signal(truth)).max() if self.snr_of_peak else self.others[0]
        return float(top / snr)

    def _at(self, p: NDArray[np.complex128]) -> Any:
        x = np.asarray(self.values)
        tr = np.broadcast_to(np.asarray(0.0 if self.tr_ms is None else self.tr_ms), x.shape)
        return self.equation(p, x, tr)


_ADC = (0.3e-3, 0.5e-3, 0.7e-3, 1.0e-3, 1.3e-3, 1.7e-3, 2.1e-3, 2.5e-3)
_T1 = (100.0, 180.0, 300.0, 500.0, 800.0, 1200.0, 1800.0, 2500.0)
_T2 = (20.0, 35.0, 50.0, 80.0, 120.0, 180.0, 240.0, 300.0)
_B = (0.0, 100.0, 600.0, 800.0)
_ECHOES = tuple(10.0 * (k + 1) for k in range(32))
_TR_GROWING = tuple(1000.0 + ti for ti in TI_10)

DESIGNS = (
    Design("adc", "adc", _diffusion, _B, "mm²/s", _ADC, (0.05e-3, 4e-3)),
    Design(
        "t1_inversion_recovery",
        "t1",
        _inversion,
        TI_10,
        "ms",
        _T1,
        (20.0, 35.0, 50.0, 5000.0),
        others=(1000.0, 0.95),
        tr_ms=4500.0,
    ),
    Design("t2", "t2", _decay, _ECHOES, "ms", _T2, (5.0, 7.0, 10.0, 1000.0)),
    Design("adc_log_linear", "adc", _diffusion, _B, "mm²/s", _ADC[1::2], judged=False),
    Design("adc_weighted", "adc", _diffusion, _B, "mm²/s", _ADC[1::2], judged=False),
    Design("t2star", "t2star", _decay, _ECHOES[:12], "ms", (10.0, 20.0, 35.0, 60.0), judged=False),
    Design(
        "t2_offset",
        "t2",
        _decay_offset,
        _ECHOES,
        "ms",
        (20.0, 50.0, 80.0, 120.0),
        others=(1000.0, 50.0),
        judged=False,
    ),
    Design(
        "t1_vfa",
        "t1",
        _spoiled,
        (2.0, 5.0, 10.0, 15.0, 20.0),
        "ms",
        (300.0, 800.0, 1500.0, 2500.0),
        tr_ms=6.6,
        judged=False,
        snr_of_peak=True,
    ),
    Design(
        "t1_saturation_recovery",
        "t1",
        _saturation,
        (100.0, 300.0, 600.0, 1200.0, 2500.0, 5000.0),
        "ms",
        (180.0, 500.0, 1000.0, 1800.0),
        judged=False,
    ),
    Design(
        "t1_inversion_recovery_tr",
        "t1",
        _inversion,
        TI_10,
        "ms",
        (180.0, 500.0, 1000.0, 1800.0),
        others=(1000.0, 0.95),
        tr_ms=_TR_GROWING,
        judged=False,
    ),
)
"""What is simulated: acquisition, model, values."""
