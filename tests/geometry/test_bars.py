"""Ends of synthetic wedge bars whose place is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from qiqa.geometry.bars import bar_end
from qiqa.geometry.plane import SlicePlane

BAR = (-6.0, 0.0)
ARGUMENTS = {
    "bar_x_mm": (-4.8, -1.2),
    "beside_mm": ((-13.0, -9.0), (9.0, 13.0)),
    "floor_y_mm": (-88.0, -82.0),
    "search_y_mm": (-79.0, -40.0),
}


def slice_with_bar(end, blur=1.5, shading=0.0, noise=0.0, seed=0, pixel=1.0, angle=0.0):
    """Return a plane with a bar down to y = `end`, blurred along y by a wedge in a slice."""
    n = int(200 / pixel)
    a = np.deg2rad(angle)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) / pixel
    plane = SlicePlane.upright(
        np.zeros((n, n), np.float32), turn, np.full(2, (n - 1) / 2), (pixel, pixel)
    )
    x, y = plane.grid_mm
    in_bar = 0.5 * (erf((x - BAR[0]) / 0.7) - erf((x - BAR[1]) / 0.7))
    dark = in_bar * 0.5 * (1 - erf((y - end) / (blur * np.sqrt(2))))
    image = 1000 * (1 - dark) * (1 + shading * (y + 60) / 60 + shading * x / 60)
    if noise:
        rng = np.random.default_rng(seed)
        image = np.hypot(image + rng.normal(0, noise, x.shape), rng.normal(0, noise, x.shape))
    return SlicePlane(image.astype(np.float32), plane.matrix, plane.origin, plane.pixel_mm)


@pytest.mark.parametrize("end", [-62.8, -58.33, -70.1])
@pytest.mark.parametrize("blur", [1.0, 2.0])
def test_the_end_is_where_half_of_the_bar_is_left(end, blur):
    found = bar_end(slice_with_bar(end, blur), **ARGUMENTS)
    assert found.y_mm == pytest.approx(end, abs=0.05)
    # 10 to 90 % of a Gaussian edge, widened a little by the pixel
    assert found.width_mm == pytest.approx(2.563 * blur, rel=0.15)


def test_shading_and_turn_do_not_move_it():
    shaded = bar_end(slice_with_bar(-63.4, shading=0.25), **ARGUMENTS)
    turned = bar_end(slice_with_bar(-63.4, angle=7.0), **ARGUMENTS)
    fine = bar_end(slice_with_bar(-63.4, pixel=0.5), **ARGUMENTS)
    for found in (shaded, turned, fine):
        assert found.y_mm == pytest.approx(-63.4, abs=0.12)


def test_the_stated_error_is_that_of_repeats():
    found = [
        bar_end(slice_with_bar(-62.0, noise=50.0, seed=seed), **ARGUMENTS) for seed in range(40)
    ]
    errors = np.array([f.y_mm for f in found]) + 62.0
    stated = np.sqrt(np.mean([f.standard_error_mm**2 for f in found]))
    # SD of 40 repeats is known to 11 %
    assert 0.6 * stated < errors.std() < 1.6 * stated
    # noise lifts the dark end of the edge: both bars of a pair alike, so their difference stands
    assert abs(errors.mean()) < 0.2


@pytest.mark.parametrize("end", [-120.0, 20.0])
def test_no_end_in_the_search_is_none(end):
    assert bar_end(slice_with_bar(end), **ARGUMENTS) is None


def test_an_image_that_ends_in_the_bar_is_none():
    whole = slice_with_bar(-62.0)
    cut = SlicePlane(whole.image[30:], whole.matrix, whole.origin - [0, 30], whole.pixel_mm)
    assert bar_end(cut, **ARGUMENTS) is None
