"""Vials that run along the slices, or in a volume: found across, labeled, placed in 3D."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.errors import LocateError
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.series import Series
from qiqa.io.collecting import collect
from qiqa.io.definitions import load_phantom
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.locate import locate, locate_together

VOLUME = {
    "plane": "axial",
    "n_slices": 90,
    "spacing_mm": 2.0,
    "thickness_mm": 2.0,
    "matrix": 96,
    "voxel_mm": 2.0,
    "b_values": (0.0,),
    "sub": (2, 2, 2),
}
NEAR_MM = 0.5
"""A third of a wall; half of the uncertainty of the definition's own places."""


@pytest.fixture(scope="module")
def phantom():
    return load_phantom("qiba_diffusion")


def check(phantom, vial_stack, scene, series: Series, pose: PhantomPose) -> None:
    """Every label lies on the axis of its own vial, and the axis is the phantom's."""
    assert pose.labels == "independent"
    assert len(pose.inserts) == 13
    for item in pose.inserts:
        off = vial_stack.off_axis_mm(phantom, scene, series, item.center_voxel, item.label)
        assert off < NEAR_MM, (item.label, off)
    world = series.header.affine @ pose.phantom_to_voxel
    true = vial_stack.LPS @ vial_stack.turned(scene)
    assert np.degrees(np.arccos(min(world[:3, 2] @ true[:, 2], 1.0))) < 1.0


@pytest.mark.parametrize(
    ("plane", "turn"),
    [
        ("sagittal", (0.0, 0.0, 0.0)),
        ("coronal", (0.0, 0.0, 0.0)),
        ("sagittal", (5.0, -4.0, 20.0)),
        ("coronal", (18.0, 0.0, -33.0)),
        ("sagittal", (180.0, 3.0, 77.0)),
    ],
)
def test_a_stack_along_the_vials(phantom, vial_stack, plane, turn):
    scene = vial_stack.Scene(plane=plane, rotation_deg=turn)
    series = vial_stack.rendered(phantom, scene)
    pose = locate(series, phantom, Override())
    check(phantom, vial_stack, scene, series, pose)
    assert set(pose.slice_numbers) == {None}  # no slice shows all of them
    assert all(40 < item.half_length_mm < 60 for item in pose.inserts)  # 50 mm


def test_twenty_five_slices_of_five_millimetres_cut_off_the_outermost_vials(phantom, vial_stack):
    """They reach over 125 mm; vials, with walls, lie within 150."""
    scene = vial_stack.Scene(n_slices=25)
    series = vial_stack.rendered(phantom, scene)
    check(phantom, vial_stack, scene, series, locate(series, phantom, Override()))


@pytest.mark.parametrize(
    "turn", [(0.0, 0.0, 0.0), (20.0, 0.0, 40.0), (-14.0, 14.0, 0.0), (0.0, 95.0, 0.0)]
)
def test_a_volume_with_any_lean_up_to_20_degrees(phantom, vial_stack, turn):
    scene = vial_stack.Scene(rotation_deg=turn, **VOLUME)
    series = vial_stack.rendered(phantom, scene)
    check(phantom, vial_stack, scene, series, locate(series, phantom, Override()))


def test_without_lugs_the_vials_are_found_and_left_open(phantom, vial_stack):
    series = vial_stack.rendered(phantom, vial_stack.Scene(lugs=False))
    pose = locate(series, phantom, Override())
    assert (pose.labels, pose.inserts, len(pose.alternatives)) == ("unresolved", (), 12)


def test_an_axial_stack_and_a_sagittal_one_settle_each_other(phantom, vial_stack):
    """The lugs are seen in one of them; both lie in one frame of reference."""
    scenes = [
        vial_stack.Scene(lugs=False, n_slices=26, b_values=(0.0, 900.0)),
        vial_stack.Scene(plane="axial", n_slices=11, b_values=(0.0, 900.0)),
    ]
    both = [vial_stack.rendered(phantom, scene) for scene in scenes]
    for scene, series, pose in zip(scenes, both, locate_together(both, phantom), strict=True):
        assert pose.labels == "independent"
        assert all(
            vial_stack.off_axis_mm(phantom, scene, series, i.center_voxel, i.label) < 1.0
            for i in pose.inserts
        )


def test_noise_in_a_stack_and_half_of_the_vials_are_refused(phantom, vial_stack):
    series = vial_stack.rendered(phantom, vial_stack.Scene(b_values=(0.0, 900.0)))
    noise = np.abs(np.random.default_rng(1).normal(0, 9, series.signal.shape))
    half = series.signal.copy(order="F")
    half[:, :, :14] = 0
    for signal in (noise, half):
        other = Series(header=series.header, signal=np.asfortranarray(signal, dtype=np.float32))
        with pytest.raises(LocateError, match="no slice shows its inserts"):
            locate(other, phantom, Override())


def test_a_real_volume_agrees_with_the_axial_stacks(phantom, real_data):
    """Echo-planar slices are warped along the phase: nearly all of the difference is one shift."""
    headers, _ = collect(read([real_data("phantoms/diffusion")]).headers)
    loaded = [load(header) for header in headers if header.component != "adc"]
    assert loaded[0].header.shape[2] > 64
    alone = locate(loaded[0], phantom, Override())
    assert alone.labels == "independent"
    poses = locate_together(loaded, phantom)
    places = [
        {i.label: (s.header.affine @ [*i.center_voxel, 1.0])[:2] for i in pose.inserts}
        for s, pose in zip(loaded, poses, strict=True)
    ]
    for other in places[1:]:
        off = np.array([other[label] - places[0][label] for label in places[0]])
        assert np.linalg.norm(off, axis=1).max() < 1.5
        assert np.linalg.norm(off - off.mean(axis=0), axis=1).max() < 0.6
