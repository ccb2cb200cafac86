"""Units: the scale of the signal scales amplitudes and nothing else, that of time times only."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qiqa.fitting import fit_arrays

TE = np.arange(1, 17) * 10.0
TI = np.array([35.0, 75, 150, 300, 600, 1200, 2400, 3600])
ANGLES = np.array([2.0, 5, 10, 15, 20])
B = np.array([0.0, 100, 300, 600, 800])
VOXELS = 40


def _spoiled(rate):
    """Return sin(a) (1 - E) / (1 - cos(a) E) for E = exp(-rate)."""
    a = np.radians(ANGLES)[:, None]
    return np.sin(a) / (1 + (1 - np.cos(a)) / np.expm1(rate))


CASES = {
    # values, TR, a decay or the like
    "t2": (TE, None, lambda rng: np.exp(-TE[:, None] / rng.uniform(20, 200, VOXELS))),
    "t2_offset": (
        TE, None, lambda rng: 0.1 + np.exp(-TE[:, None] / rng.uniform(20, 80, VOXELS)),
    ),
    "adc": (B, None, lambda rng: np.exp(-B[:, None] * rng.uniform(3e-4, 2e-3, VOXELS))),
    "adc_log_linear": (B, None, lambda rng: np.exp(-B[:, None] * rng.uniform(3e-4, 2e-3, VOXELS))),
    "adc_weighted": (B, None, lambda rng: np.exp(-B[:, None] * rng.uniform(3e-4, 2e-3, VOXELS))),
    "t1_inversion_recovery": (
        TI, 5000.0,
        lambda rng: np.abs(1 - 1.9 * np.exp(-TI[:, None] / rng.uniform(100, 1500, VOXELS))),
    ),
    "t1_vfa": (ANGLES, 10.0, lambda rng: _spoiled(10.0 / rng.uniform(200, 2000, VOXELS))),
}  # fmt: skip
NOISE = 0.01
LITTLE = {"deadline": None, "max_examples": 15, "derandomize": True,
          "suppress_health_check": [HealthCheck.function_scoped_fixture]}  # fmt: skip


def noisy(name, seed):
    values, tr, make = CASES[name]
    rng = np.random.default_rng(seed)
    clean = make(rng)
    clean /= clean.max(axis=0)
    return np.abs(clean + rng.normal(0, NOISE, clean.shape)).astype(np.float32), values, tr


def fitted(name, signal, values, tr, noise_sd):
    return fit_arrays(signal, name, values, tr_ms=tr, noise_sd=noise_sd)


@settings(**LITTLE)
@given(power=st.integers(-20, 30), name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 99))
def test_a_power_of_two_changes_no_bit(power, name, seed):
    factor = 2.0**power
    signal, values, tr = noisy(name, seed)
    one = fitted(name, signal, values, tr, NOISE)
    other = fitted(name, signal * np.float32(factor), values, tr, NOISE * factor)
    np.testing.assert_array_equal(other.status, one.status)
    np.testing.assert_array_equal(other.n_used, one.n_used)
    exact = not name.startswith("adc_")  # ln(2 s) is not that of s plus ln 2 to the last bit
    for which, parameter in enumerate(one.parameters):
        scale = np.float32(factor) if parameter.unit == "signal" else np.float32(1)
        for part in ("estimates", "standard_errors"):
            found, wanted = getattr(other, part)[which], getattr(one, part)[which] * scale
            if exact:
                np.testing.assert_array_equal(found, wanted, err_msg=f"{parameter.name} {part}")
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-3 if "err" in part else 2e-5)


@settings(**LITTLE)
@given(factor=st.floats(1e-6, 1e9), name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 99))
def test_scale_of_the_signal(factor, name, seed):
    signal, values, tr = noisy(name, seed)
    one = fitted(name, signal, values, tr, None)
    other = fitted(name, (signal * factor).astype(np.float32), values, tr, None)
    both = np.isfinite(one.estimates[0]) & np.isfinite(other.estimates[0])
    assert both.mean() > 0.9
    np.testing.assert_array_equal(np.isfinite(other.estimates[0]), np.isfinite(one.estimates[0]))
    for which, parameter in enumerate(one.parameters):
        scale = factor if parameter.unit == "signal" else 1.0
        error = one.standard_errors[which][both] * scale
        found = other.estimates[which][both].astype(np.float64)
        wanted = one.estimates[which][both].astype(np.float64) * scale
        assert (np.abs(found - wanted) <= 1e-4 * np.abs(wanted) + 0.02 * error).all(), (
            parameter.name
        )
    # residuals of the weighted line are what is left of large sums in float32
    np.testing.assert_allclose(
        other.residual_sd[both] / factor,
        one.residual_sd[both],
        rtol=2e-3,
        atol=1e-3 if name == "adc_weighted" else 1e-6,
    )


@settings(**LITTLE)
@given(
    factor=st.floats(0.25, 4.0),
    name=st.sampled_from(["t2", "t2_offset", "t1_inversion_recovery", "adc", "adc_log_linear"]),
    seed=st.integers(0, 99),
)
def test_scale_of_time(factor, name, seed):
    """Times twice as long: T2 twice as long; b-values twice as large: half the diffusivity."""
    signal, values, tr = noisy(name, seed)
    one = fitted(name, signal, values, tr, None)
    other = fitted(name, signal, values * factor, None if tr is None else tr * factor, None)
    both = np.isfinite(one.estimates[0]) & np.isfinite(other.estimates[0])
    assert both.mean() > 0.9
    for which, _ in enumerate(one.parameters):
        scale = 1.0 if which else (1 / factor if name.startswith("adc") else factor)
        error = one.standard_errors[which][both] * scale
        wanted = one.estimates[which][both].astype(np.float64) * scale
        found = other.estimates[which][both].astype(np.float64)
        assert (np.abs(found - wanted) <= 1e-4 * np.abs(wanted) + 0.02 * error).all(), name
        np.testing.assert_allclose(other.standard_errors[which][both], error, rtol=0.02)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_voxel_of_twice_the_signal_beside_one(name):
    """Amplitudes scale voxel by voxel: no voxel is the measure of another."""
    signal, values, tr = noisy(name, 3)
    factors = np.float32(2.0) ** np.arange(-VOXELS // 2, VOXELS // 2).astype(np.float32)
    one, other = (fitted(name, s, values, tr, None) for s in (signal, signal * factors))
    np.testing.assert_allclose(other.estimates[0], one.estimates[0], rtol=1e-4)
