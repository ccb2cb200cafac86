"""Grids of image and map against distances worked out by hand, and what belongs together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.declared import place_of
from qiqa.core.vet_table import GRID
from qiqa.core.vetting import SetAnswer
from qiqa.vetting.checks import pairing

SHAPE = (101, 81, 21)
AFFINE = np.array([[2.0, 0, 0, -100], [0, 2.0, 0, -80], [0, 0, 5.0, -50]])


def grid(shape=SHAPE, affine=AFFINE, volumes=1):
    return [*map(float, shape), float(volumes), *np.asarray(affine, float).ravel()]


@pytest.fixture
def table(series):
    """Return `table({path: grid or None})`."""

    def make(grids):
        rows = [[np.nan] * 16 if one is None else one for one in grids.values()]
        made = series(len(grids), numbers=dict(zip(GRID, np.array(rows).T, strict=True)))
        return dataclasses.replace(made, path=list(grids), series_uid=list(grids))

    return make


@pytest.fixture
def difference(table):
    """Return `difference(image, labels)`: value and words, or None."""

    def make(image, labels):
        seen = pairing.look(
            table({"imagesTr/a.nii.gz": image, "labelsTr/a.nii.gz": labels}), {}
        ).observations
        assert len(seen) in (0, 2)
        if not seen:
            return None
        assert {one.code for _, one in seen} == {"labels_on_other_grid"}
        assert {(row, one.where) for row, one in seen} == {
            (0, "labelsTr/a.nii.gz"), (1, "imagesTr/a.nii.gz"),
        }  # fmt: skip
        (value,) = {one.value for _, one in seen}
        return value, seen[0][1].evidence

    return make


def changed(*cells):
    affine = AFFINE.copy()
    for row, column, by in cells:
        affine[row, column] += by
    return affine


def test_the_same_grid(difference):
    assert difference(grid(), grid()) is None
    # volumes of the image are no part of it, nor is rounding in single precision
    assert difference(grid(volumes=4), grid()) is None
    assert difference(grid(), grid(affine=AFFINE.astype(np.float32) * (1 + 1e-7))) is None


@pytest.mark.parametrize(
    ("affine", "voxels", "mm"),
    [
        (changed((0, 3, 1.0)), 0.5, "1 mm"),  # shifted by 1 mm along voxels of 2 mm
        (changed((2, 3, 1.0)), 0.2, "1 mm"),  # the same along slices of 5 mm
        (changed((0, 0, 0.02)), 1.0, "2 mm"),  # 100 steps, each 0.02 mm longer
        (changed((0, 3, 3.0), (1, 3, 4.0)), 2.5, "5 mm"),
        # turned by 0.01 rad about z: the far end of i moves 2 mm along j
        (changed((1, 0, 0.02)), 1.0, "2 mm"),
    ],
)
def test_distances_worked_out_by_hand(difference, affine, voxels, mm):
    value, words = difference(grid(), grid(affine=affine))
    assert value == pytest.approx(voxels, rel=1e-9)
    assert words == f"voxels of the same number lie up to {mm} apart"


def test_other_numbers_of_voxels(difference):
    value, words = difference(grid(), grid(shape=(101, 81, 20)))
    assert value == pytest.approx(1.0)
    assert words == "the image has 101 x 81 x 21 voxels, its labels 101 x 81 x 20"
    # corners at the same places, half the voxels: 51 of 4 mm reach as far as 101 of 2 mm
    value, words = difference(grid(), grid(shape=(51, 81, 21), affine=changed((0, 0, 2.0))))
    assert value == pytest.approx(50.0)


def test_axes_turned_over(difference):
    over = changed((0, 0, -4.0), (0, 3, 200.0))  # i from +100 mm down to -100 mm
    value, words = difference(grid(), grid(affine=over))
    assert value == pytest.approx(100.0)
    assert words.endswith("lie up to 200 mm apart; the same places with axes turned over or "
                          "exchanged")  # fmt: skip


def test_a_grid_that_is_not_known_is_not_compared(difference):
    assert difference(grid(), None) is None


def found(table, *paths):
    answer = pairing.look(table(dict.fromkeys(paths)), {})
    pairs = [one.value for one in answer.statements if one.code == "pairs"]
    return {paths[row]: one.code for row, one in answer.observations}, pairs


def test_plain_folders_only_where_a_name_fits(table):
    lost = ("set/images/b.nii", "set/masks/c.nii")
    assert found(table, "set/images/a.nii", "set/masks/a.nii.gz", *lost) == (
        {lost[0]: "image_without_labels", lost[1]: "labels_without_image"}, [1.0],
    )  # fmt: skip
    other = ("images/a_t1.nii", "labels/a_seg.nii")
    assert found(table, *other) == ({}, [])
    assert pairing.look(table(dict.fromkeys(other)), {}) == SetAnswer()
    # images of a test beside those of training
    some = ("images/train/a.nii", "labels/train/a.nii", "images/test/b.nii")
    assert found(table, *some) == ({}, [1.0])


def test_sets_below_one_folder_are_kept_apart(table):
    paths = ("A/imagesTr/1.nii", "B/labelsTr/1.nii", "B/imagesTs/2.nii", "B/labelsTs/3.nii")
    assert found(table, *paths) == (
        {paths[0]: "image_without_labels", paths[1]: "labels_without_image",
         paths[3]: "labels_without_image"}, [0.0],
    )  # fmt: skip


def test_the_name_itself_comes_before_the_number_of_a_channel(table):
    paths = ("imagesTr/a_0001.nii", "imagesTr/a_0002.nii", "labelsTr/a_0001.nii", "labelsTr/a.nii")
    assert found(table, *paths) == ({}, [2.0])


def test_the_same_map_packed_and_not(table):
    same = ("imagesTr/a.nii", "labelsTr/a.nii", "labelsTr/a.nii.gz")
    assert found(table, *same) == ({}, [1.0])


@pytest.mark.parametrize("path", ["a.nii", "imagesTr", "myimagesTr/a.nii", "labels.nii", ""])
def test_no_such_folder(path):
    assert place_of(path) is None
