"""Numbers of cases, against published numbers, an independent program, and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.precision import sd_interval
from qiqa.metrology.sample_size import (
    TrialDesign,
    cases_for_rc_bound,
    cases_for_rc_width,
    cases_for_wcv_claim,
    claim_power,
    participants_per_arm,
    repeats_for_bias_claim,
    wcv_claim_power,
)


def test_the_35_cases_of_imaging_profiles():
    """With 35 RC is known, upward, to a quarter; tables have chi square 22.465 for 5 %."""
    assert cases_for_rc_bound(1.25) == 35
    assert math.sqrt(35 / 22.465) < 1.25 < math.sqrt(34 / 21.664)
    # and the smallest for an interval no wider than half of the estimate
    assert cases_for_rc_width(0.5) == 35
    assert math.sqrt(35 / 20.569) - math.sqrt(35 / 53.203) < 0.5
    assert math.sqrt(34 / 19.806) - math.sqrt(34 / 51.966) > 0.5


def test_more_repeats_stand_for_cases():
    assert cases_for_rc_bound(1.25, repeats=3) == 18  # 36 degrees of freedom
    assert cases_for_rc_width(0.5, repeats=6) == 7


@pytest.mark.parametrize("true", [5.0, 8.0])
def test_power_of_a_precision_claim_by_brute_force(true):
    rng = np.random.default_rng(7)
    found = true * np.sqrt(rng.chisquare(35, 40_000) / 35)
    below = [sd_interval(1.0, 35, 0.9).high * f < 10.0 for f in found]
    assert np.mean(below) == pytest.approx(wcv_claim_power(10.0, true, 35), abs=0.01)


def test_cases_for_a_precision_claim():
    n = cases_for_wcv_claim(10.0, 8.0, power=0.8)
    assert wcv_claim_power(10.0, 8.0, n) >= 0.8 > wcv_claim_power(10.0, 8.0, n - 1)
    # logarithm of a chi square over its n: about sqrt(2 / n) for either, z 1.645 and 0.842
    about = 2 * ((1.645 + 0.842) / (2 * math.log(10 / 8))) ** 2
    assert n == pytest.approx(about, rel=0.1)
    with pytest.raises(NotMeasurable, match="not below the claim"):
        cases_for_wcv_claim(10.0, 10.0)


@pytest.mark.parametrize(("cv", "n", "power"), [(0.30, 40, 0.815845), (0.20, 20, 0.834680)])
def test_power_of_two_one_sided_tests_is_published(cv, n, power):
    """Average bioequivalence, 2 x 2 crossover, ratio 0.95 (documentation of PowerTOST)."""
    found = claim_power(
        math.log(0.8),
        math.log(1.25),
        math.log(0.95),
        scatter_u=math.sqrt(math.log1p(cv**2) * 2 / n),
        degrees_of_freedom=n - 2,
    )
    assert found == pytest.approx(power, abs=2e-6)


def test_at_the_end_of_what_is_allowed_the_power_is_alpha():
    for shared, n in ((0.0, 12), (0.5, 12), (0.5, 400)):
        power = claim_power(
            -9.0, 2.0, 2.0, scatter_u=1 / math.sqrt(n), degrees_of_freedom=n - 1, shared_u=shared
        )
        assert power == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("shared", [0.0, 0.4])
def test_repeats_for_a_bias_claim_by_brute_force(shared):
    from scipy.special import stdtrit

    rng = np.random.default_rng(8)
    n = repeats_for_bias_claim(-2.0, 2.0, 0.5, 1.2, shared_u=shared, power=0.8)

    def power(n):
        x = 0.5 + rng.normal(0, 1.2, (20_000, n)) + rng.normal(0, shared, (20_000, 1))
        scatter = x.var(axis=1, ddof=1) / n
        u = np.sqrt(scatter + shared**2)
        half = stdtrit(u**4 * (n - 1) / scatter**2, 0.95) * u
        return np.mean((x.mean(axis=1) - half > -2) & (x.mean(axis=1) + half < 2))

    assert power(n) > 0.79
    assert power(n - 1) < 0.81


def test_a_reference_too_uncertain_for_any_number():
    with pytest.raises(NotMeasurable, match="reference is too uncertain"):
        repeats_for_bias_claim(-2.0, 2.0, 0.0, 1.0, shared_u=1.0)
    with pytest.raises(NotMeasurable, match="not within"):
        repeats_for_bias_claim(-2.0, 2.0, 2.0, 1.0)


@pytest.mark.parametrize("effect", [5.0, 10.0, -20.0, 60.0])
def test_arms_as_statsmodels_has_them(effect):
    power = pytest.importorskip("statsmodels.stats.power")
    found = participants_per_arm(effect, 4.8, response_cv_percent=15.0)
    sd = math.sqrt(2 * math.log1p(0.048**2) + math.log1p(0.15**2))
    size = abs(math.log1p(effect / 100)) / sd
    wanted = power.TTestIndPower().solve_power(size, power=0.8, alpha=0.05)
    assert found.per_arm == max(math.ceil(wanted), 2)
    reached = power.TTestIndPower().power(size, found.per_arm, 0.05)
    assert found.power == pytest.approx(float(reached), abs=1e-6)


def test_what_scanners_cost():
    """On one scanner the site cancels; on any two it counts twice, at a single visit once."""
    given = {"site_cv_percent": 10.0, "subject_cv_percent": 20.0}
    same = participants_per_arm(10.0, 4.8, **given)
    any_of_them = participants_per_arm(10.0, 4.8, design=TrialDesign.ANY_SCANNER, **given)
    once = participants_per_arm(10.0, 4.8, design=TrialDesign.SINGLE_VISIT, **given)
    assert same.per_arm < any_of_them.per_arm < once.per_arm
    assert same.sd_percent == pytest.approx(4.8 * math.sqrt(2), rel=0.01)
    assert any_of_them.sd_percent == pytest.approx(math.sqrt(2 * (4.8**2 + 100)), rel=0.02)
    assert once.sd_percent == pytest.approx(math.sqrt(4.8**2 + 100 + 400), rel=0.03)


def test_refusals():
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError):
            cases_for_rc_width(wrong)
    with pytest.raises(UsageError):
        cases_for_rc_bound(1.0)
    with pytest.raises(UsageError, match="two readings"):
        cases_for_rc_bound(1.2, repeats=1)
    with pytest.raises(NotMeasurable, match="more than"):
        cases_for_rc_bound(1.0001)
    with pytest.raises(UsageError, match="not zero"):
        participants_per_arm(0.0, 5.0)
