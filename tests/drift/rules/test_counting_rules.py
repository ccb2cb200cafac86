"""Western Electric, Nelson and Westgard: which pattern signals, since when, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.drift.rules import nelson, western_electric, westgard
from qiqa.drift.run_length import within_run

QUIET = [0.1, -0.2, 0.3, -0.1]


def signals(module, x, p):
    made = module.chart(np.array(x, dtype=float), p)
    return list(
        zip(made.signals.tolist(), made.directions.tolist(), made.since.tolist(), strict=True)
    )


def only(test):
    return nelson.Parameters(tests=(test,))


@pytest.mark.parametrize(
    ("test", "pattern", "expected"),
    [
        (1, [*QUIET, 3.1], (4, 1, 4)),
        (2, [-0.5, *[0.2] * 9], (9, 1, 1)),
        (3, [0.5, -1.0, -0.5, 0.0, 0.4, 0.9, 1.4], (6, 1, 1)),
        (3, [0.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.1], (6, -1, 1)),
        (4, [0.1 * (-1) ** i for i in range(14)], (13, 0, 0)),
        (5, [*QUIET, -2.1, 0.5, -2.2], (6, -1, 4)),
        (6, [*QUIET, 1.1, 1.2, -0.3, 1.3, 1.4], (8, 1, 4)),
        (7, [1.5, *[0.9, -0.9, 0.0] * 5], (15, 0, 1)),
        (8, [0.2, *[1.1, -1.2] * 4], (8, 0, 1)),
    ],
)
def test_each_of_nelsons_tests(test, pattern, expected):
    # Nelson 1984, J Qual Technol 16:237, figure 1: the last point of each pattern signals
    assert signals(nelson, pattern, only(test)) == [expected]
    assert signals(nelson, pattern[:-1], only(test)) == []
    assert signals(nelson, pattern, nelson.Parameters(tests=nelson.ALL))


@pytest.mark.parametrize(
    ("test", "pattern"),
    [
        (2, [0.2] * 8 + [-0.1] + [0.2] * 8),
        (3, [0.0, 0.1, 0.2, 0.3, 0.3, 0.4, 0.5]),
        (4, [0.1 * (-1) ** i for i in range(13)] + [0.1]),
        (5, [2.1, 0.0, 0.0, 2.1]),
        (5, [2.1, -2.1, 0.0]),
        (6, [1.1, 1.1, 1.1, 0.0, 0.0, 1.1]),
        (7, [0.9] * 14 + [1.1]),
        (8, [1.1] * 7 + [0.9]),
    ],
)
def test_patterns_that_fall_short(test, pattern):
    assert signals(nelson, pattern, only(test)) == []


def test_a_count_begins_anew_after_a_signal():
    assert [s[0] for s in signals(nelson, [0.2] * 27, only(2))] == [8, 17, 26]
    assert [s[2] for s in signals(nelson, [0.2] * 27, only(2))] == [0, 9, 18]


def test_the_curve_that_passes_its_limit_names_the_test():
    x = np.array([*QUIET, 2.4, 0.1, 2.4])
    made = western_electric.chart(x, western_electric.Parameters())
    beyond = [c.label for c in made.curves if c.value[6] > c.high[6] or c.value[6] < c.low[6]]
    assert beyond == ["WE 2: 2 of 3 beyond 2 SDs"]
    assert made.signals.tolist() == [6]
    assert len(made.curves) == 4


def test_the_textbook_is_its_own_rate():
    # Champ & Woodall 1987, Technometrics 29:393: all four tests alarm every 91.75 points
    p = western_electric.parameters(91.75)
    assert p.run == 8
    assert p.factor == pytest.approx(1.0, abs=1e-4)
    assert western_electric.run_length(0.0, western_electric.Parameters()) == pytest.approx(
        91.75, abs=0.005
    )


@pytest.mark.parametrize("module", [western_electric, nelson, westgard])
def test_rarer_alarms_take_wider_zones_and_longer_runs(module):
    often, rarely = module.parameters(100.0), module.parameters(20_000.0)
    assert rarely.factor > often.factor
    assert rarely.run > often.run
    assert module.run_length(0.0, rarely) == pytest.approx(20_000.0, rel=1e-3)
    with pytest.raises(UsageError, match="rarer than a rule with runs"):
        module.parameters(1e7)


def test_no_rate_is_promised_where_there_is_no_theory():
    with pytest.raises(UsageError, match="test 3, 8"):
        nelson.parameters(370.0, (1, 3, 8))
    assert math.isnan(nelson.run_length(0.0, only(7)))
    with pytest.raises(UsageError, match="9 was given"):
        nelson.Parameters(tests=(1, 9))
    with pytest.raises(UsageError, match="no test"):
        nelson.Parameters(tests=())


def test_westgard_across_exams():
    p = westgard.Parameters()
    assert signals(westgard, [2.5, 0.0, 2.5, 0.0], p) == []
    assert signals(westgard, [0.1, 2.5, 2.1], p) == [(2, 1, 1)]
    assert signals(westgard, [0.1, 2.5, -2.1], p) == []
    assert signals(westgard, [0.1, -1.5, -1.1, -1.2, -1.3], p) == [(4, -1, 1)]
    assert signals(westgard, [-0.1, *[0.5] * 10], p) == [(10, 1, 1)]
    assert signals(westgard, [*QUIET, -3.2], p) == [(4, -1, 4)]


def test_westgard_two_sd_only_warns():
    made = westgard.chart(np.array([0.0, 2.5]), westgard.Parameters())
    warning = made.curves[-1]
    assert "warning" in warning.label
    assert warning.value[1] > warning.high[1]
    assert made.signals.size == 0


def test_r_4s_is_refused_for_single_values_with_the_reason():
    with pytest.raises(NotMeasurable, match="drift between exams") as caught:
        westgard.Parameters(rules=("1_3s", "R_4s"))
    assert "judge_run" in str(caught.value)
    with pytest.raises(NotMeasurable, match="this one has 1"):
        westgard.judge_run(np.array([2.3]))
    with pytest.raises(UsageError, match="7_T"):
        westgard.Parameters(rules=("7_T",))
    with pytest.raises(UsageError, match="not finite"):
        westgard.judge_run(np.array([0.0, np.nan]))


def test_westgard_within_a_run():
    judge = westgard.judge_run
    assert judge(np.array([0.3, -0.4])) == ()
    assert judge(np.array([2.3, 2.2])) == ("1_2s", "2_2s")
    assert judge(np.array([-2.3, 0.0, 2.2])) == ("1_2s", "R_4s")
    assert judge(np.array([1.1, 1.2, 1.3, 1.4])) == ("4_1s",)
    assert judge(np.array([-3.5, 0.0]), ("1_3s",)) == ("1_3s",)


@pytest.mark.parametrize(("controls", "shift"), [(2, 0.0), (4, 0.0), (2, 2.0), (4, 2.0)])
def test_westgard_within_runs_rejects_as_often_as_computed(controls, shift):
    rng = np.random.default_rng(controls)
    runs = 10_000
    x = rng.standard_normal((runs, controls)) + shift
    rate = np.mean([bool(westgard.judge_run(run, within_run.MULTIRULE)) for run in x])
    expected = within_run.rejection(within_run.MULTIRULE, controls, shift)
    error = math.sqrt(expected * (1 - expected) / runs)
    assert rate == pytest.approx(expected, abs=4 * error)


def expected_by_hand(x, needed, window, low, high):
    """Return signals of r-of-m on one side, by looking back at every exam."""
    found, begun = [], 0
    known = [i for i in range(len(x)) if not np.isnan(x[i])]
    for place, i in enumerate(known):
        last = known[max(begun, place - window + 1) : place + 1]
        for side in (1, -1):
            inside = [j for j in last if low < side * x[j] < high]
            if len(inside) >= needed:
                found.append((i, side, inside[0]))
                begun = place + 1
                break
    return found


@settings(max_examples=150, deadline=None)
@given(
    x=st.lists(
        st.one_of(st.floats(-4.0, 4.0), st.just(float("nan")), st.sampled_from([1.0, -1.0, 0.0])),
        max_size=60,
    ),
    window=st.integers(1, 12),
    data=st.data(),
)
def test_counts_are_those_of_looking_back(x, window, data):
    from qiqa.kernels.runs import runs

    needed = data.draw(st.integers(window // 2 + 1, window))
    low = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    whole = [np.array([v], dtype=np.int64) for v in (0, needed, window)]
    _, at, sides, since, which = runs(
        np.array(x, dtype=float), *whole, np.array([low]), np.array([3.0])
    )
    found = list(zip(at.tolist(), sides.tolist(), since.tolist(), strict=True))
    assert found == expected_by_hand(x, needed, window, low, 3.0)
    assert (which == 0).all()
