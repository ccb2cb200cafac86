"""Every status is reached by a made signal, and says what it is meant to say."""

import numpy as np
import pytest

from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays

TE = (10.0, 20.0, 30.0, 40.0)
NAN, INF, CLIPPED = np.nan, np.inf, 4095.0
GOOD = (800.0, 640.0, 512.0, 409.6)  # factor 0.8 an echo
T2 = -10 / np.log(0.8)


def one(signal, te=TE, model="t2", **settings):
    """Fit one voxel."""
    settings = {"noise_sd": None, "saturation": CLIPPED, **settings}
    return fit_arrays(np.array(signal)[:, None], model, te, **settings)


def status(maps):
    """Return the status; where it is no answer, every number must be NaN."""
    found = FitStatus(maps.status[0, 0, 0])
    numbers = np.concatenate([maps.estimates.ravel(), maps.standard_errors.ravel()])
    if found.has_answer:
        assert np.isfinite(maps.estimates).all()
    else:
        assert np.isnan(numbers).all()
        assert np.isnan(maps.residual_sd).all()
    return found


def test_converged():
    maps = one(GOOD)
    assert status(maps) is FitStatus.CONVERGED
    assert maps.estimate("t2")[0, 0, 0] == pytest.approx(T2, rel=1e-5)
    assert maps.estimate("s0")[0, 0, 0] == pytest.approx(1000, rel=1e-5)
    assert maps.n_used[0, 0, 0] == 4


@pytest.mark.parametrize("model", ["t2", "adc", "adc_log_linear", "adc_weighted"])
def test_exact(model):
    """As many points as parameters: no residual, the error rests on the noise SD."""
    x = (10.0, 20.0) if model == "t2" else (0.0, 500.0)
    maps = one((800.0, 640.0), x, model, noise_sd=5.0)
    assert status(maps) is FitStatus.EXACT
    assert np.isnan(maps.residual_sd).all()
    rate = np.log(800 / 640) / (x[1] - x[0])
    error = 5.0 * np.hypot(1 / 800, 1 / 640) / (x[1] - x[0])
    first, said = float(maps.estimates[0, 0, 0, 0]), float(maps.standard_errors[0, 0, 0, 0])
    if model == "t2":
        assert (first, said) == pytest.approx((1 / rate, error / rate**2), rel=1e-3)
    else:
        assert (first, said) == pytest.approx((rate, error), rel=1e-3)


def test_exact_without_a_noise_level_has_no_error():
    maps = one((800.0, 640.0), TE[:2])
    assert status(maps) is FitStatus.EXACT
    assert np.isnan(maps.standard_errors).all()


@pytest.mark.parametrize("signal", [(500.0, 600.0, 720.0, 864.0), (500.0,) * 4])
def test_at_bound(signal):
    """A signal that rises, or stays, has no T2."""
    assert status(one(signal)) is FitStatus.AT_BOUND


@pytest.mark.parametrize(
    ("signal", "wanted"),
    [
        ((CLIPPED, NAN, NAN, 400.0), FitStatus.TOO_FEW_POINTS),
        ((CLIPPED, CLIPPED, CLIPPED, 400.0), FitStatus.SATURATED),
        ((CLIPPED,) * 4, FitStatus.SATURATED),
        ((NAN, NAN, INF, 400.0), FitStatus.NON_FINITE),
        ((-INF, NAN, INF, NAN), FitStatus.NON_FINITE),
        ((0.0,) * 4, FitStatus.SINGULAR),
    ],
)
@pytest.mark.parametrize("model", ["t2", "t2_offset"])
def test_reasons(model, signal, wanted):
    te = TE
    if model == "t2_offset":  # one parameter more: one point more of what spoils it
        te, signal = (*TE, 50.0), (*signal, signal[0])
        if wanted is FitStatus.TOO_FEW_POINTS:
            signal = (CLIPPED, NAN, NAN, 400.0, 300.0)
    assert status(one(signal, te, model)) is wanted


@pytest.mark.xfail(strict=True, reason="called NOISE_FLOOR, though no noise is judged")
def test_points_that_are_left_must_differ():
    """Two echoes at the same time do not tell T2."""
    found = status(one((NAN, NAN, 500.0, 490.0), (10.0, 20.0, 30.0, 30.0)))
    assert found in (FitStatus.TOO_FEW_POINTS, FitStatus.NON_FINITE)


@pytest.mark.parametrize("signal", [(30.0, 24.0, 31.0, 18.0), (0.0,) * 4])
def test_noise_floor(signal):
    """Nothing stands out of noise of SD 20."""
    assert status(one(signal, noise_sd=20.0)) is FitStatus.NOISE_FLOOR


def test_noise_floor_reached_too_soon():
    """One echo stands out, the others are air: T2 is somewhere below, none can say where."""
    maps = one((900.0, 22.0, 31.0, 18.0), noise_sd=20.0)
    assert status(maps) is FitStatus.NOISE_FLOOR


def test_outside():
    maps = fit_arrays(np.tile(np.array(GOOD)[:, None], (1, 2)), "t2", TE, mask=[True, False])
    assert maps.status.ravel().tolist() == [FitStatus.CONVERGED, FitStatus.OUTSIDE]
    assert np.isnan(maps.estimates[:, 1]).all()
    assert maps.n_used.ravel().tolist() == [4, 0]


def test_numbers_of_the_kernels_are_those_of_the_maps():
    from qiqa.kernels import status as kernels

    for name in ("OUTSIDE", "CONVERGED", "EXACT", "AT_BOUND", "NOISE_FLOOR", "SINGULAR",
                 "NOT_CONVERGED"):  # fmt: skip
        assert getattr(kernels, name) == FitStatus[name]
    inner = {kernels.SUSPECT, kernels.PENDING, kernels.SET_ASIDE}
    assert not inner & {int(s) for s in FitStatus}
    assert len(inner) == 3


def test_inner_numbers_never_come_out(decay, rician):
    """Whatever the mixture of voxels, the status is one of those that are documented."""
    rng = np.random.default_rng(0)
    clean = decay(np.arange(1, 13) * 10.0, rng.uniform(1, 500, 4000), 1000.0)
    clean *= rng.uniform(0, 1, 4000)
    noisy = rician(clean, 20.0, rng)
    noisy[rng.random(noisy.shape) < 0.05] = np.nan
    noisy[rng.random(noisy.shape) < 0.05] = CLIPPED
    for model in ("t2", "t2_offset"):
        for noise_sd in ("estimate", 20.0, None):
            maps = fit_arrays(noisy, model, np.arange(1, 13) * 10.0, noise_sd=noise_sd,
                              saturation=CLIPPED)  # fmt: skip
            assert set(np.unique(maps.status).tolist()) <= {int(s) for s in FitStatus}
            answered = np.isin(maps.status, (FitStatus.CONVERGED, FitStatus.EXACT))
            np.testing.assert_array_equal(answered, np.isfinite(maps.estimates).all(axis=0))
            assert (maps.n_used <= 12).all()
            assert (maps.n_used[answered] >= len(maps.parameters)).all()
