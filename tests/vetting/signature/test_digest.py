"""The digest is that of the stored values and of nothing else."""

import numpy as np
import pytest

from qiqa.vetting.signature.digest import digest


@pytest.fixture
def stored():
    return np.random.default_rng(4).integers(-40, 4000, (9, 7, 5, 2)).astype(np.int16)


def _rescaled(stored, slope, intercept):
    return (stored * slope + intercept).astype(np.float32)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.37, 12.5), (1e-6, 0), (7, 3)])
def test_rescaling_changes_nothing(stored, slope, intercept):
    plain = digest(_rescaled(stored, 1, 0), 1.0)
    assert digest(_rescaled(stored, slope, intercept), slope) == plain


def test_the_order_of_images_and_of_memory_changes_nothing(stored):
    values = _rescaled(stored, 1, 0)
    assert digest(values[:, :, ::-1], 1.0) == digest(values, 1.0)
    assert digest(np.asfortranarray(values), 1.0) == digest(values, 1.0)


def test_one_step_of_one_value_changes_it(stored):
    values = _rescaled(stored, 1, 0)
    other = values.copy()
    other[3, 3, 3, 1] += 1
    assert digest(other, 1.0) != digest(values, 1.0)


def test_another_shape_with_the_same_values_is_another_image(stored):
    values = _rescaled(stored, 1, 0)
    assert digest(values.reshape(7, 9, 5, 2), 1.0) != digest(values, 1.0)


@pytest.mark.parametrize("step", [float("nan"), 0.0, -1.0, 0.3, 1e-9])
def test_values_between_steps_are_taken_as_they_are(stored, step):
    values = _rescaled(stored, 1, 0)
    other = values.copy()
    other[0, 0, 0, 0] = np.nextafter(other[0, 0, 0, 0], np.float32(np.inf))
    assert digest(values, step) == digest(values.copy(), step)
    assert digest(values, step) != digest(other, step)


def test_a_missing_slice_does_not_count_and_single_nan_do(stored):
    values = _rescaled(stored, 1, 0)
    gap = np.insert(values, 2, np.nan, axis=2)
    assert digest(gap, 1.0) == digest(values, 1.0)
    holed = values.copy()
    holed[0, 0, 0, 0] = np.nan
    assert digest(holed, 1.0) != digest(values, 1.0)
    assert digest(np.where(np.isnan(holed), -np.float32(np.nan), holed), 1.0) == digest(holed, 1.0)
