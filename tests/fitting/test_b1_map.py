"""T1 by flip angles with a B1 map: used voxel by voxel, refused where it cannot be one."""

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.core.maps import FitStatus
from qiqa.fitting import fit_arrays

ANGLES, TR = (2.0, 5.0, 10.0, 15.0, 20.0), 6.6
B1 = np.linspace(0.75, 1.25, 101)
T1 = 900.0


def spoiled(t1, b1, m0=5000.0):
    e, a = np.exp(-TR / t1), np.radians(ANGLES)[:, None] * b1
    return m0 * np.sin(a) * (1 - e) / (1 - e * np.cos(a))


def fitted(signal, **settings):
    return fit_arrays(signal, "t1_vfa", ANGLES, tr_ms=TR, noise_sd=None, **settings)


def test_with_the_map_t1_is_right_and_without_it_wrong():
    signal = spoiled(T1, B1)
    right = fitted(signal, b1=B1)
    np.testing.assert_allclose(right.estimate("t1").ravel(), T1, rtol=1e-4)
    np.testing.assert_allclose(right.estimate("m0").ravel(), 5000, rtol=1e-4)
    wrong = fitted(signal).estimate("t1").ravel()
    # small angles: T1 found is T1 times B1 squared
    np.testing.assert_allclose(wrong / T1, B1**2, rtol=0.03)


@pytest.mark.parametrize("t1", [100.0, 400.0, 1500.0, 3000.0])
def test_over_the_range_of_t1(t1):
    found = fitted(spoiled(t1, B1), b1=B1).estimate("t1")
    np.testing.assert_allclose(found.ravel(), t1, rtol=1e-4)


def test_a_map_of_one_changes_nothing_but_rounding():
    signal = spoiled(np.linspace(100, 3000, B1.size), 1.0)
    plain, unit = fitted(signal), fitted(signal, b1=np.ones(B1.size))
    np.testing.assert_allclose(unit.estimates, plain.estimates, rtol=2e-6)


def test_errors_with_a_map():
    """The standard error follows from numerical derivatives at the angle of the voxel."""
    rng = np.random.default_rng(3)
    signal = spoiled(T1, B1) + rng.normal(0, 2, (5, B1.size))
    maps = fitted(signal, b1=B1)
    for v in range(0, B1.size, 10):
        t1, m0 = (float(e[v, 0, 0]) for e in maps.estimates)
        here = B1[v : v + 1]
        j = np.stack(
            [
                (spoiled(t1 * (1 + 1e-5), here, m0) - spoiled(t1 * (1 - 1e-5), here, m0))[:, 0]
                / (2e-5 * t1),
                spoiled(t1, here, 1.0)[:, 0],
            ],
            axis=1,
        )
        left = signal[:, v] - spoiled(t1, here, m0)[:, 0]
        expected = np.sqrt(np.diag(np.linalg.inv(j.T @ j)) * (left @ left) / 3)
        np.testing.assert_allclose(maps.standard_errors[:, v, 0, 0], expected, rtol=5e-3)


@pytest.mark.parametrize("hole", [np.nan, 0.0, np.inf, -0.5])
def test_a_hole_in_the_map_is_no_answer(hole):
    field = B1.copy()
    field[7] = hole
    maps = fitted(spoiled(T1, B1), b1=field)
    assert not FitStatus(maps.status[7, 0, 0]).has_answer
    assert np.isnan(maps.estimates[:, 7]).all()
    others = np.delete(maps.estimate("t1").ravel(), 7)
    np.testing.assert_allclose(others, T1, rtol=1e-4)


def test_the_map_of_images_lies_as_the_images_do():
    field = np.random.default_rng(4).uniform(0.8, 1.2, (4, 3, 2))
    signal = spoiled(T1, field.ravel()).reshape(5, 4, 3, 2)
    found = fitted(signal, b1=field)
    np.testing.assert_allclose(found.estimate("t1"), T1, rtol=1e-4)
    assert found.status.shape == (4, 3, 2)


@pytest.mark.parametrize(
    ("b1", "words", "todo"),
    [
        (np.ones((2, 2, 2)), "shape", "resample it to the grid of the series"),
        (np.ones(B1.size - 1), "shape", "resample"),
        (100 * B1, "looks like percent", "divide it by 100"),
        (np.full(B1.size, 750.0), "another unit", ""),
        (np.zeros(B1.size), "no value above 0", ""),
        (np.full(B1.size, np.nan), "no value above 0", ""),
    ],
)
def test_refused(b1, words, todo):
    with pytest.raises(FitError, match=words) as refused:
        fitted(spoiled(T1, B1), b1=b1)
    assert todo in str(refused.value)


def test_models_without_flip_angles_have_no_use_for_it():
    with pytest.raises(FitError, match="no use for a B1 map"):
        fit_arrays(np.ones((3, 4)), "t2", (10.0, 20.0, 30.0), b1=np.ones(4))
