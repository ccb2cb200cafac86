"""Rician noise: draws, Fisher information by quadrature, Cramer-Rao bound.

Independent of the package: the information is integrated numerically here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

__all__ = ["cramer_rao_sd", "draw", "information", "t_quantile_975"]

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_REACH = 11.0
"""Noise SDs on either side of the amplitude that the integral spans; beyond, p < 1e-26."""


def draw(
    signal: Array, noise_sd: float, trials: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return magnitudes (n, trials) of `signal` (n,) with complex Gaussian noise, float32."""
    shape = (signal.size, trials)
    real = np.abs(signal)[:, None] + noise_sd * rng.standard_normal(shape)
    return np.hypot(real, noise_sd * rng.standard_normal(shape)).astype(np.float32)


def information(amplitude: Array) -> Array:
    """Return the Fisher information on the amplitude A of one magnitude, in units of 1/sigma².

    `amplitude` is A/sigma. With m in units of sigma the density is
    p(m) = m exp(-(m² + A²)/2) I0(A m), and d log p/dA = m I1(A m)/I0(A m) - A. The information
    tends to A² for small A and to 1 for large A.
    """
    a = np.abs(np.asarray(amplitude, dtype=float))[..., None]
    low, high = np.maximum(0.0, a - _REACH), a + _REACH
    m = 0.5 * (high - low) * _NODES + 0.5 * (high + low)
    z = a * m
    density = m * np.exp(-0.5 * (m - a) ** 2) * i0e(z)
    score = m * i1e(z) / i0e(z) - a
    return np.asarray(0.5 * (high - low)[..., 0] * np.sum(_WEIGHTS * density * score**2, axis=-1))


def cramer_rao_sd(signal: Array, jacobian: Array, noise_sd: float) -> Array:
    """Return the smallest SD (p,) of unbiased estimates of all p parameters from magnitudes.

    `signal` (n,) may be negative (its magnitude is seen), `jacobian` (n, p) is its derivative;
    the noise SD of one channel is known. Scaled before inversion: the parameters differ by
    orders of magnitude.
    """
    weight = information(signal / noise_sd) / noise_sd**2
    fisher = jacobian.T @ (weight[:, None] * jacobian)
    scale = 1 / np.sqrt(np.diag(fisher))
    inverse = np.linalg.inv(fisher * scale[:, None] * scale[None, :])
    return np.asarray(np.sqrt(np.diag(inverse)) * scale)


def t_quantile_975(dof: NDArray[np.int64]) -> Array:
    """Return the 97.5 % point of Student's t; NaN where there are no degrees of freedom."""
    from scipy.stats import t

    table = np.array([math.nan, *t.ppf(0.975, np.arange(1, max(2, int(dof.max(initial=1)) + 1)))])
    return np.asarray(table[np.clip(dof, 0, None)])
