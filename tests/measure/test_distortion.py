"""Distortion from fiducials: what was put into rendered volumes comes back; the real scan."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable
from qiqa.io.definitions import load_phantom
from qiqa.locate._lattice import locate_volume
from qiqa.measure import View, distortion, measure
from qiqa.measure._fiducial_fit import fit_fiducials
from qiqa.metrology.budget import combine

STRAIN = np.array([[0.012, 0.002, -0.003], [0.002, -0.008, 0.0015], [-0.003, 0.0015, 0.004]])
"""Symmetric, in LPS: +1.2, -0.8, +0.4 % and shears of 0.4, -0.6, 0.3 %."""


@pytest.fixture(scope="module")
def nist():
    return load_phantom("nist_system")


@pytest.fixture(scope="module")
def viewed(system_phantom, nist):
    """Return a function from a scene to its located view."""

    def view(position="HFS", **scene):
        scene.setdefault("voxel_mm", (1.5, 1.5, 1.5))
        series = system_phantom.rendered(nist, system_phantom.Scene(**scene))
        acquisition = dataclasses.replace(series.header.acquisition, patient_position=position)
        header = dataclasses.replace(series.header, acquisition=acquisition)
        series = dataclasses.replace(series, header=header)
        return View(series, locate_volume(series, nist), nist, "geometry")

    return view


@pytest.fixture(scope="module")
def strained(viewed, system_phantom):
    """Return a strained volume of a turned phantom off the isocenter, two fiducials missing."""
    rng = np.random.default_rng(21)
    inverse = np.linalg.inv(np.eye(3) + STRAIN)
    return viewed(
        rotation=system_phantom.random_rotation(rng),
        center_lps=(6.0, -9.0, 4.0),
        fov_mm=(228.0, 228.0, 228.0),
        removed=("F55", "F20"),
        undistort=lambda seen: seen @ inverse.T,
    )


def numbers(view):
    (outcome,) = measure(view, ("distortion",), ())
    return {m.name: m for m in outcome.measurements}, outcome


def test_scale_and_shear_come_back_within_their_uncertainty(strained):
    found, _ = numbers(strained)
    for a, name in enumerate("xyz"):
        m = found[f"scale_{name}"]
        assert m.value == pytest.approx(100 * STRAIN[a, a], abs=2 * m.standard_uncertainty)
        assert m.value == pytest.approx(100 * STRAIN[a, a], abs=0.02)
        assert m.interval.low <= m.value <= m.interval.high
    for a, b in ((0, 1), (0, 2), (1, 2)):
        m = found[f"shear_{'xyz'[a]}{'xyz'[b]}"]
        assert m.value == pytest.approx(200 * STRAIN[a, b], abs=2 * m.standard_uncertainty)
        assert m.value == pytest.approx(200 * STRAIN[a, b], abs=0.03)
    # nothing nonlinear was put in
    assert found["fiducial_affine_rms"].value < 0.03
    assert found["fiducial_rigid_rms"].value > 0.5
    assert found["nonlinear_max_95mm"].value < 0.1


def test_missing_fiducials_are_counted_and_named(strained):
    found, outcome = numbers(strained)
    count = found["fiducials_found"]
    assert count.value == 55
    assert count.interval.kind == "discrete"
    assert "in view but not found: F20, F55" in count.assumptions
    (finding,) = outcome.findings
    assert "F20" in finding.message
    assert "F55" not in finding.message


def test_every_value_has_a_budget(strained):
    found, _ = numbers(strained)
    assert tuple(found) == tuple(name for name, *_ in distortion.NAMES)
    for m in found.values():
        assert m.measured, m.name
        assert m.budget, m.name
        u, dof = combine(m.budget)
        assert m.standard_uncertainty == pytest.approx(u)
        assert m.degrees_of_freedom == pytest.approx(dof)
        assert len({line.name for line in m.budget}) == len(m.budget)


def test_a_plane_of_the_lattice_off_its_place_moves_scale_as_its_line_says(strained):
    fit = fit_fiducials(strained)
    places = np.asarray(fit.group.centers_mm)
    square = 0.0
    for axis in range(3):
        for level in (-80.0, -40.0, 0.0, 40.0, 80.0):
            off = np.where(places[:, [axis]] == level, 0.1, 0.0) * fit.axes[:, axis]
            moved = dataclasses.replace(fit, found_mm=fit.found_mm + off)
            square += (moved.affine[1, 0] - fit.affine[1, 0]) ** 2
    assert fit.plane_uncertainty(0, 0) == pytest.approx(math.sqrt(square), rel=1e-6)


def test_axes_are_the_scanners_whichever_way_the_patient_lies(strained):
    base, _ = numbers(strained)
    header = strained.series.header

    def lying(position):
        acquisition = dataclasses.replace(header.acquisition, patient_position=position)
        series = dataclasses.replace(
            strained.series, header=dataclasses.replace(header, acquisition=acquisition)
        )
        return numbers(dataclasses.replace(strained, series=series))[0]

    aside = lying("HFDR")
    assert aside["scale_x"].value == pytest.approx(base["scale_y"].value)
    assert aside["scale_y"].value == pytest.approx(base["scale_x"].value)
    feet = lying("FFS")
    assert feet["scale_x"].value == pytest.approx(base["scale_x"].value)
    assert feet["shear_xy"].value == pytest.approx(-base["shear_xy"].value)
    assert feet["shear_xz"].value == pytest.approx(base["shear_xz"].value)
    unknown = lying(None)
    assert any("patient position is not given" in text for text in unknown["scale_x"].assumptions)


def test_the_nonlinear_part_is_told_from_scale(viewed, system_phantom, nist):
    def warp(seen):
        # a gradient that grows with the cube along z: 1.5 mm at 90 mm
        moved = seen.copy()
        moved[:, 2] = seen[:, 2] - 1.5 * (seen[:, 2] / 90) ** 3
        return moved

    scene = {"rotation": np.eye(3), "undistort": warp}
    found, outcome = numbers(viewed(**scene))
    group = nist.find_group("fiducial")
    keep = [label != "F55" for label in group.labels]
    places = np.asarray(group.centers_mm)[keep]
    seen = system_phantom.image_positions(system_phantom.Scene(**scene), places)
    design = np.column_stack([np.ones(len(places)), places])
    rest = np.linalg.norm(seen - design @ np.linalg.lstsq(design, seen, rcond=None)[0], axis=1)
    radius = np.linalg.norm(places, axis=1)
    for r in distortion.RADII_MM:
        inside = radius <= r
        rms = math.sqrt(np.mean(rest[inside] ** 2))
        assert found[f"nonlinear_rms_{r}mm"].value == pytest.approx(rms, abs=0.02)
        assert found[f"nonlinear_max_{r}mm"].value == pytest.approx(rest[inside].max(), abs=0.06)
    first = outcome.evidence[0]
    assert len(outcome.evidence) == 3
    assert [c.label for c in first.plots[0].curves] == ["rigid fit", "affine fit"]
    arrows = [np.array(s.points) for s in first.shapes if s.role == "length"]
    assert len(arrows) == 21
    # on the plane y = 0, z up: arrows run along z only, and at the rim the longest is 10 x the rest
    lengths = [np.hypot(*(a[1] - a[0])) for a in arrows]
    layer = places[:, 1] == 0
    assert max(lengths) == pytest.approx(10 * rest[layer].max(), abs=0.6)
    assert max(abs(a[1, 0] - a[0, 0]) for a in arrows) < 0.6


def test_without_labels_scale_is_given_and_places_are_described(viewed, system_phantom):
    rng = np.random.default_rng(5)
    view = viewed(rotation=system_phantom.random_rotation(rng), posts=False, removed=("F55", "F31"))
    assert view.pose.labels == "unresolved"
    found, _ = numbers(view)
    assert found["scale_x"].value == pytest.approx(0.0, abs=0.02)
    assert "mm of the scanner" in found["fiducials_found"].assumptions[0]
    assert not any(
        f"F{n}" in text for n in (31, 55) for text in found["fiducials_found"].assumptions
    )


def test_an_isocenter_far_away_is_not_believed(viewed):
    view = viewed(center_lps=(0.0, 0.0, 300.0), shift_mm=(0.0, 0.0, 300.0))
    found, _ = numbers(view)
    notes = found["nonlinear_max_95mm"].assumptions
    assert any("distances are from the phantom's center" in text for text in notes)


def test_too_few_fiducials_are_refused(strained):
    signal = strained.series.signal.copy()
    signal[:, :, : signal.shape[2] * 3 // 4] = 0
    view = dataclasses.replace(strained, series=dataclasses.replace(strained.series, signal=signal))
    with pytest.raises(NotMeasurable, match="fiducials"):
        fit_fiducials(view)
    found, _ = numbers(view)
    assert not any(m.measured for m in found.values())
    assert all("fiducials" in m.reason for m in found.values())


def test_the_real_scan_is_distorted_as_read_by_another_method(real_data, nist, capsys):
    from qiqa.io import load, read

    contents = read([real_data("phantoms/system/mrbias_A/GRE_1mm_geometry.zip")])
    series = load(contents.headers[0])
    view = View(series, locate_volume(series, nist), nist, "geometry")
    found, _ = numbers(view)
    with capsys.disabled():
        for name in ("scale_x", "scale_y", "scale_z"):
            m = found[name]
            print(f"\n{name} {m.value:+.2f} % u {m.standard_uncertainty:.2f}", end="")  # noqa: T201
    assert found["fiducials_found"].value >= 54
    assert "in view but not found: F55" in found["fiducials_found"].assumptions
    # read by hand-run scripts with other centers, before qiqa existed
    assert found["fiducial_rigid_rms"].value == pytest.approx(0.90, abs=0.03)
    assert found["fiducial_affine_rms"].value == pytest.approx(0.85, abs=0.03)
    fit = fit_fiducials(view)
    radius = np.linalg.norm(np.asarray(fit.group.centers_mm)[fit.seen], axis=1)
    size = np.linalg.norm(fit.affine_residual_mm, axis=1)
    for low, high, reading in ((0, 45, 0.10), (45, 70, 0.4), (70, 95, 1.1)):
        here = (radius >= low) & (radius < high)
        assert math.sqrt(np.mean(size[here] ** 2)) == pytest.approx(reading, abs=0.06)
