"""Spreads of small groups lean on those of others, as far as these are alike."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.metrology.fences import freedom_of
from qiqa.metrology.moderated import moderated_variances
from qiqa.vetting.sets.borrowing import borrowed

ONE = np.zeros(40, dtype=np.intp)


def drawn(rng, groups, tau, size=20):
    """Return spreads as uncertain as those of `size` values, and what they truly are."""
    freedom = float(freedom_of(np.array(size)))
    truth = np.exp(tau * rng.normal(size=(groups, 6)))
    return truth * np.sqrt(rng.chisquare(freedom, (groups, 6)) / freedom), truth


@pytest.mark.parametrize("tau", [0.0, 0.2, 0.5])
def test_borrowed_spreads_are_nearer_to_the_truth(tau):
    rng = np.random.default_rng(8)
    spreads, truth = drawn(rng, 40, tau)
    made, lent = borrowed(spreads, np.zeros((40, 6)), np.full(40, 20.0), ONE)
    before, after = (np.mean(np.log(x / truth) ** 2) for x in (spreads, made))
    assert after < (0.35 if tau == 0.0 else 0.97) * before
    assert (lent > 0).all()


def test_it_agrees_with_moderated_variances_of_many_groups():
    rng = np.random.default_rng(2)
    spreads, _ = drawn(rng, 4000, 0.3)
    sizes = np.full(4000, 20.0)
    made, lent = borrowed(spreads, np.zeros((4000, 6)), sizes, np.zeros(4000, dtype=np.intp))
    for j in range(6):
        usual = moderated_variances(spreads[:, j] ** 2, freedom_of(sizes))
        assert lent[0, j] == pytest.approx(usual.prior_degrees_of_freedom, rel=0.2)
        assert np.sqrt(usual.variance) == pytest.approx(made[:, j], rel=0.1)
        assert np.log(made[:, j] ** 2 / usual.variance).mean() == pytest.approx(0.0, abs=0.03)


def test_few_groups_lend_less_and_one_nothing():
    rng = np.random.default_rng(3)
    spreads, _ = drawn(rng, 40, 0.0)
    lent = [
        borrowed(spreads[:n], np.zeros((n, 6)), np.full(n, 20.0), ONE[:n])[1].mean()
        for n in (1, 2, 4, 40)
    ]
    assert lent[0] == 0.0
    assert lent[0] < lent[1] < lent[2] < lent[3]
    # never more than all others have
    assert lent[3] <= 39 * float(freedom_of(np.array(20.0)))


def test_spreads_in_proportion_to_their_level_are_compared_so():
    rng = np.random.default_rng(4)
    spreads, _ = drawn(rng, 40, 0.0)
    level = np.exp(rng.normal(size=(40, 6)))
    made, lent = borrowed(spreads * level, level, np.full(40, 20.0), ONE)
    assert np.log(made / level).std() < 0.5 * np.log(spreads).std()
    apart = borrowed(spreads * level, level - 2.0, np.full(40, 20.0), ONE)[1]
    assert apart.mean() < 0.2 * lent.mean()


def test_cohorts_do_not_lend_to_each_other_and_the_unknown_stays_so():
    rng = np.random.default_rng(5)
    spreads, _ = drawn(rng, 40, 0.1)
    spreads[20:] *= 50.0
    spreads[3, 2] = np.nan
    cohorts = np.repeat([0, 1], 20)
    made, lent = borrowed(spreads, np.zeros((40, 6)), np.full(40, 20.0), cohorts)
    assert np.isnan(made[3, 2])
    assert lent[3, 2] == 0.0
    assert np.nanmax(made[:20]) < 5.0 < np.nanmin(made[20:])
