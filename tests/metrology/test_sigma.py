"""The sigma metric: hand calculation, limits, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.metrology.sigma import sigma_metric


def test_by_hand():
    """Cholesterol of Westgard's lessons: allowable 10 %, bias 2 %, CV 2 %: 4 sigma."""
    assert sigma_metric(10, 2, 2, bias_u=0.1, cv_dof=20).sigma == 4.0
    assert sigma_metric(10, -2, 2, bias_u=0.1, cv_dof=20).sigma == 4.0
    assert sigma_metric(10, 12, 2, bias_u=0.1, cv_dof=20).sigma == -1.0


def test_a_known_bias_leaves_chi_square():
    """Chi square of 20 degrees of freedom at 2.5 and 97.5 %: 9.591 and 34.170."""
    found = sigma_metric(10, 2, 2, bias_u=0.0, cv_dof=20).interval
    assert found.low == pytest.approx(4 * math.sqrt(9.591 / 20), rel=1e-4)
    assert found.high == pytest.approx(4 * math.sqrt(34.170 / 20), rel=1e-4)


def test_a_known_scatter_leaves_the_normal_distribution():
    found = sigma_metric(10, 3, 2, bias_u=0.5, cv_dof=math.inf).interval
    assert found.low == pytest.approx(3.5 - 1.95996 * 0.25, abs=1e-4)
    assert found.high == pytest.approx(3.5 + 1.95996 * 0.25, abs=1e-4)


@pytest.mark.parametrize(("n", "bias"), [(6, 2.0), (20, 2.0), (20, 0.0)])
def test_intervals_cover(n, bias):
    """Bias and CV from the same readings, beside a reference of its own uncertainty."""
    rng = np.random.default_rng([6, n, int(bias)])
    truth, inside, runs = (10 - abs(bias)) / 2, 0, 150
    for _ in range(runs):
        x = rng.normal(bias, 2, n) + rng.normal(0, 0.3)
        sd = x.std(ddof=1)
        found = sigma_metric(
            10,
            x.mean(),
            sd,
            bias_u=math.hypot(sd / math.sqrt(n), 0.3),
            bias_dof=n - 1,
            cv_dof=n - 1,
        )
        inside += found.interval.low <= truth <= found.interval.high
    assert 0.904 < inside / runs < 0.99  # 95 %, three standard errors


def test_unit_does_not_matter():
    first = sigma_metric(10, 1, 2, bias_u=0.4, bias_dof=9, cv_dof=9)
    other = sigma_metric(1e-3, 1e-4, 2e-4, bias_u=4e-5, bias_dof=9, cv_dof=9)
    assert other.sigma == pytest.approx(first.sigma)
    assert other.interval.low == pytest.approx(first.interval.low)
    assert other.interval.high == pytest.approx(first.interval.high)


def test_refusals():
    for given in ((0, 1, 2), (10, 1, 0), (10, math.nan, 2)):
        with pytest.raises(UsageError):
            sigma_metric(*given, bias_u=0.1, cv_dof=9)
    for wrong in ({"bias_u": -0.1, "cv_dof": 9}, {"bias_u": 0.1, "cv_dof": 0}):
        with pytest.raises(UsageError):
            sigma_metric(10, 1, 2, **wrong)
