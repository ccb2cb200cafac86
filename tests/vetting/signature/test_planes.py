"""Object, background and blobs of one plane, whose places are known."""

import numpy as np
import pytest

from qiqa.vetting.signature.planes import COARSE, block_side, prepare, ranks
from qiqa.vetting.signature.spots import spots

ROWS, COLUMNS = np.mgrid[:100, :120] + 0.5


def _blob(row, column, radius):
    return np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / (2 * radius**2))


def _plane(noise=0.0):
    """Return an ellipse, rows 20 to 90, columns 30 to 100, with texture and two blobs."""
    inside = ((ROWS - 55) / 35) ** 2 + ((COLUMNS - 65) / 35) ** 2 < 1
    texture = 600 + 2 * ROWS + COLUMNS + 300 * _blob(50, 60, 6) - 300 * _blob(62, 78, 7)
    rng = np.random.default_rng(1)
    air = np.hypot(*rng.normal(0, noise, (2, 100, 120)))
    return np.where(inside, texture, air)


@pytest.mark.parametrize("noise", [0, 10, 40])
@pytest.mark.parametrize("change", [lambda p: p, lambda p: 1200 - p, lambda p: p**2, np.sqrt])
def test_the_box_is_around_the_object_whatever_the_gray_values(noise, change):
    plane = prepare(change(_plane(noise)))
    found = np.array(plane.box) + np.repeat(plane.corner, 2)
    assert found == pytest.approx([20, 90, 30, 100], abs=3)


def test_padding_is_cut_off_and_an_image_of_tissue_is_all_object():
    tissue = np.random.default_rng(2).normal(500, 100, (10, 8)).repeat(4, axis=0).repeat(4, axis=1)
    padded = np.pad(tissue, ((7, 3), (0, 9)))
    for image in (tissue, padded):
        plane = prepare(image)
        assert plane.image.shape == tissue.shape
        assert plane.inside.all()
        assert plane.box == (0, 40, 0, 32)


@pytest.mark.parametrize("image", [np.zeros((9, 9)), np.eye(3), np.ones((50, 2)), np.eye(1)])
def test_a_plane_without_content_is_none(image):
    assert prepare(image) is None


def test_ranks_of_a_negative_are_negative_and_the_background_is_zero():
    image = np.rint(_plane(10))
    one, other = prepare(image), prepare(image.max() - image)
    first, second = ranks(one, one.box), ranks(other, one.box)
    assert first == pytest.approx(-second, abs=1e-12)
    assert (first[~one.inside] == 0).all()
    assert np.abs(first).max() < 1


def test_averaging_keeps_small_images_and_bounds_large_ones():
    assert block_side(255, 40) == 1
    for size in (256, 511, 1000, 4096):
        side = block_side(size, 300)
        assert size // side < 2 * COARSE
        assert 300 // side >= 1
    assert block_side(5000, 3) == 3


def _spots(image):
    """Return the windows in the pixels of the image, padding included."""
    plane = prepare(image)
    return [np.array(box) + np.repeat(plane.corner, 2) for box in spots(plane, 3)]


def test_blobs_are_found_where_they_are_and_stay_when_the_image_is_cropped():
    boxes = _spots(_plane(20))
    centers = [(box[:2].mean(), box[2:].mean()) for box in boxes]
    for blob in ((50, 60), (62, 78)):
        assert min(np.hypot(r - blob[0], c - blob[1]) for r, c in centers) < 3
    cut = [np.add(box, (30, 30, 0, 0)) for box in _spots(_plane(20)[30:])]
    nearest = [min(np.abs(one - box).max() for one in cut) for box in boxes]
    assert sorted(nearest)[1] < 2
