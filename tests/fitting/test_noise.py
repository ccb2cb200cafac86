"""The noise level of a series, and what is done about the mean of noise in magnitudes."""

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.core.maps import FitStatus
from qiqa.core.series import Encoding
from qiqa.fitting import fit, fit_arrays

TE = np.arange(1, 17) * 10.0
SD = 10.0


def objects(decay, voxels, rng):
    return decay(TE, rng.uniform(30, 200, voxels), rng.uniform(600, 1200, voxels))


def test_from_residuals(decay, rician):
    rng = np.random.default_rng(1)
    maps = fit_arrays(rician(objects(decay, 3000, rng), SD, rng), "t2", TE)
    assert maps.noise_source == "residuals of the fit"
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)


def test_from_air(rician):
    """Two points, two parameters: there are no residuals, but there is air."""
    rng = np.random.default_rng(2)
    angles = np.radians([40.0, 80.0])
    b1 = np.concatenate([rng.uniform(0.8, 1.1, 3000), np.ones(3000)])
    s0 = np.concatenate([np.full(3000, 900.0), np.zeros(3000)])
    clean = s0 * np.sin(angles[:, None] * b1)
    maps = fit_arrays(rician(clean, SD, rng), "b1_double_angle", (40.0, 80.0))
    assert maps.noise_source == "air"
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)
    air = maps.status[3000:]
    assert (air == FitStatus.NOISE_FLOOR).mean() > 0.99
    assert np.isfinite(maps.estimates[0, :3000]).all()


def test_the_quieter_of_the_two(decay, rician):
    """A model that does not fit leaves large residuals: air says what the noise is."""
    rng = np.random.default_rng(3)
    wrong = objects(decay, 3000, rng) * (1 + 0.1 * (-1) ** np.arange(16))[:, None]
    whole = np.concatenate([wrong, np.zeros((16, 3000))], axis=1)
    maps = fit_arrays(rician(whole, SD, rng), "t2", TE)
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)
    assert maps.noise_source == "air"


def test_masked_air_is_no_air(decay, rician):
    """Zeros that the scanner wrote do not make the noise zero."""
    rng = np.random.default_rng(4)
    whole = np.concatenate([rician(objects(decay, 3000, rng), SD, rng), np.zeros((16, 3000))], 1)
    maps = fit_arrays(whole, "t2", TE)
    assert maps.noise_source == "residuals of the fit"
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)
    assert not np.isin(maps.status[3000:], (FitStatus.CONVERGED, FitStatus.EXACT)).any()


def test_of_what_is_inside_the_mask(decay, rician):
    rng = np.random.default_rng(5)
    clean = objects(decay, 4000, rng)
    quiet, loud = rician(clean[:, :2000], SD, rng), rician(clean[:, 2000:], 4 * SD, rng)
    inside = np.arange(4000) < 2000
    maps = fit_arrays(np.concatenate([quiet, loud], axis=1), "t2", TE, mask=inside)
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)


def test_with_points_at_the_floor_and_clipped(decay, rician):
    """Short T2: most echoes are air, whose residuals are not those of signal."""
    rng = np.random.default_rng(6)
    clean = decay(TE, rng.uniform(15, 60, 4000))
    noisy = rician(clean, SD, rng)
    noisy[0] = np.minimum(noisy[0], 700)
    maps = fit_arrays(noisy, "t2", TE, saturation=700.0)
    assert maps.noise_sd == pytest.approx(SD, rel=0.05)
    assert maps.n_clipped > 0
    assert maps.n_floor > 0


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_in_any_unit(decay, rician, scale):
    rng = np.random.default_rng(7)
    maps = fit_arrays(scale * rician(objects(decay, 3000, rng), SD, rng), "t2", TE)
    assert maps.noise_sd == pytest.approx(SD * scale, rel=0.05)


def test_given():
    signal = np.full((16, 3), 500.0)
    maps = fit_arrays(signal, "t2", TE, noise_sd=7)
    assert (maps.noise_sd, maps.noise_source) == (7.0, "given")
    maps = fit_arrays(signal, "t2", TE, noise_sd=None)
    assert (maps.noise_sd, maps.noise_source) == (None, "not judged")


@pytest.mark.parametrize("voxels", [1, 20])
def test_unknown_is_said(decay, rician, voxels):
    rng = np.random.default_rng(8)
    maps = fit_arrays(rician(objects(decay, voxels, rng), SD, rng), "t2", TE)
    assert maps.noise_sd is None
    assert maps.noise_source.startswith("unknown: ")
    assert np.isfinite(maps.estimates).all()
    assert maps.n_floor == 0


