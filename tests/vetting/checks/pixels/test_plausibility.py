"""Values that cannot be, planted; and values that can be, left alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.vetting import Instance
from qiqa.vetting.checks import plausibility

ADC = "DERIVED\\PRIMARY\\DIFFUSION\\ADC"


@pytest.fixture
def look(images):
    def of(signal, **more):
        return plausibility.look(images.stack(signal, **more), images.settings(plausibility.CHECK))

    return of


def codes(examined):
    return {one.code: one.value for one in examined.observations}


def corrections(examined):
    return [one.correction for one in examined.observations]


def tissue(images, level, spread=0.12, seed=1):
    """Return a map of an object: `level` and a little above and below, zero outside."""
    rng = np.random.default_rng(seed)
    i, j, _ = images.axes((96, 96, 6))
    inside = np.hypot(i / 0.7, j / 0.8) < 1
    return np.where(inside, level * (1 + spread * rng.normal(size=i.shape)), 0.0)


def test_every_code_and_feature_is_in_the_document(images, look):
    page = Path(__file__).resolve().parents[4] / "docs" / "vetting" / "plausibility.md"
    text = page.read_text(encoding="utf-8")
    for reason in plausibility.CHECK.reasons:
        assert f"`{reason.code}`" in text
    for name in look(images.clean("head")).features:
        assert f"`{name}`" in text


@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
def test_clean_images_are_not_accused(images, look, kind):
    assert codes(look(images.clean(kind, 2))) == {}


@pytest.mark.parametrize("count", [1, 50])
def test_not_finite(images, look, count):
    signal = images.clean("head", 3)
    signal.ravel()[np.linspace(9, signal.size - 9, count).astype(int)] = np.nan
    signal[64, 64, 6] = np.inf
    assert codes(look(signal))["not_finite"] == pytest.approx(100 * (count + 1) / signal.size)


def test_a_missing_slice_is_not_this_checks_concern(images, look):
    signal = images.clean("head", 4)
    signal[:, :, 5] = np.nan
    assert codes(look(signal)) == {}
    assert codes(look(np.full_like(signal, np.nan))) == {"not_finite": 100}


@pytest.mark.parametrize("limit", [1000.0, 850.0])
@pytest.mark.parametrize("stored", [(0.0, 65535.0), (0.0, 1000.0)])
def test_clipping_at_the_end_of_the_type_or_below(images, look, limit, stored):
    signal = images.clean("abdomen", 5)
    clipped = np.minimum(signal, limit)
    inside = images.truth("abdomen", np.random.default_rng(5)) > 120
    seen = codes(look(clipped, stored=stored))
    expected = 100 * (clipped == limit).sum() / inside.sum()
    assert seen["clipped"] == pytest.approx(expected, rel=0.15)
    assert codes(look(signal, stored=stored)) == {}


def test_negative_magnitudes(images, look):
    signal = images.clean("head", 6) - 40
    share = 100 * (signal < 0).mean()
    assert codes(look(signal))["negative_values"] == pytest.approx(share)
    assert codes(look(signal, ImageType="ORIGINAL\\PRIMARY\\P\\ND")) == {}
    assert codes(look(signal, ComplexImageComponent="REAL")) == {}
    assert codes(look(signal, FrameType="ORIGINAL\\PRIMARY\\B0 MAP\\NONE")) == {}
    assert codes(look(signal, Modality="PT")) == {}


@pytest.mark.parametrize(("steps", "told"), [(12, True), (60, True), (400, False)])
def test_coarse_gray_scale(images, look, steps, told):
    signal = np.rint(images.clean("abdomen", 7) * steps / 1000)
    seen = look(signal)
    assert ("few_levels" in codes(seen)) == told
    middle = np.unique(signal[images.truth("abdomen", np.random.default_rng(7)) > 120])
    assert seen.features["step_percent"] > 80 / middle.size


STATED = [
    # values, unit stated, maker, code, correction
    (1.1e-3, {"RescaleType": "mm2/s"}, {}, ""),
    (1100.0, {"Units": "10^-6 mm^2/s"}, {}, ""),
    (1.1, {"RescaleType": "x10-3 mm²/s"}, {}, ""),
    (1100.0, {"Manufacturer": "SIEMENS"}, {}, ""),
    (1100.0, {"Manufacturer": "GE MEDICAL SYSTEMS"}, {}, ""),
    (1100.0, {"Manufacturer": "Philips"}, {"map_unit_unknown": 1.0}, "multiply by 1e-06"),
    (1.1, {"RescaleType": "US"}, {"map_unit_unknown": 1.0}, "multiply by 0.001"),
    (1.1e-3, {}, {"map_unit_unknown": 1.0}, "multiply by 1"),
    (1100.0, {"RescaleType": "mm2/s"}, {"map_unit_implausible": 6.26}, "multiply by 1e-06"),
    (1.1, {"Manufacturer": "SIEMENS"}, {"map_unit_implausible": 2.74}, "multiply by 0.001"),
]


@pytest.mark.parametrize(("level", "header", "expected", "correction"), STATED)
def test_unit_of_an_adc_map(images, look, level, header, expected, correction):
    seen = look(tissue(images, level), ImageType=ADC, step=level / 1000, **header)
    assert codes(seen) == pytest.approx(expected, abs=0.02)
    assert corrections(seen) == ([correction] if expected else [])
    # what the header or the only fitting unit says leads to the same mm2/s
    if "map_unit_implausible" not in expected:
        assert level * seen.features["map_factor"] == pytest.approx(1.1e-3)


@pytest.mark.parametrize("level", [150.0, 800.0, 2000.0, 3000.0])
@pytest.mark.parametrize("factor", [1.0, 1e-3, 1e-6])
def test_one_unit_alone_fits_over_all_of_tissue(images, look, level, factor):
    seen = look(tissue(images, level * 1e-6 / factor), ImageType=ADC)
    assert corrections(seen) == [f"multiply by {factor:g}"]


@pytest.mark.parametrize(
    ("words", "level", "correction"),
    [
        ("T1 map MOLLI", 1.2, "multiply by 1000"),
        ("T1_MAP", 1200.0, "multiply by 1"),
        ("T2 map", 0.08, "multiply by 1000"),
        ("T2*_Map", 30.0, "multiply by 1"),
    ],
)
def test_relaxation_times(images, look, words, level, correction):
    seen = look(tissue(images, level), SeriesDescription=words, ImageType="DERIVED\\PRIMARY")
    assert corrections(seen) == [correction]


def test_pictures_weighted_by_t1_are_no_maps(images, look):
    for kind in ("ORIGINAL\\PRIMARY\\M\\NORM", "DERIVED\\SECONDARY\\MPR"):
        seen = look(images.clean("head", 8), SeriesDescription="T1 mprage", ImageType=kind)
        assert codes(seen) == {}


@pytest.mark.parametrize("level", [20.0, 30000.0])
def test_a_lost_slope(images, look, level):
    stored = np.rint(tissue(images, level))
    assert set(codes(look(stored, ImageType=ADC, Manufacturer="Philips"))) >= {"slope_lost"}


def test_a_slope_that_is_there_is_not_lost(images):
    stack = images.stack(np.rint(tissue(images, 30000.0)), ImageType=ADC)
    facts = dataclasses.replace(stack.facts, instances=(Instance(path="a", size=1, slope=2.0),))
    given = dataclasses.replace(stack, facts=facts, quantization=2.0)
    seen = plausibility.look(given, images.settings(plausibility.CHECK))
    assert set(codes(seen)) == {"map_unit_implausible"}
    assert corrections(seen) == [""]


def body(images, offset=0.0, padding=None):
    rng = np.random.default_rng(9)
    i, j, _ = images.axes((96, 96, 6))
    inside = np.hypot(i / 0.9, j / 0.6) < 1
    hu = np.where(inside, 40, -1000) + rng.normal(0, 12, i.shape) + offset
    return np.rint(hu if padding is None else np.where(np.hypot(i, j) > 1, padding, hu))


CT = {"Modality": "CT", "stored": (-1024.0, 3071.0)}


@pytest.mark.parametrize("padding", [None, -2000.0, -3024.0])
def test_hounsfield_units(images, look, padding):
    assert codes(look(body(images, 0, padding), **CT)) == {}


@pytest.mark.parametrize(
    ("offset", "correction"), [(1024.0, "add -1024"), (1000.0, "add -1024"), (300.0, "")]
)
def test_a_lost_intercept(images, look, offset, correction):
    seen = look(body(images, offset), **CT)
    assert codes(seen)["hu_implausible"] == pytest.approx(offset, abs=2)
    assert corrections(seen) == [correction]


def test_a_ct_without_air(look):
    rng = np.random.default_rng(10)
    head = np.rint(rng.normal(35, 30, (64, 64, 4)))
    seen = look(head, **CT)
    assert codes(seen) == {}
    assert np.isnan(seen.features["air_hu"])


def test_what_was_drawn_at_the_largest_value_is_not_clipped(images, look):
    signal = images.clean("head", 11)
    top = float(signal.max())
    signal[40:60, 40:60, :] = 1.3 * top  # a label in the object
    assert "clipped" not in codes(look(signal))
    limit = float(np.percentile(signal[signal > 0.3 * top], 90))
    assert "clipped" in codes(look(np.minimum(signal, limit)))


def test_one_value_all_over_is_no_map_without_its_slope(look):
    constant = np.full((64, 64, 6), 100.0)
    assert "slope_lost" not in codes(look(constant, ImageType=ADC))
