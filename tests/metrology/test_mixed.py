"""Mixed models against published fits by other programs, and identities of balanced designs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from qiqa.core.errors import FitError, UsageError
from qiqa.metrology.contrasts import estimate
from qiqa.metrology.factors import KnownFactor, RandomFactor, nested
from qiqa.metrology.layout import confounded_variances, lay_out
from qiqa.metrology.mixed import fit_mixed


def columns(labels):
    """Return one column a level, and the levels."""
    levels, index = np.unique(labels, return_inverse=True)
    return np.eye(levels.size)[index], [str(level) for level in levels]


def mean_of(y, random=(), known=(), **more):
    """Fit a mean."""
    return fit_mixed(y, np.ones((y.size, 1)), ["mean"], random, known, **more)


def factor(name, labels, **more):
    return RandomFactor(name=name, labels=labels, **more)


def deviance(fit):
    return -2 * fit.log_restricted_likelihood


def test_dyestuff(dyestuff):
    """Bates, lme4: Mixed-effects modeling with R (2010), 1.3.2: 319.654, 1764.05, 2451.25."""
    fit = mean_of(dyestuff.y, [factor("batch", dyestuff["batch"])])
    assert deviance(fit) == pytest.approx(319.654, abs=1e-3)
    assert fit.variance == pytest.approx([1764.05, 2451.25], rel=1e-6)
    assert fit.fixed[0] == pytest.approx(1527.5)
    assert fit.fixed_covariance[0, 0] ** 0.5 == pytest.approx(19.3834, abs=1e-4)


def test_dyestuff2_has_no_variance_between_batches(dyestuff2):
    """The same, 1.3.3: 161.828, 0, 3.7157 squared; mean 5.6656 with standard error 0.6784."""
    fit = mean_of(dyestuff2.y, [factor("batch", dyestuff2["batch"])])
    assert deviance(fit) == pytest.approx(161.828, abs=1e-3)
    assert fit.variance[0] == 0.0
    assert fit.at_boundary("batch")
    assert not fit.at_boundary("residual")
    assert fit.variance[1] ** 0.5 == pytest.approx(3.7157, abs=1e-4)
    assert fit.fixed[0] == pytest.approx(5.6656, abs=1e-4)
    assert fit.fixed_covariance[0, 0] ** 0.5 == pytest.approx(0.6784, abs=1e-4)
    assert np.all(fit.effects["batch"].value == 0.0)
    # not zero: nobody knows that batches are all the same
    assert np.isnan(fit.effects["batch"].standard_uncertainty).all()


def test_rail(rail):
    """Pinheiro & Bates (2000), 1.1.1: log likelihood -61.0885, SD 24.80547 and 4.020779."""
    fit = mean_of(rail.y, [factor("rail", rail["rail"])])
    assert fit.log_restricted_likelihood == pytest.approx(-61.0885, abs=1e-4)
    assert np.sqrt(fit.variance) == pytest.approx([24.80547, 4.020779], rel=1e-6)
    assert fit.fixed_covariance[0, 0] ** 0.5 == pytest.approx(10.17104, abs=1e-5)


def test_penicillin_crossed(penicillin):
    """SPSS: 330.860589. lme4: variances 0.7169, 3.7309, 0.3024; mean 22.9722, SE 0.8086."""
    random = [factor("plate", penicillin["plate"]), factor("sample", penicillin["sample"])]
    fit = mean_of(penicillin.y, random)
    assert deviance(fit) == pytest.approx(330.860589, abs=1e-6)
    assert fit.variance == pytest.approx([0.716908, 3.73092, 0.302415], abs=1e-4)
    assert fit.fixed[0] == pytest.approx(22.9722, abs=1e-4)
    assert fit.fixed_covariance[0, 0] ** 0.5 == pytest.approx(0.8086, abs=1e-4)


def test_pastes_nested(pastes):
    """246.990746 by SPSS; lme4: 2.9041 sample, 1.2874 batch, 0.8234 residual."""
    sample = nested(pastes["batch"], pastes["cask"])
    fit = mean_of(pastes.y, [factor("sample", sample), factor("batch", pastes["batch"])])
    assert deviance(fit) == pytest.approx(246.990746, abs=1e-6)
    assert np.sqrt(fit.variance) == pytest.approx([2.9041, 1.2874, 0.8234], abs=1e-4)
    assert fit.fixed_covariance[0, 0] ** 0.5 == pytest.approx(0.6769, abs=1e-4)


def test_oats_split_plot(oats):
    """Pinheiro & Bates (2000), 1.6: log likelihood -296.5209; SD 14.50598, 11.00468, 12.86696."""
    x = np.column_stack([np.ones(oats.y.size), oats["nitro"].astype(float)])
    plot = nested(oats["block"], oats["variety"])
    random = [factor("block", oats["block"]), factor("plot", plot)]
    fit = fit_mixed(oats.y, x, ["mean", "nitro"], random)
    assert fit.log_restricted_likelihood == pytest.approx(-296.5209, abs=1e-4)
    assert np.sqrt(fit.variance) == pytest.approx([14.50598, 11.00468, 12.86696], rel=2e-6)
    assert fit.fixed == pytest.approx([81.87222, 73.66667], abs=1e-5)
    se = np.sqrt(np.diag(fit.fixed_covariance))
    assert se == pytest.approx([6.945273, 6.781483], rel=1e-5)


def test_sleepstudy_with_days_as_classes(sleepstudy):
    """SPSS: -2 log restricted likelihood 1729.492560, variances 1375.465318 and 987.588488."""
    x, names = columns(sleepstudy["day"])
    fit = fit_mixed(sleepstudy.y, x, names, [factor("subject", sleepstudy["subject"])])
    assert deviance(fit) == pytest.approx(1729.492560, abs=1e-6)
    assert fit.variance == pytest.approx([1375.465318, 987.588488], rel=1e-6)


def test_sleepstudy_with_slopes(sleepstudy):
    """Bates et al. (2015), section 5: SD 25.051 of intercepts, 5.988 of slopes, 25.565; 1743.669.

    Reaction ~ Days + (Days || Subject), intercepts and slopes not correlated.
    """
    days = sleepstudy["day"].astype(float)
    subject = sleepstudy["subject"]
    random = [factor("intercept", subject), factor("slope", subject, scale=days)]
    x = np.column_stack([np.ones(days.size), days])
    fit = fit_mixed(sleepstudy.y, x, ["mean", "days"], random)
    assert deviance(fit) == pytest.approx(1743.669, abs=1e-3)
    assert np.sqrt(fit.variance) == pytest.approx([25.051, 5.988, 25.565], abs=1e-3)
    assert np.sqrt(np.diag(fit.fixed_covariance)) == pytest.approx([6.885, 1.560], abs=1e-3)


def test_known_covariances_and_unequal_errors():
    """Henderson (1984), Applications of Linear Models in Animal Breeding, p. 53: two traits.

    G and R are both known. R, with 4 and 5 on its diagonal and 1 between the traits of an animal,
    is written as an error shared by the animal and a known variance of each reading.
    """
    g = np.kron([[2, 2], [2, 3]], [[1, 0.5, 0.5], [0.5, 1, 0.25], [0.5, 0.25, 1]])
    g[:3, 3:] = g[3:, :3] = 2 * np.array([[1, 0.5, 0.5], [0.5, 1, 0.25], [0.5, 0.25, 1]])
    trait, animal = np.array([1, 1, 1, 2, 2]), np.array(["1", "2", "3", "1", "2"])
    breeding = KnownFactor(
        name="breeding",
        labels=nested(trait, animal),
        levels=("1:1", "1:2", "1:3", "2:1", "2:2", "2:3"),
        covariance=g,
    )
    shared = KnownFactor(
        name="shared", labels=animal, levels=("1", "2", "3"), covariance=np.ones(3)
    )
    fit = fit_mixed(
        np.array([6.0, 8, 7, 9, 5]),
        np.column_stack([trait == 1, trait == 2]),
        ["trait 1", "trait 2"],
        known=[breeding, shared],
        known_variance=np.where(trait == 1, 3.0, 4.0),
        residual=0.0,
    )
    assert fit.fixed == pytest.approx([6.9909, 6.9959], abs=1e-4)
    predicted = [0.0545, -0.0495, 0.0223, 0.2651, -0.2601, 0.1276]
    assert fit.effects["breeding"].value == pytest.approx(predicted, abs=1e-4)


def test_the_same_as_statsmodels_where_that_can_fit_it(sleepstudy):
    """An independent program: groups of unequal size, one random factor."""
    regression = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    some = sleepstudy.take(np.flatnonzero(np.arange(180) % 7 != 3))
    x, names = columns(some["day"])
    fit = fit_mixed(some.y, x, names, [factor("subject", some["subject"])])
    other = regression.MixedLM(some.y, x, groups=some["subject"]).fit(reml=True)
    assert fit.log_restricted_likelihood == pytest.approx(other.llf, abs=1e-4)
    assert fit.variance == pytest.approx([other.cov_re[0, 0], other.scale], rel=1e-3)
    assert fit.fixed == pytest.approx(other.fe_params, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**31), st.floats(0.0, 3.0))
def test_one_way_layouts_have_the_variances_of_the_analysis_of_variance(levels, repeats, seed, sd):
    """Residual = MSE, factor = (MSA - MSE) / repeats; where that is negative, 0 and the total."""
    rng = np.random.default_rng(seed)
    table = sd * rng.normal(size=(levels, 1)) + rng.normal(size=(levels, repeats))
    mean = table.mean(axis=1, keepdims=True)
    between = repeats * np.sum((mean - table.mean()) ** 2)
    within = np.sum((table - mean) ** 2)
    msa, mse = between / (levels - 1), within / (levels * (repeats - 1))
    wanted = [(msa - mse) / repeats, mse]
    if msa < mse:
        wanted = [0.0, (between + within) / (table.size - 1)]
    fit = mean_of(table.ravel(), [factor("level", np.repeat(np.arange(levels), repeats))])
    assert fit.variance == pytest.approx(wanted, rel=1e-5, abs=1e-6 * mse)


def dense(variance, y, x, zs, known):
    """Return the restricted log likelihood by its definition, n x n."""
    v = np.diag(known + variance[-1])
    for t, z in zip(variance, zs, strict=False):
        v += t * z @ z.T
    w = np.linalg.inv(v)
    normal = x.T @ w @ x
    p = w - w @ x @ np.linalg.solve(normal, x.T @ w)
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(normal)[1]
    return p, -0.5 * (logs + y @ p @ y + (y.size - x.shape[1]) * np.log(2 * np.pi))


@pytest.mark.parametrize("seed", range(4))
def test_unbalanced_crossed_with_known_variances_is_at_a_maximum(seed):
    """Likelihood, slopes and expected information by their definitions with n x n matrices."""
    rng = np.random.default_rng(seed)
    n = 60
    a, b = rng.integers(0, 6, n), rng.integers(0, 9, n)
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = rng.normal(size=6)[a] + rng.normal(size=9)[b] + rng.normal(size=n)
    known = rng.uniform(0.05, 0.3, n)
    fit = fit_mixed(y, x, ["one", "slope"], [factor("a", a), factor("b", b)], known_variance=known)
    zs = [columns(a)[0], columns(b)[0]]
    p, likelihood = dense(fit.variance, y, x, zs, known)
    assert fit.log_restricted_likelihood == pytest.approx(likelihood, abs=1e-9)
    parts = [zs[0] @ zs[0].T, zs[1] @ zs[1].T, np.eye(n)]
    slopes = np.array([np.trace(p @ v) - y @ p @ v @ p @ y for v in parts])
    inside = fit.variance > 0
    info = 0.5 * np.array([[np.trace(p @ v @ p @ w) for w in parts] for v in parts])
    error = np.sqrt(np.diag(np.linalg.inv(info)))
    assert np.all(np.abs(slopes * error)[inside] < 1e-3)
    assert np.all(slopes[~inside] >= 0)
    assert fit.variance_covariance == pytest.approx(np.linalg.inv(info), rel=1e-6)
    for k, name in enumerate(("a", "b")):
        t, z = fit.variance[k], zs[k]
        assert fit.effects[name].value == pytest.approx(t * z.T @ p @ y, abs=1e-9)
        error = np.diag(t * np.eye(z.shape[1]) - t**2 * z.T @ p @ z)
        assert fit.effects[name].standard_uncertainty ** 2 == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_no_other_climb_of_the_likelihood_gets_higher(seed):
    """Few readings, two or three factors, variances of zero among them: as dense matrices."""
    rng = np.random.default_rng([40, seed])
    n, count = int(rng.integers(12, 30)), int(rng.integers(2, 4))
    labels = [rng.integers(0, rng.integers(3, 7), n) for _ in range(count)]
    y = sum(rng.choice([0.0, 0.3, 3.0]) * rng.normal(size=7)[of] for of in labels)
    y = y + rng.normal(size=n)
    x, known = np.ones((n, 1)), rng.uniform(0.01, 1.0, n)
    names = [f"f{k}" for k in range(count)]
    random = [factor(name, of) for name, of in zip(names, labels, strict=True)]
    fit = mean_of(y, random, known_variance=known)
    zs = [columns(of)[0] for of in labels]
    for _ in range(4):
        other = minimize(
            lambda theta: -dense(theta, y, x, zs, known)[1],
            rng.choice([0.01, 0.3, 1.0, 5.0], count + 1),
            method="L-BFGS-B",
            bounds=[(0, None)] * (count + 1),
        )
        assert fit.log_restricted_likelihood >= -other.fun - 1e-6


def test_many_levels_are_the_same_as_few_at_a_time():
    """The factor taken out first is chosen by its size only: another choice, the same answer."""
    rng = np.random.default_rng(3)
    n = 300
    a, b = rng.integers(0, 5, n), rng.integers(0, 70, n)
    y = rng.normal(size=5)[a] + rng.normal(size=70)[b] + rng.normal(size=n)
    known = rng.uniform(0.0, 0.1, n)
    one = mean_of(y, [factor("a", a), factor("b", b)], known_variance=known)
    # a covariance that is not diagonal cannot be taken out first
    turned = KnownFactor(
        name="turned",
        labels=b.astype(str),
        levels=tuple(str(k) for k in range(70)),
        covariance=one.variance[1] * np.eye(70) + 1e-12,
    )
    other = mean_of(y, [factor("a", a)], [turned], known_variance=known)
    assert other.log_restricted_likelihood == pytest.approx(one.log_restricted_likelihood, abs=1e-6)
    assert other.variance[[0, 2]] == pytest.approx(one.variance[[0, 2]], rel=1e-4)
    seen, again = one.effects["b"], other.effects["turned"]
    at = [again.levels.index(level) for level in seen.levels]
    assert again.value[at] == pytest.approx(seen.value, abs=1e-4)
    assert again.standard_uncertainty[at] == pytest.approx(seen.standard_uncertainty, abs=1e-4)
    # a level that no reading has is predicted by what was known before
    unseen = np.setdiff1d(np.arange(70), at)
    assert unseen.size
    assert again.value[unseen] == pytest.approx(0.0, abs=1e-6)
    assert again.standard_uncertainty[unseen] ** 2 == pytest.approx(one.variance[1], rel=1e-6)


def test_a_shared_reference_error_does_not_average_out():
    """All readings share one error of known SD 3: the mean cannot be better than that."""
    y = np.random.default_rng(5).normal(10, 1, 400)
    shared = KnownFactor(
        name="unit", labels=np.repeat("u", 400), levels=("u",), covariance=np.array([9.0])
    )
    found = estimate(mean_of(y, known=[shared]), {"mean": 1.0})
    assert found.standard_uncertainty**2 == pytest.approx(9.0 + np.var(y, ddof=1) / 400)


def test_only_known_variances_is_the_weighted_mean():
    """No variance is estimated: weights 1 / u^2, infinite degrees of freedom."""
    y, u = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])
    found = estimate(mean_of(y, known_variance=u**2, residual=0.0), {"mean": 1.0})
    assert found.value == pytest.approx(np.average(y, weights=u**-2.0))
    assert found.standard_uncertainty == pytest.approx(np.sum(u**-2.0) ** -0.5)
    assert found.degrees_of_freedom == np.inf


def test_without_random_factors_it_is_ordinary_least_squares():
    """Standard error and degrees of freedom of the mean of five."""
    y = np.array([1.0, 4, 2, 8, 5])
    found = estimate(mean_of(y), {"mean": 1.0})
    assert found.standard_uncertainty == pytest.approx(y.std(ddof=1) / 5**0.5)
    assert found.degrees_of_freedom == pytest.approx(4.0)


Y = np.array([1.0, 2, 4, 3, 6, 5])
PAIRS = np.array(list("aabbcc"))


def test_variances_that_no_reading_tells_are_refused():
    x, names = columns(PAIRS)
    with pytest.raises(FitError, match="no reading tells the variance of: pair"):
        fit_mixed(Y, x, names, [factor("pair", PAIRS)])
    with pytest.raises(FitError, match="tell apart the variances of: each, residual"):
        mean_of(Y, [factor("each", np.arange(6))])
    with pytest.raises(FitError, match="tell apart the variances of: pair, again"):
        mean_of(Y, [factor("pair", PAIRS), factor("again", np.array(list("uuvvww")))])


def test_which_variances_are_confounded_can_be_asked_before():
    """One visit a scanner: visits are scanners, which are fixed; units and exams are the same."""
    scanner = np.repeat(np.arange(4), 3)
    unit = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0])
    random = [
        factor("visit", scanner),
        factor("unit", unit),
        factor("exam", np.where(unit == 0, "x", "y")),
    ]
    x, names = columns(scanner)
    layout = lay_out(np.zeros(12), x, names, random, (), None, None)
    assert confounded_variances(layout) == (("visit",), ("unit", "exam"))
    fine = lay_out(np.zeros(12), x, names, random[1:2], (), None, None)
    assert confounded_variances(fine) == ()
    known = lay_out(np.zeros(12), x, names, (), (), np.ones(12), 0.0)
    assert confounded_variances(known) == ()


def test_readings_without_scatter_are_refused():
    with pytest.raises(FitError, match="reproduce the readings exactly"):
        mean_of(np.full(6, 7.0), [factor("pair", PAIRS)])
    with pytest.raises(FitError, match="residual variance ran into zero"):
        mean_of(np.array([1.0, 1, 2, 2, 4, 4]), [factor("pair", PAIRS)])
    with pytest.raises(FitError, match="leave no scatter"):
        fit_mixed(Y[:2], np.eye(2), ["a", "b"])
    with pytest.raises(FitError, match="no variance at all"):
        mean_of(Y, [factor("pair", PAIRS)], residual=0.0)


def known_pair(levels, covariance):
    return KnownFactor(name="u", labels=PAIRS, levels=levels, covariance=covariance)


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("reading 2", lambda: mean_of(np.array([1.0, 2, np.nan]))),
        ("known variance 1", lambda: mean_of(Y[:2], known_variance=np.array([1.0, -1.0]))),
        ("residual variance -1", lambda: mean_of(Y, residual=-1.0)),
        ("named twice: pair", lambda: mean_of(Y, [factor("pair", PAIRS)] * 2)),
        ("named twice: residual", lambda: mean_of(Y, [factor("residual", PAIRS)])),
        ("do not fit together", lambda: fit_mixed(Y, np.ones((6, 2)), ["mean"])),
        ("for 6 readings", lambda: mean_of(Y, [factor("pair", PAIRS[:4])])),
        ("not declared", lambda: mean_of(Y, known=[known_pair(("a", "b"), np.ones(2))])),
        ("not one of 3", lambda: mean_of(Y, known=[known_pair(("a", "b", "c"), -np.eye(3))])),
    ],
)
def test_wrong_arguments_are_named(what, call):
    with pytest.raises(UsageError, match=what):
        call()
