"""Cosine coefficients against scipy's transform, and that the grid does not matter."""

import numpy as np
import pytest
from scipy import fft

from qiqa.kernels.projection import cosine_coefficients


def test_whole_images_have_the_coefficients_of_scipy():
    image = np.random.default_rng(1).normal(size=(20, 31))
    found = cosine_coefficients(image, 0.0, 20.0, 0.0, 31.0, 6)
    # the integral of a cosine over a pixel is its value at the middle times a sinc
    sinc = [np.sinc(np.arange(6) / (2 * n)) for n in image.shape]
    expected = fft.dctn(image, norm="ortho")[:6, :6] / np.sqrt(image.size)
    assert found == pytest.approx(expected * np.outer(*sinc), abs=1e-12)


def test_a_finer_grid_of_the_same_image_changes_nothing():
    image = np.random.default_rng(2).normal(size=(12, 9))
    fine = np.kron(image, np.ones((3, 2)))
    found = cosine_coefficients(fine, 4.5, 30.0, 3.0, 17.0, 5)
    assert found == pytest.approx(cosine_coefficients(image, 1.5, 10.0, 1.5, 8.5, 5), abs=1e-12)


def test_what_lies_outside_the_part_does_not_count():
    image = np.random.default_rng(3).normal(size=(10, 10))
    other = image.copy()
    other[:2], other[:, 8:] = 99, -99
    part = (2.0, 10.0, 0.0, 8.0)
    first, second = (cosine_coefficients(one, *part, 4) for one in (image, other))
    assert np.array_equal(first, second)
