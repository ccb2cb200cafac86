"""False alarms with estimated baselines: closed forms, and charts run on simulated baselines."""

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import t as student

from qiqa.core.errors import UsageError
from qiqa.drift.run_length import cusum, estimated, ewma

BASELINES = 20_000


def simulated_scores(m, exams, seed):
    """Scores (exams, baselines) in control, mean and SD from m exams each."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((m, BASELINES))
    mean, sd = first.mean(axis=0), first.std(axis=0, ddof=1)
    return (rng.standard_normal((exams, BASELINES)) - mean) / (sd * math.sqrt(1 + 1 / m))


def near(chance, alarmed):
    error = math.sqrt(alarmed.mean() * (1 - alarmed.mean()) / alarmed.size)
    return chance == pytest.approx(alarmed.mean(), abs=3 * error)


def cusum_alarms(scores, k, h):
    up = down = np.zeros(BASELINES)
    alarmed = np.zeros(BASELINES, dtype=bool)
    for x in scores:
        up, down = np.maximum(0, up + x - k), np.maximum(0, down - x - k)
        alarmed |= (up > h) | (down > h)
    return alarmed


def ewma_alarms(scores, lam, width):
    z = np.zeros(BASELINES)
    alarmed = np.zeros(BASELINES, dtype=bool)
    for exam, x in enumerate(scores, start=1):
        z = (1 - lam) * z + lam * x
        sd = math.sqrt(lam / (2 - lam) * (1 - (1 - lam) ** (2 * exam)))
        alarmed |= np.abs(z) > width * sd
    return alarmed


def test_ten_exams_at_three_sds_alarm_seven_times_too_often():
    ratio = estimated.signal_probability(10, 3.0) / estimated.signal_probability(0, 3.0)
    assert ratio == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize("m", [3, 5, 10, 40])
@pytest.mark.parametrize("width", [2.0, 3.0, 4.5])
def test_averaging_over_baselines_gives_student_s_t(m, width):
    # One exam: the average over mean and SD is Student's t in closed form.
    exact = 2 * student.sf(width / math.sqrt(1 + 1 / m), m - 1)
    assert estimated.false_alarms(1, m, width) == pytest.approx(exact, rel=2e-4)


def test_prediction_width_is_wide_by_the_baseline_and_gives_its_rate():
    width = estimated.prediction_width(370.0, 12)
    assert estimated.signal_probability(12, width) == pytest.approx(1 / 370, rel=1e-10)
    assert estimated.prediction_width(1 / (2 * ndtr(-3.0)), 0) == pytest.approx(3.0, abs=1e-9)


@pytest.mark.parametrize("m", [5, 10, 30])
def test_individuals_by_simulation(m):
    scores = simulated_scores(m, 52, seed=m) * math.sqrt(1 + 1 / m)
    alarmed = (np.abs(scores) > 3.2).any(axis=0)
    assert near(estimated.false_alarms(52, m, 3.2), alarmed)


@pytest.mark.parametrize(
    ("exams", "m", "k", "h"), [(52, 8, 0.5, 5.0), (30, 20, 0.3, 4.0), (52, 5, 1.0, 4.0)]
)
def test_cusum_by_simulation(exams, m, k, h):
    alarmed = cusum_alarms(simulated_scores(m, exams, seed=m), k, h)
    assert near(estimated.cusum_false_alarms(exams, m, k, h), alarmed)


@pytest.mark.parametrize(
    ("exams", "m", "lam", "width"), [(52, 8, 0.2, 3.0), (30, 20, 0.1, 2.5), (52, 5, 0.5, 3.5)]
)
def test_ewma_by_simulation(exams, m, lam, width):
    alarmed = ewma_alarms(simulated_scores(m, exams, seed=m), lam, width)
    assert near(estimated.ewma_false_alarms(exams, m, lam, width), alarmed)


def test_known_parameters_are_the_known_chart():
    # Over a long horizon the chance to be silent falls by the same factor each exam: the run
    # length of the integral equation and the stepped chances are two ways to one number.
    silent = [1 - estimated.cusum_false_alarms(n, 0, 0.5, 4.0) for n in (400, 401)]
    length = 1 / (1 - silent[1] / silent[0])
    assert length == pytest.approx(cusum.two_sided(0.0, 0.5, 4.0), rel=0.05)
    total = 1 + sum(1 - estimated.cusum_false_alarms(n, 0, 0.5, 1.5) for n in range(1, 160))
    assert total == pytest.approx(cusum.two_sided(0.0, 0.5, 1.5), rel=1e-6)
    total = 1 + sum(1 - estimated.ewma_false_alarms(n, 0, 0.3, 1.5) for n in range(1, 160))
    assert total == pytest.approx(ewma.two_sided(0.0, 0.3, 1.5), rel=1e-5)


@pytest.mark.parametrize("m", [10, 40])
def test_limits_hold_the_chance_of_a_known_chart(m):
    scores = simulated_scores(m, 52, seed=100 + m)
    h = estimated.cusum_limit_for(370.0, 0.5, m)
    wanted = estimated.cusum_false_alarms(52, 0, 0.5, cusum.limit_for(370.0, 0.5))
    assert estimated.cusum_false_alarms(52, m, 0.5, h) == pytest.approx(wanted, rel=1e-4)
    assert near(wanted, cusum_alarms(scores, 0.5, h))
    width = estimated.ewma_limit_for(370.0, 0.2, m)
    wanted = estimated.ewma_false_alarms(52, 0, 0.2, ewma.limit_for(370.0, 0.2))
    assert estimated.ewma_false_alarms(52, m, 0.2, width) == pytest.approx(wanted, rel=1e-4)
    assert near(wanted, ewma_alarms(scores, 0.2, width))


def test_limits_fall_to_those_of_known_parameters_as_the_baseline_grows():
    known = cusum.limit_for(370.0, 0.5)
    limits = [estimated.cusum_limit_for(370.0, 0.5, m) for m in (8, 20, 100, 5000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == pytest.approx(known, abs=0.02)
    assert estimated.cusum_limit_for(370.0, 0.5, 0) == known
    assert estimated.ewma_limit_for(370.0, 0.2, 0) == ewma.limit_for(370.0, 0.2)


def test_refusals_say_why():
    with pytest.raises(UsageError, match="2 exams"):
        estimated.cusum_limit_for(370.0, 0.5, 2)
    with pytest.raises(UsageError, match="1 exams"):
        estimated.prediction_width(370.0, 1)
    with pytest.raises(UsageError, match="0 exams are asked for"):
        estimated.false_alarms(0, 10, 3.0)
