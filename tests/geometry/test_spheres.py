"""Centers of rendered spheres: the estimator that was chosen against a simpler one."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.geometry.spheres import find_spheres
from qiqa.io.definitions import load_phantom


def centroid(volume, affine, guess, reach=6.0, steps=6):
    """Return the center of mass above the wall, the usual way; (n, 3)."""
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    result = []
    for point in guess:
        at = point.copy()
        for _ in range(steps):
            middle = np.linalg.solve(affine[:3, :3], at - affine[:3, 3])
            low = np.maximum(np.floor(middle - 12).astype(int), 0)
            high = np.ceil(middle + 12).astype(int)
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            x = index[box] @ affine[:3, :3].T + affine[:3, 3]
            r = np.linalg.norm(x - at, axis=-1)
            floor = np.percentile(volume[box][r < reach + 1], 10)
            mass = np.clip(reach + 0.5 - r, 0, 1) * np.clip(volume[box] - floor, 0, None)
            at = (mass[..., None] * x).sum(axis=(0, 1, 2)) / mass.sum()
        result.append(at)
    return np.array(result)


@pytest.fixture(scope="module")
def scans(system_phantom):
    """Return rendered volumes at SNR 30 with true centers, and guesses up to 1.5 mm off."""
    phantom = load_phantom("nist_system")
    group = phantom.find_group("fiducial")
    keep = [c for label, c in zip(group.labels, group.centers_mm, strict=True) if label != "F55"]
    made = []
    for seed, size, bath in ((1, (1.0, 1.0, 1.0), 0.35), (2, (1.5, 1.5, 1.5), 0.8)):
        rng = np.random.default_rng(seed)
        scene = system_phantom.Scene(
            rotation=system_phantom.random_rotation(rng),
            center_lps=tuple(rng.uniform(-2, 2, 3)),
            voxel_mm=size,
            fov_mm=(210.0,) * 3,
            snr=30.0,
            bath=bath,
            spheres=False,
            seed=seed,
        )
        true = system_phantom.image_positions(scene, np.asarray(keep))
        affine, _ = system_phantom.affine_lps(scene)
        guess = true + rng.uniform(-1.5, 1.5, true.shape)
        made.append((system_phantom.render(phantom, scene), affine, true, guess))
    return made


def test_fitted_centers_are_no_worse_than_centers_of_mass_and_know_their_error(scans):
    # at 1 mm the fit is clearly better, at 1.5 mm they are alike
    for share, (volume, affine, true, guess) in zip((0.85, 1.1), scans, strict=True):
        fitted = find_spheres(volume, affine, guess, 5.0)
        assert fitted.seen.all()
        error = fitted.center_mm - true
        rms = np.sqrt(np.mean(error**2))
        assert rms < 0.02
        mass = np.sqrt(np.mean((centroid(volume, affine, guess) - true) ** 2))
        assert rms < share * mass
        claimed = np.sqrt(np.einsum("nii->ni", fitted.covariance_mm2))
        # neither boastful nor shy: the RMS of errors over claimed errors is 1 in the ideal case
        assert 0.5 < np.sqrt(np.mean((error / claimed) ** 2)) < 1.5


def test_far_guesses_are_drawn_in(scans):
    volume, affine, true, _ = scans[0]
    rng = np.random.default_rng(7)
    off = rng.normal(size=true.shape)
    guess = true + 2.5 * off / np.linalg.norm(off, axis=1, keepdims=True)
    fitted = find_spheres(volume, affine, guess, 5.0)
    assert np.abs(fitted.center_mm - true).max() < 0.1


def test_an_empty_place_and_one_out_of_the_volume_are_not_seen(scans):
    volume, affine, true, _ = scans[0]
    between = (true[20] + true[21]) / 2
    fitted = find_spheres(volume, affine, np.stack([true[20], between, [150.0, 0, 0]]), 5.0)
    assert fitted.seen.tolist() == [True, False, False]
    assert np.isnan(fitted.center_mm[2]).all()
