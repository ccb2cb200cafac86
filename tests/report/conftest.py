"""Hand-made exams for the report tests: made from the nouns, with synthetic images."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pytest

from qiqa.core.evidence import Curve, Evidence, Marker, Plot, Shape
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import Assessment, BudgetLine, Interval, Measurement, Verdict
from qiqa.core.pose import PhantomPose
from qiqa.core.result import ExamSeries, Provenance, QcResult
from qiqa.core.scanner import Acquisition, Reconstruction, Scanner
from qiqa.core.series import SourceFile
from qiqa.io.definitions import load_phantom, load_protocol

WHEN = dt.datetime(2026, 11, 20, 7, 42, tzinfo=dt.UTC)
PROTOCOL = load_protocol("acr_large_2022")
PHANTOM = load_phantom("acr_large")

T_975 = {12.0: 2.1788, 34.0: 2.0322, 60.0: 2.0003, math.inf: 1.9600}
"""Student's t, 97.5 %, from printed tables."""


def measurement(name, quantity, unit, value, u, dof=60.0, role="T1", **fields):
    fields.setdefault("reference", PHANTOM.reference_for(quantity))
    half = T_975[dof] * u
    fields.setdefault("interval", Interval(low=value - half, high=value + half))
    fields.setdefault(
        "budget",
        (
            BudgetLine(
                name="edge location",
                standard_uncertainty=0.8 * u,
                degrees_of_freedom=dof,
                evaluation="A",
            ),
            BudgetLine(name="pixel size", standard_uncertainty=0.6 * u, note="header, 0.1 %"),
        ),
    )
    return Measurement(
        name=name,
        quantity=quantity,
        unit=unit,
        value=value,
        standard_uncertainty=u,
        degrees_of_freedom=dof,
        role=role,
        series_uid=f"1.2.3.{role}",
        stack=f"1.2.3.{role}:0",
        algorithm=f"{quantity}/1",
        **fields,
    )


def judged(m, verdict="pass", **fields):
    limits = PROTOCOL.limits_for(m.name, m.role, 1.5)
    if not limits:
        return Assessment(measurement=m, verdict=Verdict.NOT_EVALUATED, **fields)
    limit = limits[0]
    shift = m.reference.value if limit.compares == "deviation" else 0.0

    def levels(pair):
        if pair is None:
            return None
        if limit.compares == "magnitude":
            return (-pair[1], pair[1])
        return (pair[0] + shift, pair[1] + shift)

    return Assessment(
        measurement=m,
        verdict=Verdict(verdict),
        rule=limit.id,
        tolerance=levels(limit.tolerance),
        action=levels(limit.action),
        source=limit.source,
        confidence=limit.confidence,
        **fields,
    )


def t1_assessments(role="T1", bad=True):
    def m(*args, **fields):
        return measurement(*args, role=role, **fields)

    missing = Measurement(
        name="high_contrast_resolution_lr",
        quantity="high_contrast_resolution",
        unit="mm",
        role=role,
        series_uid=f"1.2.3.{role}",
        reason="to be read by eye and entered",
    )
    position = 7.41 if bad else -1.62
    piu = 86.1 if bad else 91.3
    return (
        judged(m("diameter_slice1_lr", "diameter", "mm", 190.213, 0.184, 34.0)),
        judged(
            m(
                "diameter_slice1_ap",
                "diameter",
                "mm",
                190.42,
                0.31,
                assumptions=("the air bubble, 14 degrees at 12 o'clock, was left out",),
            ),
        ),
        judged(m("diameter_slice5_lr", "diameter", "mm", 190.08, 0.17)),
        judged(
            m(
                "diameter_slice5_ap",
                "diameter",
                "mm",
                190.31,
                0.17,
                assumptions=("the air bubble, 14 degrees at 12 o'clock, was left out",),
            )
        ),
        judged(m("diameter_slice5_d1", "diameter", "mm", 190.22, 0.18)),
        judged(m("diameter_slice5_d2", "diameter", "mm", 189.97, 0.18)),
        judged(m("slice_thickness", "slice_thickness", "mm", 5.137, 0.0622, 12.0)),
        judged(m("slice_position_slice1", "slice_position", "mm", -0.84, 0.22, displacement=-0.42)),
        judged(
            m(
                "slice_position_slice11",
                "slice_position",
                "mm",
                position,
                0.24,
                displacement=position / 2,
            ),
            "action" if bad else "pass",
        ),
        judged(
            m(
                "piu",
                "uniformity",
                "%",
                piu,
                0.9,
                interval=Interval(low=piu - 1.2, high=piu + 2.9),
                reference=None,
            ),
            "tolerance" if bad else "pass",
        ),
        judged(
            m(
                "psg",
                "ghosting",
                "%",
                0.31,
                0.09,
                reference=None,
                interval=Interval(low=-math.inf, high=0.49),
            )
        ),
        judged(m("snr_background", "snr", "1", 143.2, 6.1, 12.0, reference=None)),
        judged(m("snr_local", "snr", "1", 139.0, 5.2, 60.0, reference=None)),
        judged(
            m(
                "center_frequency",
                "center_frequency",
                "Hz",
                63_863_021.0,
                0.29,
                math.inf,
                reference=None,
            )
        ),
        judged(missing, "not_evaluated", reason="to be read by eye and entered", answered=False),
        judged(
            Measurement(
                name="low_contrast_spokes",
                quantity="low_contrast",
                unit="1",
                value=34.0,
                interval=Interval(low=32, high=36, kind="discrete"),
                role=role,
                series_uid=f"1.2.3.{role}",
                algorithm="entered by a person",
            ),
        ),
    )


