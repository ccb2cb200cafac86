"""Westgard's rules within one run against independent simulation and closed forms."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from qiqa.core.errors import UsageError
from qiqa.drift.run_length.within_run import MULTIRULE, RULES, rejection

MULTI_2 = ("1_3s", "2_2s", "R_4s")
# An independent simulation of 400 000 runs: rules, controls, shift, chance.
SIMULATED = [
    (("1_2s",), 2, 0.0, 0.0883),
    (("1_3s",), 2, 0.0, 0.0054),
    (MULTI_2, 2, 0.0, 0.0072),
    (("1_3s",), 2, 2.0, 0.293),
    (MULTI_2, 2, 2.0, 0.409),
    (("1_2s",), 4, 0.0, 0.1695),
    (("1_3s",), 4, 0.0, 0.0108),
    (MULTI_2, 4, 0.0, 0.0187),
    (MULTIRULE, 4, 0.0, 0.0199),
    (MULTIRULE, 4, 2.0, 0.788),
]


@pytest.mark.parametrize(("rules", "controls", "shift", "published"), SIMULATED)
def test_published_simulation(rules, controls, shift, published):
    error = math.sqrt(published * (1 - published) / 400_000)
    rounding = 5e-4 if shift else 5e-5
    allowed = 3 * error + rounding
    assert rejection(rules, controls, shift) == pytest.approx(published, abs=allowed)


def test_closed_forms():
    inside = 1 - 2 * ndtr(-3.0)
    assert rejection(("1_3s",), 4) == pytest.approx(1 - inside**4, rel=1e-12)
    beyond = ndtr(-2.0)
    assert rejection(("2_2s",), 2) == pytest.approx(2 * beyond**2, rel=1e-9)
    assert rejection(("R_4s",), 2) == pytest.approx(2 * beyond**2, rel=1e-9)
    assert rejection(("4_1s",), 4) == pytest.approx(2 * ndtr(-1.0) ** 4, rel=1e-9)
    assert rejection(("4_1s",), 3) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(("shift", "ratio"), [(0.0, 1.0), (1.3, 1.0), (0.0, 2.0), (-1.0, 1.5)])
@pytest.mark.parametrize("controls", [3, 6])
def test_simulation_of_the_rules_as_they_are_worded(shift, ratio, controls):
    rng = np.random.default_rng(9)
    x = shift + ratio * rng.standard_normal((60_000, controls))

    def together(level, count):
        spans = range(controls - count + 1)
        windows = [x[:, i : i + count] for i in spans]
        hits = [(w > level).all(axis=1) | (w < -level).all(axis=1) for w in windows]
        return np.any(hits, axis=0)

    worded = {
        "1_2s": (np.abs(x) > 2).any(axis=1),
        "1_3s": (np.abs(x) > 3).any(axis=1),
        "2_2s": together(2, 2),
        "R_4s": (x > 2).any(axis=1) & (x < -2).any(axis=1),
        "4_1s": together(1, 4) if controls >= 4 else np.zeros(len(x), dtype=bool),
    }
    sets = [(rule,) for rule in RULES] + [MULTIRULE]
    for rules in sets:
        seen = np.any([worded[rule] for rule in rules], axis=0).mean()
        error = math.sqrt(max(seen * (1 - seen), 1e-9) / len(x))
        # Forty-eight comparisons: four standard errors.
        assert rejection(rules, controls, shift, ratio) == pytest.approx(seen, abs=4 * error)


def test_refusals_say_why():
    with pytest.raises(UsageError, match="10_x was given; known are 1_2s"):
        rejection(("10_x",), 2)
    with pytest.raises(UsageError, match="0 controls"):
        rejection(("1_3s",), 0)
