"""Combinations of effects against published tables of SAS, pbkrtest and lmerTest; coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.metrology.contrasts import covariance, estimate, f_test
from qiqa.metrology.factors import KnownFactor, RandomFactor, nested
from qiqa.metrology.mixed import fit_mixed
from qiqa.metrology.restricted import average_information


def factor(name, labels):
    return RandomFactor(name=name, labels=labels)


@pytest.fixture(scope="module")
def split_plot_fit(split_plot):
    """Cell means of treatments a and b; blocks and whole plots random."""
    cell = nested(split_plot["a"], split_plot["b"])
    names, index = np.unique(cell, return_inverse=True)
    random = [
        factor("block", split_plot["block"]),
        factor("plot", nested(split_plot["block"], split_plot["a"])),
    ]
    return fit_mixed(split_plot.y, np.eye(6)[index], [str(n) for n in names], random)


def test_split_plot_variances(split_plot_fit):
    """SAS/STAT User's Guide, The MIXED Procedure, example "Split-Plot Design"."""
    assert split_plot_fit.variance == pytest.approx([62.3958, 15.3819, 9.3611], abs=1e-4)
    assert -2 * split_plot_fit.log_restricted_likelihood == pytest.approx(119.76184570, abs=1e-7)


@pytest.mark.parametrize(
    ("contrasts", "f", "df", "p"),
    [
        (
            [
                {"1:1": 1, "1:2": 1, "3:1": -1, "3:2": -1},
                {"2:1": 1, "2:2": 1, "3:1": -1, "3:2": -1},
            ],
            4.07,
            (2, 6),
            0.0764,
        ),
        ([{f"{a}:{b}": 3 - 2 * b for a in (1, 2, 3) for b in (1, 2)}], 19.39, (1, 9), 0.0017),
        (
            [
                {"1:1": 1, "1:2": -1, "3:1": -1, "3:2": 1},
                {"2:1": 1, "2:2": -1, "3:1": -1, "3:2": 1},
            ],
            4.02,
            (2, 9),
            0.0566,
        ),
    ],
)
def test_split_plot_f_tests(split_plot_fit, contrasts, f, df, p):
    """The same example: type 3 tests of A, B and A*B. Balanced: nothing to scale."""
    found = f_test(split_plot_fit, contrasts)
    assert found.statistic == pytest.approx(f, abs=0.005)
    assert (found.numerator, found.denominator) == pytest.approx(df)
    assert found.p_value == pytest.approx(p, abs=5e-5)
    assert found.scaling == pytest.approx(1.0)


def test_split_plot_narrow_and_broad_means(split_plot_fit):
    """The same example, ESTIMATE of the mean of a = 1: for these plots, these blocks, any block.

    Its standard errors are 1.0817, 2.2396 and 4.5403.
    """
    fixed = {"1:1": 0.5, "1:2": 0.5}
    blocks = {("block", k): 0.25 for k in "1234"}
    plots = {("plot", f"{k}:1"): 0.25 for k in "1234"}
    for random, u in (({**blocks, **plots}, 1.0817), (blocks, 2.2396), ({}, 4.5403)):
        found = estimate(split_plot_fit, fixed, random)
        assert found.value == pytest.approx(32.875)
        assert found.standard_uncertainty == pytest.approx(u, abs=5e-5)
    # a balanced mean square of its own: these halves against each other
    narrow = estimate(split_plot_fit, fixed, {**blocks, **plots})
    assert narrow.degrees_of_freedom == pytest.approx(9.0)


@pytest.fixture(scope="module")
def oats_fit(oats):
    """All but nine rows, variety and nitrogen as classes: "Sophisticated models in emmeans"."""
    out = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55]) - 1
    some = oats.take(np.setdiff1d(np.arange(72), out))
    names = ["mean", "Marvellous", "Victory", "0.2", "0.4", "0.6"]
    x = [np.ones(63)] + [some["variety"] == n for n in names[1:3]]
    x += [some["nitro"] == n for n in names[3:]]
    random = [
        factor("block", some["block"]),
        factor("plot", nested(some["block"], some["variety"])),
    ]
    return fit_mixed(some.y, np.column_stack(x).astype(float), names, random)