def localizer_assessments():
    m = measurement("length_si", "length", "mm", 147.92, 0.35, role="localizer")
    return (judged(m),)


def phantom_image(size=256, seed=1, kind="uniform"):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] - (size - 1) / 2
    radius = np.hypot(rows, columns) / size * 256
    body = 1000.0 / (1 + np.exp((radius - 97.3) / 0.7)) * (1 - 1.5e-5 * radius**2)
    if kind == "ramps":
        body[(np.abs(rows) < 6) & (np.abs(columns) < 90)] = 60
        body[(rows > -5) & (rows < 0) & (np.abs(columns - 4) < 26)] = 200
        body[(rows > 1) & (rows < 5) & (np.abs(columns + 2) < 26)] = 200
    noise = rng.normal(0, 8, body.shape), rng.normal(0, 8, body.shape)
    return np.hypot(body + noise[0], noise[1]).astype(np.float32)


def circle(x, y, radius, n=72):
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return tuple((float(x + radius * np.cos(a)), float(y + radius * np.sin(a))) for a in angles)


def profile_plot():
    x = np.arange(-60.0, 60.5, 1.0)
    y = 200 / (1 + np.exp((np.abs(x) - 26) / 1.5))
    noisy = y + np.random.default_rng(3).normal(0, 4, x.size)
    return Plot(
        x_label="position along the ramp [mm]",
        y_label="signal",
        curves=(
            Curve(x=tuple(x), y=tuple(noisy), label="measured"),
            Curve(x=tuple(x), y=tuple(y), label="fit", role="fit"),
            Curve(x=(-60.0, 60.0), y=(100.0, 100.0), label="half", role="level"),
        ),
        markers=(Marker(x=-26.0, label="-26.0"), Marker(x=26.0, label="26.0")),
    )


