"""Poses of simulated stacks against the simulator's truth, which shares no code with locating."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import LocateError
from qiqa.core.pose import Override
from qiqa.locate import locate
from qiqa.simulate.spec import AcrSpec

ROTATION_DEG = 0.3
CENTER_MM = 0.3
PIXEL_MM = 250 / 256
STRAIGHT = AcrSpec(snr=100.0, center_offset_mm=(1.3, -0.8), displacement_mm=0.6)
"""One placement for all that changes the stack afterwards."""


def placements():
    """Return placements that between them hold every kind of trouble, drawn once."""
    rng = np.random.default_rng(8)
    found = []
    for n in range(6):
        tilt, way = rng.uniform(2, 4), rng.uniform(0, 2 * math.pi)
        off, where = rng.uniform(10, 20), rng.uniform(0, 2 * math.pi)
        found.append(
            AcrSpec(
                variant=("plate", "grid")[n % 2],
                rotation_deg=float(rng.uniform(-180, 180)),
                mirrored=n in (2, 3),
                reversed_order=n in (1, 3, 4),
                tilt_deg=(tilt * math.cos(way), tilt * math.sin(way)),
                center_offset_mm=(off * math.cos(where), off * math.sin(where)),
                displacement_mm=float(rng.uniform(-3, 3)),
                bubble_deg=(0.0, 14.0)[n // 2 % 2],
                shading_percent=(0.0, 25.0)[n // 3],
                snr=20.0,
            )
        )
    return found


def turn_deg(found, truth):
    """Return the in-plane turn between two maps of the phantom into voxels."""
    rest = found[:2, :2] @ np.linalg.inv(truth[:2, :2])
    return math.degrees(math.atan2(rest[1, 0] - rest[0, 1], rest[0, 0] + rest[1, 1]))


def center_error_mm(found, truth):
    """Return how far the axis is off in any slice, in the image."""
    errors = []
    for k in range(11):
        points = []
        for m in (found, truth):
            z = (k - m[2, 3]) / m[2, 2]
            points.append(m[:2, 3] + m[:2, 2] * z)
        errors.append(np.hypot(*(points[0] - points[1])) * PIXEL_MM)
    return max(errors)


@pytest.mark.parametrize("spec", placements(), ids=range(6))
def test_pose_is_the_simulated_one(acr_simulated, phantom, spec):
    exam = acr_simulated(spec)
    pose = locate(exam.series[0], phantom)
    truth = exam.truth
    rising = tuple(range(1, 12))
    assert pose.kind == "axial_stack"
    assert pose.slice_numbers == (rising[::-1] if spec.reversed_order else rising)
    assert pose.variant == spec.variant
    assert pose.mirrored == spec.mirrored
    assert pose.reversed_order == spec.reversed_order
    assert abs(turn_deg(pose.phantom_to_voxel, truth.phantom_to_voxel)) < ROTATION_DEG
    assert center_error_mm(pose.phantom_to_voxel, truth.phantom_to_voxel) < CENTER_MM
    assert pose.tilt_deg == pytest.approx(spec.tilt_deg, abs=0.1)
    # the middle of the stack lies 0.5 mm beside the phantom's middle per millimetre displaced
    assert pose.offset_mm[:2] == pytest.approx(spec.center_offset_mm, abs=CENTER_MM + 0.2)
    assert pose.offset_mm[2] == pytest.approx(spec.displacement_mm, abs=0.3)
    assert pose.score - pose.runner_up_score > 0.1
    assert pose.overrides == ()


def test_a_phantom_the_other_way_round_is_not_turned(acr_simulated, phantom):
    spec = dataclasses.replace(STRAIGHT, reversed_order=True)
    pose = locate(acr_simulated(spec).series[0], phantom)
    assert pose.rotation_deg == pytest.approx(0.0, abs=0.5)


CROPS = {
    "left edge at the wall": np.s_[27:, :],
    "10 mm of the left cut": np.s_[40:, :],
    "10 mm of right and bottom cut": np.s_[:218, :217],
    "no air anywhere": np.s_[33:224, 32:222],
    "8 mm of the top cut": np.s_[:, 37:],
}


@pytest.mark.parametrize("name", CROPS)
def test_a_cropped_field_of_view(acr_simulated, phantom, changed, name):
    exam = acr_simulated(STRAIGHT)
    whole, crop = exam.series[0], CROPS[name]
    pose = locate(changed(whole, whole.signal[crop]), phantom)
    expected = exam.truth.phantom_to_voxel.copy()
    expected[:2, 3] -= [crop[0].start or 0, crop[1].start or 0]
    assert pose.slice_numbers == tuple(range(1, 12))
    assert abs(turn_deg(pose.phantom_to_voxel, expected)) < ROTATION_DEG
    assert center_error_mm(pose.phantom_to_voxel, expected) < CENTER_MM


@pytest.mark.parametrize("gone", [(1,), (5,), (7,), (11,), (1, 11)], ids=lambda g: f"without {g}")
def test_missing_slices_leave_the_others_numbered(acr_simulated, phantom, changed, gone):
    exam = acr_simulated(STRAIGHT)
    whole = exam.series[0]
    kept = [k for k in range(11) if k + 1 not in gone]
    z = np.array(whole.header.slice_positions_mm)[kept]
    pose = locate(changed(whole, whole.signal[:, :, kept], z), phantom)
    assert pose.slice_numbers == tuple(k + 1 for k in kept)
    assert pose.variant == "plate"
    assert abs(turn_deg(pose.phantom_to_voxel, exam.truth.phantom_to_voxel)) < ROTATION_DEG


def contiguous(acr_simulated, changed):
    """Return 22 slices 5 mm apart: two stacks, the second 5 mm up, woven together."""
    first = acr_simulated(STRAIGHT).series[0]
    up = dataclasses.replace(STRAIGHT, displacement_mm=STRAIGHT.displacement_mm + 5)
    second = acr_simulated(up).series[0]
    woven = np.stack([first.signal, second.signal], axis=3)
    woven = woven.transpose(0, 1, 2, 3, 4).reshape(256, 256, 22, 1)
    z = np.array(first.header.slice_positions_mm)
    return changed(first, woven, np.column_stack([z, z + 5]).ravel())


def test_every_other_slice_of_a_contiguous_stack_is_none(acr_simulated, phantom, changed):
    pose = locate(contiguous(acr_simulated, changed), phantom)
    expected = [n if half == 0 else None for n in range(1, 12) for half in (0, 1)]
    assert list(pose.slice_numbers) == expected
    assert pose.offset_mm[2] == pytest.approx(STRAIGHT.displacement_mm, abs=0.3)


def test_no_two_slices_get_the_same_number(real_data, phantom):
    from qiqa.io import load, read

    # an ACR large phantom in 32 slices of 4 mm
    folder = real_data("vendors/dcm_qa_enh") / "In" / "Philips"
    header = next(h for h in read([folder]).headers if h.component == "magnitude")
    numbers = [n for n in locate(load(header), phantom).slice_numbers if n is not None]
    assert len(set(numbers)) == len(numbers)


OVERRIDES = {
    "first_slice": (Override(first_slice=3), lambda p: p.slice_numbers[2], 1),
    "reversed_order": (Override(reversed_order=True), lambda p: p.reversed_order, True),
    "angle_deg": (Override(angle_deg=7.5), lambda p: p.rotation_deg, 7.5),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_the_user_sets_is_kept_and_named(acr_simulated, phantom, name):
    override, get, expected = OVERRIDES[name]
    pose = locate(acr_simulated(STRAIGHT).series[0], phantom, override)
    assert get(pose) == expected
    assert pose.overrides == (name,)


def test_a_center_set_by_hand_is_the_center(acr_simulated, phantom):
    override = Override(center_px=(131.0, 125.5), angle_deg=0.0)
    pose = locate(acr_simulated(STRAIGHT).series[0], phantom, override)
    m = pose.phantom_to_voxel
    at = m[:2, 3] - m[:2, 2] * m[2, 3] / m[2, 2]  # the axis on the first slice
    assert at == pytest.approx([131.0, 125.5], abs=1e-6)
    assert set(pose.overrides) == {"center_px", "angle_deg"}


def test_a_turn_set_by_hand_moves_what_is_measured(acr_simulated, phantom):
    series = acr_simulated(STRAIGHT).series[0]
    plain = locate(series, phantom).phantom_to_voxel
    turned = locate(series, phantom, Override(angle_deg=5.0)).phantom_to_voxel
    assert turn_deg(turned, plain) == pytest.approx(5.0, abs=0.1)


def test_nothing_fits_an_impossible_override(acr_simulated, phantom):
    with pytest.raises(LocateError):
        locate(acr_simulated(STRAIGHT).series[0], phantom, Override(first_slice=40))


def test_the_hint_says_what_to_mend(acr_simulated, phantom):
    assert locate(acr_simulated(STRAIGHT).series[0], phantom).hint is None
    skewed = placements()[0]
    hint = locate(acr_simulated(skewed).series[0], phantom).hint
    assert "rotated" in hint
    assert "tilted" in hint
    assert "mm too far" in hint
