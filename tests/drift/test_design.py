"""Proposals of charts: their settings give what they say."""

import math

import pytest

from qiqa.core.errors import UsageError
from qiqa.drift.design import design
from qiqa.drift.run_length import cusum, estimated, ewma, runs_rules


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("every", [50.0, 370.0])
def test_all_keep_the_wanted_rate_and_stand_in_order(shift, every):
    proposals = design(shift, every)
    assert {p.chart for p in proposals} == {"individuals", "cusum", "ewma", "zones"}
    late = [p.delay_late for p in proposals]
    assert late == sorted(late)
    for p in proposals:
        assert p.every == pytest.approx(every, rel=1e-6)
        assert p.delay_double <= p.delay <= p.delay_half


def test_small_shifts_are_for_charts_with_memory():
    # Montgomery, Introduction to Statistical Quality Control: CUSUM with k 0.5 and h 4.77 runs 370
    # exams in control and finds 1 SD in about 10, a chart of individuals in 43.9.
    charts = {p.chart: p for p in design(1.0, 370.4)}
    assert dict(charts["cusum"].parameters)["h"] == pytest.approx(4.77, abs=0.01)
    assert charts["cusum"].delay == pytest.approx(9.9, abs=0.05)
    assert charts["individuals"].delay == pytest.approx(43.9, abs=0.05)
    assert design(1.0, 370.4)[-1].chart == "individuals"


def test_settings_and_delays_belong_together():
    charts = {p.chart: (dict(p.parameters), p) for p in design(1.5, 200.0)}
    settings, p = charts["ewma"]
    assert p.delay == ewma.two_sided(1.5, settings["lam"], settings["width"])
    settings, p = charts["cusum"]
    assert p.delay_half == cusum.two_sided(0.75, settings["k"], settings["h"])
    settings, p = charts["zones"]
    rules = runs_rules.scaled(runs_rules.WESTERN_ELECTRIC[:3], settings["factor"])
    assert p.delay_double == runs_rules.run_length(3.0, rules)


def test_a_baseline_of_few_exams_costs_delay():
    known = {p.chart: p for p in design(1.0, 370.0)}
    estimate = {p.chart: p for p in design(1.0, 370.0, 20)}
    assert set(estimate) == {"individuals", "cusum", "ewma"}
    for chart, p in estimate.items():
        assert p.delay > known[chart].delay
        assert p.baseline == 20
        assert math.isnan(p.every)
    h = dict(estimate["cusum"].parameters)["h"]
    assert h == estimated.cusum_limit_for(370.0, 0.5, 20)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((0.0, 370.0), "shift is 0"), ((1.0, 2.0), "every is 2"), ((1.0, 370.0, 2), "2 exams")],
)
def test_refusals_say_why(arguments, said):
    with pytest.raises(UsageError, match=said):
        design(*arguments)
