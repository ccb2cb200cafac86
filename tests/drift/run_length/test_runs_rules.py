"""Runs rules against the exact published table and a plain simulation."""

import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import runs_rules
from qiqa.drift.run_length.runs_rules import NELSON_ZONES, WESTERN_ELECTRIC

ONE, TWO, FOUR, EIGHT = WESTERN_ELECTRIC

# Champ & Woodall 1987, Technometrics 29:393, table 1: 3 SD alone, with 2 of 3, 4 of 5, 8 of 8.
TABLE = """
0.0 370.40 225.44 166.05 152.73
0.2 308.43 177.56 120.70 110.52
0.4 200.08 104.46  63.88  59.76
0.6 119.67  57.92  33.99  33.64
0.8  71.55  33.12  19.78  21.07
1.0  43.89  20.01  12.66  14.58
1.2  27.82  12.81   8.84  10.90
1.4  18.25   8.69   6.62   8.60
1.6  12.38   6.21   5.24   7.03
1.8   8.69   4.66   4.33   5.85
2.0   6.30   3.65   3.68   4.89
2.2   4.72   2.96   3.18   4.08
2.4   3.65   2.48   2.78   3.38
2.6   2.90   2.13   2.43   2.81
2.8   2.38   1.87   2.14   2.35
3.0   2.00   1.68   1.89   1.99
"""


@pytest.mark.parametrize("line", TABLE.split("\n")[1:-1])
def test_champ_and_woodall(line):
    shift, *published = map(float, line.split())
    sets = [(ONE,), (ONE, TWO), (ONE, FOUR), (ONE, EIGHT)]
    ours = [runs_rules.run_length(shift, rules) for rules in sets]
    assert ours == pytest.approx(published, abs=0.00501)


def test_all_four_western_electric_tests():
    # The same authors: in control all four tests together signal every 91.75 points.
    assert runs_rules.run_length(0.0, WESTERN_ELECTRIC) == pytest.approx(91.75, abs=0.005)


def test_eight_on_one_side_alone():
    # A run of 8 equal coin tosses takes 2^8 - 1 tosses on average.
    assert runs_rules.run_length(0.0, (EIGHT,)) == pytest.approx(255.0, abs=1e-9)


def test_the_sign_of_the_shift_does_not_matter_and_wider_zones_run_longer():
    assert runs_rules.run_length(-0.7, NELSON_ZONES) == pytest.approx(
        runs_rules.run_length(0.7, NELSON_ZONES), rel=1e-10
    )
    wider = runs_rules.scaled(WESTERN_ELECTRIC, 1.1)
    assert runs_rules.run_length(0.0, wider) > runs_rules.run_length(0.0, WESTERN_ELECTRIC)


def simulate(shift, rules, charts, seed):
    rng = np.random.default_rng(seed)
    longest = max(m for _, m, *_ in rules)
    window = np.full((charts, longest), np.nan)
    length, alive = np.zeros(charts), np.ones(charts, dtype=bool)
    while alive.any():
        window = np.roll(window, 1, axis=1)
        window[:, 0] = rng.standard_normal(charts) + shift
        length += alive
        for r, m, low, high in rules:
            last = window[:, :m]
            above = ((last >= low) & (last < high)).sum(axis=1) >= r
            below = ((-last >= low) & (-last < high)).sum(axis=1) >= r
            alive &= ~(above | below)
    return length


@pytest.mark.parametrize(
    ("shift", "rules"),
    [
        (0.5, NELSON_ZONES),
        (0.0, WESTERN_ELECTRIC),
        (-0.8, ((2, 4, 1.0, 2.0), (1, 1, 3.5, math.inf))),
    ],
)
def test_simulation_agrees(shift, rules):
    length = simulate(shift, rules, charts=6000, seed=3)
    error = length.std() / math.sqrt(length.size)
    assert runs_rules.run_length(shift, rules) == pytest.approx(length.mean(), abs=3 * error)


@pytest.mark.parametrize("rule", [(0, 1, 3.0, 4.0), (3, 2, 1.0, 2.0), (1, 1, 3.0, 2.0)])
def test_impossible_rules_are_refused(rule):
    with pytest.raises(UsageError, match="cannot be used"):
        runs_rules.run_length(0.0, (rule,))
