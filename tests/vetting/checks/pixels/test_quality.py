"""Planted faults are told, clean images of many kinds are not accused, nothing raises."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from qiqa.core.vetting import Examined
from qiqa.vetting.checking import checks
from qiqa.vetting.checks import quality


@pytest.fixture
def look(images):
    def of(signal, **more) -> Examined:
        return quality.look(images.stack(signal, **more), images.settings(quality.CHECK))

    return of


def codes(examined: Examined) -> dict[str, float]:
    return {one.code: one.value for one in examined.observations}


def test_the_check_is_found_by_its_name():
    assert quality.CHECK in checks()


VENDORS = {
    "one channel": {"noise": 20, "channels": 1},
    "eight channels": {"noise": 20, "channels": 8},
    "noisy": {"noise": 80, "channels": 1},
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
def test_clean_images_are_not_accused(images, look, kind, vendor):
    signal = images.clean(kind, 31, **VENDORS[vendor])
    assert codes(look(signal)) == {}
    masked = np.where(images.truth(kind, np.random.default_rng(31)) > 20, signal, 0)
    assert codes(look(masked)) == {}
    bordered = signal.copy()
    bordered[:4], bordered[:, -3:] = 0, 0
    assert codes(look(bordered)) == {}


def test_features_are_numbers_with_a_thumbnail(images, look):
    seen = look(images.clean("head", 32), InPlanePhaseEncodingDirection="COL")
    assert len(seen.thumbnail) == 96 * 96
    missing = {name for name, value in seen.features.items() if not np.isfinite(value)}
    assert missing == set()
    assert 0.3 < seen.features["foreground_share"] < 0.6
    assert 0 < seen.features["efc"] < 1


def test_every_feature_is_in_the_document(images, look):
    from pathlib import Path

    page = Path(__file__).resolve().parents[4] / "docs" / "vetting" / "quality.md"
    text = page.read_text(encoding="utf-8")
    for name in look(images.clean("head", 33)).features:
        assert f"`{name}`" in text
    for reason in quality.CHECK.reasons:
        assert f"`{reason.code}`" in text


@pytest.mark.parametrize(
    "signal",
    [
        np.full((64, 64, 4), np.nan),
        np.full((64, 64, 4), 7.0),
        np.zeros((64, 64, 4)),
        np.full((5, 5, 1), np.inf),
    ],
    ids=["nan", "one value", "zeros", "infinite"],
)
def test_an_empty_image(look, signal):
    assert codes(look(signal)) == {"empty_image": 1.0}


@pytest.mark.parametrize(
    "header",
    [
        {"Modality": "CT"},
        {"Modality": None},
        {"ImageType": "ORIGINAL\\PRIMARY\\P\\ND"},
        {"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC"},
    ],
)
def test_what_is_no_magnitude_has_no_metrics_of_one(images, look, header):
    rng = np.random.default_rng(43)
    i, j, _ = images.axes((112, 112, 6))
    body = np.hypot(i / 0.9, j / 0.6) < 1
    hu = np.where(body, 40, -1000) + rng.normal(0, 25, body.shape)
    seen = look(hu if "Modality" in header else hu + 1100, **header)
    assert codes(seen) == {}
    is_map = "ADC" in header.get("ImageType", "")  # noise and folding of a map are its own
    for name in ("snr_foreground", "wrap_row_percent"):
        assert np.isnan(seen.features[name]) != is_map
    for name in ("snr_background", "ghosting_percent", "spike_ratio"):
        assert np.isnan(seen.features[name])
    assert np.isfinite(seen.features["noise_sd"])


def test_lost_slices(images, look):
    signal = images.clean("head", 34)
    signal[:, :, (4, 7)] = 0
    assert codes(look(signal))["constant_slices"] == 2


@pytest.mark.parametrize("kept", [0.05, 0.3])
def test_lost_signal_in_one_volume(images, look, kept):
    rng = np.random.default_rng(35)
    image = images.truth("head", rng, (64, 64, 12))
    volumes = images.magnitude(image[..., None] * np.linspace(1, 0.4, 8), 8, rng)
    assert "dropout_slices" not in codes(look(volumes))
    volumes[:, :, 5, 3] *= kept
    seen = look(volumes)
    assert codes(seen)["dropout_slices"] == pytest.approx(seen.features["dropout_percent"])
    assert "volume 4 slice 6" in seen.observations[0].where


@pytest.mark.parametrize("percent", [6.0, 15.0])
@pytest.mark.parametrize("kind", ["head", "abdomen"])
def test_a_spike(images, look, kind, percent):
    rng = np.random.default_rng(36)
    image = images.truth(kind, rng)
    i, j = np.meshgrid(np.arange(112), np.arange(112), indexing="ij")
    noisy = image + rng.normal(0, 10, image.shape) + 1j * rng.normal(0, 10, image.shape)
    noisy[:, :, 7] += 6 * percent * np.exp(2j * np.pi * (-37 * i + 21 * j) / 112)
    found = look(np.rint(np.abs(noisy)))
    assert "spikes" in codes(found)
    assert [o.where for o in found.observations if o.code == "spikes"] == ["volume 1 slice 8"]


@pytest.mark.parametrize("percent", [15.0, 20.0])
def test_ghosts(images, look, percent):
    rng = np.random.default_rng(37)
    i, j, k = images.axes((128, 128, 8))
    image = 700.0 * (np.sqrt((i / 0.42) ** 2 + (j / 0.5) ** 2 + (k / 3) ** 2) < 1)
    signal = images.magnitude(image + percent / 100 * np.roll(image, 64, axis=1), 8, rng)
    seen = codes(look(signal, InPlanePhaseEncodingDirection="COL"))
    assert seen["ghosting"] == pytest.approx(percent, rel=0.15)
    assert "ghosting" not in codes(look(signal, InPlanePhaseEncodingDirection="ROW"))


@pytest.mark.parametrize("percent", [30.0, 50.0])
def test_gross_ghosts_that_count_as_object(images, look, percent):
    rng = np.random.default_rng(44)
    image = images.truth("head", rng, (128, 128, 8))
    signal = np.hypot(image, percent / 100 * np.roll(image, 64, axis=1))
    noisy = images.magnitude(signal, 10, rng)
    assert codes(look(noisy))["ghosting"] == pytest.approx(percent, rel=0.3)
    told = codes(look(noisy, InPlanePhaseEncodingDirection="COL"))
    assert told["ghosting"] == pytest.approx(percent, rel=0.3)
    assert "motion" not in told


def test_motion_needs_to_know_the_phase_axis(images, look):
    rng = np.random.default_rng(45)
    image = images.truth("breast", rng, (144, 144, 8))
    lines = np.fft.fft(image, axis=1)
    shift = np.where(rng.random(144) < 0.5, rng.uniform(-12, 12, 144), 0)
    turns = np.exp(2j * np.pi * np.fft.fftfreq(144) * shift)
    moved = images.magnitude(abs(np.fft.ifft(lines * turns[None, :, None], axis=1)), 8, rng)
    assert codes(look(moved, InPlanePhaseEncodingDirection="COL"))["motion"] > 3
    assert "motion" not in codes(look(moved, InPlanePhaseEncodingDirection="ROW"))
    assert np.isnan(look(moved).features["motion_ratio"])
    still = images.magnitude(image, 8, rng)
    assert codes(look(still, InPlanePhaseEncodingDirection="COL")) == {}


def test_lost_slices_of_a_single_volume(images, look):
    signal = images.clean("head", 46)
    signal[:, :, 6] *= 0.3
    seen = look(signal)
    assert codes(seen)["dropout_slices"] == 10
    assert [o.where for o in seen.observations] == ["volume 1 slice 7"]


@pytest.mark.parametrize("seed", [38, 39])
def test_wrap(images, look, seed):
    rng = np.random.default_rng(seed)
    wide = images.truth("abdomen", rng, (256, 128, 8))
    field = gaussian_filter(rng.normal(size=wide.shape), (3, 3, 0))
    wide *= 1 + 3 * field
    folded = wide[78:178].copy()
    folded[:78] += wide[178:]
    folded[-78:] += wide[:78]
    assert "wrap" in codes(look(images.magnitude(folded, 10, rng)))
    assert "wrap" not in codes(look(images.magnitude(wide[78:178], 10, rng)))


@pytest.mark.parametrize(("noise", "told"), [(60, False), (250, True)])
def test_low_signal_to_noise(images, look, noise, told):
    seen = codes(look(images.clean("phantom", 40, noise=noise)))
    assert ("low_snr" in seen) == told


def test_overflow_of_sixteen_bits(images, look):
    bright = images.clean("head", 41) * 60
    assert "overflow" not in codes(look(bright))
    signed = {"stored": (-32768.0, 32767.0)}
    over = np.mod(bright + 32768, 65536) - 32768
    assert codes(look(over, **signed))["overflow"] > 0.1
    assert "overflow" not in codes(look(np.clip(bright, 0, 32767), **signed))


HOSTILE = {
    "one voxel": np.ones((1, 1, 1, 1)),
    "one row": np.arange(40.0).reshape(40, 1, 1, 1),
    "one column": np.arange(40.0).reshape(1, 40, 1, 1),
    "two by two": np.arange(8.0).reshape(2, 2, 2, 1),
    "no voxel": np.empty((0, 4, 1, 1)),
    "no slice": np.empty((8, 8, 0, 1)),
    "no volume": np.empty((8, 8, 2, 0)),
    "huge": np.full((32, 32, 2, 1), 1e38) * np.linspace(0, 1, 32)[:, None, None, None],
    "tiny": np.full((32, 32, 2, 1), 1e-42) * np.arange(32)[:, None, None, None],
    "negative": -np.arange(2048.0).reshape(32, 32, 2, 1),
    "infinities": np.where(np.arange(2048).reshape(32, 32, 2, 1) % 3, np.inf, -np.inf),
    "mixed": np.where(np.arange(2048).reshape(32, 32, 2, 1) % 3, np.nan, 5.0),
    "needle": np.arange(70000.0).reshape(70000, 1, 1, 1),
    "noise": np.random.default_rng(0).normal(size=(40, 40, 5, 3)),
    "missing slice": np.where(
        np.arange(5)[None, None, :, None] == 2, np.nan, np.ones((40, 40, 5, 3))
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("check", ["quality", "plausibility", "burned_in"])
def test_hostile_input_does_not_raise(images, check, kind):
    import importlib

    module = importlib.import_module(f"qiqa.vetting.checks.{check}")
    stack = images.stack(HOSTILE[kind], SeriesDescription="ADC", ImageType="DERIVED\\ADC")
    for odd in ((0.0, 0.0), (np.nan, np.nan), (-np.inf, np.inf)):
        given = dataclasses.replace(
            stack, stored_range=odd, quantization=odd[1], affine=0 * stack.affine
        )
        for one in (stack, given):
            seen = module.look(one, images.settings(module.CHECK))
            known = {reason.code for reason in module.CHECK.reasons}
            assert {o.code for o in seen.observations} <= known
            assert all(np.isfinite(o.value) for o in seen.observations)


def test_the_same_answer_whatever_the_layout(images):
    fortran = images.stack(images.clean("head", 42))
    c_order = dataclasses.replace(fortran, signal=np.ascontiguousarray(fortran.signal))
    settings = images.settings(quality.CHECK)
    first, second = quality.look(fortran, settings), quality.look(c_order, settings)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(("contrast", "found"), [("t1w", 5), ("t2w", 5), ("adc", 5)])
def test_folding_is_told_in_even_tissue_and_in_maps(look, contrast, found):
    from qiqa.core.training_set import PlantedFault
    from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set

    plan = plan_training_set(TrainingSetSpec(sites=3, people_a_site=2, matrix=96, slices=5, seed=8))
    header = {"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC"} if contrast == "adc" else {}
    told, clean = 0, 0
    for one in (s for s in plan.series if s.contrast == contrast):
        fold = dataclasses.replace(one, faults=(PlantedFault(kind="wrap", dose=0.7),))
        told += "wrap" in codes(look(image_of(plan, fold), **header))
        cut = image_of(plan, one)[:, 25:-25]  # cut off on both sides, nothing folded in
        clean += "wrap" in codes(look(cut, **header))
    assert told >= found
    assert clean == 0


def test_a_noisy_map_is_told(images, look):
    rng = np.random.default_rng(44)
    i, j, _ = images.axes((96, 96, 6))
    body = (np.hypot(i / 0.7, j / 0.8) < 1) * 900.0
    header = {"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC"}
    for sd, told in ((100.0, False), (450.0, True)):
        noisy = np.abs(body + rng.normal(0, sd, body.shape) * (body > 0))
        assert ("low_snr" in codes(look(noisy, **header))) == told
