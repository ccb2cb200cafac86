"""Charts of textbook data against figures that the R package qcc 2.7 gives for them.

qcc takes d2 rounded to 2.326 and 1.128. With exact constants the SD from ranges of five differs by
3e-5 and that from moving ranges by 3.4e-4 of it: the tolerances below.
"""

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.rules import cusum, ewma, individuals, xbar_r, xbar_s

CENTER = 74.00118


def scores_of_means(groups):
    """Return normal scores of group means by the limits of the first 25 groups."""
    phase_one = xbar_r.limits(groups[:25])
    return (groups.mean(axis=1) - phase_one.center) * np.sqrt(5) / phase_one.sd


def test_means_and_ranges_of_piston_rings(piston_rings):
    found = xbar_r.limits(piston_rings[:25])
    assert found.center == pytest.approx(CENTER, abs=5e-6)
    assert found.sd == pytest.approx(0.009785039, rel=4e-5)
    # the mean range over d2 = 2.32593 (Harter, Ann Math Stat 1960;31:1122)
    assert found.sd == pytest.approx(0.02276 / 2.32593, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((73.98805, 74.0143), abs=1e-5)
    assert found.scatter_center == pytest.approx(0.02276, abs=1e-10)
    assert found.scatter_low == 0.0
    assert found.scatter_high == pytest.approx(0.04812533, rel=1e-4)


def test_means_and_sds_of_piston_rings(piston_rings):
    found = xbar_s.limits(piston_rings[:25])
    assert found.scatter_center == pytest.approx(0.009240037, rel=1e-7)
    assert found.sd == pytest.approx(0.009829977, rel=1e-7)
    assert found.scatter_low == 0.0
    assert found.scatter_high == pytest.approx(0.01930242, rel=1e-6)


def test_which_groups_of_piston_rings_are_outside(piston_rings):
    for module in (xbar_r, xbar_s):
        p = module.parameters(370.4, 5, baseline=25)
        made = module.chart(piston_rings, p)
        # qcc: 37 to 39 are outside 3 SDs; with half of the chance for the mean they still are
        assert (made.signals + 1).tolist() == [37, 38, 39]
        assert (made.directions == 1).all()
    outside = np.abs(scores_of_means(piston_rings)) > 3.0
    assert (np.flatnonzero(outside) + 1).tolist() == [37, 38, 39]


def test_cusum_of_piston_rings_signals_at_the_37th(piston_rings):
    made = cusum.chart(scores_of_means(piston_rings), cusum.Parameters(k=0.5, h=5.0))
    assert made.signals[0] + 1 == 37
    assert made.directions[0] == 1


def test_ewma_limits_of_piston_rings(piston_rings):
    phase_one = xbar_r.limits(piston_rings[:25])
    low, high = ewma.limits(phase_one.center, phase_one.sd / np.sqrt(5), 25, lam=0.2, width=3.0)
    assert (low[0], high[0]) == pytest.approx((73.99855, 74.0038), abs=6e-6)
    assert (low[24], high[24]) == pytest.approx((73.9968, 74.00555), abs=6e-6)


def test_ewma_chart_and_ewma_limits_are_one(piston_rings):
    z = scores_of_means(piston_rings)
    made = ewma.chart(z, ewma.Parameters(lam=0.2, width=3.0))
    low, high = ewma.limits(0.0, 1.0, z.size)
    np.testing.assert_allclose(made.curves[0].low, low, rtol=1e-12)
    np.testing.assert_allclose(made.curves[0].high, high, rtol=1e-12)
    # the average itself, by its definition as a weighted sum
    weights = 0.2 * 0.8 ** np.arange(z.size)
    last = float(weights @ z[::-1])
    assert made.curves[0].value[-1] == pytest.approx(last, rel=1e-12)


def test_individuals_of_viscosity(viscosity):
    found = individuals.limits(viscosity)
    assert found.center == pytest.approx(34.088, abs=1e-9)
    assert found.sd == pytest.approx(0.5076521, rel=4e-4)
    # two values differ by 2 / sqrt(pi) SDs on average
    exact = np.abs(np.diff(viscosity)).mean() * np.sqrt(np.pi) / 2
    assert found.sd == pytest.approx(exact, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((32.56504, 35.61096), abs=6e-4)
    low, high = ewma.limits(found.center, found.sd, 1, lam=0.2, width=2.7)
    assert (low[0], high[0]) == pytest.approx((33.81387, 34.36213), abs=1e-4)
    # the fourth batch is outside, and nothing else
    z = (viscosity - found.center) / found.sd
    made = individuals.chart(z, individuals.Parameters(width=3.0))
    assert made.signals.tolist() == [3]


def test_moving_ranges_are_charted_beside_values(viscosity):
    found = individuals.limits(viscosity)
    assert found.range_center == pytest.approx(np.abs(np.diff(viscosity)).mean(), rel=1e-12)
    # D4 of two values is 3.267 in every table
    assert found.range_high / found.range_center == pytest.approx(3.267, abs=6e-4)
    made = individuals.chart_of_values(viscosity, found)
    # the fourth batch, and the step down to the level from it (35.96, 34.70, 33.51)
    assert made.signals[0] == 3
    assert made.directions[0] == 1
    assert set(made.signals[1:]) <= {4, 5}
    values, ranges = made.curves
    assert ranges.label == "moving range"
    assert np.isnan(ranges.value[0])
    np.testing.assert_allclose(ranges.value[1:], np.abs(np.diff(viscosity)))
    assert (values.high[0], ranges.high[1]) == (found.high, found.range_high)


def test_a_moving_range_spans_a_gap(viscosity):
    found = individuals.limits(viscosity)
    made = individuals.chart_of_values(np.array([34.0, np.nan, 36.5, np.nan, 34.0]), found)
    assert made.signals.tolist() == [2, 4]
    assert made.directions.tolist() == [1, 0]
    assert made.curves[1].value[[2, 4]] == pytest.approx([2.5, 2.5])


@pytest.mark.parametrize("module", [xbar_r, xbar_s])
def test_groups_that_cannot_be_used_are_refused(module, piston_rings):
    with pytest.raises(UsageError, match="shape"):
        module.limits(piston_rings[0])
    with pytest.raises(UsageError, match="0 groups"):
        module.limits(piston_rings[:0])
    with pytest.raises(UsageError, match="not finite"):
        module.limits(np.array([[1.0, np.nan]]))
    with pytest.raises(UsageError, match="groups of 1 values"):
        module.limits(piston_rings[:, :1])
    with pytest.raises(UsageError, match="shape"):
        module.chart(piston_rings, module.parameters(370.0, size=4))
    with pytest.raises(UsageError, match="needed are more than 1"):
        module.parameters(1.0)


@pytest.mark.parametrize("module", [xbar_r, xbar_s])
def test_no_limits_before_the_baseline_is_complete(module, piston_rings):
    p = module.parameters(370.0, baseline=25)
    few = module.chart(piston_rings[:24], p)
    assert few.signals.size == 0
    assert all(np.isnan(curve.high).all() for curve in few.curves)
    assert not np.isnan(few.curves[0].value).any()
    enough = module.chart(piston_rings[:25], p)
    assert np.isfinite(enough.curves[0].high).all()


@pytest.mark.parametrize("module", [xbar_r, xbar_s])
def test_scatter_that_grows_or_shrinks_signals_without_direction(module):
    x = np.random.default_rng(2).standard_normal((60, 5))
    x[30] = [-5.0, 5.0, -5.0, 5.0, 0.0]
    x[40] = 0.0
    made = module.chart(x, module.parameters(1000.0))
    at = dict(zip(made.signals.tolist(), made.directions.tolist(), strict=True))
    assert at[30] == at[40] == 0
