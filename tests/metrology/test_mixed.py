"""Mixed models against published fits: Dyestuff, Rail; and identities of balanced designs."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.metrology.contrasts import estimate
from qiqa.metrology.factors import RandomFactor
from qiqa.metrology.mixed import fit_mixed

DYESTUFF = np.array(
    [
        [1545, 1440, 1440, 1520, 1580],
        [1540, 1555, 1490, 1560, 1495],
        [1595, 1550, 1605, 1510, 1560],
        [1445, 1440, 1595, 1465, 1545],
        [1595, 1630, 1515, 1635, 1625],
        [1520, 1455, 1450, 1480, 1445],
    ],
    dtype=float,
)
"""Yield in gram of five preparations from each of six batches: Davies & Goldsmith, Statistical
Methods in Research and Production, 4th ed. (1972), table 6.2."""


def one_way(table: np.ndarray):
    """Fit a mean and a random factor to a table of one row a level."""
    rows, columns = table.shape
    labels = np.repeat(np.arange(rows), columns)
    x = np.ones((table.size, 1))
    return fit_mixed(table.ravel(), x, ["mean"], [RandomFactor(name="batch", labels=labels)])


def test_dyestuff():
    """Bates, lme4: Mixed-effects modeling with R (2010), section 1.3.2."""
    fit = one_way(DYESTUFF)
    assert -2 * fit.log_restricted_likelihood == pytest.approx(319.654, abs=1e-3)
    assert fit.variance == pytest.approx([1764.05, 2451.25], rel=1e-6)
    found = estimate(fit, {"mean": 1.0})
    assert found.value == pytest.approx(1527.5)
    assert found.standard_uncertainty == pytest.approx(19.383, abs=1e-3)
    assert found.degrees_of_freedom == pytest.approx(5.0)
