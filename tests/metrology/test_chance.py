"""Sequential p values: valid where labels mean nothing, and never more tables than needed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.metrology.chance import Tally


def drawn(values, reached):
    tally = Tally(reached)
    for value in values:
        tally.add(value)
    return tally


@pytest.mark.parametrize("most", [19, 59, 99])
def test_p_is_uniform_under_the_null_although_drawing_ends_early(most):
    rng = np.random.default_rng(most)
    tables = rng.random((20_000, most + 1))
    p = np.array([drawn(row[1:], row[0]).p for row in tables])
    for level in (0.05, 0.1, 0.2, 0.5):
        share = (p <= level + 1e-12).mean()
        error = math.sqrt(level * (1.0 - level) / 20_000)
        assert share < level + 4.0 * error  # valid
        assert share > level - 1.0 / (most + 1) - 4.0 * error  # and not wasteful


def test_stopping_saves_most_tables_where_nothing_is_seen():
    rng = np.random.default_rng(0)
    used = [drawn(rng.random(99), rng.random()).drawn for _ in range(2000)]
    # 10 / u tables, at most 99: 10 (1 + ln 9.9) = 33 in the mean
    assert np.mean(used) == pytest.approx(33.0, abs=1.5)


def test_p_by_hand():
    assert math.isnan(drawn([], 0.5).p)
    assert drawn([0.1] * 19, 0.5).p == 1 / 20
    assert drawn([0.1, 0.5, 0.9] + [0.1] * 16, 0.5).p == 3 / 20  # as high counts
    late = drawn([0.1] * 10 + [0.9] * 30, 0.5)
    assert (late.p, late.drawn, late.closed) == (10 / 20, 20, True)
    assert drawn([math.nan], 0.5).higher == 1  # no AUC counts against
