"""Echo trains by extended phase graphs, with the slice profile of the pulses: the exact model.

Everything here is float64 and free of tables; `epg_table` interpolates what this computes.

The graph follows dephasing in steps of half an echo spacing (Hennig 1991, doi
10.1002/cmr.1820030302; Weigel 2015, doi 10.1002/jmri.24619). At a refocusing pulse only odd orders
are populated, F of order 2j + 1, F of order -(2j + 1) and Z of order 2j + 1, so that regrown
longitudinal magnetization (order 0) never reaches an echo. With the magnetization along the axis
of the refocusing pulses (Meiboom and Gill) F is real and Z imaginary: real numbers do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel

__all__ = ["echo_trains", "hann_sinc", "slice_angles"]


def hann_sinc(time_bandwidth: float, steps: int) -> NDArray[np.float64]:
    """Return a Hann-windowed sinc pulse (steps,), its sum 1, at the middle of each step."""
    t = (np.arange(steps) + 0.5) / steps - 0.5
    shape = np.sinc(time_bandwidth * t) * (0.5 + 0.5 * np.cos(2.0 * np.pi * t))
    found: NDArray[np.float64] = shape / shape.sum()
    return found


@kernel
def slice_angles(shape, nominal, scale, phase, half, along):
    """Write what a pulse does across the slice: sine of half its angle, and what it excites.

    The rotations of all steps are multiplied as Cayley-Klein parameters (Pauly et al. 1991, doi
    10.1109/42.75611). A symmetric pulse turns by a half of the phase of its gradient, then about
    one transverse axis, then by the other half. The halves add to those of the crusher gradients,
    so that the graph needs only the angle about that axis.

    Parameters
    ----------
    shape
        (steps,) symmetric pulse of an even number of steps, its sum 1.
    nominal
        Flip angle on resonance where B1 is 1 [radian].
    scale
        (b,) B1 over nominal.
    phase
        (z,) phase that the slice gradient gives over the whole pulse [radian].
    half
        (b, z), receives |sin(angle / 2)|.
    along
        (b, z), receives the magnetization excited from 1 along the axis that it is refocused
        about, after a rephasing gradient of half the area. What is left across it is odd in
        position, and cancels in the sum over the slice.
    """
    steps = shape.size
    for i in range(scale.size):
        for j in range(phase.size):
            along_z = phase[j] / steps
            ar, ai, br, bi = 1.0, 0.0, 0.0, 0.0
            for k in range(steps // 2):
                across = shape[k] * nominal * scale[i]
                turn = math.sqrt(across * across + along_z * along_z)
                if turn == 0.0:
                    continue
                s = math.sin(0.5 * turn) / turn
                c, p, q = math.cos(0.5 * turn), -along_z * s, -across * s
                # (c + i p, i q) times what the steps before have made
                ar, ai, br, bi = (
                    c * ar - p * ai - q * bi,
                    c * ai + p * ar + q * br,
                    c * br + p * bi - q * ai,
                    c * bi - p * br + q * ar,
                )
            # the second half is the first one backward; each step is a symmetric matrix, so the
            # product of the second half is the transpose of the first one's
            ar, ai, br, bi = (
                ar * ar - ai * ai + br * br - bi * bi,
                2.0 * (ar * ai + br * bi),
                0.0,
                2.0 * (ar * bi - ai * br),
            )
            half[i, j] = min(abs(bi), 1.0)
            # 2 conj(a) b, turned back by half the phase of the gradient, times i
            re, im = 2.0 * ai * bi, 2.0 * ar * bi
            along[i, j] = re * math.sin(0.5 * phase[j]) - im * math.cos(0.5 * phase[j])


@kernel
def echo_trains(along, half, row, e1, e2, weight, trains):
    """Write the echoes (v, n) of v tissues, summed over the slice.

    Parameters
    ----------
    along, half
        (b, z), from `slice_angles` for excitation and refocusing.
    row
        (v,) which b belongs to each tissue.
    e1, e2
        (v,) decay of longitudinal and transverse magnetization over one echo spacing.
    weight
        What one position counts.
    trains
        (v, n), receives the echoes.
    """
    n, many = trains.shape[1], along.shape[1]
    most = n // 2 + 2
    up, down, kept = np.empty((most, many)), np.empty((most, many)), np.empty((most, many))
    cos2, sin2, sine, cosine = np.empty(many), np.empty(many), np.empty(many), np.empty(many)
    for v in range(row.size):
        to_z, to_xy = e1[v], e2[v]
        root = math.sqrt(to_xy)
        up[...], down[...], kept[...] = 0.0, 0.0, 0.0
        for z in range(many):
            s = half[row[v], z]
            c = math.sqrt(max(1.0 - s * s, 0.0))
            cos2[z], sin2[z], sine[z], cosine[z] = c * c, s * s, 2.0 * s * c, c * c - s * s
            up[0, z] = along[row[v], z] * root
        for echo in range(n):
            # orders that are populated and can still come back
            orders = min(echo + 1, n - echo, most - 1)
            total = 0.0
            for j in range(orders):
                p, q, x = up[j], down[j], kept[j]
                for z in range(many):
                    mixed = sine[z] * x[z]
                    first = cos2[z] * p[z] + sin2[z] * q[z] + mixed
                    second = sin2[z] * p[z] + cos2[z] * q[z] - mixed
                    x[z] = to_z * (cosine[z] * x[z] - 0.5 * sine[z] * (p[z] - q[z]))
                    p[z], q[z] = to_xy * first, to_xy * second
            for z in range(many):
                total += down[0, z]
            trains[v, echo] = total * weight * root / to_xy
            # shift by one echo spacing: -1 becomes +1, the others go up or down
            last = min(orders, most - 1)
            for j in range(last, 0, -1):
                for z in range(many):
                    up[j, z] = up[j - 1, z]
            for z in range(many):
                up[0, z] = down[0, z]
            for j in range(last):
                for z in range(many):
                    down[j, z] = down[j + 1, z]
