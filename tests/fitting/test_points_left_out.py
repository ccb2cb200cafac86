"""Points that cannot be used: left out, counted, and without any trace in the result."""

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.core.series import Encoding
from qiqa.fitting import fit, fit_arrays

TE = np.arange(1, 9) * 10.0
CLIPPED = 4095.0


@pytest.fixture(scope="module")
def noisy(decay):
    """Return decays with noise, signal up to 4000, 50 voxels."""
    rng = np.random.default_rng(7)
    clean = decay(TE, np.linspace(20, 200, 50), 4200.0)
    return np.minimum(clean + rng.normal(0, 15, clean.shape), 4000).astype(np.float32)


def same(found, wanted):
    for part in ("estimates", "standard_errors", "residual_sd", "status", "n_used"):
        np.testing.assert_array_equal(getattr(found, part), getattr(wanted, part), err_msg=part)


@pytest.mark.parametrize("bad", [CLIPPED, 5000.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [(0,), (3,), (7,), (0, 1, 5)])
def test_no_trace(noisy, bad, which):
    """Same bits as the series without those volumes."""
    spoiled = noisy.copy()
    spoiled[list(which)] = bad
    kept = np.setdiff1d(np.arange(TE.size), which)
    found = fit_arrays(spoiled, "t2", TE, noise_sd=None, saturation=CLIPPED)
    same(found, fit_arrays(noisy[kept], "t2", TE[kept], noise_sd=None))
    assert (found.n_used == TE.size - len(which)).all()
    assert found.n_points == TE.size


@pytest.mark.parametrize("model", ["adc", "adc_log_linear", "adc_weighted"])
def test_no_trace_in_diffusion(noisy, model):
    """For logarithms zero and negative values are none either."""
    b = np.arange(8) * 100.0
    spoiled = noisy.copy()
    spoiled[2] = CLIPPED
    if model != "adc":
        spoiled[5, ::2], spoiled[5, 1::2] = 0.0, -3.0
    kept = [0, 1, 3, 4, 6, 7] if model != "adc" else [0, 1, 3, 4, 5, 6, 7]
    found = fit_arrays(spoiled, model, b, noise_sd=None, saturation=CLIPPED)
    same(found, fit_arrays(noisy[kept], model, b[kept], noise_sd=None))


def test_no_trace_in_inversion_recovery():
    """The order of signs goes on over the gap."""
    ti = np.array([50.0, 100, 200, 400, 700, 1100, 1800, 2900])
    rng = np.random.default_rng(8)
    clean = 1000 * (1 - 1.95 * np.exp(-ti[:, None] / np.linspace(80, 1500, 60)))
    signal = np.abs(clean + rng.normal(0, 10, clean.shape)).astype(np.float32)
    spoiled = signal.copy()
    spoiled[[0, 3]] = np.nan
    kept = [1, 2, 4, 5, 6, 7]
    found = fit_arrays(spoiled, "t1_inversion_recovery", ti, noise_sd=None)
    same(found, fit_arrays(signal[kept], "t1_inversion_recovery", ti[kept], noise_sd=None))
    assert (found.status == FitStatus.CONVERGED).mean() > 0.9


def test_without_a_limit_nothing_is_clipped(noisy):
    spoiled = noisy.copy()
    spoiled[0] = CLIPPED
    maps = fit_arrays(spoiled, "t2", TE, noise_sd=None)
    assert maps.n_clipped == 0
    assert (maps.n_used == TE.size).all()


def test_counts(noisy):
    spoiled = noisy.copy()
    spoiled[0, :10] = CLIPPED  # 10
    spoiled[:2, 10:13] = CLIPPED + 1  # 6
    spoiled[4, 20:25] = np.nan  # 5
    spoiled[5, 22] = -np.inf  # 1
    spoiled[6, 0] = np.nan  # 1, of a voxel that is clipped too
    maps = fit_arrays(spoiled, "t2", TE, noise_sd=None, saturation=CLIPPED)
    assert (maps.n_clipped, maps.n_non_finite, maps.n_floor) == (16, 7, 0)
    left_out = TE.size - maps.n_used[:, 0, 0].astype(int)
    assert left_out.sum() == 23
    assert left_out[[0, 1, 10, 20, 22, 30]].tolist() == [2, 1, 2, 1, 2, 0]


def test_voxels_without_answer_are_not_counted(noisy):
    spoiled = noisy.copy()
    spoiled[:7, 0] = CLIPPED
    spoiled[:7, 1] = np.nan
    maps = fit_arrays(spoiled, "t2", TE, noise_sd=None, saturation=CLIPPED)
    assert (maps.n_clipped, maps.n_non_finite) == (0, 0)
    assert maps.status.ravel()[:2].tolist() == [FitStatus.SATURATED, FitStatus.NON_FINITE]


def test_points_at_the_floor(decay, rician):
    """T2 of 12 ms and noise of 2 %: about three echoes stand out, and they tell T2."""
    te = np.arange(1, 33) * 10.0
    clean = decay(te, np.full(2000, 12.0))
    noisy = rician(clean, 10.0, np.random.default_rng(9))
    maps = fit_arrays(noisy, "t2", te, noise_sd=10.0)
    answered = np.isfinite(maps.estimates[0, :, 0, 0])
    assert answered.mean() > 0.95
    used = maps.n_used[answered, 0, 0].astype(int)
    # the cut lies at 1 to 3 noise SD: 1000 exp(-TE/12) = 10 at 55 ms, = 30 at 42 ms
    assert set(np.unique(used).tolist()) <= {3, 4, 5, 6}
    assert maps.n_floor == int((32 - used).sum())
    assert np.median(maps.estimates[0, answered]) == pytest.approx(12.0, rel=0.01)
    blind = fit_arrays(noisy, "t2", te, noise_sd=None)
    assert (blind.n_used == 32).all()
    assert blind.n_floor == 0


@pytest.mark.parametrize("model", ["t2_offset", "t1_inversion_recovery_signed"])
def test_where_low_signal_is_signal_nothing_is_left_out(model, decay):
    x = np.arange(1, 17) * 40.0
    if model == "t2_offset":
        clean = decay(x, np.full(200, 60.0)) + 3.0
    else:
        clean = 1000 * (1 - 2 * np.exp(-x[:, None] / np.full(200, 300.0)))
    noisy = clean + np.random.default_rng(10).normal(0, 5, clean.shape)
    maps = fit_arrays(noisy, model, x, noise_sd=5.0)
    assert maps.n_floor == 0
    assert (maps.n_used == 16).all()


def test_range_of_the_stored_type(made_series):
    """A series knows what its pixels can hold; a zero of a type without sign is air, not an end."""
    angle = Encoding(name="flip_angle", values=(40.0, 80.0), unit="degree")
    s0 = 4000.0
    signal = np.empty((3, 1, 1, 2))
    signal[..., 0], signal[..., 1] = s0 * np.sin(np.radians(40)), s0 * np.sin(np.radians(80))
    signal[1, 0, 0, 1] = 4095.0  # of 3939
    signal[2, 0, 0, 0] = 0.0

    def found(low, high):
        series = made_series(signal, angle, stored_range=(low, high))
        return fit(series, "b1_double_angle", noise_sd=None).status.ravel().tolist()

    exact, clipped = FitStatus.EXACT, FitStatus.SATURATED
    assert found(0.0, 65535.0)[:2] == [exact, exact]
    assert found(0.0, 4095.0)[:2] == [exact, clipped]
    assert found(0.0, 4095.0)[2] != clipped
    assert found(-4000.0, 4095.0)[:2] == [exact, clipped]
