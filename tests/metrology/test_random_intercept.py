"""Random levels of subjects against published fits, analysis of variance and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.metrology.random_intercept import random_intercept

# Davies & Goldsmith 1972, Statistical Methods in Research and Production, table 6.1: yield of
# dyestuff, five preparations from each of six batches. The fit is in Bates et al., lme4 1.0 manual.
DYESTUFF = np.array([
    [1545, 1440, 1440, 1520, 1580], [1540, 1555, 1490, 1560, 1495], [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545], [1595, 1630, 1515, 1635, 1625], [1520, 1455, 1450, 1480, 1445],
], dtype=float)  # fmt: skip


def of_rows(table):
    subjects, visits = table.shape
    return table.reshape(-1, 1), np.ones((table.size, 1)), np.repeat(np.arange(subjects), visits)


def test_dyestuff_as_published():
    fitted = random_intercept(*of_rows(DYESTUFF))
    assert fitted.slopes[0, 0] == pytest.approx(1527.5, abs=1e-9)
    assert fitted.spread[0] == pytest.approx(49.51, abs=0.005)
    assert fitted.spread[0] * np.sqrt(fitted.ratio[0]) == pytest.approx(42.00, abs=0.005)


@pytest.mark.parametrize("between", [0.0, 0.5, 30.0])
def test_balanced_rows_are_analysis_of_variance(between):
    rng = np.random.default_rng(4)
    table = rng.normal(size=(40, 3)) + between * rng.normal(size=(40, 1)) + 1e4
    fitted = random_intercept(*of_rows(table))
    within = table.var(axis=1, ddof=1).mean()
    among = 3 * table.mean(axis=1).var(ddof=1)
    if among > within:
        assert fitted.ratio[0] == pytest.approx((among / within - 1) / 3, rel=1e-5)
        assert fitted.spread[0] == pytest.approx(np.sqrt(within), rel=1e-5)
    else:
        assert fitted.ratio[0] == 0
        assert fitted.spread[0] == pytest.approx(table.std(ddof=1), rel=1e-9)
    share = 3 * fitted.ratio[0] / (1 + 3 * fitted.ratio[0])
    expected = share * (table.mean(axis=1) - table.mean())
    assert np.allclose(fitted.level[:, 0], expected, atol=1e-6)


def test_subjects_alike_are_at_the_boundary():
    table = np.random.default_rng(1).normal(size=(30, 4))
    table -= table.mean(axis=1, keepdims=True)  # less alike than chance allows
    fitted = random_intercept(*of_rows(table))
    assert fitted.ratio[0] == 0
    assert not fitted.level.any()


def test_unbalanced_rows_as_statsmodels():
    models = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    rng = np.random.default_rng(2)
    subject = np.sort(rng.integers(0, 60, 150))
    _, subject = np.unique(subject, return_inverse=True)
    design = np.hstack([np.eye(3)[rng.integers(0, 3, 150)], rng.uniform(20, 80, (150, 1))])
    values = rng.normal(size=(150, 5)) + design @ rng.normal(size=(4, 5))
    values += rng.normal(size=(60, 5))[subject] * np.array([0.5, 1.0, 2.0, 4.0, 1.0])
    fitted = random_intercept(values, design, subject)
    for j in range(5):
        judge = models.MixedLM(values[:, j], design, groups=subject).fit(reml=True)
        assert fitted.ratio[j] == pytest.approx(judge.cov_re[0, 0] / judge.scale, rel=2e-3)
        assert fitted.spread[j] ** 2 == pytest.approx(judge.scale, rel=1e-3)
        assert np.allclose(fitted.slopes[:, j], judge.fe_params, rtol=1e-4, atol=1e-4)
        error = np.sqrt(np.diag(fitted.covariance[j])) * fitted.spread[j]
        assert np.allclose(error, judge.bse_fe, rtol=0.02)  # its derivatives are numeric


def test_one_row_a_subject_is_refused():
    with pytest.raises(FitError, match="every subject has one row"):
        random_intercept(np.ones((4, 1)), np.ones((4, 1)), np.arange(4))
