"""Masks and segmentations are told from images, by what they hold and what they are called."""

from __future__ import annotations

import csv

import nibabel
import numpy as np
import pytest

from qiqa.cli.app import run
from qiqa.core.vetting import SeriesFacts, Stack
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.vetting.checking import examine_pixels
from qiqa.vetting.checks import labels
from qiqa.workflows.vet_checks import known_checks


def ellipsoid(shape, center, half):
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return sum(((g - c) / h) ** 2 for g, c, h in zip(grid, center, half, strict=True)) < 1


SHAPE = (48, 40, 12)


def segmentation():
    made = np.zeros(SHAPE)
    made[ellipsoid(SHAPE, (0, 0, 0), (0.4, 0.5, 0.6))] = 1
    made[ellipsoid(SHAPE, (0.1, 0, 0), (0.2, 0.2, 0.3))] = 2
    return made


def parcels():
    """Return a band two voxels thick, cut into 200 pieces three voxels long."""
    made = np.zeros((600, 20, 4))
    made[:, 8:10] = (np.arange(600) // 3 + 1)[:, None, None]
    return made


def image(noise=20.0):
    rng = np.random.default_rng(3)
    signal = 400 * ellipsoid(SHAPE, (0, 0, 0), (0.8, 0.8, 0.9)) + 300 * segmentation()
    return np.round(np.abs(signal + rng.normal(0, noise, SHAPE)))


def stack(values, path="a/scan.nii.gz", modality=""):
    attributes = {"Modality": (modality,)} if modality else {}
    return Stack(
        facts=SeriesFacts(path=path, series_uid=f"nifti:{path}", attributes=attributes),
        signal=np.asarray(values, dtype=np.float32)[..., None],
        affine=np.eye(4),
        stored_range=(0.0, 65535.0),
        quantization=1.0,
    )


def codes(*arguments, **named):
    seen = labels.look(stack(*arguments, **named), {})
    return {one.code: one for one in seen.observations}, seen.modality


@pytest.mark.parametrize(
    "path",
    ["labelsTr/case_001.nii.gz", "d/seg/sub-1_dseg.nii", "a/Masks/1.nii", "x/liver_mask.nii.gz",
     "sub-1/anat/sub-1_T1w_label.nii.gz", "mri/aparc+aseg.nii", "s/tumor-segmentation2.nii"],
)  # fmt: skip
@pytest.mark.parametrize(("make", "count"), [(segmentation, 2), (parcels, 200)])
def test_a_map_that_is_called_so(path, make, count):
    found, modality = codes(make(), path)
    assert set(found) == {"label_map"}
    assert found["label_map"].value == count
    assert modality == "SEG"


@pytest.mark.parametrize(
    "path", ["imagesTr/1.nii.gz", "unlabeled/1.nii", "massk.nii", "roid/a.nii"]
)
def test_a_mask_among_the_images(path):
    found, modality = codes(segmentation(), path)
    assert set(found) == {"looks_like_labels"}
    assert modality == ""  # judged as the image that it should be
    assert codes(parcels(), path) == ({}, "")  # nothing says so, and a third of neighbors differ


def test_the_header_may_say_so():
    assert set(codes(parcels(), "a.nii", modality="SEG")[0]) == {"label_map"}


def test_a_case_without_a_finding():
    assert set(codes(np.zeros(SHAPE), "labelsTr/1.nii.gz")[0]) == {"label_map"}
    assert codes(np.zeros(SHAPE), "imagesTr/1.nii.gz")[0] == {}  # an empty image, for others to say


@pytest.mark.parametrize("path", ["imagesTr/1.nii.gz", "labelsTr/1.nii.gz"])
@pytest.mark.parametrize(
    "values",
    [image(), image(4.0), np.ones(SHAPE), segmentation() - 1, segmentation() / 2,
     np.where(segmentation() > 1, np.nan, segmentation())],
)  # fmt: skip
def test_other_values_are_no_labels(values, path):
    assert codes(values, path)[0] == {}


def test_nothing_else_is_asked_of_labels():
    policy = parse_policy(default_policy_text().encode(), known_checks(), "default")
    seen = examine_pixels(stack(segmentation(), "labelsTr/1.nii.gz"), policy)
    assert [one.code for one in seen.observations] == ["label_map"]
    assert (seen.features, seen.signature) == ({}, b"")
    misplaced = examine_pixels(stack(segmentation(), "imagesTr/1.nii.gz"), policy)
    assert "looks_like_labels" in {one.code for one in misplaced.observations}
    assert misplaced.signature
    of_an_image = examine_pixels(stack(image(), "imagesTr/1.nii.gz"), policy)
    assert of_an_image.features
    assert of_an_image.signature


def test_a_set_as_people_have_it(tmp_path, capsys):
    for case in range(3):
        for folder, values in (("imagesTr", image(20.0 + case)), ("labelsTr", segmentation())):
            path = tmp_path / "set" / folder / f"liver_{case}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), np.diag([2, 2, 4, 1])), path)
    words = ["vet", str(tmp_path / "set"), "-o", str(tmp_path / "out"), "--processes", "1"]
    assert run(words) == 3
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["modality"], r["decision"]) for r in rows if "labels" in r["path"]] == [
        ("SEG", "keep")
    ] * 3
    # the same head three times: copies, but never of a mask
    assert not any("labels" in r["evidence"] for r in rows)
    assert [r["reasons"] for r in rows if "images" in r["path"]] == ["", *["duplicate_near"] * 2]
    page = (tmp_path / "out" / "card.html").read_text(encoding="utf-8")
    assert "1 of 3 series can be used; 3 of 3 maps of labels" in page
    assert "3  hold labels, no images; 3 of them kept" in capsys.readouterr().out
