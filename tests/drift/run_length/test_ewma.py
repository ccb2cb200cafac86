"""EWMA run lengths against published tables and against a simulation."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import ewma

SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4)
# Lucas & Saccucci 1990, Technometrics 32:1, table 3, fixed limits, three digits.
TABLE = {
    (0.50, 3.071): (500, 255, 88.8, 35.9, 17.5, 6.53, 3.63, 2.50, 1.93, 1.34),
    (0.03, 2.437): (500, 76.7, 29.3, 17.6, 12.6, 8.07, 5.99, 4.80, 4.03, 3.11),
}


@pytest.mark.parametrize("chart", TABLE)
def test_lucas_and_saccucci(chart):
    for shift, published in zip(SHIFTS, TABLE[chart], strict=True):
        last = 10.0 ** (math.floor(math.log10(published)) - 2)
        # One unit of the last digit: the limits themselves are printed to three decimals.
        assert ewma.two_sided(shift, *chart, exact=False) == pytest.approx(published, abs=last)


def test_nine_digits():
    # SAS/QC user's guide, EWMAARL(1, 0.25, 3).
    assert ewma.two_sided(1.0, 0.25, 3.0, exact=False) == pytest.approx(11.154267016, abs=6e-10)


# R package spc, manual page of xewma.arl: upper limit only, limits of each exam, lambda 0.1,
# in-control run length 500, 1e9 replicates; standard errors below.
EXACT = {
    0.0: (500.00, 0.016), 0.5: (21.637, 6e-4), 1.0: (6.7596, 1e-4), 1.5: (3.5398, 1e-4),
    2.0: (2.3038, 5e-5), 2.5: (1.7004, 5e-5), 3.0: (1.3675, 5e-5),
}  # fmt: skip


def test_exact_limits_on_one_side():
    width = brentq(lambda wide: ewma.one_sided(0.0, 0.1, wide) - 500.0, 2.0, 3.0)
    for shift, (published, error) in EXACT.items():
        rounding = 5e-4 if published > 10 else 5e-5
        assert ewma.one_sided(shift, 0.1, width) == pytest.approx(
            published, abs=3 * error + rounding
        )


# Crowder 1987, Technometrics 29:401, table 1: both sides, fixed limits, L 2, lambda 0.5 and 0.05.
# Left out: 3.95 at 1.25 (lambda 0.5), a misprint between 4.91 and 2.80.
CROWDER = {
    0: (26.45, 127.53), 0.25: (20.12, 43.94), 0.5: (11.89, 18.97), 0.75: (7.29, 11.64),
    1: (4.91, 8.38), 1.5: (2.80, 5.41), 1.75: (2.29, 4.62), 2: (1.94, 4.04), 2.25: (1.70, 3.61),
    2.5: (1.51, 3.26), 2.75: (1.37, 2.99), 3: (1.26, 2.76), 3.25: (1.18, 2.56),
    3.5: (1.12, 2.39), 3.75: (1.08, 2.26), 4: (1.05, 2.15),
}  # fmt: skip


@pytest.mark.parametrize(("column", "lam"), [(0, 0.5), (1, 0.05)])
def test_crowder(column, lam):
    for shift, row in CROWDER.items():
        ours = ewma.two_sided(shift, lam, 2.0, exact=False)
        assert ours == pytest.approx(row[column], abs=0.006)  # 1.9452 for 1.94


def test_weight_one_is_a_chart_of_individuals():
    # 1 / (2 Phi(-3)).
    assert ewma.two_sided(0.0, 1.0, 3.0) == pytest.approx(370.398347, abs=1e-5)


@pytest.mark.parametrize(("every", "lam"), [(10.0, 0.2), (370.0, 0.05), (1e4, 0.2), (1e6, 0.4)])
@pytest.mark.parametrize("exact", [True, False])
def test_limits_give_their_run_length(every, lam, exact):
    width = ewma.limit_for(every, lam, exact)
    assert ewma.two_sided(0.0, lam, width, exact) == pytest.approx(every, rel=1e-7)


@pytest.mark.parametrize(("shift", "lam", "width"), [(0.6, 0.3, 2.2), (0.0, 0.15, 1.8)])
@pytest.mark.parametrize("exact", [True, False])
def test_simulation_agrees(shift, lam, width, exact):
    rng = np.random.default_rng(5)
    charts = 20_000
    z, length, alive, exam = np.zeros(charts), np.zeros(charts), np.ones(charts, dtype=bool), 0
    while alive.any():
        exam += 1
        z = (1 - lam) * z + lam * (rng.standard_normal(charts) + shift)
        settling = 1 - (1 - lam) ** (2 * exam) if exact else 1.0
        length += alive
        alive &= np.abs(z) <= width * math.sqrt(lam / (2 - lam) * settling)
    error = length.std() / math.sqrt(charts)
    assert ewma.two_sided(shift, lam, width, exact) == pytest.approx(length.mean(), abs=3 * error)


def test_refusals_say_why():
    with pytest.raises(UsageError, match=r"lam is 1\.5"):
        ewma.two_sided(0.0, 1.5, 3.0)
    with pytest.raises(UsageError, match="width is 0"):
        ewma.two_sided(0.0, 0.2, 0.0)
    with pytest.raises(UsageError, match="every is 1"):
        ewma.limit_for(1.0, 0.2)
