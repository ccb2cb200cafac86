"""Outliers: planted at several doses found, clean sets of any shape not accused."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.vetting import SetAnswer
from qiqa.vetting.checks.outliers import CHECK, look


def codes(answer: SetAnswer, code: str) -> list[int]:
    return [row for row, one in answer.observations if one.code == code]


def set_of(series, values, per_scanner, **more):
    n = len(values)
    names = [f"scanner {i // per_scanner:03d}" for i in range(n)]
    return series(n, texts={"scanner": names, **more}, values=values)


SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "student": lambda rng, size: rng.standard_t(5, size=size),
    "lognormal": lambda rng, size: np.exp(rng.normal(size=size)),
    "left": lambda rng, size: -np.exp(0.7 * rng.normal(size=size)),
    "exponential": lambda rng, size: rng.exponential(size=size),
    "uniform": lambda rng, size: rng.uniform(size=size),
    "two modes": lambda rng, size: rng.normal(size=size) + 3 * (rng.random(size) < 0.3),
}


@pytest.mark.parametrize("per_scanner", [20, 60, 500])
@pytest.mark.parametrize("shape", SHAPES)
def test_clean_scanners_of_different_makers_are_not_accused(series, defaults, shape, per_scanner):
    rng = np.random.default_rng(4)
    scanners = 1500 // per_scanner
    values = SHAPES[shape](rng, (scanners * per_scanner, 20))
    # makers differ in every middle and every scale
    shift = np.repeat(rng.normal(size=(scanners, 20)), per_scanner, axis=0)
    scale = np.repeat(np.exp(0.2 * rng.normal(size=(scanners, 20))), per_scanner, axis=0)
    answer = look(set_of(series, values * scale + 2 * shift, per_scanner), defaults(CHECK))
    assert len({row for row, _ in answer.observations}) < 0.01 * len(values)


@pytest.mark.parametrize(("per_scanner", "dose", "found"), [(200, 10.0, 0.95), (60, 12.0, 0.95),
                                                            (20, 25.0, 0.9)])  # fmt: skip
def test_one_feature_that_is_off_is_found(series, defaults, per_scanner, dose, found):
    rng = np.random.default_rng(7)
    values = rng.normal(size=(1200, 10))
    planted = rng.choice(1200, 24, replace=False)
    values[planted, 3] += dose * rng.choice([-1, 1], 24)
    answer = look(set_of(series, values, per_scanner), defaults(CHECK))
    named = codes(answer, "outlier_in_scanner")
    assert len(set(named) & set(planted.tolist())) >= found * 24
    assert len(set(named) - set(planted.tolist())) < 12
    evidence = dict(answer.observations)[int(planted[0])].evidence
    assert "f3" in evidence
    assert f"among {per_scanner} series of scanner" in evidence


def test_a_combination_that_is_off_is_found_where_no_feature_is(series, defaults):
    rng = np.random.default_rng(3)
    common = rng.normal(size=(600, 1))
    values = common + 0.1 * rng.normal(size=(600, 5))
    values[17] = [2.0, -2.0, 2.0, -2.0, 2.0]  # each within the usual
    answer = look(set_of(series, values, 200), defaults(CHECK))
    one = dict(answer.observations)[17]
    assert one.code == "outlier_in_scanner"
    assert one.evidence.startswith("all features together")


def test_series_of_small_scanners_are_held_against_all(series, defaults):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 4))
    values[10, 1] = 60.0
    answer = look(set_of(series, values, 8), defaults(CHECK))
    assert 10 in codes(answer, "outlier_in_cohort")
    assert len(answer.observations) < 4


@pytest.mark.parametrize("shape", ["normal", "student", "exponential"])
@pytest.mark.parametrize(("scanners", "per_scanner"), [(100, 8), (12, 5), (500, 3)])
def test_clean_small_scanners_are_not_accused(series, defaults, shape, scanners, per_scanner):
    rng = np.random.default_rng(11)
    values = SHAPES[shape](rng, (scanners * per_scanner, 20))
    values += np.repeat(2 * rng.normal(size=(scanners, 20)), per_scanner, axis=0)
    answer = look(set_of(series, values, per_scanner), defaults(CHECK))
    assert len(answer.observations) < 0.01 * len(values)


def test_a_large_site_does_not_make_small_ones_odd(series, defaults):
    rng = np.random.default_rng(6)
    values = rng.normal(size=(1000, 4))
    small = 40 * 5
    # forty small sites with middles of their own; one large site
    values[:small] += np.repeat(4 * rng.normal(size=(40, 4)), 5, axis=0)
    names = [f"small {i // 5:02d}" for i in range(small)] + ["large"] * (1000 - small)
    answer = look(series(1000, texts={"scanner": names}, values=values), defaults(CHECK))
    assert len(codes(answer, "outlier_in_cohort")) < 0.01 * small + 2


def test_a_scanner_that_is_off_is_named_with_all_of_its_series(series, defaults):
    rng = np.random.default_rng(8)
    values = rng.normal(size=(600, 3)) + np.repeat(rng.normal(size=(20, 3)), 30, axis=0)
    values[90:120, 2] += 50.0
    answer = look(set_of(series, values, 30), defaults(CHECK))
    assert codes(answer, "outlying_scanner") == list(range(90, 120))
    said = [one for one in answer.statements if one.code == "outlying_scanner"]
    assert [one.subject for one in said] == ["scanner 003"]
    assert said[0].rows[1][0] == "f2"


def test_different_protocols_are_not_compared(series, defaults):
    rng = np.random.default_rng(9)
    values = rng.normal(size=(400, 3))
    protocol = ["diffusion" if i % 20 == 0 else "T1" for i in range(400)]
    values[::20] += 100.0
    texts = {"scanner": ["one"] * 400, "protocol": protocol}
    assert look(series(400, texts=texts, values=values), defaults(CHECK)).observations == ()


def test_too_few_and_constant_features_are_said_and_not_judged(series, defaults):
    few = look(series(12, values=np.arange(24.0).reshape(12, 2)), defaults(CHECK))
    assert few.observations == ()
    assert {s.code: s.value for s in few.statements}["outliers_not_judged"] == 100.0
    values = np.zeros((100, 2))
    values[5] = 7.0  # more than half are equal: nothing to compare with
    assert look(set_of(series, values, 100), defaults(CHECK)).observations == ()


@pytest.mark.filterwarnings("error")
def test_hostile_values_do_not_raise(series, defaults):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(100, 6)).astype(np.float32)
    values[:, 0] = np.nan
    values[::3, 1] = np.inf
    values[:, 2] *= 1e30
    values[4] = np.nan
    values[:, 5] = 3.4e38 * rng.choice([-1, 1], 100)
    for n in (0, 1, 2, 21, 100):
        answer = look(series(n, values=values[:n]), defaults(CHECK))
        assert all(np.isfinite(one.value) for _, one in answer.observations)
    assert look(series(3), defaults(CHECK)).observations == ()


def test_the_order_of_rows_does_not_matter(series, defaults):
    rng = np.random.default_rng(2)
    values = np.exp(rng.normal(size=(300, 4)))
    values[[3, 50], 1] += 200
    names = np.array([f"scanner {i // 60}" for i in range(300)])
    order = rng.permutation(300)
    first = look(series(300, texts={"scanner": names}, values=values), defaults(CHECK))
    second = look(
        series(300, texts={"scanner": names[order]}, values=values[order]), defaults(CHECK)
    )
    back = sorted((int(order[row]), one) for row, one in second.observations)
    assert [(r, o.value) for r, o in back] == [(r, o.value) for r, o in first.observations]
