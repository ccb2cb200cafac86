"""Quantitative phantoms from files to judged values, on public scans."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from qiqa.core.measurement import Measurement, Verdict
from qiqa.core.result import QcResult
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.io.reading import read
from qiqa.measure import Conditions, insert_disks
from qiqa.report.details import pictures
from qiqa.report.summary import rows
from qiqa.workflows.choosing import choose_exam
from qiqa.workflows.identifying import identify, protocol_for
from qiqa.workflows.mapping_inserts import locate_inserts
from qiqa.workflows.weekly_qc import QcRequest, run_qc

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
# NIST Report of Measurement 80100S-20200610-C1, 3 T, 20 degC, in ms
NICL2_T1 = (1883.97, 1330.16, 987.27, 690.08, 484.97, 341.58, 240.86, 174.95, 121.08, 85.75, 60.21,
            42.89, 30.40, 21.44)  # fmt: skip


def judged(path: Path, protocol: str, **entries: object) -> QcResult:
    chosen = load_protocol(protocol)
    request = QcRequest(
        paths=(path,), phantom=load_phantom(chosen.phantom), protocol=chosen, entries=entries
    )
    return run_qc(request, now=NOW, user="test")


def values(result: QcResult, role: str) -> dict[str, Measurement]:
    return {
        m.insert: m
        for m in (item.measurement for item in result.assessments)
        if m.role == role and m.insert is not None
    }


@pytest.fixture(scope="module")
def system(request) -> QcResult:
    real_data = request.getfixturevalue("real_data")
    root = real_data("phantoms/system/mrbias_A")
    return judged(root, "nist_system", phantom_unit="130-0093", temperature=20.0)


def test_t1_of_all_spheres_lies_within_3_5_percent_of_the_certificate(system):
    found = values(system, "T1")
    for number, certified in enumerate(NICL2_T1, start=1):
        m = found[f"T1-{number}"]
        assert m.reference is not None
        assert m.reference.value == certified
        assert abs(m.value / certified - 1) < 0.035, (m.insert, m.value)


def test_t1_agrees_with_an_independent_solver(real_data):
    """Scipy on the same disks and points, every sign pattern tried."""
    path = real_data("phantoms/system/mrbias_A/T1_VIR")
    exam = choose_exam(read([path]), [path])
    phantom, protocol = load_phantom("nist_system"), load_protocol("nist_system")
    located = locate_inserts(exam, phantom, protocol, Conditions(), lambda _: None)
    (view,) = (item.view for item in located.found if item.view.quantity == "t1")
    times = np.array(view.series.header.encoding.values)
    tr, top = view.series.header.acquisition.tr_ms, view.series.stored_range[1]
    compared = 0
    for insert in (view.pose.alternatives or (view.pose,))[0].inserts:
        fit = view.fits[insert.center_voxel]
        voxels = view.series.signal[insert_disks(view, insert)[0].index].astype(float)
        power = (voxels**2).mean(axis=0) - 2 * view.maps.noise_sd**2
        usable = [n for n in np.argsort(times) if (voxels[:, n] >= top).mean() <= 0.02]
        used = usable[: fit.n_used]
        ti, signal = times[used], np.sqrt(np.maximum(power[used], 0))

        def left(p, signs, ti=ti, signal=signal):
            t1, m0, k = p
            whole = np.exp(-tr / t1)
            return m0 * (1 - (1 + k) * np.exp(-ti / t1) + k * whole) - signs * signal

        tried = []
        for negative in range(len(used) + 1):
            signs = np.where(np.arange(len(used)) < negative, -1.0, 1.0)
            start = (fit.value * 1.1, signal.max(), 0.95)
            limits = ((5.0, 0.0, 0.0), (2e4, np.inf, 5.0))
            tried.append(least_squares(left, start, bounds=limits, x_scale="jac", args=(signs,)))
        best = min(tried, key=lambda found: found.cost if 0.3 <= found.x[2] <= 3.0 else np.inf)
        assert fit.value == pytest.approx(best.x[0], rel=0.002), insert.label
        compared += 1
    assert compared == 14


def test_labels_rest_on_geometry_alone(system):
    poses = [s.pose for s in system.series if s.pose is not None]
    assert len(poses) == 6  # three plates, one of them twice, flip angles, and the volume
    assert {pose.labels for pose in poses} == {"independent"}


def test_the_exchanged_pair_is_reported_and_not_corrected(system):
    (finding,) = [f for f in system.findings if f.code == "inserts_exchanged"]
    assert "T2-13 and T2-14" in finding.message
    assert "T2-13 12.96, T2-14 15.44 ms" in finding.message  # their contents say the opposite


def test_every_value_has_a_whole_budget(system):
    for m in values(system, "T1").values():
        names = {line.name for line in m.budget}
        assert names >= {"fit", "misfit", "voxel spread", "ROI placement"}
        assert names <= {"fit", "misfit", "voxel spread", "ROI placement", "late recovery",
                         "sign near zero crossing"}  # fmt: skip
        assert [line.name for line in m.reference_budget] == ["certificate", "temperature"]
        assert all(np.isfinite(line.standard_uncertainty) for line in m.budget)


def test_unreliable_certificate_entries_give_no_verdict(system):
    """Entries of batch 2 that contradict the other tables of their maker."""
    (item,) = [a for a in system.assessments if a.measurement.name == "t2_T2-5"]
    assert item.measurement.measured
    assert item.verdict is Verdict.NOT_EVALUATED
    assert "unreliable" in (item.reason or "")


def test_proton_density_does_not_depend_on_the_coil(system):
    """From 50 % on within 3 % of the contents; the bare signal is up to 17 points off."""
    found = {m.insert: m for m in (a.measurement for a in system.assessments) if m.quantity == "pd"}
    assert len(found) == 14
    for number, content in ((9, 50.0), (10, 60.0), (11, 70.0), (12, 80.0), (13, 90.0)):
        m = found[f"PD-{number}"]
        assert m.value == pytest.approx(content, rel=0.03)
        assert m.reference.value == content
    values_ = [found[f"PD-{n}"].value for n in range(1, 15)]
    assert values_ == sorted(values_)


def test_fiducials_of_the_volume(system):
    found = {a.measurement.name: a.measurement for a in system.assessments}
    assert found["fiducials_found"].value >= 54  # of 56
    for axis in "xyz":
        m = found[f"scale_{axis}"]
        assert abs(m.value) < 1.0
        assert m.interval.low < m.value < m.interval.high


def test_a_train_of_variable_angles_gives_no_t2(real_data):
    result = judged(
        real_data("phantoms/system/hazen/T2/site3_ge"), "nist_system",
        phantom_unit="130-0005", temperature=20.0,
    )  # fmt: skip
    for m in values(result, "T2").values():
        assert not m.measured
        assert "not a train of constant" in m.reason


def test_stimulated_echoes_no_longer_make_t2_too_long(real_data):
    """Of one exponential +22 % in the median; the certificate itself scatters by some percent."""
    result = judged(
        real_data("phantoms/system/hazen/T2/site1_20200218"), "nist_system",
        phantom_unit="130-0005", temperature=20.0,
    )  # fmt: skip
    off = [
        m.value / m.reference.value - 1
        for m in values(result, "T2").values()
        if m.measured and m.reference is not None
    ]
    assert len(off) >= 9
    assert abs(float(np.median(off))) < 0.08


def test_diffusion_vials_in_ice_water(real_data):
    result = judged(
        real_data("phantoms/diffusion"), "qiba_diffusion",
        phantom_unit="128-0155", temperature=0.0, temperature_uncertainty=0.1,
    )  # fmt: skip
    found = [a.measurement for a in result.assessments if a.measurement.name == "adc_PVP0-center"]
    assert len(found) == 2  # repeats
    for m in found:
        assert abs(m.value / 1109e-6 - 1) < 0.02
    inserts = {a.measurement.insert for a in result.assessments if a.measurement.insert}
    assert len(inserts) == 13


def test_repeats_are_told_apart_and_pictures_show_their_own_values(real_data):
    result = judged(real_data("phantoms/diffusion"), "qiba_diffusion", temperature=0.0)
    shown, _ = rows(result, ())
    names = [row.cells.series for row in shown if row.cells.name == "adc_PVP10-inner"]
    assert names == ["DWI 1/2", "DWI 2/2"]
    drawn = [picture for picture in pictures(result, shown) if picture.values]
    assert len(drawn) >= 2
    for picture in drawn:
        assert {row.cells.series for row in picture.values} == {picture.subtitle.split(",")[0]}
    # what is kept over the years is the role
    assert {m.measurement.role for m in result.assessments} == {"DWI"}


def test_without_a_serial_number_values_stand_and_nothing_is_judged(real_data):
    result = judged(real_data("phantoms/system/mrbias_A/T1_VIR"), "nist_system")
    for m in values(result, "T1").values():
        assert m.measured
        assert m.reference is None
    judged_here = [a for a in result.assessments if a.measurement.role == "T1" and a.rule]
    reasons = {a.reason for a in judged_here}
    assert reasons == {"no reference value: the serial number of the phantom is unknown"}


def test_a_plate_alone_is_labeled_by_its_values_and_says_so(real_data):
    result = judged(
        real_data("phantoms/system/hazen/T1/site1_20200218"), "nist_system",
        phantom_unit="130-0005", temperature=20.0,
    )  # fmt: skip
    (pose,) = [s.pose for s in result.series if s.pose is not None]
    assert pose.labels == "by_values"
    for m in values(result, "T1").values():
        if not m.measured:
            continue
        assert any("labels were chosen by the values" in text for text in m.assumptions)


def test_t1_far_below_the_first_inversion_time_says_how_little_is_known(real_data):
    """Spheres of 21 to 32 ms, whatever the batch, at inversion times of 50 ms and more."""
    result = judged(real_data("phantoms/system/hazen/T1/site3_ge"), "nist_system")
    found = values(result, "T1")
    for insert, low, high, least in (("T1-13", 29.5, 32.5, 0.04), ("T1-14", 20.9, 22.9, 0.2)):
        m = found[insert]
        assert m.standard_uncertainty / m.value > least
        assert m.interval.low < low
        assert m.interval.high > high
    assert found["T1-10"].standard_uncertainty / found["T1-10"].value < 0.02


@pytest.mark.parametrize(
    ("folder", "phantom", "protocol"),
    [
        ("system/hazen/T2/site3_ge", "nist_system", "nist_system"),
        ("diffusion", "qiba_diffusion", "qiba_diffusion"),
        ("acr_large/GE_Signa_3T_T1", "acr_large", "acr_large_2022"),
        ("acr_large/GE_Signa_1.5T_Sagittal_Localizer", "acr_large", "acr_large_2022"),
    ],
)
def test_the_phantom_is_identified_from_its_images(real_data, folder, phantom, protocol):
    path = real_data(f"phantoms/{folder}")
    found = identify(choose_exam(read([path]), [path]), lambda _: None)
    assert found.phantom.id == phantom
    assert protocol_for(found.phantom).id == protocol
