"""Constants of ranges and SDs against closed forms, published tables and their own chances."""

import math

import numpy as np
import pytest
from scipy import integrate

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import groups

# ASTM manual on presentation of data and control chart analysis (MNL 7), table of factors:
# size, d2, d3, c4.
TABLE = [
    (2, 1.128, 0.853, 0.7979),
    (3, 1.693, 0.888, 0.8862),
    (4, 2.059, 0.880, 0.9213),
    (5, 2.326, 0.864, 0.9400),
    (6, 2.534, 0.848, 0.9515),
    (7, 2.704, 0.833, 0.9594),
    (8, 2.847, 0.820, 0.9650),
    (9, 2.970, 0.808, 0.9693),
    (10, 3.078, 0.797, 0.9727),
    (15, 3.472, 0.756, 0.9823),
    (20, 3.735, 0.729, 0.9869),
    (25, 3.931, 0.708, 0.9896),
]


@pytest.mark.parametrize(("size", "d2", "d3", "c4"), TABLE)
def test_the_published_table(size, d2, d3, c4):
    assert groups.mean_range(size) == pytest.approx(d2, abs=0.00051)
    assert groups.sd_of_range(size) == pytest.approx(d3, abs=0.00051)
    assert groups.mean_sd(size) == pytest.approx(c4, abs=0.000051)


def test_closed_forms():
    assert groups.mean_range(2) == pytest.approx(2 / math.sqrt(math.pi), rel=1e-13)
    assert groups.mean_range(3) == pytest.approx(3 / math.sqrt(math.pi), rel=1e-13)
    assert groups.sd_of_range(2) == pytest.approx(math.sqrt(2 - 4 / math.pi), rel=1e-10)
    assert groups.mean_sd(2) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-13)


@pytest.mark.parametrize("size", [2, 5, 30, 100])
def test_the_mean_range_is_the_area_above_its_distribution(size):
    area, _ = integrate.quad(lambda r: groups.range_above(r, size), 0, 15, limit=200)
    assert groups.mean_range(size) == pytest.approx(area, rel=1e-8)


def test_two_values_differ_by_a_folded_normal():
    assert groups.range_above(1.7, 2) == pytest.approx(math.erfc(1.7 / 2), rel=1e-12)
    # 1e-7: far in the tail, digits must remain
    limit = groups.range_limit(1e-7, 2)
    assert math.erfc(limit / 2) == pytest.approx(1e-7, rel=1e-6)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("chance", [0.3, 1e-3, 1e-6])
def test_limits_are_exceeded_with_their_chance(chance, upper):
    for limit, above in [
        (groups.range_limit, groups.range_above),
        (groups.sd_limit, groups.sd_above),
    ]:
        beyond = above(limit(chance, 5, upper), 5)
        assert (beyond if upper else 1 - beyond) == pytest.approx(chance, rel=1e-6)


def test_studentized_range_of_many_degrees_of_freedom():
    # upper 5 % points of the range of 3 and 10 normal values (Pearson & Hartley, Biometrika Tables
    # for Statisticians I, table 22): 3.31 and 4.47
    assert groups.range_limit(0.05, 3) == pytest.approx(3.31, abs=0.0051)
    assert groups.range_limit(0.05, 10) == pytest.approx(4.47, abs=0.0051)


def test_simulation_agrees():
    x = np.random.default_rng(8).standard_normal((200_000, 7))
    ranges, sds = np.ptp(x, axis=1), x.std(axis=1, ddof=1)
    error = 4 / math.sqrt(len(x))
    assert ranges.mean() == pytest.approx(groups.mean_range(7), abs=error)
    assert ranges.std() == pytest.approx(groups.sd_of_range(7), abs=error)
    assert sds.std() == pytest.approx(groups.sd_of_sd(7), abs=error)
    assert (ranges > 4).mean() == pytest.approx(groups.range_above(4.0, 7), abs=error)


@pytest.mark.parametrize("size", [0, 1, 101])
def test_groups_without_scatter_are_refused(size):
    for constant in (groups.mean_range, groups.sd_of_range, groups.mean_sd):
        with pytest.raises(UsageError, match=f"groups of {size} values"):
            constant(size)