def evidence(role="T1", image=None):
    uid = f"1.2.3.{role}"
    plain = phantom_image() if image is None else image[0]
    ramps = phantom_image(kind="ramps") if image is None else image[1]
    c = 127.5
    lr = Shape(kind="line", points=((c - 97.3, c), (c + 97.3, c)), role="length", label="190.2 mm")
    ap = Shape(kind="line", points=((c, c - 97.3), (c, c + 97.3)), role="length", label="190.4 mm")
    wall = Shape(kind="polygon", points=circle(c, c, 97.3), role="edge")
    bubble = Shape(
        kind="polygon",
        points=((c - 25, c - 98), (c + 25, c - 98), (c + 18, c - 80), (c - 18, c - 80)),
        role="excluded",
        label="air",
    )
    return (
        Evidence(
            title="Diameters, slice 1",
            slice=1,
            series_uid=uid,
            image=ramps,
            pixel_mm=0.9766,
            measurements=("diameter_slice1_lr", "diameter_slice1_ap"),
            shapes=(wall, lr, ap, bubble),
        ),
        Evidence(
            title="Diameters, slice 5",
            slice=5,
            series_uid=uid,
            image=plain,
            pixel_mm=0.9766,
            measurements=(
                "diameter_slice5_lr",
                "diameter_slice5_ap",
                "diameter_slice5_d1",
                "diameter_slice5_d2",
            ),
            shapes=(wall, lr, ap, bubble),
        ),
        Evidence(
            title="Slice thickness",
            slice=1,
            series_uid=uid,
            image=ramps,
            pixel_mm=0.9766,
            window=(0.0, 400.0),
            measurements=("slice_thickness",),
            shapes=(
                Shape(
                    kind="polygon",
                    label="upper",
                    points=((70, 123), (185, 123), (185, 127), (70, 127)),
                ),
                Shape(
                    kind="polygon",
                    label="lower",
                    points=((70, 129), (185, 129), (185, 132), (70, 132)),
                ),
            ),
            plots=(profile_plot(),),
            caption="Each ramp is 10 times as long as the slice.",
        ),
        Evidence(
            title="Slice position, slice 1",
            slice=1,
            series_uid=uid,
            image=ramps[20:110, 80:170],
            pixel_mm=0.9766,
            measurements=("slice_position_slice1",),
            shapes=(
                Shape(kind="line", points=((40, 4), (40, 42)), role="length", label="left"),
                Shape(kind="line", points=((52, 4), (52, 41)), role="length", label="right"),
            ),
        ),
        Evidence(
            title="Slice position, slice 11",
            slice=11,
            series_uid=uid,
            image=plain[20:110, 80:170],
            pixel_mm=0.9766,
            measurements=("slice_position_slice11",),
            shapes=(
                Shape(kind="line", points=((40, 4), (40, 38)), role="length", label="left"),
                Shape(kind="line", points=((52, 4), (52, 45)), role="length", label="right"),
            ),
        ),
        Evidence(
            title="Uniformity",
            slice=7,
            series_uid=uid,
            image=plain,
            pixel_mm=0.9766,
            measurements=("piu",),
            shapes=(
                Shape(kind="polygon", points=circle(c, c, 82), label="large ROI"),
                Shape(kind="polygon", points=circle(150, 90, 5.8, 24), label="highest"),
                Shape(kind="polygon", points=circle(110, 190, 5.8, 24), label="lowest"),
            ),
        ),
        Evidence(
            title="Ghosting",
            slice=7,
            series_uid=uid,
            image=plain,
            pixel_mm=0.9766,
            window=(0.0, 60.0),
            measurements=("psg", "snr_background"),
            shapes=(
                Shape(kind="polygon", points=circle(c, c, 82), label="signal"),
                Shape(kind="polygon", points=((90, 4), (165, 4), (165, 20), (90, 20)), label="top"),
                Shape(
                    kind="polygon",
                    points=((90, 235), (165, 235), (165, 251), (90, 251)),
                    label="bottom",
                ),
                Shape(kind="points", points=((60, 60), (195, 60)), role="note"),
            ),
        ),
        Evidence(
            title="Signal to noise",
            slice=7,
            series_uid=uid,
            image=plain,
            pixel_mm=0.9766,
            measurements=("snr_local",),
            plots=(profile_plot(),),
            shapes=(Shape(kind="polygon", points=circle(c, c, 70)),),
        ),
    )


def pose(hint=None):
    return PhantomPose(
        phantom_id="acr_large",
        variant="grid",
        kind="axial_stack",
        score=0.97,
        runner_up="acr_medium",
        runner_up_score=0.61,
        phantom_to_voxel=np.eye(4),
        slice_numbers=tuple(range(1, 12)),
        rotation_deg=-0.4,
        tilt_deg=(0.1, -0.3),
        offset_mm=(1.2, -2.4, 0.8),
        mirrored=False,
        reversed_order=False,
        residual_mm=0.14,
        symmetry="none",
        evidence=("ramp box", "foot at +x"),
        hint=hint,
    )


