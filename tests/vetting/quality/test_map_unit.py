"""What a map shows and which unit its header states."""

from __future__ import annotations

import itertools
import math

import pytest

from qiqa.core.vetting import SeriesFacts
from qiqa.vetting.quality.map_unit import (
    QUANTITIES,
    fitting_factors,
    quantity_of,
    stated_factor,
)


def facts(**attributes):
    return SeriesFacts(
        path="a", series_uid="1", attributes={k: (v,) for k, v in attributes.items()}
    )


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC\\ND"}, "ADC"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\ADC\\UNSPECIFIED"}, "ADC"),
        (
            {"ImageType": "DERIVED\\SECONDARY", "SeriesDescription": "Apparent Diffusion Coef"},
            "ADC",
        ),
        ({"ImageType": "DERIVED\\PRIMARY\\T1 MAP"}, "T1"),
        ({"ImageType": "DERIVED\\PRIMARY\\OTHER", "SeriesDescription": "MyoMaps T2 map"}, "T2"),
        ({"SeriesDescription": "sub-01_T1map"}, "T1"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\M\\ND", "SeriesDescription": "ep2d_diff ADC"}, None),
        ({"ImageType": "DERIVED\\SECONDARY\\MPR", "SeriesDescription": "t1_mprage"}, None),
        ({"ImageType": "DERIVED\\PRIMARY\\T2\\NONE", "SeriesDescription": "T2w TSE"}, None),
        ({"SeriesDescription": "advanced cadc"}, None),
        ({}, None),
    ],
)
def test_quantity(header, name):
    found = quantity_of(facts(**header))
    assert (None if found is None else found.name) == name


ADC, T1, _ = QUANTITIES


@pytest.mark.parametrize(
    ("spelled", "factor"),
    [
        ("mm2/s", 1.0),
        ("mm²/s", 1.0),
        ("10^-6 mm^2/s", 1e-6),
        ("x 10E-3 mm2/s", 1e-3),
        ("um2/s", 1e-6),
        ("µm²/ms", 1e-3),
    ],
)
def test_spellings_of_diffusivity(spelled, factor):
    assert stated_factor(ADC, facts(Units=spelled))[0] == factor


@pytest.mark.parametrize("spelled", ["US", "normalized", "HU", "", "1"])
def test_what_is_no_unit_states_none(spelled):
    assert math.isnan(stated_factor(ADC, facts(RescaleType=spelled))[0])


def test_unspecified_is_not_microseconds():
    assert math.isnan(stated_factor(T1, facts(RescaleType="US"))[0])
    assert stated_factor(T1, facts(RescaleType="us"))[0] == 1e-3


def test_the_surest_attribute_wins():
    given = facts(RealWorldValueUnits="mm2/s", RescaleType="um2/s", Manufacturer="SIEMENS")
    assert stated_factor(ADC, given) == (1.0, "RealWorldValueUnits 'mm2/s'")


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda q: q.name)
def test_windows_are_narrower_than_steps_between_units(quantity):
    steps = sorted(quantity.factors)
    least = min(b / a for a, b in itertools.pairwise(steps))
    assert quantity.high / quantity.low < least
    middle = math.sqrt(quantity.high * quantity.low)
    for factor in quantity.factors:
        assert fitting_factors(quantity, middle / factor) == (factor,)
        assert len(fitting_factors(quantity, 2 * quantity.high / factor)) <= 1
