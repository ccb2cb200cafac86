"""A sagittal stack of the diffusion phantom, from files to ADC in every vial."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from qiqa.core.pose import PhantomPose
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.io.reading import read
from qiqa.io.write_dicom import write_series
from qiqa.locate import locate
from qiqa.measure import InsertView, insert_voxels
from qiqa.workflows.choosing import choose_exam
from qiqa.workflows.identifying import identify
from qiqa.workflows.weekly_qc import QcRequest, run_qc

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def phantom():
    return load_phantom("qiba_diffusion")


@pytest.fixture(scope="module")
def result(phantom, vial_stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("along")
    scene = vial_stack.Scene(rotation_deg=(4.0, -3.0, 12.0), n_slices=26)
    write_series(vial_stack.rendered(phantom, scene), folder)
    request = QcRequest(
        paths=(folder,), phantom=phantom, protocol=load_protocol("qiba_diffusion"),
        entries={
            "temperature": 0.0, "temperature_uncertainty": 0.1, "phantom_unit": "128-0155"
        },
    )  # fmt: skip
    return run_qc(request, now=NOW, user="test")


def test_every_vial_reads_its_own_adc(result, phantom, vial_stack):
    found = {
        a.measurement.insert: a.measurement
        for a in result.assessments
        if a.measurement.name.startswith("adc_PVP")
    }
    (group,) = phantom.group
    assert set(found) == set(group.labels)
    for label, content in zip(group.labels, group.content, strict=True):
        m, true = found[label], vial_stack.ADC[content]
        assert m.measured, (label, m.reason)
        assert m.reference is not None
        assert abs(m.value - true) < max(0.01 * true, 3 * m.standard_uncertainty), label
        assert [line.name for line in m.budget] == ["fit", "voxel spread", "ROI placement"]


def test_labels_rest_on_the_lugs_and_pictures_show_what_was_read(result, phantom):
    (series,) = [s for s in result.series if s.pose is not None]
    assert series.pose.labels == "independent"
    shown = {
        name for e in result.evidence for name in e.measurements if e.image is not None and e.shapes
    }
    assert {f"adc_{label}" for label in phantom.group[0].labels} <= shown


def test_only_voxels_wholly_inside_a_vial_are_read(phantom, vial_stack):
    """Voxels of 1.75 x 1.75 x 5 mm: each corner lies in the liquid of its vial."""
    scene = vial_stack.Scene(rotation_deg=(9.0, 6.0, 25.0), b_values=(0.0, 900.0))
    series = vial_stack.rendered(phantom, scene)
    view = InsertView(series, locate(series, phantom), phantom, "DWI")
    voxels = insert_voxels(view)
    assert len(voxels) == 13
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for label, index in voxels.items():
        at = (np.stack(index, -1)[:, None] + corners[None]).reshape(-1, 3)
        off = [vial_stack.off_axis_mm(phantom, scene, series, voxel, label) for voxel in at]
        assert max(off) < phantom.group[0].inner_diameter_mm / 2
        assert len(index[0]) > 100


def test_slices_too_thick_for_the_vials_are_not_measured(phantom, vial_stack):
    """At a pose that is known, slices of 14 mm along vials of 27 mm leave nothing inside."""
    fine = vial_stack.rendered(phantom, vial_stack.Scene(b_values=(0.0, 900.0)))
    pose = locate(fine, phantom)
    assert isinstance(pose, PhantomPose)
    thick = dataclasses.replace(
        fine.header,
        acquisition=dataclasses.replace(fine.header.acquisition, slice_thickness_mm=14.0),
    )
    view = InsertView(dataclasses.replace(fine, header=thick), pose, phantom, "DWI")
    assert insert_voxels(view) == {}


def test_the_phantom_is_identified_from_a_volume_alone(phantom, vial_stack, tmp_path):
    scene = vial_stack.Scene(
        plane="axial", n_slices=80, spacing_mm=2.0, thickness_mm=2.0, matrix=96, voxel_mm=2.0,
        b_values=(0.0,), sub=(2, 2, 2),
    )  # fmt: skip
    write_series(vial_stack.rendered(phantom, scene), tmp_path)
    found = identify(choose_exam(read([tmp_path]), [tmp_path]), lambda _: None)
    assert found.phantom.id == "qiba_diffusion"
