"""Poses of the real ACR scans against readings made by another method, before qiqa existed.

Turn from the edges of the ramp box, tilt from circle centers, diameters from circles fitted to
the wall, all by hand-run scripts with other edge detectors; precision about half of the bounds.
"""

from __future__ import annotations

import pytest

READINGS = {
    # folder: variant, diameter mm (low, high over slices), turn deg, tilt x, tilt y deg
    "GE": ("grid", (190.5, 190.5), -0.2, -0.1, 0.6),
    "GE_Artist_1.5T_T1": ("plate", (190.1, 190.1), -0.5, -0.1, 0.3),
    "GE_Artist_1.5T_T2": ("plate", (190.1, 190.1), -0.5, -0.1, 0.3),
    "GE_Signa_3T_T1": ("plate", (190.3, 190.9), 0.2, 0.4, -0.3),
    "GE_Signa_3T_T2": ("plate", (190.2, 190.8), 0.2, 0.4, -0.3),
    "Philips3TdStream": ("grid", (189.7, 189.7), 0.4, -0.1, -0.3),
    "PhilipsAchieva": ("grid", (190.1, 190.1), 0.6, -0.9, 0.1),
    "Siemens": ("grid", (191.0, 191.0), -1.0, 0.2, 0.1),
    "Siemens2": ("grid", (191.0, 191.0), -1.0, 0.2, 0.1),
    "SiemensLargeSliceLocationDelta": ("grid", (190.9, 190.9), 1.3, 0.1, 0.1),
    "SiemensMTF": ("plate", (191.3, 193.3), 9.5, -0.5, 0.5),
    "Siemens_Aera_1.5T_T1": ("plate", (189.8, 189.8), 0.1, -0.1, -0.2),
    "Siemens_Aera_1.5T_T2": ("plate", (189.8, 189.8), 0.1, -0.1, -0.2),
    "Siemens_MagnetomSkyra_3T_T1": ("grid", (191.4, 191.4), 0.0, -0.1, 0.1),
    "Siemens_Sola_1.5T_T1": ("plate", (190.0, 190.0), -1.5, 0.7, -0.1),
}


@pytest.mark.parametrize("folder", READINGS)
def test_pose_agrees_with_the_readings(acr_located, folder):
    series, pose = acr_located(folder)
    variant, _, turn, tilt_x, tilt_y = READINGS[folder]
    assert pose.kind == "axial_stack"
    assert pose.variant == variant
    assert pose.slice_numbers == tuple(range(1, 12))
    assert not pose.mirrored
    assert not pose.reversed_order
    assert pose.rotation_deg == pytest.approx(turn, abs=0.2)
    assert pose.tilt_deg == pytest.approx((tilt_x, tilt_y), abs=0.15)
    assert pose.residual_mm < 0.4
    # next best is the mirror image, which lacks nothing but the sides of vial and foot
    assert pose.score > pose.runner_up_score + 0.05
    assert "mirrored" in pose.runner_up
    assert pose.phantom_id == "acr_large"
    assert series.header.shape[2] == 11


@pytest.mark.parametrize("folder", READINGS)
def test_diameters_agree_with_the_readings(acr_located, folder):
    from qiqa.io.definitions import load_phantom
    from qiqa.measure import StackView
    from qiqa.measure.wall import find_wall

    series, pose = acr_located(folder)
    low, high = READINGS[folder][1]
    wall = find_wall(StackView(series, pose, load_phantom("acr_large"), "T1"), 1)
    # the mean diameter of the smooth curve through the visible wall
    assert low - 0.5 < 2 * wall.base_mm.mean() < high + 0.5
    assert pose.slice_numbers.index(1) == 0
