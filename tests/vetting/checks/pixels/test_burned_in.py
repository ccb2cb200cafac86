"""Text that was drawn is found; anatomy, phantoms and grids are no text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qiqa.vetting.checks import burned_in

TEXTS = (
    "JANE DOE 1961-03-04",
    "Smith^John ID 4432187",
    "Acc 00123 Hospital A",
    "MR 1.5T TE 80 TR 4000",
    "PATIENT: MILLER K",
)
FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf")


@pytest.fixture
def look(images):
    def of(signal, **more):
        return burned_in.look(images.stack(signal, **more), images.settings(burned_in.CHECK))

    return of


def codes(examined):
    return {one.code for one in examined.observations}


def test_every_code_is_in_the_document():
    page = Path(__file__).resolve().parents[4] / "docs" / "vetting" / "burned_in.md"
    text = page.read_text(encoding="utf-8")
    for reason in burned_in.CHECK.reasons:
        assert f"`{reason.code}`" in text
    assert "`characters`" in text


@pytest.mark.parametrize("cap", [10, 14, 20])
def test_drawn_text_is_found(images, look, cap):
    rng = np.random.default_rng(cap)
    found, tried = 0, 0
    for kind in ("head", "breast", "abdomen", "phantom", "grid"):
        clean = images.clean(kind, cap, shape=(288, 288, 1))
        for where in ("top", "bottom", "over"):
            row = {"top": 4, "bottom": 288 - 2 * cap - 4, "over": 140}[where]
            for soft in (True, False):
                text, font = rng.choice(TEXTS), str(rng.choice(FONTS))
                drawn = images.with_text(
                    clean[:, :, 0], str(text), cap=cap, at=(5, row), soft=soft, font=font
                )
                seen = look(np.rint(drawn)[:, :, None])
                found += "burned_in_text" in codes(seen)
                tried += 1
    assert tried == 30
    assert found >= 29  # the study in benchmarks/validation counts more of them


@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
@pytest.mark.parametrize("noise", [5, 25, 100])
def test_images_without_text(images, look, kind, noise):
    seen = look(images.clean(kind, 3, noise=noise, shape=(224, 224, 3)))
    assert codes(seen) == set()
    assert seen.features["characters"] == 0


def test_text_dimmer_than_the_brightest_tissue(images, look):
    clean = images.clean("head", 4, shape=(256, 256, 1))[:, :, 0]
    drawn = images.with_text(clean, TEXTS[0], cap=12, at=(4, 4), value=700, soft=False)
    assert "burned_in_text" in codes(look(drawn[:, :, None]))


def test_where_the_text_is(images, look):
    clean = images.clean("head", 5, shape=(256, 256, 5))
    clean[:, :, 4] = images.with_text(clean[:, :, 4], TEXTS[1], cap=14, at=(10, 200))
    (one,) = look(clean).observations
    assert one.where == "volume 1 slice 5"
    row = int(one.evidence.split("at row ")[1].split(",")[0])
    assert 200 <= row <= 210
    assert one.value >= 10


def test_a_file_without_display_directions_is_searched_both_ways(images, look):
    clean = images.clean("head", 6, shape=(256, 256, 1))[:, :, 0]
    drawn = images.with_text(clean, TEXTS[0], cap=12).T[:, :, None]
    assert codes(look(drawn)) == set()
    assert "burned_in_text" in codes(look(drawn, uid="nifti:a.nii"))


def test_rows_of_equal_marks_are_no_text(images, look):
    clean = images.clean("phantom", 7, shape=(256, 256, 1))
    for c in range(12):
        clean[20 + 12 * c : 24 + 12 * c, 10:24] = 2000
    assert codes(look(clean)) == set()


@pytest.mark.parametrize("stated", [("YES", True), ("yes ", True), ("NO", False), (None, False)])
def test_what_the_header_says(images, look, stated):
    value, told = stated
    seen = look(images.clean("head", 8), BurnedInAnnotation=value)
    assert ("burned_in_stated" in codes(seen)) == told


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, True),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, True),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1"}, False),
        ({"ImageType": "DERIVED\\SECONDARY\\SCREEN SAVE"}, True),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, False),
    ],
)
def test_secondary_captures(images, look, header, told):
    assert ("secondary_capture" in codes(look(images.clean("head", 9), **header))) == told


@pytest.mark.parametrize("font", FONTS)
def test_lines_below_one_another_are_no_grid(images, look, font):
    drawn = images.clean("head", 10, shape=(288, 288, 1))[:, :, 0]
    for row, text in enumerate(TEXTS):
        at = (4, 4 + 18 * row)
        drawn = images.with_text(drawn, text, cap=11, at=at, font=font, value=2000)
    seen = look(drawn[:, :, None])
    assert "burned_in_text" in codes(seen)
    assert seen.features["characters"] > 40


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("percent", [0.3, 3])
def test_a_grid_that_is_cut_off_at_the_top_is_no_text(images, look, seed, percent):
    signal = images.clean("grid", seed, noise=15, shape=(192, 192, 3))
    clipped = np.minimum(signal, np.percentile(signal[signal > 300], 100 - percent))
    assert codes(look(clipped)) == set()


@pytest.mark.parametrize("lines", [2, 3, 4])
def test_lines_of_letters_of_one_width_are_no_grid(look, lines):
    from qiqa.simulate.set_faults import spoil

    rng = np.random.default_rng(21)
    clean = rng.normal(200.0, 5.0, (192, 192, 3))
    dose = (lines - 1) / 3
    drawn = [look(spoil(clean, (("burned_in", dose),), np.random.default_rng(n))) for n in range(8)]
    assert sum("burned_in_text" in codes(one) for one in drawn) >= 5
    assert codes(look(clean)) == set()
