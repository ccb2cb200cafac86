"""A climb of the likelihood where a step is too long to be written."""

import numpy as np
import pytest
from scipy import sparse

from qiqa.metrology import maximum
from qiqa.metrology.maximum import _newton, maximize
from qiqa.metrology.restricted import design_of

BOTH = np.array([True, True])


@pytest.mark.parametrize(
    ("information", "slope"),
    [
        (np.diag([1e-300, 1e-300]), np.array([1e10, 1.0])),
        (np.zeros((2, 2)), np.array([1.0, -1.0])),
        (np.diag([1e-320, 1.0]), np.array([-1.0, 1.0])),
        (np.diag([1.0, 1.0]), np.array([1e200, -1e200])),
    ],
)
def test_a_step_that_cannot_be_written_promises_all_and_warns_of_nothing(information, slope):
    """Warnings are errors here."""
    step, promise = _newton(information, slope, BOTH)
    assert np.isposinf(promise)
    assert step.shape == (2,)


def test_an_ordinary_step_is_newtons():
    information, slope = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -3.0])
    step, promise = _newton(information, slope, BOTH)
    exact = -np.linalg.solve(information, slope)
    assert step == pytest.approx(exact, rel=1e-8)
    assert promise == pytest.approx(-0.5 * slope @ exact, rel=1e-8)


def test_a_climb_goes_on_by_expectation_where_no_step_can_be_written(monkeypatch):
    """Balanced one-way: the maximum is (MS between - MS within) / 4 and MS within (Searle 1992)."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(12), 4)
    y = 5.0 + rng.normal(size=12)[group] + 0.5 * rng.normal(size=48)
    means = y.reshape(12, 4).mean(axis=1)
    within = ((y - means[group]) ** 2).sum() / 36
    between = (4 * means.var(ddof=1) - within) / 4
    z = sparse.csr_array((group[:, None] == np.arange(12)[None, :]).astype(float))
    design = design_of(y, np.ones((48, 1)), [z], np.zeros(48))
    monkeypatch.setattr(maximum, "_newton", lambda *_: (np.array([np.inf, np.nan]), np.inf))
    found = maximize(design, np.array([3.0, 3.0]), BOTH, np.zeros(2))
    assert found is not None
    assert found.state.theta == pytest.approx([between, within], rel=1e-3)
