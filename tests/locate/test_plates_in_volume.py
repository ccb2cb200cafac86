"""Plates in a volume settle what its fiducials leave open, and never what nothing tells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.io.collecting import collect
from qiqa.io.definitions import load_phantom
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.locate import _ways, locate_together

LPS = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def nist():
    return load_phantom("nist_system")


@pytest.fixture
def blind(monkeypatch):
    """Let the fiducials' own look at posts, and at the one that is left out, see nothing."""
    monkeypatch.setattr(_ways, "LEAST_POST", 2.0)
    monkeypatch.setattr(_ways, "_gap_scores", lambda _, ways, __: np.full(len(ways), np.nan))


def seen(nist, system_phantom, **scene):
    scene.setdefault("voxel_mm", (1.5, 1.5, 1.5))
    scene.setdefault("removed", ())
    series = system_phantom.rendered(nist, system_phantom.Scene(**scene))
    (pose,) = locate_together([series], nist)
    return series, pose


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("seed", [1, 2])
def test_posts_in_slabs_cut_at_the_plates_settle_four_ways(nist, system_phantom, seed):
    rotation = system_phantom.random_rotation(np.random.default_rng(seed))
    series, pose = seen(nist, system_phantom, rotation=rotation)
    assert pose.labels == "independent"
    assert pose.alternatives == ()
    found = LPS @ (series.header.affine @ pose.phantom_to_voxel)[:3, :3]
    assert found == pytest.approx(rotation, abs=0.002)
    assert pose.evidence[-1].endswith("which leaves one of 4 ways")
    assert {i.group for i in pose.inserts} == {"T1", "T2", "PD", "fiducial"}


def test_without_posts_the_ways_stay_open_and_are_told(nist, system_phantom):
    rotation = system_phantom.random_rotation(np.random.default_rng(9))
    _, pose = seen(nist, system_phantom, rotation=rotation, posts=False)
    assert (pose.labels, pose.inserts, len(pose.alternatives)) == ("unresolved", (), 4)
    assert pose.symmetry.startswith("4 ways of placing the phantom fit alike")
    assert all(len(way.inserts) == 99 for way in pose.alternatives)


@pytest.mark.usefixtures("blind")
def test_a_mirror_image_is_told_from_the_phantom(nist, system_phantom):
    """Headers are not believed: posts of mirrored ways are looked for too."""
    rotation = system_phantom.random_rotation(np.random.default_rng(4), mirrored=True)
    series, pose = seen(nist, system_phantom, rotation=rotation)
    assert pose.labels == "independent"
    assert pose.mirrored
    found = LPS @ (series.header.affine @ pose.phantom_to_voxel)[:3, :3]
    assert found == pytest.approx(rotation, abs=0.002)


@pytest.mark.usefixtures("blind")
def test_plates_of_a_real_volume_agree_with_what_its_fiducials_see(nist, real_data, monkeypatch):
    headers, _ = collect(read([real_data("phantoms/system/mrbias_A")]).headers)
    (volume,) = [load(h) for h in headers if h.shape[2] > 64]
    (by_plates,) = locate_together([volume], nist)
    monkeypatch.undo()
    (by_fiducials,) = locate_together([volume], nist)
    assert by_plates.labels == by_fiducials.labels == "independent"
    assert np.allclose(by_plates.phantom_to_voxel, by_fiducials.phantom_to_voxel)


def test_a_volume_without_posts_is_settled_by_a_plate_that_shows_them(nist, system_phantom):
    """Both of one exam: views whose labels are settled settle the ways that a volume leaves."""
    from qiqa.measure import InsertView
    from qiqa.workflows.labeling import labeled

    rotation = system_phantom.random_rotation(np.random.default_rng(9))
    scenes = [
        system_phantom.Scene(rotation=rotation, voxel_mm=(1.5, 1.5, 1.5), posts=posts)
        for posts in (False, True)
    ]
    both = [system_phantom.rendered(nist, scene) for scene in scenes]
    both = [
        dataclasses.replace(s, header=dataclasses.replace(s.header, frame_of_reference_uid="1.7"))
        for s in both
    ]
    poses = locate_together(both, nist)
    assert [pose.labels for pose in poses] == ["unresolved", "independent"]
    views = [InsertView(s, pose, nist, "geometry") for s, pose in zip(both, poses, strict=True)]
    settled, _ = labeled(views)
    assert [view.pose.labels for view in settled] == ["independent", "independent"]
    one, other = (view.pose.phantom_to_voxel for view in settled)
    assert one == pytest.approx(other, abs=0.2)
