"""The fit and its covariance against closed forms and an independent program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from qiqa.geometry.leastsq import fit


def test_a_straight_line_has_the_textbook_covariance():
    rng = np.random.default_rng(1)
    x = np.linspace(0, 10, 40)
    y = 2.0 + 0.7 * x + rng.normal(0, 0.3, x.size)
    design = np.column_stack([np.ones(x.size), x])
    truth = np.linalg.solve(design.T @ design, design.T @ y)
    rest = y - design @ truth
    variance = rest @ rest / (x.size - 2)
    result = fit(lambda p: design @ p, y, np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    assert result.converged
    assert result.degrees_of_freedom == 38
    assert result.parameters == pytest.approx(truth, abs=1e-6)
    assert result.residual_sd == pytest.approx(np.sqrt(variance), rel=1e-6)
    expected = variance * np.linalg.inv(design.T @ design)
    assert result.covariance == pytest.approx(expected, rel=1e-5)


def test_a_curved_model_agrees_with_scipy():
    rng = np.random.default_rng(2)
    x = np.linspace(-10, 10, 80)

    def model(x, at, width, top):
        return top / (1 + np.exp(-(x - at) / width))

    y = model(x, 1.3, 0.9, 5.0) + rng.normal(0, 0.1, x.size)
    theirs, covariance = curve_fit(model, x, y, (0.0, 2.0, 4.0))
    mine = fit(lambda p: model(x, *p), y, np.array([0.0, 2.0, 4.0]), np.ones(3))
    assert mine.parameters == pytest.approx(theirs, rel=1e-5)
    assert mine.covariance == pytest.approx(covariance, rel=2e-3, abs=1e-9)


def test_stated_errors_are_those_of_repeats():
    rng = np.random.default_rng(3)
    x = np.linspace(-10, 10, 60)

    def model(p):
        return p[1] * np.exp(-((x - p[0]) ** 2) / 8)

    truth = np.array([0.7, 3.0])
    found, stated = [], []
    for _ in range(300):
        result = fit(
            model, model(truth) + rng.normal(0, 0.2, x.size), np.array([0.0, 2.0]), np.ones(2)
        )
        found.append(result.parameters)
        stated.append(np.diag(result.covariance))
    # SD of 300 repeats is known to 4 %
    assert np.std(found, axis=0) == pytest.approx(np.sqrt(np.mean(stated, axis=0)), rel=0.15)
    assert np.mean(found, axis=0) == pytest.approx(truth, abs=0.02)