NITRO = {
    "0.0": (78.89207, 7.294379, 7.78, 61.98930, 95.79484, 7.28),
    "0.2": (97.03425, 7.136271, 7.19, 80.25029, 113.81822, 6.72),
    "0.4": (114.19816, 7.136186, 7.19, 97.41454, 130.98179, 6.72),
    "0.6": (124.06857, 7.070235, 6.95, 107.32795, 140.80919, 6.49),
}
"""Mean, SE, df and interval after Kenward & Roger by pbkrtest; df after Satterthwaite by lmerTest.

The vignette "Sophisticated models in emmeans" (CRAN, 2018 for the digits, 2025 for the last).
"""


def of_nitro(level):
    mean = {"mean": 1.0, "Marvellous": 1 / 3, "Victory": 1 / 3}
    return mean if level == "0.0" else {**mean, level: 1.0}


@pytest.mark.parametrize("level", NITRO)
def test_unbalanced_oats_as_pbkrtest_has_them(oats_fit, level):
    value, u, df, low, high, _ = NITRO[level]
    found = estimate(oats_fit, of_nitro(level))
    assert found.value == pytest.approx(value, abs=2e-5)
    assert found.standard_uncertainty == pytest.approx(u, abs=2e-6)
    assert found.degrees_of_freedom == pytest.approx(df, abs=0.005)
    assert found.interval == pytest.approx((low, high), abs=2e-4)


@pytest.mark.parametrize("level", NITRO)
def test_the_observed_information_gives_the_numbers_of_lmertest(oats_fit, level):
    """The observed information, which lmerTest takes; pbkrtest and we take the expected.

    Observed = 2 average - expected. Nothing but the information differs.
    """
    state = oats_fit.state
    expected = np.linalg.inv(oats_fit.variance_covariance)
    observed = np.linalg.inv(average_information(state) - expected)
    weights = oats_fit.weights(of_nitro(level))
    lam = state.vx @ state.phi @ weights
    slope = [np.sum((state.design.z[:, state.design.columns(k)].T @ lam) ** 2) for k in (0, 1)]
    slope = np.array([*slope, lam @ lam])
    df = 2 * (weights @ state.phi @ weights) ** 2 / (slope @ observed @ slope)
    assert df == pytest.approx(NITRO[level][5], abs=0.005)


@pytest.mark.parametrize(
    ("contrast", "value", "u", "df"),
    [
        ({"Marvellous": -1.0}, -3.23, 6.55, 9.56),
        ({"Victory": -1.0}, 8.31, 6.71, 9.80),
        ({"Marvellous": 1.0, "Victory": -1.0}, 11.54, 6.67, 9.80),
        ({"0.2": -1.0, "0.4": 1.0, "0.6": 3.0}, 152.69, 15.6, 43.2),
        ({"0.2": -1.0, "0.4": -1.0, "0.6": 1.0}, -8.27, 6.95, 44.2),
        ({"0.2": 3.0, "0.4": -3.0, "0.6": 1.0}, -6.32, 15.2, 42.8),
    ],
)
def test_unbalanced_oats_differences(oats_fit, contrast, value, u, df):
    """The same vignette: differences of varieties, polynomials in nitrogen, to printed digits."""
    found = estimate(oats_fit, contrast)
    assert found.value == pytest.approx(value, abs=0.005)
    assert found.standard_uncertainty == pytest.approx(u, rel=0.004)
    assert found.degrees_of_freedom == pytest.approx(df, abs=0.055)


def kenward_roger_by_the_paper(oats_fit, ell):
    """Return adjusted covariance, Wald scaling and df by the n x n formulas of the paper."""
    design = oats_fit.state.design
    x, n, w = design.x, design.y.size, oats_fit.variance_covariance
    z = np.asarray(design.z)
    parts = [z[:, design.columns(k)] @ z[:, design.columns(k)].T for k in (0, 1)] + [np.eye(n)]
    v = sum(t * part for t, part in zip(oats_fit.variance, parts, strict=True))
    inverse = np.linalg.inv(v)
    phi = np.linalg.inv(x.T @ inverse @ x)
    p = [-x.T @ inverse @ part @ inverse @ x for part in parts]
    adjusted = phi.copy()
    for i in range(3):
        for j in range(3):
            q = x.T @ inverse @ parts[i] @ inverse @ parts[j] @ inverse @ x
            adjusted += 2 * w[i, j] * phi @ (q - p[i] @ phi @ p[j]) @ phi
    theta = ell.T @ np.linalg.inv(ell @ phi @ ell.T) @ ell
    on = [theta @ phi @ one @ phi for one in p]
    pairs = [(i, j) for i in range(3) for j in range(3)]
    a1 = sum(w[i, j] * np.trace(on[i]) * np.trace(on[j]) for i, j in pairs)
    a2 = sum(w[i, j] * np.trace(on[i] @ on[j]) for i, j in pairs)
    size = len(ell)
    b = (a1 + 6 * a2) / (2 * size)
    g = ((size + 1) * a1 - (size + 4) * a2) / ((size + 2) * a2)
    c1, c2, c3 = (c / (3 * size + 2 * (1 - g)) for c in (g, size - g, size + 2 - g))
    mean = 1 / (1 - a2 / size)
    variance = 2 / size * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    rho = variance / (2 * mean**2)
    df = 4 + (size + 2) / (size * rho - 1)
    return adjusted, df / (mean * (df - 2)), df


