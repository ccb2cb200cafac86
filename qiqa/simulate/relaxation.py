"""Signals of liquids under the sequences that are simulated, over that of water at rest.

All functions take arrays of fillings (first axis) and return (fillings, volumes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "diffusion",
    "echo_train",
    "inversion_recovery",
    "spin_echo",
    "spoiled_gradient_echo",
]

Values = NDArray[np.float64]


def spin_echo(t1_ms: Values, t2_ms: Values, tr_ms: float, te_ms: float) -> Values:
    """Return the signal (fillings, 1) of a 90-180 spin echo, repeated after TR.

    The refocusing pulse at TE/2 turns over what has recovered by then.
    """
    return (_recovered(t1_ms, tr_ms, te_ms) * np.exp(-te_ms / t2_ms))[:, None]


def _recovered(t1_ms: Values, after_ms: float | Values, te_ms: float) -> Values:
    """Return the longitudinal magnetization some time after the excitation of a spin echo."""
    late = np.exp(-(after_ms - te_ms / 2) / t1_ms)
    result: Values = 1 - 2 * late + np.exp(-after_ms / t1_ms)
    return result


def inversion_recovery(
    t1_ms: Values, t2_ms: Values, ti_ms: Values, tr_ms: float, te_ms: float, efficiency: float
) -> Values:
    """Return the signed signal of an inversion recovery spin echo in the steady state.

    The pulse turns Mz into -efficiency Mz; the excitation TI later leaves no Mz.
    """
    t1, ti = t1_ms[:, None], ti_ms[None, :]
    before = _recovered(t1, tr_ms - ti, te_ms)
    at_ti = 1 - (1 + efficiency * before) * np.exp(-ti / t1)
    result: Values = at_ti * np.exp(-te_ms / t2_ms)[:, None]
    return result


def spoiled_gradient_echo(
    t1_ms: Values, t2_ms: Values, flip_deg: Values, tr_ms: float, te_ms: float
) -> Values:
    """Return the steady-state signal of ideal spoiling (Ernst and Anderson 1966)."""
    angle, e1 = np.radians(flip_deg)[None, :], np.exp(-tr_ms / t1_ms)[:, None]
    steady = np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)
    result: Values = steady * np.exp(-te_ms / t2_ms)[:, None]
    return result


def diffusion(adc_mm2_per_s: Values, b_values: Values) -> Values:
    """Return the attenuation exp(-b ADC) of a liquid."""
    result: Values = np.exp(-adc_mm2_per_s[:, None] * b_values[None, :])
    return result


def echo_train(
    t1_ms: Values, t2_ms: Values, spacing_ms: float, n_echoes: int,
    excitation_deg: Values, refocusing_deg: Values,
) -> Values:  # fmt: skip
    """Return echo amplitudes (fillings, positions, echoes) of a CPMG train.

    Configurations of the extended phase graph (Weigel 2015): `dephasing` and `rephasing`
    transverse, `stored` longitudinal, each by the number of spacings/2 wound up. Between pulses
    each transverse state moves by one; a pulse about the axis of the magnetization mixes them.
    Crushers leave only echoes of refocused states. Equal magnetization before each excitation.

    Parameters
    ----------
    excitation_deg, refocusing_deg
        True angles at each position in the slice, (positions,).
    """
    shape = (t1_ms.size, excitation_deg.size)
    states = n_echoes + 2
    dephasing, rephasing, stored = (np.zeros((states * 2, *shape)) for _ in range(3))
    half1 = np.exp(-spacing_ms / 2 / t1_ms)[:, None]
    half2 = np.exp(-spacing_ms / 2 / t2_ms)[:, None]
    dephasing[0] = rephasing[0] = np.sin(np.radians(excitation_deg))[None, :]
    angle = np.radians(refocusing_deg)[None, :]
    cos2, sin2 = np.cos(angle / 2) ** 2, np.sin(angle / 2) ** 2
    sine, cosine = np.sin(angle), np.cos(angle)
    echoes = np.empty((*shape, n_echoes))
    for number in range(n_echoes):
        for moment in (0, 1):
            dephasing, rephasing, stored = dephasing * half2, rephasing * half2, stored * half1
            dephasing = np.concatenate((np.zeros((1, *shape)), dephasing[:-1]))
            rephasing = np.concatenate((rephasing[1:], np.zeros((1, *shape))))
            dephasing[0] = rephasing[0]
            if moment == 0:
                # About the axis of the magnetization: real mixing; Z is stored without its i.
                mixed = cos2 * dephasing + sin2 * rephasing + sine * stored
                turned = sin2 * dephasing + cos2 * rephasing - sine * stored
                stored = sine / 2 * (rephasing - dephasing) + cosine * stored
                dephasing, rephasing = mixed, turned
        echoes[..., number] = dephasing[0]
    return echoes
