"""A signature stays with the image through changes of it, and apart from other images."""

import numpy as np
import pytest

from qiqa.vetting.signature.layout import SIGNATURE_BYTES, unpack
from qiqa.vetting.signature.search import exact_groups
from qiqa.vetting.signature.signing import sign

LIMIT = 84.5
"""Of the default rules, %."""


ALWAYS = (
    "half the pixels", "0.7 of the pixels", "twice the pixels", "slices twice as thick",
    "slices a third as thick", "mirrored", "mirrored in two axes", "quarter turn in the plane",
    "quarter turn over an axis", "axial stored as sagittal", "cropped 5 % of each side",
    "cropped 10 % of each side", "cropped 10 % in three axes", "cropped 20 % of one side",
    "padded with zeros", "padded with gray", "padded with slices", "squared", "square root",
    "logarithm", "8-bit window", "negative", "negative, padded with zeros", "noise 3 %",
    "noise 8 %", "JPEG, quality 75", "JPEG, quality 40", "shading 0.8 to 1.2",
    "middle two thirds of the slices",
)  # fmt: skip


@pytest.mark.parametrize("name", ALWAYS)
def test_a_changed_copy_is_near_and_not_exact(scan, signed, similarity, changes, name):
    stack = scan(1)
    before, after = signed(stack), signed(changes[name](stack))
    assert similarity(before, after) > LIMIT
    assert exact_groups(unpack(np.stack([before, after]))).tolist() == [0, 1]


@pytest.mark.parametrize("share", [20, 25])
def test_blobs_find_images_cropped_to_tissue(scan, signed, similarity, changes, share):
    """Here the box around the object is no help: half of these crops are found at least."""
    change = changes[f"cropped {share} % of each side"]
    found = [
        similarity(signed(scan(person)), signed(change(scan(person)))) > LIMIT
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
