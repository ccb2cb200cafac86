"""A signature stays with the image through changes of it, and apart from other images."""

import io

import numpy as np
import pytest
from scipy import ndimage

from qiqa.vetting.signature.layout import SIGNATURE_BYTES, unpack
from qiqa.vetting.signature.search import exact_groups
from qiqa.vetting.signature.signing import sign

LIMIT = 82.5
"""Of the default rules, %."""


def _jpeg(stack, quality):
    image = pytest.importorskip("PIL.Image")
    found = np.empty(stack.shape)
    for k in range(stack.shape[2]):
        with io.BytesIO() as file:
            plain = (stack[:, :, k] / stack.max() * 255).astype(np.uint8)
            image.fromarray(plain).save(file, "JPEG", quality=quality)
            found[:, :, k] = np.asarray(image.open(file))
    return found


def _cropped(stack, share, axes=(0, 1)):
    cut = [slice(None)] * 3
    for axis in axes:
        off = round(stack.shape[axis] * share)
        cut[axis] = slice(off, stack.shape[axis] - off)
    return stack[tuple(cut)]


def _shaded(stack, height):
    x = np.linspace(-1, 1, stack.shape[0])[:, None, None]
    y = np.linspace(-1, 1, stack.shape[1])[None, :, None]
    return stack * np.exp(height * (x - 0.7 * y))


def _noisy(stack, sigma):
    rng = np.random.default_rng(9)
    return np.hypot(stack + rng.normal(0, sigma, stack.shape), rng.normal(0, sigma, stack.shape))


CHANGES = {
    "half the pixels": lambda s: ndimage.zoom(s, (0.5, 0.5, 1), order=1),
    "0.7 of the pixels": lambda s: ndimage.zoom(s, (0.7, 0.7, 1), order=1),
    "twice the pixels": lambda s: ndimage.zoom(s, (2, 2, 1), order=1),
    "twice as thick": lambda s: s.reshape(*s.shape[:2], -1, 2).mean(axis=3),
    "a third as thick": lambda s: ndimage.zoom(s, (1, 1, 3), order=1),
    "mirrored": lambda s: s[::-1],
    "mirrored twice": lambda s: s[:, ::-1, ::-1],
    "a quarter turn": lambda s: np.rot90(s, 1),
    "sagittal": lambda s: np.moveaxis(s, 0, 2),
    "turned over an axis": lambda s: np.rot90(s, 1, (1, 2)),
    "cropped by 5 %": lambda s: _cropped(s, 0.05),
    "cropped by 10 %": lambda s: _cropped(s, 0.10),
    "cropped by 10 % in 3-D": lambda s: _cropped(s, 0.10, (0, 1, 2)),
    "one side cropped": lambda s: s[20:],
    "padded": lambda s: np.pad(s, ((20, 40), (10, 30), (0, 0))),
    "padded with gray": lambda s: np.pad(s, ((9, 4), (1, 30), (0, 0)), constant_values=300),
    "padded with slices": lambda s: np.pad(s, ((0, 0), (0, 0), (3, 2))),
    "squared": lambda s: s.astype(float) ** 2,
    "square root": np.sqrt,
    "logarithm": lambda s: np.log1p(s / 50),
    "8-bit window": lambda s: np.clip((s - 40) / 800 * 255, 0, 255).astype(np.uint8),
    "negative": lambda s: s.max() - s,
    "negative, padded": lambda s: np.pad(s.max() - s, ((9, 20), (5, 5), (0, 0))),
    "noise 3 %": lambda s: _noisy(s, 30),
    "noise 8 %": lambda s: _noisy(s, 80),
    "JPEG 75": lambda s: _jpeg(s, 75),
    "JPEG 40": lambda s: _jpeg(s, 40),
    "shading 20 %": lambda s: _shaded(s, 0.1),
    "the middle two thirds": lambda s: s[:, :, 4:20],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_copy_is_near_and_not_exact(scan, signed, similarity, change):
    stack = scan(1)
    before, after = signed(stack), signed(change(stack))
    assert similarity(before, after) > LIMIT
    assert exact_groups(unpack(np.stack([before, after]))).tolist() == [0, 1]


@pytest.mark.parametrize("share", [0.2, 0.25])
def test_blobs_find_images_cropped_to_tissue(scan, signed, similarity, share):
    """Here the box around the object is no help: half of these crops are found at least."""
    found = [
        similarity(signed(scan(person)), signed(_cropped(scan(person), share))) > LIMIT
        for person in range(4)
    ]
    assert sum(found) >= 2


def test_other_people_are_apart(scan, signed, similarity):
    signatures = [signed(scan(person)) for person in range(6)]
    pairs = [(i, j) for i in range(6) for j in range(i)]
    assert max(similarity(signatures[i], signatures[j]) for i, j in pairs) == 0


@pytest.mark.parametrize("person", [2, 3])
def test_another_contrast_is_apart(scan, signed, similarity, anatomy, person):
    first = signed(scan(person))
    assert similarity(first, signed(scan(person, 0, anatomy.T2))) < LIMIT
    assert similarity(first, signed(scan(person, 1, anatomy.T2))) < LIMIT


def test_another_visit_is_never_exact(scan, signed):
    both = np.stack([signed(scan(1)), signed(scan(1, 1))])
    assert exact_groups(unpack(both)).tolist() == [0, 1]


def test_a_slice_that_is_a_plane_of_the_signature_is_found(scan, signed, similarity):
    """Nine slices are nine planes: each of them alone is found."""
    few = scan(4)[:, :, 6:15]
    for k in (1, 4, 7):
        assert similarity(signed(few), signed(few[:, :, k : k + 1])) > LIMIT


class TestHostile:
    def test_stacks_that_show_nothing_have_no_signature(self, signed):
        for stack in (
            np.zeros((20, 20, 5)),
            np.full((20, 20, 5), np.nan),
            np.full((20, 20, 5), np.inf),
            np.ones((3, 3, 1)),
            np.zeros((0, 20, 5)),
        ):
            assert signed(stack).size == 0
        assert sign(np.zeros((20, 20, 5), dtype=np.float32), 1.0) == b""

    @pytest.mark.parametrize("shape", [(4, 4, 1), (5, 300, 2), (40, 40, 1), (1, 30, 30), (8, 8, 8)])
    def test_odd_shapes_are_signed_or_left(self, signed, shape):
        noise = np.random.default_rng(1).normal(size=shape)
        assert signed(noise).size in (0, SIGNATURE_BYTES)

    def test_missing_slices_and_single_values_do_not_matter_much(self, scan, signed, similarity):
        stack = np.array(scan(1))
        holed = stack.copy()
        holed[:, :, 2] = np.nan
        holed[5, 5, 9] = np.inf
        assert similarity(signed(stack), signed(holed)) > LIMIT

    def test_huge_and_tiny_values(self, scan, signed, similarity):
        stack = scan(1)
        for factor in (1e-30, 1e30):
            assert similarity(signed(stack), signed(stack * np.float32(factor))) > 99


def test_the_same_bits_every_time(scan, signed):
    first = signed(scan(5))
    assert np.array_equal(first, signed(np.asfortranarray(scan(5))))
    assert first.size == SIGNATURE_BYTES <= 256
