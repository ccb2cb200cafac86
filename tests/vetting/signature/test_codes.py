"""What mirror images, transposed ones and negatives do to a code."""

import numpy as np
import pytest

from qiqa.vetting.signature.codes import BITS, MIRRORS, PAIRS, code, transposed
from qiqa.vetting.signature.planes import prepare

ALL = 2**64 - 1


@pytest.fixture
def image():
    rng = np.random.default_rng(6)
    y, x = np.mgrid[-1:1:60j, -1:1:50j]
    inside = (y / 0.8) ** 2 + (x / 0.7) ** 2 < 1
    blurred = np.cumsum(np.cumsum(rng.normal(size=(60, 50)), axis=0), axis=1)
    return np.where(inside, 100 + 10 * blurred, 0.0)


def _code(image):
    plane = prepare(image)
    return code(plane, plane.box)


def test_bits_are_as_many_as_stated(image):
    _, sizes = _code(image)
    assert len(PAIRS) == 64
    assert sizes < 2**62
    assert BITS == 64 + 62


@pytest.mark.parametrize(
    ("turned", "mirror"), [(lambda i: i[:, ::-1], 1), (lambda i: i[::-1], 2), (np.rot90, None)]
)
def test_mirrors_change_odd_orders_and_no_size(image, turned, mirror):
    signs, sizes = _code(image)
    found, same = _code(turned(image))
    assert same == sizes
    if mirror is not None:
        assert found == signs ^ int(MIRRORS[mirror])
    else:
        ways = [int(transposed(np.array([signs], dtype=np.uint64))[0]) ^ int(m) for m in MIRRORS]
        assert found in ways


def test_a_transposed_image_has_the_orders_exchanged(image):
    signs, sizes = _code(image)
    found, same = _code(image.T)
    assert same == sizes
    assert found == int(transposed(np.array([signs], dtype=np.uint64))[0])


def test_a_negative_changes_all_signs(image):
    signs, sizes = _code(image)
    assert _code(image.max() - image) == (signs ^ ALL, sizes)


def test_transposing_twice_is_nothing():
    words = np.random.default_rng(1).integers(0, 2**63, 10, dtype=np.uint64)
    assert np.array_equal(transposed(transposed(words)), words)
