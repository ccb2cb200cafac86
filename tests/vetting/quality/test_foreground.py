"""The object is found in images of many kinds."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.vetting.quality.foreground import foreground, otsu, percentile
from qiqa.vetting.quality.scan import scan


def overlap(found, image):
    """Return the Dice coefficient with an object known voxel by voxel (i, j, k)."""
    side, shape = found.side, image.T.shape
    mask = found.inside.repeat(side, axis=1).repeat(side, axis=2)[:, : shape[1], : shape[2]]
    known = image.T
    return 2 * (mask & known).sum() / (mask.sum() + known.sum())


def shares(found, image):
    """Return how much of the tissue, and how much of the air, of an image (i, j, k) is object."""
    side, shape = found.side, image.T.shape
    mask = found.inside.repeat(side, axis=1).repeat(side, axis=2)[:, : shape[1], : shape[2]]
    return mask[image.T > 300].mean(), mask[image.T < 5].mean()


@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
@pytest.mark.parametrize(("noise", "channels"), [(10, 1), (40, 1), (25, 8)])
def test_the_object_is_found(images, kind, noise, channels):
    rng = np.random.default_rng(1)
    image = images.truth(kind, rng)
    signal = np.rint(images.magnitude(image, noise, rng, channels))
    found = foreground(scan(images.stack(signal)))
    tissue, air = shares(found, image)
    assert tissue > 0.98
    assert air < 0.05
    assert not found.zeroed
    assert found.air.any()
    assert not (found.air & found.inside).any()


@pytest.mark.parametrize("kind", ["head", "abdomen"])
def test_a_masked_background_is_known(images, kind):
    rng = np.random.default_rng(2)
    image = images.truth(kind, rng)
    signal = np.where(image > 30, images.magnitude(image, 20, rng), 0)
    found = foreground(scan(images.stack(signal)))
    assert found.zeroed
    tissue, air = shares(found, image)
    assert tissue > 0.98
    assert air < 0.05


def test_a_zero_border_does_not_hide_the_air(images):
    signal = images.clean("head", 3)
    signal[:3], signal[-3:] = 0, 0
    found = foreground(scan(images.stack(signal)))
    assert found.air.any()
    assert overlap(found, images.truth("head", np.random.default_rng(3)) > 120) > 0.9


def test_an_object_that_fills_the_image_is_all_of_it(images):
    rng = np.random.default_rng(4)
    i, _, _ = images.axes((96, 96, 6))
    found = foreground(scan(images.stack(images.magnitude(500 + 200 * i, 10, rng))))
    assert found.share == 1
    assert not found.air.any()


def test_a_map_with_a_masked_background(images):
    rng = np.random.default_rng(5)
    i, j, _ = images.axes((96, 96, 6))
    adc = np.where(np.hypot(i, j) < 0.7, rng.normal(1200, 150, i.shape), 0)
    found = foreground(scan(images.stack(adc)))
    assert overlap(found, np.hypot(i, j) < 0.7) > 0.9


def test_hounsfield_units(images):
    rng = np.random.default_rng(6)
    i, j, _ = images.axes((96, 96, 6))
    body = np.hypot(i / 0.9, j / 0.6) < 1
    found = foreground(scan(images.stack(np.where(body, 40, -1000) + rng.normal(0, 15, i.shape))))
    assert overlap(found, body) > 0.9


def test_otsu_maximizes_the_variance_between_classes():
    rng = np.random.default_rng(7)
    values = np.sort(np.concatenate([rng.normal(0, 1, 400), rng.normal(8, 2, 100)]))
    limit = otsu(values)

    def between(t):
        low, high = values[values <= t], values[values > t]
        return low.size * high.size * (low.mean() - high.mean()) ** 2

    tried = [between(t) for t in (values[:-1] + values[1:]) / 2]
    assert between(limit) == pytest.approx(max(tried))
    assert np.isnan(otsu(np.ones(5)))
    assert np.isnan(otsu(np.ones(1)))


def test_percentile_is_that_of_numpy():
    values = np.sort(np.random.default_rng(8).normal(size=101))
    for percent in (0, 1, 37.3, 50, 100):
        assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))
    assert np.isnan(percentile(values[:0], 50))
