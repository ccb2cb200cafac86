"""Rigid fits and symmetries, against motions and groups that are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from qiqa.geometry.rigid import fit_rigid, symmetries

CUBE = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
TETRAHEDRON = CUBE[np.prod(CUBE, axis=1) > 0]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_known_motion_comes_back(mirrored):
    rng = np.random.default_rng(4)
    points = rng.normal(size=(9, 3)) * 50
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.linalg.det(q)) * (-1 if mirrored else 1)
    rotation, shift = fit_rigid(points, points @ q.T + [3.0, -7.0, 11.0], mirrored=mirrored)
    assert rotation == pytest.approx(q, abs=1e-10)
    assert shift == pytest.approx([3.0, -7.0, 11.0], abs=1e-9)


def test_a_mirrored_set_is_not_fitted_by_a_rotation():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(9, 3))
    rotation, _ = fit_rigid(points, points * [-1.0, 1.0, 1.0])
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("points", "order", "proper"),
    # octahedral and tetrahedral point groups; a box with three unequal sides has D2h
    [(CUBE, 48, 24), (TETRAHEDRON, 24, 12), (CUBE * [1.0, 2.0, 3.0], 8, 4)],
)
def test_symmetries_are_the_point_group(points, order, proper):
    found = symmetries(points)
    assert len(found) == order
    assert sum(np.linalg.det(m) > 0 for m in found) == proper
    assert found[0] == pytest.approx(np.eye(3), abs=1e-9)
    for m in found:
        assert m @ m.T == pytest.approx(np.eye(3), abs=1e-9)


def test_one_place_less_leaves_the_symmetries_that_keep_it():
    found = symmetries(np.delete(CUBE, 3, axis=0))
    assert len(found) == 6  # those of a corner: C3v


def test_points_in_a_plane_are_refused():
    with pytest.raises(ValueError, match="plane"):
        symmetries(CUBE * [1.0, 1.0, 0.0])
