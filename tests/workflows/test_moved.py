"""Whether the phantom lay still: simulated shifts and turns of known size."""

import dataclasses
import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qiqa.core.series import Series
from qiqa.io.definitions import load_phantom
from qiqa.locate import locate
from qiqa.measure import StackView
from qiqa.workflows.moved import moved

CENTER_MM = np.array([0.0, 0.0, 50.0, 1.0])
"""Middle between slice 1 (z = 0) and slice 11 (z = 100) of the phantom."""


@pytest.fixture(scope="module")
def views(simulated):
    """Return T1 and T2 as they are found; the phantom was turned by 4 degrees in between."""
    phantom = load_phantom("acr_large")
    series = {role: simulated.role(role) for role in ("T1", "T2")}
    return {role: StackView(s, locate(s, phantom), phantom, role) for role, s in series.items()}


def displaced(view, *, shift_mm=(0, 0, 0), turn_deg=0.0, axis=(0, 0, 1)):
    """Return the same images, said to lie elsewhere: turned about the phantom's center."""
    header = view.series.header
    center = (header.affine @ view.pose.phantom_to_voxel @ CENTER_MM)[:3]
    turn = Rotation.from_rotvec(np.radians(turn_deg) * np.array(axis, dtype=float)).as_matrix()
    step = np.eye(4)
    step[:3, :3] = turn
    step[:3, 3] = center - turn @ center + shift_mm
    header = dataclasses.replace(
        header,
        affine=step @ header.affine,
    )
    return dataclasses.replace(
        view, series=Series(header=header, signal=view.series.signal), role="T2"
    )


def test_what_did_not_move_gives_no_finding(views):
    assert moved((views["T1"], displaced(views["T1"]))) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"shift_mm": (4.9, 0, 0)}, False),
        ({"shift_mm": (5.1, 0, 0)}, True),
        ({"shift_mm": (0, 3.6, -3.6)}, True),  # 5.09 mm
        ({"turn_deg": 2.9}, False),
        ({"turn_deg": 3.1}, True),
        ({"turn_deg": -3.1, "axis": (1, 0, 0)}, True),
        ({"turn_deg": 2.9, "axis": (0, 1, 0)}, False),
    ],
)
def test_five_millimeters_or_three_degrees_are_too_much(views, change, found):
    assert bool(moved((views["T1"], displaced(views["T1"], **change)))) is found


def test_the_finding_says_how_far(views):
    (finding,) = moved((views["T1"], displaced(views["T1"], shift_mm=(6, 0, 8), turn_deg=5)))
    assert finding.code == "phantom_moved"
    assert "10.0 mm and 5.0 degrees apart in T1" in finding.message


def test_a_turn_is_found_in_the_images(views):
    (finding,) = moved((views["T1"], views["T2"]))
    turn = float(re.search(r"([\d.]+) degrees", finding.message)[1])
    assert turn == pytest.approx(4.0, abs=0.2)


def test_voxel_size_and_stack_position_do_not_matter(views):
    """The same phantom in the same place, described by voxels of another size and origin."""
    one = views["T1"]
    halves = np.diag([0.5, 0.5, 1.0, 1.0])
    halves[:3, 3] = (3.0, -2.0, 1.0)
    header = dataclasses.replace(one.series.header, affine=one.series.header.affine @ halves)
    pose = dataclasses.replace(
        one.pose, phantom_to_voxel=np.linalg.inv(halves) @ one.pose.phantom_to_voxel
    )
    series = Series(header=header, signal=one.series.signal)
    assert moved((one, dataclasses.replace(one, series=series, pose=pose))) == []


@pytest.mark.parametrize(("frame", "found"), [("9.9", False), ("ANONYMIZED", True), ("", True)])
def test_other_frames_of_reference_are_not_compared(views, frame, found):
    other = displaced(views["T1"], shift_mm=(50, 0, 0))
    header = dataclasses.replace(other.series.header, frame_of_reference_uid=frame)
    series = Series(header=header, signal=other.series.signal)
    assert bool(moved((views["T1"], dataclasses.replace(other, series=series)))) is found


def test_a_localizer_is_left_aside(views):
    pose = dataclasses.replace(views["T1"].pose, kind="localizer")
    other = dataclasses.replace(displaced(views["T1"], shift_mm=(50, 0, 0)), pose=pose)
    assert moved((views["T1"], other)) == []
