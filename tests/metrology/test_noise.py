"""Statistics of magnitude noise against published constants, scipy and simulated fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import chi

from qiqa.metrology.noise import (
    block_noise,
    chi_coils,
    chi_mean_factor,
    chi_sd_factor,
    signal_from_power,
)


def test_rayleigh_constants():
    # Edelstein et al. 1984 (doi 10.1118/1.595535); NEMA MS 1: 0.66
    assert chi_mean_factor(1) == pytest.approx(1.253, abs=5e-4)
    assert chi_sd_factor(1) == pytest.approx(0.655, abs=5e-4)
    assert chi_mean_factor(1) / chi_sd_factor(1) == pytest.approx(1.913, abs=5e-4)


@pytest.mark.parametrize("coils", [1, 2, 4, 8, 16, 32, 64])
def test_several_coils_are_a_chi_distribution(coils):
    assert chi_mean_factor(coils) == pytest.approx(chi(2 * coils).mean(), rel=1e-9)
    assert chi_sd_factor(coils) == pytest.approx(chi(2 * coils).std(), rel=1e-7)


@given(coils=st.floats(1, 200))
def test_mean_over_sd_tells_the_number_of_coils(coils):
    ratio = chi_mean_factor(coils) / chi_sd_factor(coils)
    assert chi_coils(ratio) == pytest.approx(coils, rel=1e-6)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 1.75, math.nan, math.inf, -2.0])
def test_what_is_no_magnitude_noise_gets_no_number(ratio):
    assert chi_coils(ratio) is None


def test_a_little_below_rayleigh_is_one_coil():
    assert chi_coils(1.88) == 1.0


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 3.0, 20.0])
def test_power_gives_the_signal_back_at_any_noise(ratio):
    rng = np.random.default_rng(1)
    sigma, n, repeats = 7.0, 400, 2000
    field = rng.normal(0, sigma, (repeats, n, 2))
    magnitude2 = (field[..., 0] + ratio * sigma) ** 2 + field[..., 1] ** 2
    power = np.mean(magnitude2)
    # unbiased in the square: E[M²] = A² + 2 sigma²
    assert power - 2 * sigma**2 == pytest.approx((ratio * sigma) ** 2, abs=5 * sigma**2 * 0.005)
    found = signal_from_power(magnitude2.mean(axis=1), sigma)
    assert np.mean(found * np.abs(found)) == pytest.approx(power - 2 * sigma**2, rel=1e-9, abs=1e-9)


def field(sigma, seed, shading=0.0, correlation_px=0.0, signal=1000.0, n=256):
    """Return a Rician disk of a bath with shading, and the region inside it."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((n, n)) - (n - 1) / 2) / (n / 2)
    noise = rng.normal(0, 1, (2, n, n))
    if correlation_px:
        noise = np.stack([gaussian_filter(a, correlation_px, mode="wrap") for a in noise])
        noise /= noise.std(axis=(1, 2), keepdims=True)
    r = np.hypot(x, y)
    bath = signal * (1 + shading * (x - 0.5 * y) + shading * r**2) * (r < 0.8)
    image = np.hypot(bath + sigma * noise[0], sigma * noise[1])
    return image, r < 0.6


@pytest.mark.parametrize("shading", [0.0, 0.4])
@pytest.mark.parametrize("snr", [15, 60, 250])
def test_noise_in_a_shaded_bath(snr, shading):
    sigma = 1000.0 / snr
    found = [block_noise(*field(sigma, seed, shading)) for seed in range(6)]
    ratio = np.array([sd for sd, _ in found]) / sigma
    # at SNR 15 the SD of the magnitude itself is 0.1 % below sigma
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    stated = 1 / math.sqrt(2 * found[0][1])
    assert 0.3 * stated < ratio.std(ddof=1) < 2.5 * stated


def test_stated_degrees_of_freedom_are_those_of_repeats():
    found = [block_noise(*field(10.0, seed)) for seed in range(60)]
    spread = np.std([sd / 10.0 for sd, _ in found], ddof=1)
    # SD of 60 repeats is known to 9 %
    assert spread == pytest.approx(1 / math.sqrt(2 * found[0][1]), rel=0.35)


def test_noise_that_neighbors_share_is_mostly_seen():
    # a mild filter: neighbors correlate by 0.5
    sd = np.mean([block_noise(*field(10.0, seed, 0.3, 0.6))[0] for seed in range(4)])
    assert sd == pytest.approx(10.0, rel=0.12)
    # correlation as wide as a block cannot be told from shading
    assert block_noise(*field(10.0, 1, 0.3, 6.0))[0] < 5.0


def test_noise_of_an_image_filled_to_twice_its_matrix():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(4):
        k = np.zeros((256, 256), dtype=complex)
        k[64:192, 64:192] = rng.normal(size=(128, 128)) + 1j * rng.normal(size=(128, 128))
        noise = np.fft.ifft2(np.fft.ifftshift(k))
        noise *= 10.0 / noise.real.std()
        everywhere = np.ones((256, 256), dtype=bool)
        # blocks of 9 acquired pixels
        found.append(block_noise(np.abs(1000.0 + noise), everywhere, 18)[0])
    assert np.mean(found) == pytest.approx(10.0, rel=0.05)


def test_structure_in_some_blocks_does_not_count():
    image, region = field(10.0, 3)
    image[100:120, 100:120] += 300.0
    image[128, :] += 500.0
    assert block_noise(image, region)[0] == pytest.approx(10.0, rel=0.06)


def test_a_region_without_room_says_so():
    image, region = field(10.0, 1)
    small = np.zeros_like(region)
    small[100:117, 100:117] = True
    sd, dof = block_noise(image, small)
    assert math.isnan(sd)
    assert dof == 0
