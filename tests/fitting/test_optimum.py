"""Inversion recovery finds the best of all answers, not the nearest: against a plain search."""

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays

TI = np.array([35.0, 75, 100, 125, 150, 250, 1000, 1500, 2000, 3000])
VOXELS = 2000


def best_residual(signal, signed):
    """Return the smallest sum of squares of each voxel over T1 and, of magnitudes, all signs.

    For each T1 the two amplitudes are projected out (a QR factorization of the two columns).
    """
    n = TI.size
    best = np.full(signal.shape[1], np.inf)
    whole = (signal**2).sum(axis=0)
    for t1 in np.geomspace(5.0, 20000.0, 700):
        q, _ = np.linalg.qr(np.stack([np.ones(n), np.exp(-TI / t1)], axis=1))
        for negative in range(1 if signed else n + 1):
            signs = np.where(np.arange(n) < negative, -1.0, 1.0)
            along = (q * signs[:, None]).T @ signal
            best = np.minimum(best, whole - (along**2).sum(axis=0))
    return np.maximum(best, 0.0)


MAGNITUDE, SIGNED = "t1_inversion_recovery", "t1_inversion_recovery_signed"


@pytest.mark.parametrize("snr", [10.0, 30.0, 200.0])
@pytest.mark.parametrize("model", [MAGNITUDE, SIGNED])
def test_none_is_worse_than_the_grid(model, snr):
    rng = np.random.default_rng(int(snr))
    t1 = np.geomspace(60, 2500, VOXELS)
    efficiency = rng.uniform(0.8, 1.0, VOXELS)
    clean = 1000 * (1 - (1 + efficiency) * np.exp(-TI[:, None] / t1))
    signal = clean + rng.normal(0, 1000 / snr, clean.shape)
    signed = model.endswith("signed")
    signal = (signal if signed else np.abs(signal)).astype(np.float32).astype(np.float64)
    maps = fit_arrays(signal, model, TI, noise_sd=None)
    answered = (maps.status == FitStatus.CONVERGED).ravel()
    assert answered.mean() > (0.99 if snr > 20 else 0.95)
    found, m0, k = (e.ravel().astype(np.float64) for e in maps.estimates)
    predicted = m0 * (1 - (1 + k) * np.exp(-TI[:, None] / found))
    left = signal - (predicted if signed else np.abs(predicted))
    residual = (left**2).sum(axis=0)[answered]
    grid = best_residual(signal, signed)[answered]
    assert (residual <= grid * (1 + 1e-5) + 1e-4).all(), float((residual / grid).max())
    # and what it says is left over is so
    said = maps.residual_sd.ravel()[answered].astype(np.float64) ** 2 * (TI.size - 3)
    np.testing.assert_allclose(said, residual, rtol=1e-3, atol=1e-2)


def test_an_answer_gives_back_its_residual():
    """T1 far below the first TI leaves a constant signal: an answer, if any, must still fit it."""
    rng = np.random.default_rng(5)
    signal = np.abs(rng.normal(500, 30, (TI.size, 400)))
    maps = fit_arrays(signal, MAGNITUDE, TI, noise_sd=None)
    converged = (maps.status == FitStatus.CONVERGED).ravel()
    assert converged.any()
    found, m0, k = (e.ravel().astype(np.float64) for e in maps.estimates)
    left = signal - np.abs(m0 * (1 - (1 + k) * np.exp(-TI[:, None] / found)))
    said = maps.residual_sd.ravel().astype(np.float64) ** 2 * (TI.size - 3)
    np.testing.assert_allclose((left**2).sum(axis=0)[converged], said[converged], rtol=0.02)