@pytest.mark.parametrize("names", [["Marvellous", "Victory"], ["0.2", "0.4", "0.6"]])
def test_f_tests_of_unbalanced_oats_by_the_formulas_of_the_paper(oats_fit, names):
    """Kenward & Roger (1997), sections 2 and 3, with matrices of n x n instead of our vectors."""
    ell = np.array([oats_fit.weights({name: 1.0}) for name in names])
    adjusted, scaling, df = kenward_roger_by_the_paper(oats_fit, ell)
    found = f_test(oats_fit, [{name: 1.0} for name in names])
    assert found.denominator == pytest.approx(df, rel=1e-6)
    assert found.scaling == pytest.approx(scaling, rel=1e-8)
    effect = ell @ oats_fit.fixed
    wald = effect @ np.linalg.solve(ell @ adjusted @ ell.T, effect)
    assert found.statistic == pytest.approx(scaling * wald / len(names))
    assert covariance(oats_fit, [{name: 1.0} for name in names]) == pytest.approx(
        ell @ adjusted @ ell.T
    )


def test_one_contrast_as_f_test_is_its_t_test(oats_fit):
    """A property that Kenward & Roger's approximation is built to have."""
    one = {"Marvellous": 1.0, "Victory": -1.0}
    t, f = estimate(oats_fit, one), f_test(oats_fit, [one])
    assert f.statistic == pytest.approx((t.value / t.standard_uncertainty) ** 2)
    assert f.denominator == pytest.approx(t.degrees_of_freedom)
    assert f.scaling == pytest.approx(1.0)


def test_an_f_test_does_not_depend_on_how_it_is_written(oats_fit):
    first = f_test(oats_fit, [{"Marvellous": 1.0}, {"Victory": 1.0}])
    other = f_test(
        oats_fit,
        [
            {"Marvellous": 2.0, "Victory": -2.0},
            {"Marvellous": 1.0, "Victory": 5.0},
            {"Victory": 1.0},
        ],
    )
    assert (other.numerator, first.numerator) == (2, 2)
    for name in ("statistic", "denominator", "p_value", "scaling"):
        assert getattr(other, name) == pytest.approx(getattr(first, name))


def test_the_covariance_of_several_is_that_of_each_and_of_differences(oats_fit):
    """Diagonal as in `estimate`; the variance of a difference follows from the matrix."""
    a, b = {"Marvellous": 1.0}, {"Victory": 1.0}
    found = covariance(oats_fit, [a, b])
    assert found == pytest.approx(found.T)
    for k, one in enumerate((a, b)):
        assert found[k, k] == pytest.approx(estimate(oats_fit, one).standard_uncertainty ** 2)
    difference = estimate(oats_fit, {"Marvellous": 1.0, "Victory": -1.0})
    wanted = found[0, 0] + found[1, 1] - 2 * found[0, 1]
    assert difference.standard_uncertainty**2 == pytest.approx(wanted)


def test_ordinary_regression_has_its_exact_f_test():
    """No random factor: F with n - p, nothing to scale."""
    rng = np.random.default_rng(8)
    x = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    y = rng.normal(size=12)
    fit = fit_mixed(y, x, ["one", "a", "b"])
    found = f_test(fit, [{"a": 1.0}, {"b": 1.0}])
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    rest = np.sum((y - x @ beta) ** 2)
    wanted = (np.sum((y - y.mean()) ** 2) - rest) / 2 / (rest / 9)
    assert found.statistic == pytest.approx(wanted)
    assert found.denominator == pytest.approx(9.0)
    assert found.scaling == pytest.approx(1.0)