def exam_series(role="T1", **fields):
    acquisition = Acquisition(
        acquired_at=WHEN.replace(tzinfo=None),
        software="syngo MR XA50",
        coil="Head_20",
        coil_elements="HE1-4",
        sequence="SE se2d1",
        spin_echo=True,
        tr_ms={"T1": 500.0, "T2": 2000.0}.get(role, 200.0),
        te_ms={"T1": 20.0, "T2": 80.0}.get(role, 20.0),
        flip_angle_deg=90.0,
        echo_train_length=1,
        averages=1.0,
        slice_thickness_mm=5.0,
        slice_spacing_mm=10.0,
        matrix=(256, 256),
        matrix_acquired=(256, 256),
        fov_mm=(250.0, 250.0),
        phase_encode_direction="ROW",
        pixel_bandwidth_hz=130.0,
        center_frequency_hz=63_863_021.0,
        patient_position="HFS",
        reconstruction=Reconstruction(
            intensity_normalization="none", distortion_correction="2D", interpolation=False
        ),
    )
    given = {
        "series_uid": f"1.2.3.{role}",
        "stack": f"1.2.3.{role}:0",
        "role": role,
        "description": f"ACR {role}",
        "acquisition": acquisition,
        "shape": (256, 256, 11, 1),
        "voxel_size_mm": (0.9766, 0.9766, 10.0),
        "deviations": (),
        "pose": pose(),
        "failure": None,
    }
    return ExamSeries(**{**given, **fields})


def exam(roles=("T1", "localizer"), bad=True, **fields):
    assessments = ()
    for role in roles:
        found = localizer_assessments() if role == "localizer" else t1_assessments(role, bad=bad)
        assessments += found
    hint = "move the phantom 3.7 mm towards the feet: slice 11 is displaced towards the head"
    series = tuple(
        exam_series(role, pose=pose(hint if bad and role != "localizer" else None))
        for role in roles
    )
    inputs = tuple(
        SourceFile(path=f"/archive/DOE^JANE/exam 7/IM{i:04d}.dcm", sha256=f"{i:064x}")
        for i in range(1, 12 * len(roles))
    )
    findings = (
        (
            Finding(
                code="distortion_correction_on",
                severity=Severity.WARNING,
                where="ACR T1",
                message="2D distortion correction is on: diameters do not show the gradients",
                hint="switch it off for the weekly exam",
            ),
            Finding(
                code="extra_series",
                severity=Severity.INFO,
                message="1 series is none of the protocol's",
            ),
        )
        if bad
        else ()
    )
    given = {
        "phantom": PHANTOM,
        "protocol": PROTOCOL,
        "scanner": Scanner(
            manufacturer="SIEMENS",
            model="MAGNETOM Sola",
            serial_number="176214",
            station="MR2",
            site="Example Hospital",
            field_strength_t=1.5,
        ),
        "acquired_at": WHEN,
        "phantom_unit": "J10412",
        "series": series,
        "assessments": assessments,
        "evidence": tuple(e for r in roles if r != "localizer" for e in evidence(r)),
        "findings": findings,
        "entries": (
            ("phantom_unit", "J10412"),
            ("temperature", "21.5"),
            ("low_contrast_spokes", "34"),
        ),
        "provenance": Provenance(
            inputs=inputs,
            definitions=(
                SourceFile(path=PHANTOM.path, sha256=PHANTOM.sha256),
                SourceFile(path=PROTOCOL.path, sha256=PROTOCOL.sha256),
            ),
            versions=(
                ("qiqa", "0.1.0"),
                ("python", "3.11.2"),
                ("numpy", "2.2.1"),
                ("scipy", "1.15.0"),
                ("pydicom", "3.0.2"),
            ),
            algorithms=("wall_edges/1", "ramps/1", "piu/1"),
            parameters=(),
            user="mphys",
            created_at=dt.datetime(2026, 11, 20, 8, 3, 11, tzinfo=dt.UTC),
        ),
    }
    return QcResult(**{**given, **fields})


@pytest.fixture(scope="session")
def bad_exam():
    return exam()


@pytest.fixture(scope="session")
def good_exam():
    return exam(bad=False)


@pytest.fixture(scope="session")
def make():
    """Hand the makers to tests that need variations."""

    class Makers:
        exam = staticmethod(exam)
        series = staticmethod(exam_series)
        measurement = staticmethod(measurement)
        judged = staticmethod(judged)
        evidence = staticmethod(evidence)
        replace = staticmethod(dataclasses.replace)

    return Makers
