"""Pieces become lines as text does."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.vetting.lettering.lines import lines
from qiqa.vetting.lettering.strokes import Level, Pieces, levels_to_try, pieces

WIDTHS = (7, 4, 9, 6, 8, 5, 7)


def row(top, widths=WIDTHS, height=12, gap=3, areas=None):
    left = np.cumsum([0, *(w + gap for w in widths[:-1])]).astype(float) + 5
    count = len(widths)
    return Pieces(
        top=np.full(count, float(top)),
        bottom=np.full(count, float(top + height)),
        left=left,
        right=left + widths,
        area=np.asarray(areas if areas is not None else [3.0 * w for w in widths]),
    )


def both(*some):
    return Pieces(
        **{n: np.concatenate([getattr(p, n) for p in some]) for n in Pieces.__dataclass_fields__}
    )


def test_characters_on_one_base_are_a_line():
    (line,) = lines(row(20), 5)
    assert (line.count, line.top, line.bottom, line.left) == (7, 20, 32, 5)
    assert lines(row(20), 8) == ()


def test_equal_pieces_are_no_line():
    assert lines(row(20, (7,) * 9), 5) == ()


def test_pieces_far_apart_are_no_line():
    assert lines(row(20, gap=40), 5) == ()


def test_pieces_of_many_heights_are_no_line():
    tall = row(20)
    ragged = Pieces(
        top=tall.top - np.array([0, 30, 5, 25, 11, 40, 2]),
        bottom=tall.bottom - np.array([0, 20, -9, 14, 3, 36, -15]),
        left=tall.left,
        right=tall.right,
        area=tall.area,
    )
    assert lines(ragged, 5) == ()


def test_a_second_line_of_the_same_columns_makes_a_grid():
    assert lines(both(row(20), row(38)), 5) == ()
    assert len(lines(both(row(20), row(38, (5, 9, 4, 8, 6, 7, 9))), 5)) == 2


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_stroke_is_a_piece_and_a_disk_is_none(width):
    image = np.zeros((80, 80), np.float32)
    image[20:40, 10 : 10 + width] = 100
    image[20 : 20 + width, 10:22] = 100
    i, j = np.meshgrid(np.arange(80), np.arange(80))
    image[np.hypot(i - 50, j - 50) < 11] = 100
    found = pieces(image, Level(0.0, 100.0, 0.6), 1)
    assert len(found) == 1
    assert (found.top[0], found.bottom[0]) == (20, 40)
    assert (found.left[0], found.right[0]) == (10, 22)


def test_soft_edges_are_no_text():
    from scipy.ndimage import gaussian_filter

    image = np.zeros((80, 80), np.float32)
    image[20:40, 10:12] = image[20:22, 10:22] = 100
    soft = gaussian_filter(image, 3)
    level = Level(0.0, float(soft.max()), 0.6)
    assert len(pieces(image, Level(0.0, 100.0, 0.6), 1)) == 1
    assert len(pieces(soft, level, 1)) == 0


def test_levels_of_an_image_without_contrast():
    assert list(levels_to_try(np.full((64, 64), 3, np.float32))) == []
