"""Edges that come again: ghosts at N/n whatever lies there, motion at many distances."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.kernels.corners import corners, evened
from qiqa.vetting.quality.repeats import repeats
from qiqa.vetting.quality.scan import scan


def of(images, signal):
    return repeats(scan(images.stack(signal)))


def ghosted(image, share, part, axis=1):
    """Add the energy of ghosts on both sides; half a field of view away they are one."""
    shift = image.shape[axis] // part
    square = image**2 + share**2 * np.roll(image, shift, axis=axis) ** 2
    if part > 2:
        square = square + share**2 * np.roll(image, -shift, axis=axis) ** 2
    return np.sqrt(square)


def moved(image, rng, axis):
    """Shift every second line of k-space by up to twelve voxels along the phase axis."""
    n = image.shape[axis]
    lines = np.fft.fft(image, axis=axis)
    shift = np.where(rng.random(n) < 0.5, rng.uniform(-12, 12, n), 0)
    turns = np.exp(-2j * np.pi * np.fft.fftfreq(n) * shift)
    shape = [1, 1, 1]
    shape[axis] = n
    return np.abs(np.fft.ifft(lines * turns.reshape(shape), axis=axis))


def test_corners_are_the_mixed_difference_on_a_ring():
    image = np.random.default_rng(1).normal(size=(2, 12, 15)).astype(np.float32)
    down = np.roll(image, -1, 1) - np.roll(image, 1, 1)
    expected = np.roll(down, -1, 2) - np.roll(down, 1, 2)
    assert corners(image) == pytest.approx(expected, abs=1e-6)
    scales = np.array([0.5, 2], np.float32)
    wanted = image / np.sqrt(image**2 + scales[:, None, None] ** 2)
    assert evened(image, scales) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("part", [2, 3, 4])
@pytest.mark.parametrize("share", [0.15, 0.5])
def test_the_amplitude_of_a_ghost(images, share, part, masked):
    rng = np.random.default_rng(2)
    image = images.truth("head", rng, (144, 144, 8))
    noisy = images.magnitude(ghosted(image, share, part), 8, rng)
    if masked:
        noisy[image < 30] = 0
    rows, columns = of(images, noisy)
    assert columns.ghost == pytest.approx(100 * share, rel=0.35)
    assert rows.ghost == 0


def test_a_ghost_within_an_object_that_fills_the_image(images):
    rng = np.random.default_rng(3)
    wide = images.truth("abdomen", rng, (240, 240, 8))
    image = wide[60:180, 60:180] + 100
    assert of(images, images.magnitude(image, 8, rng))[1].ghost == 0
    found = of(images, images.magnitude(ghosted(image, 0.4, 2), 8, rng))
    assert found[1].ghost == pytest.approx(40, rel=0.3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
def test_objects_alike_and_patterns_are_no_ghosts(images, kind, seed):
    # the two breasts are exactly half the field of view apart
    rows, columns = of(images, images.clean(kind, 50 + seed, shape=(144, 144, 8)))
    assert rows.ghost == columns.ghost == 0


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("masked", [False, True])
def test_motion_scatters_edges_along_the_phase_axis(images, axis, masked):
    rng = np.random.default_rng(4)
    image = images.truth("breast", rng, (144, 144, 8))
    still = of(images, images.magnitude(image, 8, rng))
    spoiled = images.magnitude(moved(image, rng, axis), 8, rng)
    if masked:
        spoiled[image < 30] = 0
    found = of(images, spoiled)
    assert found[axis].scatter > 2 * found[1 - axis].scatter
    assert 0.5 < still[axis].scatter / still[1 - axis].scatter < 2


@pytest.mark.parametrize("shape", [(40, 144, 4), (64, 64, 4)])
def test_small_images_say_no_more_than_they_can(images, shape):
    rows, columns = of(images, images.clean("head", 60, shape=shape))
    assert np.isnan([rows.scatter, columns.scatter]).all()
    assert np.isnan(rows.ghost) == (min(shape[:2]) < 48)


def test_slices_that_are_not_finite_are_left_out(images):
    signal = images.clean("head", 61, shape=(96, 96, 4))
    signal[3, 4, :] = np.nan
    assert np.isnan(of(images, signal)[0].ghost)
