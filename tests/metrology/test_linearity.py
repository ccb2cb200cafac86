"""Straight or bent, against certified fits and planted bends."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.linearity import linearity

LEVELS = np.repeat(np.linspace(0.2, 2.2, 6), 3)
# NIST StRD Pontius: calibration of a load cell, two runs of 20 loads
PONTIUS_X = np.tile(np.arange(1, 21) * 150_000.0, 2)
PONTIUS_Y = [
    0.11019, 0.21956, 0.32949, 0.43899, 0.54803, 0.65694, 0.76562, 0.87487, 0.98292, 1.09146,
    1.20001, 1.30822, 1.41599, 1.52399, 1.63194, 1.73947, 1.84646, 1.95392, 2.06128, 2.16844,
    0.11052, 0.22018, 0.32939, 0.43886, 0.54798, 0.65739, 0.76596, 0.87474, 0.98300, 1.09150,
    1.20004, 1.30818, 1.41613, 1.52408, 1.63159, 1.73965, 1.84696, 1.95445, 2.06177, 2.16829,
]  # fmt: skip


def test_a_load_cell_bends_as_certified():
    found = linearity(PONTIUS_X, PONTIUS_Y)
    bend = found.quadratic
    assert found.bent()
    assert bend.coefficient == pytest.approx(-0.316081871345029e-14, rel=1e-8)
    assert bend.standard_uncertainty == pytest.approx(0.486652849992036e-16, rel=1e-8)
    assert bend.degrees_of_freedom == 37
    assert bend.p_value < 1e-30
    # a parabola is farthest from its line at the ends: 20 equal steps by hand
    steps = np.arange(1, 21) * 150_000.0
    away = steps**2 - np.polyval(np.polyfit(steps, steps**2, 1), steps)
    off = found.nonlinearity
    assert off.degree == 2
    assert off.largest == pytest.approx(3.16081871e-15 * np.abs(away).max(), rel=1e-6)
    assert off.at in (150_000.0, 3_000_000.0)
    assert off.interval.low < off.largest < off.interval.high


def test_terms_and_line_as_statsmodels_has_them():
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(12)
    y = 0.1 + 0.97 * LEVELS + 0.05 * LEVELS**2 + rng.normal(0, 0.03, LEVELS.size)
    found = linearity(LEVELS, y)
    for bend in found.bends:
        design = np.vander(LEVELS, bend.degree + 1, increasing=True)
        judge = api.OLS(y, design).fit()
        assert bend.coefficient == pytest.approx(judge.params[-1], rel=1e-8)
        assert bend.p_value == pytest.approx(judge.pvalues[-1], rel=1e-6)
    judge = api.OLS(y, np.vander(LEVELS, 2, increasing=True)).fit()
    low, high = judge.conf_int()[1]
    assert (found.slope_interval.low, found.slope_interval.high) == pytest.approx((low, high))
    low, high = judge.conf_int()[0]
    assert (found.intercept_interval.low, found.intercept_interval.high) == pytest.approx(
        (low, high)
    )
    assert found.r_squared == pytest.approx(judge.rsquared)
    assert (found.n, found.levels, found.degrees_of_freedom) == (18, 6, 16)


def test_straight_lines_are_called_bent_as_often_as_stated():
    rng = np.random.default_rng(13)
    bent = np.zeros(2)
    for _ in range(600):
        found = linearity(LEVELS, LEVELS + rng.normal(0, 0.05, LEVELS.size))
        bent += [bend.p_value < 0.05 for bend in found.bends]
    assert np.all((bent / 600 > 0.023) & (bent / 600 < 0.077))  # 5 %, three standard errors


def test_the_interval_of_the_largest_departure_covers():
    rng = np.random.default_rng(14)
    curve = LEVELS + 0.08 * LEVELS**2
    away = curve - np.polyval(np.polyfit(LEVELS, curve, 1), LEVELS)
    truth, inside = np.abs(away).max(), 0
    for _ in range(400):
        off = linearity(LEVELS, curve + rng.normal(0, 0.05, LEVELS.size)).nonlinearity
        inside += off.interval.low <= truth <= off.interval.high
    assert inside / 400 > 0.917  # 95 %, three standard errors; wider where a cubic was chosen


def test_a_bend_that_cannot_be_seen_is_not_excluded():
    rng = np.random.default_rng(15)
    found = linearity(LEVELS, LEVELS + rng.normal(0, 0.3, LEVELS.size))
    assert not found.bent()
    assert found.nonlinearity.interval.low == 0.0
    assert found.nonlinearity.interval.high > 0.1


def test_uncertainties_of_the_reference_count():
    rng = np.random.default_rng(16)
    certified = np.linspace(0.2, 2.2, 8)
    y = certified + rng.normal(0, 0.01, 8)
    known = linearity(certified, y, measured_u=0.01)
    both = linearity(certified, y, measured_u=0.01, reference_u=0.05)
    assert both.slope_standard_uncertainty > 2 * known.slope_standard_uncertainty
    assert both.quadratic.standard_uncertainty > 2 * known.quadratic.standard_uncertainty


def test_unit_and_origin_do_not_matter():
    rng = np.random.default_rng(17)
    y = LEVELS + 0.05 * LEVELS**3 + rng.normal(0, 0.05, LEVELS.size)
    first = linearity(LEVELS, y)
    other = linearity(1e-3 * LEVELS, 1e-3 * y)
    assert other.slope == pytest.approx(first.slope)
    assert other.nonlinearity.largest == pytest.approx(1e-3 * first.nonlinearity.largest)
    for a, b in zip(first.bends, other.bends, strict=True):
        assert b.p_value == pytest.approx(a.p_value, rel=1e-6)
    far = linearity(LEVELS + 50, y)
    assert far.nonlinearity.largest == pytest.approx(first.nonlinearity.largest, rel=1e-5)


def test_refusals():
    with pytest.raises(NotMeasurable, match="at 2 reference values"):
        linearity([1.0, 1, 2, 2], [1.0, 1.1, 2.0, 2.1])
    with pytest.raises(NotMeasurable, match="exactly"):
        linearity([1.0, 2, 3, 4, 5], [2.0, 4, 6, 8, 10])
    # three values of a reference determine a parabola but no cubic
    assert len(linearity([1, 1, 2, 2, 3, 3], [1.1, 1, 2.1, 2, 3.1, 3.3]).bends) == 1
