"""T^2 and multivariate EWMA: a textbook's figures, chances of limits, and the statistic by hand."""

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.rules import ewma, hotelling, mewma

COVARIANCE = np.array([[4.0, 1.8, 0.0], [1.8, 1.0, 0.1], [0.0, 0.1, 0.25]])
CENTER = np.array([10.0, -3.0, 1.0])


def test_ryans_groups_as_qcc_has_them(ryan):
    # qcc 2.7, mqcc(RyanMultivar, type = "T2", pred.limits = TRUE); its confidence is 0.9973^p
    found = hotelling.limits(ryan, 1 - 0.9973**2)
    np.testing.assert_allclose(found.center, [60.375, 18.4875], atol=1e-10)
    np.testing.assert_allclose(
        found.covariance, [[222.0333, 103.1167], [103.1167, 56.57917]], rtol=1e-6
    )
    assert found.phase_one == pytest.approx(11.03976, abs=6e-6)
    assert found.prediction == pytest.approx(12.20184, abs=6e-6)


def test_t_squared_of_groups_by_hand(ryan):
    found = hotelling.limits(ryan, 0.01)
    t2 = hotelling.statistic(ryan, found)
    off = ryan[9].mean(axis=0) - found.center
    assert t2[9] == pytest.approx(4 * off @ np.linalg.inv(found.covariance) @ off, rel=1e-12)
    # two quantities that go together: group 10 has 26 to 52 with 7 to 35 and is far off
    assert int(np.argmax(t2)) == 9


@pytest.mark.parametrize(("shape", "chance"), [((12, 3), 0.05), ((8, 3, 3), 0.05)])
def test_limits_are_passed_with_their_chance(shape, chance):
    rng = np.random.default_rng(6)
    root = np.linalg.cholesky(COVARIANCE)
    within, new, repeats = 0, 0, 4000
    for _ in range(repeats):
        values = CENTER + rng.standard_normal((shape[0] + 1, *shape[1:])) @ root.T
        found = hotelling.limits(values[:-1], chance)
        t2 = hotelling.statistic(values, found)
        within += t2[0] > found.phase_one
        new += t2[-1] > found.prediction
    error = math.sqrt(chance * (1 - chance) / repeats)
    assert within / repeats == pytest.approx(chance, abs=4 * error)
    assert new / repeats == pytest.approx(chance, abs=4 * error)


def test_many_exams_make_the_limits_chi_square():
    values = np.random.default_rng(1).standard_normal((20_000, 2))
    found = hotelling.limits(values, 0.0027)
    # two scores: the chance of T^2 above H is exp(-H / 2)
    assert found.prediction == pytest.approx(-2 * math.log(0.0027), rel=2e-3)
    assert found.phase_one == pytest.approx(-2 * math.log(0.0027), rel=2e-3)


def test_a_chart_learns_from_its_baseline():
    rng = np.random.default_rng(3)
    x = CENTER + rng.standard_normal((60, 3)) @ np.linalg.cholesky(COVARIANCE).T
    x[7, 1] = np.nan
    # each value alone is at 2 SDs; together they do not fit, since the first two go together
    x[50] = CENTER + np.array([4.0, -2.0, 0.0])
    p = hotelling.parameters(1000.0, scores=3, baseline=30)
    made = hotelling.chart(x, p)
    assert 50 in made.signals
    curve = made.curves[0]
    assert np.isnan(curve.value[7])
    assert np.isnan(curve.high[7])
    assert curve.high[31] > curve.high[30] > 0
    few = hotelling.chart(x[:30], p)
    assert np.isnan(few.curves[0].high).all()
    assert few.signals.size == 0
    assert math.isnan(hotelling.run_length(0.0, p))


def test_baselines_that_cannot_be_used_are_refused(ryan):
    with pytest.raises(UsageError, match="3 exams for 2 values; needed are 4"):
        hotelling.limits(ryan[:3, 0], 0.01)
    with pytest.raises(UsageError, match="1 groups of 4 for 2 values"):
        hotelling.limits(ryan[:1], 0.01)
    twins = np.repeat(ryan[:, 0, :1], 2, axis=1)
    with pytest.raises(UsageError, match="depend on each other"):
        hotelling.limits(twins, 0.01)
    with pytest.raises(UsageError, match="finite values"):
        hotelling.limits(np.full((9, 2), np.nan), 0.01)
    with pytest.raises(UsageError, match="needed are more than 1 exam"):
        hotelling.parameters(0.5)
    with pytest.raises(UsageError, match="5 exams for 5 values; needed are 7"):
        hotelling.parameters(370.0, scores=5, baseline=5)
    for module in (hotelling, mewma):
        with pytest.raises(UsageError, match="shape"):
            module.chart(np.zeros((5, 3)), module.parameters(370.0, scores=2))


def test_the_average_by_its_own_covariance():
    # T^2 = z' S^-1 z with S = (sum of squared weights) COVARIANCE, in the values' own units
    rng = np.random.default_rng(5)
    values = CENTER + rng.standard_normal((25, 3)) @ np.linalg.cholesky(COVARIANCE).T
    p = mewma.Parameters(scores=3, lam=0.15, limit=14.0)
    made = mewma.chart(mewma.standardized(values, CENTER, COVARIANCE), p)
    for t in (0, 1, 24):
        weights = 0.15 * 0.85 ** np.arange(t, -1, -1)
        z = weights @ (values[: t + 1] - CENTER)
        expected = z @ np.linalg.inv(COVARIANCE * (weights**2).sum()) @ z
        assert made.curves[0].value[t] == pytest.approx(expected, rel=1e-10)


def test_of_one_score_it_is_the_ewma():
    x = np.random.default_rng(9).standard_normal(80)
    x[50:] += 2.0
    one = ewma.chart(x, ewma.Parameters(lam=0.2, width=3.0))
    made = mewma.chart(x[:, None], mewma.Parameters(scores=1, lam=0.2, limit=9.0))
    assert one.signals.size
    np.testing.assert_array_equal(made.signals, one.signals)
    np.testing.assert_allclose(
        made.curves[0].value, 9 * (one.curves[0].value / one.curves[0].high) ** 2, rtol=1e-10
    )


def test_a_shift_is_dated_close_to_its_beginning():
    rng = np.random.default_rng(11)
    x = rng.standard_normal((100, 4))
    x[60:] += 1.0
    made = mewma.chart(x, mewma.parameters(1000.0, scores=4))
    assert made.signals.size
    assert 60 <= made.signals[0] < 75
    assert abs(made.since[0] - 60) <= 5


def test_a_covariance_that_is_none_is_refused():
    with pytest.raises(UsageError, match="positive definite"):
        mewma.standardized(np.zeros((3, 2)), np.zeros(2), np.ones((2, 2)))
