"""Signals without sense give no exception, no warning and no number that looks like an answer."""

import importlib
import warnings

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays
from qiqa.models import MODELS

VOXELS = 300


def signals(n):
    """Return hostile signals (n, voxels) by name."""
    rng = np.random.default_rng(1)
    shape = (n, VOXELS)
    alternating = np.ones(shape)
    alternating[::2] = -1
    return {
        "zero": np.zeros(shape),
        "negative": np.full(shape, -100.0),
        "constant": np.full(shape, 100.0),
        "NaN": np.full(shape, np.nan),
        "infinite": np.full(shape, np.inf),
        "negative infinite": np.full(shape, -np.inf),
        "one point": np.eye(n, VOXELS) * 1000,
        "alternating": 100 * alternating,
        "random": rng.normal(0, 100, shape),
        "random spoiled": np.where(rng.random(shape) < 0.5, np.nan, rng.normal(0, 100, shape)),
        "tiny": rng.uniform(0.1, 1, shape) * 1e-15,
        "large": rng.uniform(0.1, 1, shape) * 1e15,
        "beyond float32": np.full(shape, 1e300),
        "steps": rng.integers(0, 3, shape).astype(float),
    }


@pytest.mark.parametrize("noise_sd", ["estimate", None, 20.0])
@pytest.mark.parametrize("name", MODELS.names())
def test_no_exception_and_no_warning(name, noise_sd):
    example = importlib.import_module(f"qiqa.models.{name}").EXAMPLE
    for kind, signal in signals(len(example.values)).items():
        for given in (signal, signal[:, :1]):
            with warnings.catch_warnings():
                if kind == "beyond float32":  # numpy says so where it is made float32
                    warnings.simplefilter("ignore", RuntimeWarning)
                maps = fit_arrays(
                    given, name, example.values, tr_ms=example.tr_ms,
                    directions=example.directions, noise_sd=noise_sd, covariance=True,
                )  # fmt: skip
            states = {FitStatus(int(s)) for s in np.unique(maps.status)}
            answered = np.isin(maps.status, (FitStatus.CONVERGED, FitStatus.EXACT))
            for array in (maps.estimates, maps.standard_errors):
                assert np.isnan(array[:, ~answered]).all(), (kind, states)
            if not (name == "diffusion_tensor" and kind == "constant"):  # below
                assert np.isfinite(maps.estimates[:, answered]).all(), (kind, states)
            if kind in ("zero", "NaN", "infinite", "negative infinite", "beyond float32"):
                assert not answered.any(), (kind, states)


@pytest.mark.parametrize("name", [n for n in MODELS.names() if n in ("t2", "t2star", "adc")])
def test_a_constant_signal_has_no_time_constant(name):
    example = importlib.import_module(f"qiqa.models.{name}").EXAMPLE
    signal = np.full((len(example.values), 4), 100.0)
    maps = fit_arrays(signal, name, example.values, noise_sd=None)
    assert maps.counts() == {FitStatus.AT_BOUND: 4}


@pytest.mark.parametrize("name", ["adc_log_linear", "adc_weighted"])
def test_a_constant_signal_has_no_diffusion(name):
    maps = fit_arrays(np.full((4, 3), 100.0), name, (0, 100, 600, 800), noise_sd=None)
    np.testing.assert_allclose(maps.estimate("adc"), 0, atol=1e-9)
    np.testing.assert_allclose(maps.estimate("s0"), 100, rtol=1e-6)


def test_a_constant_signal_has_no_tensor():
    """An answer has no NaN in it."""
    example = importlib.import_module("qiqa.models.diffusion_tensor").EXAMPLE
    signal = np.full((len(example.values), 3), 100.0)
    maps = fit_arrays(
        signal, "diffusion_tensor", example.values, directions=example.directions, noise_sd=None
    )
    answered = np.isin(maps.status, (FitStatus.CONVERGED, FitStatus.EXACT))
    assert np.isfinite(maps.estimates[:, answered]).all()


@pytest.mark.parametrize(
    "name",
    ["adc", "adc_log_linear", "adc_weighted", "t2"],
)
def test_subnormal_signal(name):
    """What resampling leaves of air: numbers that are not zero, but next to nothing."""
    x = (0.0, 100.0, 600.0, 800.0) if name != "t2" else (10.0, 20.0, 30.0, 40.0)
    signal = np.full((4, 3), 1e-40)
    signal[:, 1] = 1e-38
    maps = fit_arrays(signal, name, x, noise_sd=None)
    assert set(maps.counts()) <= set(FitStatus)
    assert int(maps.status.max()) <= max(FitStatus)


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "i4", "u4", "i8", "f2", "f4", "f8", ">i2"]
)
def test_every_real_type(dtype):
    te = (10, 20, 30, 40)
    signal = np.array([[120], [60], [30], [15]], dtype=dtype)
    maps = fit_arrays(signal, "t2", te, noise_sd=None)
    assert maps.estimate("t2")[0, 0, 0] == pytest.approx(10 / np.log(2), rel=1e-4)
    assert maps.estimate("s0")[0, 0, 0] == pytest.approx(240, rel=1e-4)
    assert maps.estimates.dtype == np.float32


def test_lists_are_signals_too():
    maps = fit_arrays([[120], [60], [30]], "t2", [10, 20, 30], noise_sd=None)
    assert maps.estimate("s0")[0, 0, 0] == pytest.approx(240, rel=1e-4)


def test_no_voxels():
    maps = fit_arrays(np.empty((4, 0)), "t2", (10, 20, 30, 40))
    assert maps.estimates.shape == (2, 0, 1, 1)
    assert maps.counts() == {}
