"""k-space against closed forms: Fourier transform of a disk, noise, ghosts, folding."""

import math

import numpy as np
import pytest
from scipy.special import j1

from qiqa.simulate.kspace import add_ghost, add_noise, fold, reconstruct, sample

N, FOV = 128, 250.0


def fine_disk(radius_mm, center_mm, size=4 * N, fov=FOV, steps=8):
    """Return an antialiased disk by plain supersampling."""
    at = (np.arange(size * steps) + 0.5) * fov / (size * steps) - fov / 2
    inside = np.hypot(at[None, :] - center_mm[0], at[:, None] - center_mm[1]) <= radius_mm
    return inside.reshape(size, steps, size, steps).mean(axis=(1, 3), dtype=np.float32)


def test_samples_of_a_disk_are_those_of_its_fourier_transform():
    radius, center = 60.0, (7.3, -11.1)
    found = sample(fine_disk(radius, center), N)
    k = np.arange(-N // 2, N // 2) / FOV
    rho = np.hypot(k[None, :], k[:, None])
    rho[N // 2, N // 2] = 1e-9
    expected = radius * j1(2 * np.pi * radius * rho) / rho / FOV**2
    expected = expected * np.exp(-2j * np.pi * (k[None, :] * center[0] + k[:, None] * center[1]))
    assert np.abs(found - expected).max() < 2e-5
    assert abs(found[N // 2, N // 2] - np.pi * radius**2 / FOV**2) < 1e-5


def test_image_lies_where_the_object_is_and_keeps_its_level():
    image = reconstruct([sample(fine_disk(60.0, (7.3, -11.1)), N)], N)
    column, row = np.meshgrid(np.arange(N), np.arange(N))
    pixel = FOV / N
    x = (column * image).sum() / image.sum() - (N - 1) / 2
    y = (row * image).sum() / image.sum() - (N - 1) / 2
    assert x * pixel == pytest.approx(7.3, abs=0.05)
    assert y * pixel == pytest.approx(-11.1, abs=0.05)
    flat = np.hypot((column - 63.5) * pixel - 7.3, (row - 63.5) * pixel + 11.1) < 40
    assert image[flat].mean() == pytest.approx(1.0, abs=1e-3)


def test_zero_filling_adds_pixels_but_no_signal():
    samples = sample(fine_disk(60.0, (0.0, 0.0)), N)
    one, two = reconstruct([samples], N), reconstruct([samples], 2 * N)
    assert two.shape == (2 * N, 2 * N)
    # The same k-space: four small pixels hold about what one large pixel does.
    assert two.reshape(N, 2, N, 2).mean(axis=(1, 3))[60:68, 60:68] == pytest.approx(
        one[60:68, 60:68], abs=0.01
    )


@pytest.mark.parametrize("stored", [N, 2 * N])
def test_noise_has_the_stated_sd_in_each_channel(stored):
    rng = np.random.default_rng(3)
    nothing = np.zeros((N, N), dtype=np.complex64)
    image = reconstruct([add_noise(nothing, 0.02, rng)], stored)
    # Rayleigh: the mean square is twice the variance of a channel.
    assert np.sqrt((image.astype(float) ** 2).mean() / 2) == pytest.approx(0.02, rel=0.02)
    assert image.mean() / image.std() == pytest.approx(math.sqrt(math.pi / (4 - math.pi)), rel=0.03)


@pytest.mark.parametrize("coils", [1, 4, 8])
def test_background_of_several_coils_is_non_central_chi(coils):
    rng = np.random.default_rng(5)
    nothing = np.zeros((N, N), dtype=np.complex64)
    image = reconstruct([add_noise(nothing, 1.0, rng) for _ in range(coils)], N)
    mean = math.sqrt(2) * math.gamma(coils + 0.5) / math.gamma(coils)
    sd = math.sqrt(2 * coils - mean**2)
    assert image.mean() == pytest.approx(mean, rel=0.02)
    assert image.std() == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize("direction", ["ROW", "COL"])
def test_ghost_is_a_shifted_copy_of_the_stated_amplitude(direction):
    samples = sample(fine_disk(20.0, (0.0, 0.0)), N)
    image = reconstruct([add_ghost(samples, 0.05, 40, direction)], N)
    ghost = image[60:68, 100:108] if direction == "ROW" else image[100:108, 60:68]
    other = image[100:108, 60:68] if direction == "ROW" else image[60:68, 100:108]
    assert ghost.mean() == pytest.approx(0.05, rel=0.03)
    assert other.mean() < 0.005
    assert image[60:68, 60:68].mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("direction", ["ROW", "COL"])
def test_object_beyond_the_field_folds_along_phase_and_is_cut_along_frequency(direction):
    # One point outside the field along each axis: 25 fine pixels past its edge.
    size = 200
    fine = np.zeros((2 * size, 2 * size), dtype=np.float32)
    middle = size
    fine[middle, 300 + 25] = 1.0
    fine[300 + 35, middle] = 2.0
    image = fold(fine, 2, direction)
    assert image.shape == (size, size)
    if direction == "ROW":
        assert image[100, 25] == 1.0
        assert image.sum() == 1.0
    else:
        assert image[35, 100] == 2.0
        assert image.sum() == 2.0
