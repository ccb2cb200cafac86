"""A phantom of one's own: the page is followed, from its TOML to judged values."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import FrameSource, Series, SeriesHeader
from qiqa.io.definitions import load_phantom
from qiqa.io.write_dicom import write_series
from qiqa.workflows.identifying import protocol_for, what_is_shown
from qiqa.workflows.weekly_qc import QcRequest, run_qc

PAGE = Path(__file__).parents[2] / "docs" / "own-phantom.md"
TE = tuple(12.0 * n for n in range(1, 13))
SIZE, VOXEL = 128, 1.5


@pytest.fixture
def definitions(tmp_path, monkeypatch) -> Path:
    """Put the TOML of the page where it says."""
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path / "my-definitions" / "phantoms"
    folder.mkdir(parents=True)
    (folder / "gel_tubes.toml").write_text(toml, encoding="utf-8")
    monkeypatch.setenv("QIQA_PATH", str(folder.parent))
    return folder.parent


@pytest.fixture
def scan(definitions, tmp_path) -> Path:  # noqa: ARG001 - sets where definitions are
    """Write echoes of the four tubes, turned by 25 degrees and off center, as one axial slice."""
    phantom = load_phantom("gel_tubes")
    (group,) = phantom.group
    turn = np.deg2rad(25.0)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    fine = 4
    axis = ((np.arange(SIZE * fine) + 0.5) / fine - 0.5 - (SIZE - 1) / 2) * VOXEL
    x, y = np.meshgrid(axis, axis, indexing="ij")  # to the left, to posterior

    def disk(center: tuple[float, float, float], diameter: float) -> np.ndarray:
        at = rotation @ np.array(center[:2]) + [4.0, -7.0]
        inside = np.hypot(x - at[0], y - at[1]) < diameter / 2
        return inside.reshape(SIZE, fine, SIZE, fine).mean(axis=(1, 3))

    bath = np.hypot(x, y) < 80
    bath = bath.reshape(SIZE, fine, SIZE, fine).mean(axis=(1, 3))
    wall = sum(disk(c, group.outer_diameter_mm) for c in group.centers_mm)
    rod = disk(phantom.landmark[0].center_mm, phantom.landmark[0].diameter_mm)
    t2 = (74.0, 74.4, 41.2, 41.0)
    rng = np.random.default_rng(8)
    volumes = []
    for te in TE:
        image = 1500 * np.exp(-te / 600.0) * bath * (1 - np.clip(wall + rod, 0, 1))
        for center, value in zip(group.centers_mm, t2, strict=True):
            image += 1000 * np.exp(-te / value) * disk(center, group.inner_diameter_mm)
        noise = rng.normal(0, 8, (2, SIZE, SIZE))
        volumes.append(np.rint(np.hypot(image + noise[0], noise[1])))
    affine = np.diag([-VOXEL, -VOXEL, 5.0, 1.0])
    affine[:3, 3] = (SIZE - 1) / 2 * VOXEL, (SIZE - 1) / 2 * VOXEL, 0.0
    for number, (te, image) in enumerate(zip(TE, volumes, strict=True), start=1):
        header = SeriesHeader(
            series_uid=f"2.25.77{number:02d}",
            study_uid="2.25.77",
            frame_of_reference_uid="2.25.771",
            description=f"SE TE={te:g}",
            modality="MR",
            scanner=Scanner(
                manufacturer="SIEMENS", model="Test", serial_number="1", field_strength_t=3.0
            ),
            acquisition=Acquisition(
                acquired_at=dt.datetime(2026, 3, 9, 8, number),
                spin_echo=True,
                tr_ms=3000.0,
                te_ms=te,
                flip_angle_deg=90.0,
                slice_thickness_mm=5.0,
            ),
            affine=affine,
            shape=(SIZE, SIZE, 1, 1),
            frames=((FrameSource(path="painted"),),),
            slice_positions_mm=(0.0,),
        )
        pixels = np.asfortranarray(image[:, :, None, None], dtype=np.float32)
        series = Series(header=header, signal=pixels, stored_range=(0.0, 4095.0))
        write_series(series, tmp_path / "scan" / f"te{number:02d}", series_number=number)
    return tmp_path / "scan"


def test_a_phantom_of_ones_own_is_found_labeled_and_compared(scan):
    contents, phantom = what_is_shown((scan,), None, lambda _: None)
    assert phantom.id == "gel_tubes"
    protocol = protocol_for(phantom)
    assert protocol.id == "inserts"
    request = QcRequest(
        paths=(scan,), phantom=phantom, protocol=protocol, contents=contents,
        entries={"temperature": 20.0},
    )  # fmt: skip
    result = run_qc(request, now=dt.datetime(2026, 3, 9, tzinfo=dt.UTC), user="test")
    found = {m.insert: m for m in (a.measurement for a in result.assessments) if m.insert}
    assert set(found) == {"weak-1", "weak-2", "strong-1", "strong-2"}
    for label, t2 in zip(found, (74.0, 74.4, 41.2, 41.0), strict=True):
        assert found[label].measured, (found[label].reason, [f.message for f in result.findings])
        m = found[label]
        assert m.reference is not None
        assert m.reference.value == t2
        assert m.interval.low < t2 < m.interval.high or abs(m.value / t2 - 1) < 0.01
    (pose,) = [s.pose for s in result.series if s.pose is not None]
    assert pose.labels == "independent"  # the rod tells
    assert any("rod" in text for text in pose.evidence)
