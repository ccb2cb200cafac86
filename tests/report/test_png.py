"""The writer against an independent reader (Pillow)."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from qiqa.report.png import data_uri, encode_grey, shrink, to_grey


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_pillow_reads_back_every_pixel(grey):
    read = np.asarray(Image.open(io.BytesIO(encode_grey(grey))))
    np.testing.assert_array_equal(read, grey)


def test_window_runs_from_black_to_white():
    image = np.array([[0.0, 100.0, 150.0, 200.0, 900.0, np.nan]], dtype=np.float32)
    assert to_grey(image, (100.0, 200.0)).tolist() == [[0, 0, 128, 255, 255, 0]]


def test_window_without_extent_is_black_not_an_error():
    assert to_grey(np.full((2, 2), 7.0, np.float32)).max() == 0
    assert to_grey(np.full((2, 2), np.nan, np.float32)).max() == 0


def test_own_window_keeps_one_hot_pixel_from_darkening_the_rest():
    image = np.tile(np.linspace(0, 100, 256, dtype=np.float32), (256, 1))
    image[0, 0] = 1e6
    grey = to_grey(image)
    assert grey[100, 250] > 240
    assert grey[100, 3] < 10


def test_large_images_are_averaged_in_blocks():
    image = np.arange(1100 * 1040, dtype=np.float32).reshape(1100, 1040)
    address, columns, rows = data_uri(image)
    png = base64.b64decode(address.partition(",")[2])
    assert Image.open(io.BytesIO(png)).size == (346, 366)
    assert (columns, rows) == (1038, 1098)
    small = shrink(image, 3)
    assert small[0, 0] == pytest.approx(image[:3, :3].mean())


def test_a_smooth_image_is_small():
    y, x = np.mgrid[0:256, 0:256]
    address, *_ = data_uri((x + y).astype(np.float32))
    assert len(address) < 6000
