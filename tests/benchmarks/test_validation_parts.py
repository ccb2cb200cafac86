"""The parts that judge the estimator are themselves checked: against limits, quadrature, scipy."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0e, i1e

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "validation"


@pytest.fixture
def part(monkeypatch):
    """Return a function from the name of a private module of the studies to the module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.mark.parametrize("amplitude", [0.0, 0.1, 1.0, 2.0, 3.0, 7.0, 40.0, 500.0])
def test_rician_information_by_another_quadrature(part, amplitude):
    def integrand(m: float) -> float:
        z = amplitude * m
        score = m * i1e(z) / i0e(z) - amplitude
        return m * np.exp(-0.5 * (m - amplitude) ** 2) * i0e(z) * score**2

    expected, _ = quad(
        integrand, max(0, amplitude - 15), amplitude + 15, epsabs=1e-13, points=[amplitude + 0.1]
    )
    found = part("_rician").information(np.array([amplitude]))[0]
    assert found == pytest.approx(expected, abs=1e-10)


def test_rician_information_in_both_limits(part):
    information = part("_rician").information
    # Small A: score is A (m²/2 - 1), and m²/2 is exponential with variance 1.
    assert information(np.array([1e-3]))[0] == pytest.approx(1e-6, rel=1e-4)
    # Large A: 1 - 1/(2 A²), the correction of the variance of a magnitude.
    assert 1 - information(np.array([100.0]))[0] == pytest.approx(0.5e-4, rel=1e-3)


def test_rician_draws_have_the_moments_of_the_distribution(part):
    drawn = part("_rician").draw(np.array([0.0, -30.0]), 2.0, 400_000, np.random.default_rng(3))
    assert (drawn >= 0).all()
    square = drawn.astype(float) ** 2
    # E[m²] = A² + 2 sigma², exactly.
    assert square.mean(axis=1) == pytest.approx([8.0, 908.0], rel=0.01)
    assert drawn[0].mean() == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.01)


def test_bound_is_the_gaussian_one_at_high_snr_and_larger_at_low(part):
    signals, rician = part("_signals"), part("_rician")
    for design in signals.DESIGNS:
        truth = design.truths[1]
        signal, jacobian = design.signal(truth), design.jacobian(truth)
        for snr, most in ((1e4, 1e-3), (20.0, np.inf)):
            sd = design.noise_sd(truth, snr)
            gaussian = sd * np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))[0]
            bound = rician.cramer_rao_sd(signal, jacobian, sd)[0]
            assert 0 < bound / gaussian - 1 < most, design.model


def test_derivatives_of_the_signals(part):
    for design in part("_signals").DESIGNS:
        truth, h = design.truths[0], 1e-5
        numeric = (design.signal(truth * (1 + h)) - design.signal(truth * (1 - h))) / (
            2 * h * truth
        )
        exact = design.jacobian(truth)[:, 0]
        np.testing.assert_allclose(numeric, exact, atol=1e-7 * np.abs(exact).max())


def test_signals_known_by_heart(part):
    by_model = {design.model: design for design in part("_signals").DESIGNS}
    # madym's published example: FA 2, 10, 18°, TR 3.5 ms, T1 1500 ms, M0 1000
    vfa = by_model["t1_vfa"].equation(
        np.array([1500, 1000], dtype=complex), np.array([2.0, 10, 18]), np.array(3.5)
    )
    np.testing.assert_allclose(vfa.real, [27.68110435, 23.14269211, 14.07737865], rtol=1e-8)
    # and for inversion recovery with TR 100 s, T1 800 ms, M0 1000
    ti = np.array([50.0, 300, 800, 1000, 2000, 4000])
    ir = by_model["t1_inversion_recovery"].equation(
        np.array([800, 1000, 1], dtype=complex), ti, np.array(1e5)
    )
    expected = [878.826, 374.579, 264.241, 426.990, 835.830, 986.524]
    np.testing.assert_allclose(np.abs(ir.real), expected, atol=6e-4)


def test_brute_force_inversion_recovery(part):
    optimum = part("_inversion_optimum")
    rng = np.random.default_rng(5)
    ti = np.array([50.0, 150, 400, 800, 1600, 3200])
    truth = np.exp(rng.uniform(np.log(60), np.log(4000), 200))
    clean = np.abs(1 - 1.9 * np.exp(-ti / truth[:, None]))
    grid = optimum.log_grid(1, 3e4, 800)
    t1, rss = optimum.best_t1(clean, ti, grid)
    np.testing.assert_allclose(t1, truth, rtol=1e-6)
    assert rss.max() < 1e-14
    noisy = np.abs(clean + 0.03 * rng.standard_normal(clean.shape))
    t1, rss = optimum.best_t1(noisy, ti, grid)
    np.testing.assert_allclose(optimum.rss_at(noisy, ti, t1), rss, rtol=1e-9)
    a, b = optimum.coefficients(noisy, ti, t1)
    again = ((np.abs(a[:, None] + b[:, None] * np.exp(-ti / t1[:, None])) - noisy) ** 2).sum(axis=1)
    np.testing.assert_allclose(again, rss, rtol=1e-9)
    # No T1 of a fine grid does better, whatever the signs.
    for value in np.geomspace(1, 3e4, 1500):
        assert (optimum.rss_at(noisy, ti, np.full(200, value)) > rss * (1 - 1e-9)).all()


def test_scipy_fits_find_the_truth(part):
    fits, signals = part("_independent_fits"), part("_signals")
    for design in signals.DESIGNS:
        if design.model not in fits.INDEPENDENT:
            continue
        truths = design.truths[::3]
        signal = np.abs(np.stack([design.signal(t) for t in truths], axis=1))
        keep = np.ones(signal.shape, dtype=bool)
        keep[1, 0] = False
        signal[1, 0] = 1e6  # left out, so without effect
        found = fits.fit_voxels(
            design.model, np.array(design.values), signal, keep, float(np.max(design.tr_ms or 0))
        )
        np.testing.assert_allclose(found, truths, rtol=1e-5, err_msg=design.model)


def test_spheres_of_a_made_plate(part):
    spheres = part("_spheres")
    i, j = np.indices((200, 200))
    image = np.where(np.hypot(i - 100, j - 100) < 85, 1000.0, 5.0)
    centers = [(100 + 50 * np.cos(a), 100 + 50 * np.sin(a)) for a in np.arange(10) * np.pi / 5]
    for ci, cj in centers:
        distance = np.hypot(i - ci, j - cj)
        image[distance < 11] = 20.0
        image[distance < 9] = 700.0
    image += np.random.default_rng(1).normal(0, 20, image.shape)
    found = spheres.find_spheres(image, 1.0)
    assert len(found) == 10
    for center in centers:
        assert np.hypot(*(found - center).T).min() < 0.5
    assert spheres.disc((200, 200), found[0], 9.0, 1.0).sum() == pytest.approx(63.6, abs=6)