def test_what_is_not_determined_has_no_number():
    """Scanner B and unit 2 always come together: their sum is known, neither of them is."""
    y = np.array([1.0, 1.2, 0.9, 3.1, 3.3, 2.9])
    b = np.array([0.0, 0, 0, 1, 1, 1])
    fit = fit_mixed(y, np.column_stack([np.ones(6), b, b]), ["mean", "scanner B", "unit 2"])
    assert fit.fixed[0] == pytest.approx(y[:3].mean())
    assert np.isnan(fit.fixed[1:]).all()
    assert np.isnan(fit.fixed_covariance[1]).all()
    assert not fit.identifiable({"scanner B": 1.0})
    found = estimate(fit, {"scanner B": 1.0})
    assert math.isnan(found.value)
    assert math.isnan(found.standard_uncertainty)
    assert "unit 2 = +1 scanner B" in found.reason
    assert "unit 2" in f_test(fit, [{"scanner B": 1.0}, {"mean": 1.0}]).reason
    matrix = covariance(fit, [{"mean": 1.0}, {"unit 2": 1.0}])
    assert np.isnan(matrix).tolist() == [[False, True], [True, True]]
    both = estimate(fit, {"scanner B": 1.0, "unit 2": 1.0})
    assert both.value == pytest.approx(y[3:].mean() - y[:3].mean())
    assert both.reason == ""


def test_a_level_of_a_factor_without_variance_has_no_uncertainty(dyestuff2):
    """Its predicted effect is 0; that it is exactly 0 is not known."""
    batch = factor("batch", dyestuff2["batch"])
    fit = fit_mixed(dyestuff2.y, np.ones((30, 1)), ["mean"], [batch])
    found = estimate(fit, {"mean": 1.0}, {("batch", "A"): 1.0})
    assert found.value == pytest.approx(5.6656, abs=1e-4)
    assert math.isnan(found.standard_uncertainty)
    assert math.isnan(found.interval[0])
    assert "variance of batch was found to be zero" in found.reason
    # the mean has its uncertainty, by the degrees of freedom of batches and not of readings
    mean = estimate(fit, {"mean": 1.0})
    assert mean.reason == ""
    assert mean.degrees_of_freedom == pytest.approx(5.0)


def test_wrong_names_are_refused(oats_fit):
    with pytest.raises(UsageError, match="no fixed effect 'Nitro'"):
        estimate(oats_fit, {"Nitro": 1.0})
    with pytest.raises(UsageError, match="no level 'VII' of a factor 'block'"):
        estimate(oats_fit, {}, {("block", "VII"): 1.0})
    with pytest.raises(UsageError, match="no contrast"):
        f_test(oats_fit, [])
    assert "weights are zero" in f_test(oats_fit, [{"mean": 0.0}]).reason


def test_how_well_a_reference_is_known_limits_the_degrees_of_freedom():
    """Welch-Satterthwaite (GUM G.4.1): u^4 / nu = u1^4 / nu1 + u2^4 / nu2."""
    y = np.random.default_rng(6).normal(0, 1, 10)
    unit = KnownFactor(
        name="unit",
        labels=np.repeat("u", 10),
        levels=("u",),
        covariance=np.array([0.09]),
        degrees_of_freedom=4.0,
    )
    found = estimate(fit_mixed(y, np.ones((10, 1)), ["mean"], known=[unit]), {"mean": 1.0})
    a, b = np.var(y, ddof=1) / 10, 0.09
    assert found.degrees_of_freedom == pytest.approx((a + b) ** 2 / (a**2 / 9 + b**2 / 4))


def test_intervals_of_five_sites_cover_95_percent():
    """A mean over 5 sites with unequal visits; 250 trials, 3 standard errors allowed.

    With the normal quantile and the naive error, 0.87 would be covered.
    """
    rng = np.random.default_rng(11)
    site = np.repeat(np.arange(5), [1, 2, 3, 4, 6])
    inside = naive = 0
    for _ in range(250):
        y = rng.normal(size=5)[site] + rng.normal(0, 0.7, site.size)
        fit = fit_mixed(y, np.ones((y.size, 1)), ["mean"], [factor("site", site)])
        found = estimate(fit, {"mean": 1.0})
        inside += found.interval[0] <= 0 <= found.interval[1]
        naive += abs(found.value) <= 1.96 * found.naive_uncertainty
    assert 0.95 - 3 * 0.0138 < inside / 250 < 0.95 + 3 * 0.0138
    assert naive / 250 < 0.92
