"""Fences: g and h of distributions of which they are known, and the chance beyond."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qiqa.metrology.fences import CHANCES, fences, scale_noise, shape_of

MANY = np.array(1e12)


def quantiles(law) -> np.ndarray:
    return law.ppf(np.array(CHANCES))


def test_g_of_a_lognormal_is_its_sigma_and_h_is_none():
    for sigma in (0.2, 0.5, 0.9):
        shape = shape_of(quantiles(stats.lognorm(sigma)), MANY)
        assert float(shape.g) == pytest.approx(sigma, abs=1e-6)
        assert float(shape.h) == pytest.approx(0.0, abs=1e-6)


def test_a_normal_distribution_has_its_own_quantiles_as_fences():
    shape = shape_of(quantiles(stats.norm(5, 3)), MANY)
    for chance in (1e-3, 1e-5):
        below, above = fences(shape, chance)
        assert float(above) == pytest.approx(3 * stats.norm.isf(chance), rel=1e-4)
        assert float(below) == pytest.approx(float(above), rel=1e-9)


@pytest.mark.parametrize("law", [stats.t(5), stats.gamma(2), stats.expon(), stats.lognorm(1.0)])
def test_the_chance_beyond_is_no_larger_than_asked_for_by_much(law):
    below, above = fences(shape_of(quantiles(law), MANY), 1e-4)
    beyond = law.sf(law.median() + float(above)) + law.cdf(law.median() - float(below))
    assert beyond < 4e-4
    assert law.sf(law.median() + float(above)) > 1e-8  # and not out of all reach


def test_equal_values_have_no_shape():
    assert np.isnan(float(shape_of(np.array([1.0, 1.0, 1.0, 1.0, 2.0]), MANY).scale))


def test_few_values_widen_the_fence_as_student_does():
    assert float(scale_noise(1e-3, np.array(1e9))) == pytest.approx(1.0, abs=1e-4)
    wide = scale_noise(1e-3, np.array([20.0, 100.0]))
    assert wide[0] > wide[1] > 1
    expected = stats.t.isf(1e-3, 0.37 * 19) * np.sqrt(1 + np.pi / 40) / stats.norm.isf(1e-3)
    assert wide[0] == pytest.approx(expected, rel=1e-9)
