"""M0 of a magnitude recovery is positive, also where no point lies behind the zero crossing."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.fitting import fit_arrays

TI_MS = np.array([50.0, 100.0, 200.0, 400.0, 600.0, 800.0])
T1_MS, M0, EFFICIENCY = np.array([300.0, 900.0, 2700.0]), 1000.0, 0.95  # the last: zero at 1800 ms


@pytest.mark.parametrize(
    ("model", "tr_ms"),
    [("t1_inversion_recovery", np.full(6, 4500.0)), ("t1_inversion_recovery_tr", TI_MS + 950.0)],
)
def test_m0_is_positive(model: str, tr_ms: np.ndarray) -> None:
    ti, tr = TI_MS[:, None], tr_ms[:, None]
    recovery = 1 - (1 + EFFICIENCY) * np.exp(-ti / T1_MS) + EFFICIENCY * np.exp(-tr / T1_MS)
    rng = np.random.default_rng(7)
    signal = np.abs(M0 * np.repeat(recovery, 20, axis=1) + rng.normal(0, 0.01, (6, 60)))
    maps = fit_arrays(signal, model, TI_MS, tr_ms=tr_ms, noise_sd=None, covariance=True)
    m0 = maps.estimate("m0")[:, 0, 0]
    assert np.allclose(m0, M0, rtol=1e-2)
    assert np.allclose(maps.estimate("t1")[:, 0, 0], np.repeat(T1_MS, 20), rtol=1e-2)
    assert np.allclose(maps.estimate("inversion_efficiency")[:, 0, 0], EFFICIENCY, rtol=1e-2)
    # a longer T1 asks for a larger M0, whichever sign pattern was the best
    assert maps.covariance is not None
    assert (maps.covariance[0, 1, :, 0, 0] > 0).all()
