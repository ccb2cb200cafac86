"""Scores of a published round: IMEP-111, mercury in feed (ISO 13528:2022, example E.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.proficiency import (
    AssignedValue,
    Score,
    classify,
    e_n_scores,
    percent_differences,
    score_round,
    z_prime_scores,
    z_scores,
    zeta_scores,
)

ASSIGNED, EXPANDED, SIGMA_PT = 0.044, 0.0082, 0.0066
# result, expanded uncertainty, k; printed D%, z, z', zeta, E_n
MERCURY = [
    (0.013, 0.003, 2, -70.5, -4.70, -3.99, -7.10, -3.55),
    (0.0135, 0.00108, 1.732, -69.3, -4.62, -3.93, -7.35, -3.69),
    (0.014, 0.0005, 2, -68.2, -4.55, -3.86, -7.30, -3.65),
    (0.017, 0.008, 2, -61.4, -4.09, -3.47, -4.71, -2.36),
    (0.0239, 0.0036, 2, -45.7, -3.05, -2.59, -4.49, -2.24),
    (0.037, 0.013, 2, -15.9, -1.06, -0.90, -0.91, -0.46),
    (0.040, 0.03, 2, -9.1, -0.61, -0.51, -0.26, -0.13),
    (0.044, 0.007, 2, 0.0, 0.00, 0.00, 0.00, 0.00),
    (0.049, 0.0072, 2, 11.4, 0.76, 0.64, 0.92, 0.46),
    (0.053, 0.007, 2, 20.5, 1.36, 1.16, 1.67, 0.83),
]
X, U, K, D, Z, Z_PRIME, ZETA, E_N = np.array(MERCURY).T


def test_printed_scores():
    assert percent_differences(X, ASSIGNED) == pytest.approx(D, abs=0.051)
    assert z_scores(X, ASSIGNED, SIGMA_PT) == pytest.approx(Z, abs=0.0051)
    found = z_prime_scores(X, ASSIGNED, SIGMA_PT, EXPANDED / 2)
    assert found == pytest.approx(Z_PRIME, abs=0.0051)
    found = zeta_scores(X, U / K, ASSIGNED, EXPANDED / 2)
    assert found == pytest.approx(ZETA, abs=0.0051)
    assert e_n_scores(X, U, ASSIGNED, EXPANDED) == pytest.approx(E_N, abs=0.0051)


def test_a_round_with_a_reference_too_uncertain_says_so():
    """u(x_pt) is 0.62 sigma_pt: the round is scored with z'."""
    given = AssignedValue(value=ASSIGNED, standard_uncertainty=EXPANDED / 2, source="laboratory")
    found = score_round(X, assigned=given, sigma_pt=SIGMA_PT)
    assert found.statistic == "z'"
    assert found.scores == pytest.approx(Z_PRIME, abs=0.0051)
    assert any("0.62 sigma_pt" in remark for remark in found.remarks)
    assert found.verdicts[:5] == (*[Score.ACTION] * 4, Score.WARNING)
    assert found.verdicts[5:] == (Score.ACCEPTABLE,) * 5
    assert found.differences_percent == pytest.approx(D, abs=0.051)
    sure = AssignedValue(value=ASSIGNED, standard_uncertainty=0.29 * SIGMA_PT, source="laboratory")
    plain = score_round(X, assigned=sure, sigma_pt=SIGMA_PT)
    assert (plain.statistic, plain.remarks) == ("z", ())
    assert plain.scores == pytest.approx(Z, abs=0.0051)


def test_a_round_without_a_reference_is_its_own_consensus():
    """Ten values of an independent program (pt13528); u is 0.395 s*, so z' is used."""
    values = [0.227, 0.230, 0.243, 0.255, 0.264, 0.270, 0.274, 0.281, 0.289, 0.311]
    found = score_round([*values, math.nan])
    assert found.assigned.value == pytest.approx(0.26412415793, abs=1e-10)
    assert found.assigned.standard_uncertainty == pytest.approx(0.01162596134, abs=1e-10)
    assert found.statistic == "z'"
    assert found.scores[0] == pytest.approx(
        (0.227 - 0.26412415793) / math.hypot(0.02941161425, 0.01162596134), abs=1e-9
    )
    assert found.verdicts[-1] is Score.NOT_SCORED
    assert math.isnan(found.scores[-1])
    assert len(found.remarks) == 3


def test_limits():
    """|z| <= 2 is acceptable, 3 and more is a signal for action."""
    sizes = {
        0.0: "acceptable",
        2.0: "acceptable",
        2.001: "warning",
        2.999: "warning",
        3.0: "action",
    }
    for size, verdict in sizes.items():
        assert classify(size).value == classify(-size).value == verdict
    assert classify(0.99, (1, 1)) is Score.ACCEPTABLE
    assert classify(1.0, (1, 1)) is Score.ACTION


def test_refusals():
    with pytest.raises(NotMeasurable):
        percent_differences(X, 0.0)
    with pytest.raises(UsageError, match="sigma_pt"):
        z_scores(X, ASSIGNED, 0.0)
    with pytest.raises(UsageError):
        z_scores(X, math.nan, 1.0)
    with pytest.raises(UsageError):
        zeta_scores(X, -U, ASSIGNED, EXPANDED)
    with pytest.raises(NotMeasurable):
        score_round([1.0, 2.0])
    zero = AssignedValue(value=0.0, standard_uncertainty=0.1, source="blank")
    found = score_round([0.1, -0.2], assigned=zero, sigma_pt=1.0)
    assert np.isnan(found.differences_percent).all()
    assert any("zero" in remark for remark in found.remarks)