def test_unknown_where_nothing_is_left_over():
    signal = np.abs(np.random.default_rng(9).normal(800, 5, (2, 400)))
    signal[1] /= 2
    maps = fit_arrays(signal, "t2", (10.0, 50.0))
    assert maps.noise_sd is None
    assert maps.noise_source.startswith("unknown: ")
    assert (maps.status == FitStatus.EXACT).all()
    assert np.isnan(maps.standard_errors).all()


@pytest.mark.parametrize("noise_sd", [0.0, -1.0, np.nan])
def test_a_level_that_is_none_is_refused(noise_sd):
    with pytest.raises(FitError, match="must be above 0"):
        fit_arrays(np.ones((16, 2)), "t2", TE, noise_sd=noise_sd)


MANY = np.arange(1, 33) * 10.0


@pytest.fixture(scope="module")
def bias(decay, rician):
    """Return a function that gives the mean of T2 over 40,000 trials over the truth, less 1."""

    def found(snr, t2, te=MANY, **settings):
        clean = decay(te, np.full(40_000, t2))
        noisy = rician(clean, 1000.0 / snr, np.random.default_rng(10))
        t2_found = fit_arrays(noisy, "t2", te, **settings).estimate("t2")
        assert np.isfinite(t2_found).mean() > 0.99
        return float(np.nanmean(t2_found.astype(float))) / t2 - 1

    return found


@pytest.mark.parametrize(
    ("snr", "t2", "uncorrected"), [(50.0, 20.0, 0.02), (30.0, 40.0, 0.02), (20.0, 60.0, 0.04)]
)
def test_rician_correction(bias, snr, t2, uncorrected):
    """32 echoes to 320 ms: most of them are noise, whose mean is not zero.

    The bounds are those of docs/decisions/noise-floor.md, and three errors of the mean.
    """
    sd = 1000.0 / snr
    assert abs(bias(snr, t2, noise_sd=sd)) < 0.003
    assert bias(snr, t2, noise_sd=sd, rician=False) > 0.005
    assert bias(snr, t2, noise_sd=None) > uncorrected


def test_correction_with_the_noise_of_the_series(bias):
    assert abs(bias(50.0, 20.0)) < 0.004


def test_long_t2_is_left_alone(bias):
    """At 120 ms all echoes stand out, and the correction must do no harm."""
    assert abs(bias(50.0, 120.0, MANY[:12], noise_sd=20.0)) < 0.005


def test_signed_images_are_not_corrected():
    """Noise around zero has the mean zero: to take squares off would make a bias."""
    ti = np.array([50.0, 150, 400, 900, 1800, 3500])
    clean = 1000 * (1 - 2 * np.exp(-ti[:, None] / np.full(3000, 600.0)))
    noisy = clean + np.random.default_rng(11).normal(0, 30, clean.shape)
    maps = fit_arrays(noisy, "t1_inversion_recovery_signed", ti, noise_sd=30.0)
    plain = fit_arrays(noisy, "t1_inversion_recovery_signed", ti, noise_sd=None)
    np.testing.assert_array_equal(maps.estimates, plain.estimates)
    assert float(np.nanmean(maps.estimates[0])) == pytest.approx(600.0, rel=0.005)


DIFFUSION = Encoding(name="b_value", values=(0.0, 500.0, 1000.0), unit="s/mm²")


def diffusion_signal(scale=1000.0):
    b = np.array(DIFFUSION.values)
    return np.broadcast_to(scale * np.exp(-b * 1e-3), (4, 3, 2, 3))


@pytest.mark.parametrize(
    "fields", [{"derived": True}, {"component": "tracew"}, {"component": "real"}]
)
def test_no_correction_of_what_is_not_rician(made_series, fields):
    series = made_series(diffusion_signal(), DIFFUSION, **fields)
    with pytest.raises(FitError, match="is not Rician") as refused:
        fit(series, "adc", rician=True)
    assert "leave rician out" in str(refused.value)


@pytest.mark.parametrize("fields", [{"derived": True}, {"component": "tracew"}])
def test_averages_are_used_as_they_are_and_said_to_be(made_series, fields):
    maps = fit(made_series(diffusion_signal(), DIFFUSION, **fields), "adc_log_linear")
    assert [finding.code for finding in maps.findings] == ["averaged_magnitudes"]
    np.testing.assert_allclose(maps.estimate("adc"), 1e-3, rtol=1e-4)
    plain = fit(made_series(diffusion_signal(), DIFFUSION), "adc_log_linear")
    assert plain.findings == ()
