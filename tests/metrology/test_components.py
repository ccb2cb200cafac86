"""Intervals of variances: exact ones where they exist, the likelihood by hand, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import chdtri

from qiqa.core.errors import UsageError
from qiqa.metrology.components import components, profile_interval, satterthwaite_interval
from qiqa.metrology.factors import RandomFactor
from qiqa.metrology.mixed import fit_mixed


def one_way(y, batch):
    return fit_mixed(y, np.ones((y.size, 1)), ["mean"], [RandomFactor(name="batch", labels=batch)])


def squares(table):
    """Return sums of squares between and within rows."""
    mean = table.mean(axis=1, keepdims=True)
    between = table.shape[1] * np.sum((mean - table.mean()) ** 2)
    return between, np.sum((table - mean) ** 2)


def deviance(variance, residual, table):
    """Return -2 log restricted likelihood of a balanced one-way layout, less a constant."""
    rows, repeats = table.shape
    between, within = squares(table)
    sum_of_both = residual + repeats * variance
    return (
        rows * (repeats - 1) * math.log(residual)
        + within / residual
        + (rows - 1) * math.log(sum_of_both)
        + between / sum_of_both
    )


def profiled(variance, table):
    """Return the same, the residual maximized."""
    found = minimize_scalar(
        lambda log: deviance(variance, math.exp(log), table), bracket=(6.0, 8.0), tol=1e-12
    )
    return float(found.fun)


def test_ends_of_the_profile_by_hand(dyestuff):
    """The likelihood of a balanced layout is known; at both ends it is 4.0937 from its best.

    3.8415 times 5 (log 2.5 - digamma 2.5): six batches have five degrees of freedom.
    """
    low, high = profile_interval(one_way(dyestuff.y, dyestuff["batch"]), "batch")
    table = dyestuff.y.reshape(6, 5)
    best = deviance(1764.05, 2451.25, table)
    for end in (low, high):
        assert profiled(end, table) - best == pytest.approx(4.0937, abs=0.01)
    assert low < 1764.05 < high


def test_satterthwaite_is_exact_for_a_balanced_residual(dyestuff):
    """24 degrees of freedom, sum of squares 58830: chi square at 0.025 and 0.975."""
    fit = one_way(dyestuff.y, dyestuff["batch"])
    found = satterthwaite_interval(fit, "residual")
    wanted = (58830 / chdtri(24, 0.025), 58830 / chdtri(24, 0.975))
    assert found == pytest.approx(wanted, rel=1e-6)
    close = profile_interval(fit, "residual")
    assert close == pytest.approx(wanted, rel=0.06)


def test_a_variance_of_zero_has_an_upper_end(dyestuff2):
    """Estimated as 0, its interval starts there and ends where the likelihood has fallen."""
    fit = one_way(dyestuff2.y, dyestuff2["batch"])
    low, high = profile_interval(fit, "batch")
    assert low == 0.0
    table = dyestuff2.y.reshape(6, 5)
    residual = fit.variance[1]
    assert profiled(high, table) - deviance(0.0, residual, table) == pytest.approx(4.0937, abs=0.01)
    assert all(math.isnan(end) for end in satterthwaite_interval(fit, "batch"))
    batch, rest = components(fit)
    assert batch.at_boundary
    assert math.isnan(batch.degrees_of_freedom)
    assert batch.sd == 0.0
    assert batch.sd_interval == pytest.approx((0.0, high**0.5))
    assert not rest.at_boundary
    assert rest.degrees_of_freedom == pytest.approx(24.0)


def test_components_as_reported(dyestuff):
    """Searle, Casella & McCulloch (1992), 4.4: variances of the two estimates, balanced.

    2 s^4 / 24 of the residual; 2/25 ((s^2 + 5 b)^2 / 5 + s^4 / 24) of the batches.
    """
    batch, rest = components(one_way(dyestuff.y, dyestuff["batch"]))
    assert (batch.name, batch.levels, rest.name, rest.levels) == ("batch", 6, "residual", 30)
    assert rest.standard_uncertainty == pytest.approx(2451.25 * (2 / 24) ** 0.5)
    wanted = 2 / 25 * (11271.5**2 / 5 + 2451.25**2 / 24)
    assert batch.standard_uncertainty**2 == pytest.approx(wanted, rel=1e-6)
    assert batch.sd == pytest.approx(42.0006, abs=1e-4)


def test_a_held_variance_has_no_interval(rail):
    fit = fit_mixed(
        rail.y,
        np.ones((18, 1)),
        ["mean"],
        [RandomFactor(name="rail", labels=rail["rail"])],
        residual=16.0,
    )
    assert [one.name for one in components(fit)] == ["rail"]
    for name in ("residual", "train"):
        with pytest.raises(UsageError, match=f"no estimated variance '{name}'"):
            profile_interval(fit, name)


@pytest.mark.parametrize("sd", [0.0, 2.0])
def test_profile_intervals_cover(sd):
    """Five unequal groups: 50 trials, at most 4 standard errors below 95 %.

    The chi square interval is not there, or leaves the truth out, every time the SD is 0.
    """
    rng = np.random.default_rng(21)
    group = np.repeat(np.arange(5), [1, 2, 3, 4, 6])
    inside = other = 0
    for _ in range(50):
        y = sd * rng.normal(size=5)[group] + rng.normal(size=16)
        fit = one_way(y, group)
        low, high = profile_interval(fit, "batch")
        inside += low <= sd**2 <= high
        low, high = satterthwaite_interval(fit, "batch")
        other += low <= sd**2 <= high
    assert inside / 50 > 0.95 - 4 * 0.0308
    assert (other == 0) == (sd == 0)
