"""Vendors: tested where they can be, and no number where they cannot."""

import datetime as dt
import math

import numpy as np
import pytest
from scipy import stats

from qiqa.core.trial import ScannerBias
from qiqa.harmonize.scanners.vendors import vendor_effect

NAN = math.nan


def scanner(bias, maker, u=0.01, reference_u=NAN):
    at = dt.datetime(2025, 1, 1)
    return ScannerBias(
        scanner="S", epoch="", site="", manufacturer=maker, first=at, last=at, bias=bias,
        standard_uncertainty=u, degrees_of_freedom=9.0, bias_interval=(NAN, NAN),
        ends=(bias, bias), ends_intervals=((NAN, NAN), (NAN, NAN)), reference_u=reference_u,
        exam_sd=0.1, exam_df=3.0, n=4, exams=4,
        phantom_units=(), claim=None, p_in=NAN, p_out=NAN, reason="",
        current=True,
    )  # fmt: skip


def effect_of(given):
    return vendor_effect(given, np.diag([one.standard_uncertainty**2 for one in given]))


def scanners(**biases):
    return [scanner(b, maker) for maker, values in biases.items() for b in values]


def test_with_exact_biases_it_is_the_analysis_of_variance():
    one, two = (1.0, 1.4, 0.7, 1.1, 1.6), (2.1, 1.5, 1.9, 2.6, 2.2)
    effect, spread = effect_of(scanners(SIEMENS=one, PHILIPS=two))
    f, p = stats.f_oneway(one, two)
    assert effect.f == pytest.approx(f, rel=0.01)
    assert effect.p == pytest.approx(p, rel=0.02)
    assert effect.degrees_of_freedom == pytest.approx((1.0, 8.0), rel=0.01)
    assert effect.shown is True
    assert spread.sd == pytest.approx(math.sqrt((np.var(one, ddof=1) + np.var(two, ddof=1)) / 2),
                                      rel=0.01)  # fmt: skip
    assert {name: count for name, _, _, count in effect.levels} == {"SIEMENS": 5, "PHILIPS": 5}


def test_one_vendor_by_its_many_names():
    effect, _ = effect_of(
        scanners(SIEMENS=(1.0, 1.4, 0.7), **{"Siemens Healthineers": (1.1, 1.2, 0.9)})
    )
    assert effect.shown is None
    assert [(name, count) for name, _, _, count in effect.levels] == [("SIEMENS", 6)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "too few scanners"),
        (scanners(A=(1.0,)), "too few scanners"),
        (scanners(A=(NAN, NAN, NAN), B=(NAN, NAN, NAN)), "too few scanners"),
        ([scanner(b, "") for b in (1.0, 2.0, 3.0)], "no manufacturer is stated"),
        (scanners(A=(1.0, 2.0, 3.0), B=(2.0, 3.0)), "there are A 3, B 2"),
        # one of each is known far better than the others: what scanners differ by is not seen
        (
            [
                scanner(bias, maker, u)
                for maker, biases in (("A", (0.0, -0.4, 1.9)), ("B", (0.0, -1.6, 1.1)))
                for bias, u in zip(biases, (0.01, 1.0, 1.0), strict=True)
            ],
            "too few readings for an F test: 1.",
        ),
    ],
)
def test_what_cannot_be_tested_says_why_and_gives_no_number(given, said):
    effect, _ = effect_of(given)
    assert effect.shown is None
    assert said in effect.reason
    assert math.isnan(effect.p)
    assert "nan" not in effect.reason


def test_a_vendor_is_shown_as_it_is_stated_where_that_is_in_one_way():
    given = [
        scanner(b, maker) for b, maker in ((1.0, "Vendor A"), (1.4, "Vendor A"), (2.0, "Acme"))
    ]
    exact = np.zeros((5, 5))
    names = [
        name for name, *_ in vendor_effect([*given, scanner(1.2, "")], exact[:4, :4])[0].levels
    ]
    assert names == ["not stated", "Acme", "Vendor A"]
    mixed = [*given, scanner(1.1, "VENDOR  A"), scanner(1.7, "acme")]
    effect, _ = vendor_effect(mixed, exact)
    assert [name for name, *_ in effect.levels] == ["ACME", "VENDOR A"]
    assert "there are ACME 2, VENDOR A 3" in effect.reason
