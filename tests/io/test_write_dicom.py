"""Written files read back to the same geometry and signal, and satisfy independent validators."""

import dataclasses
import math
import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.series import Series
from qiqa.io.definitions import load_phantom
from qiqa.io.write_dicom import write_exam, write_series
from qiqa.simulate.acr_large import simulate_localizer, simulate_stack
from qiqa.simulate.spec import AcrSpec

PHANTOM = load_phantom("acr_large")
STYLES = ("siemens", "ge", "philips")


@pytest.fixture(scope="module")
def exam():
    spec = AcrSpec(zero_border_px=2, center_offset_mm=(3.0, -2.0), matrix=128)
    rng = np.random.default_rng(9)
    stack = simulate_stack(PHANTOM, spec, rng, slices=(1, 5))
    uids = (stack.header.study_uid, stack.header.frame_of_reference_uid)
    return {"T1": stack, "localizer": simulate_localizer(PHANTOM, spec, rng, study=uids)}


def turned(series):
    """Return the series in an oblique plane, away from every axis."""
    a, b = math.radians(17.3), math.radians(-31.7)
    first = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    second = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = first @ second @ series.header.affine[:3, :3]
    affine[:3, 3] = [12.3456789, -98.7654321, 0.123456789]
    header = dataclasses.replace(series.header, affine=affine)
    return Series(header=header, signal=series.signal)


def frames(files, enhanced):
    """Return (LPS position, orientation, spacing, signal (rows, columns)) of each frame."""
    found = []
    for file in files:
        ds = pydicom.dcmread(file)
        if not enhanced:
            slope = float(ds.get("RescaleSlope", 1))
            found.append(
                (ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing,
                 ds.pixel_array * slope)
            )  # fmt: skip
            continue
        shared, pixels = ds.SharedFunctionalGroupsSequence[0], ds.pixel_array
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        for index, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
            slope = float(group.PixelValueTransformationSequence[0].RescaleSlope)
            found.append(
                (group.PlanePositionSequence[0].ImagePositionPatient,
                 shared.PlaneOrientationSequence[0].ImageOrientationPatient,
                 shared.PixelMeasuresSequence[0].PixelSpacing, pixels[index] * slope)
            )  # fmt: skip
    return found


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("oblique", [False, True])
def test_reads_back_to_the_same_geometry_and_signal(exam, tmp_path, style, enhanced, oblique):
    for number, series in enumerate(exam.values()):
        written = turned(series) if oblique else series
        files = write_series(written, tmp_path / str(number), style=style, enhanced=enhanced)
        assert len(files) == (1 if enhanced else series.header.shape[2])
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ written.header.affine
        for k, (position, orientation, spacing, signal) in enumerate(frames(files, enhanced)):
            # PS3.3 C.7.6.2.1.1: column index runs along the first direction.
            rebuilt = np.eye(4)
            rebuilt[:3, 0] = np.array(orientation[:3], float) * float(spacing[1])
            rebuilt[:3, 1] = np.array(orientation[3:], float) * float(spacing[0])
            rebuilt[:3, 3] = np.array(position, float)
            assert np.allclose(rebuilt[:, :2], to_lps[:, :2], atol=1e-9)
            assert np.allclose(rebuilt[:3, 3], to_lps[:3, 3] + k * to_lps[:3, 2], atol=1e-8)
            expected = series.signal[:, :, k, 0].T
            allowed = 0.5 * expected.max() / 4095 + 1e-6 if style == "philips" else 0
            assert np.abs(signal - expected).max() <= allowed


@pytest.mark.parametrize("style", STYLES)
def test_says_who_and_that_it_is_simulated(exam, tmp_path, style):
    ds = pydicom.dcmread(write_series(exam["T1"], tmp_path, style=style)[0])
    assert str(ds.PatientName) == "QIQA^PHANTOM"
    assert "imulated" in ds.ImageComments
    assert ds.ContentQualification == "RESEARCH"
    assert ds.Manufacturer.upper().startswith(style.upper())
    assert (ds.RepetitionTime, ds.EchoTime, ds.FlipAngle) == (500, 20, 90)
    assert (ds.SliceThickness, ds.SpacingBetweenSlices) == (5, 10)
    assert (ds.EchoTrainLength, ds.NumberOfAverages) == (1, 1)
    assert ds.InPlanePhaseEncodingDirection == "COL"
    assert ds.ImagingFrequency == pytest.approx(63.866217)
    assert (ds.MagneticFieldStrength, ds.PixelBandwidth) == (1.5, 150)
    assert ds.DeviceSerialNumber == "SIM0001"
    assert (ds.StudyDate, ds.StudyTime[:4]) == ("20260105", "0730")


def test_vendor_conventions(exam, tmp_path):
    read = {
        style: [pydicom.dcmread(f) for f in write_series(exam["T1"], tmp_path / style, style=style)]
        for style in STYLES
    }
    assert list(read["siemens"][0].ImageType) == ["ORIGINAL", "PRIMARY", "M", "DIS2D"]
    assert list(read["ge"][0].ImageType) == ["ORIGINAL", "PRIMARY", "OTHER"]
    assert read["ge"][0].PixelRepresentation == 1
    assert "RescaleSlope" not in read["siemens"][0]
    assert list(read["philips"][0].ImageType) == ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"]
    slopes = [float(ds.RescaleSlope) for ds in read["philips"]]
    assert len(set(slopes)) > 5
    for ds in read["philips"]:
        assert ds[0x2005, 0x0010].value == "Philips MR Imaging DD 001"
        # Stored / scale slope = signal x 100 in every slice.
        comparable = ds.pixel_array / ds[0x2005, 0x100E].value
        assert np.allclose(comparable, ds.pixel_array * float(ds.RescaleSlope) * 100, rtol=1e-6)


def test_private_groups_of_enhanced_frames(exam, tmp_path):
    for style, creator, tags in (
        ("siemens", "SIEMENS MR SDI 02", ((0x21, 0xFE), (0x21, 0x75))),
        ("philips", "Philips MR Imaging DD 005", ((0x2005, 0x0F), (0x2005, 0x0E))),
    ):
        (file,) = write_series(exam["T1"], tmp_path, style=style, enhanced=True)
        group = pydicom.dcmread(file).PerFrameFunctionalGroupsSequence[0]
        item = group.private_block(tags[0][0], creator)[tags[0][1]].value[0]
        inner = "Philips MR Imaging DD 001" if style == "philips" else creator
        value = item.private_block(tags[1][0], inner)[tags[1][1]].value
        assert "DIS2D" in value if style == "siemens" else value > 0


def test_numbering_against_the_normal(exam, tmp_path):
    files = write_series(exam["T1"], tmp_path, style="ge", falling=True)
    by_number = sorted((pydicom.dcmread(f) for f in files), key=lambda ds: int(ds.InstanceNumber))
    heights = [float(ds.ImagePositionPatient[2]) for ds in by_number]
    assert heights == sorted(heights, reverse=True)


def test_writing_twice_gives_the_same_bytes_and_no_leftovers(exam, tmp_path):
    for enhanced in (False, True):
        one = write_exam(exam, tmp_path / f"one{enhanced}", enhanced=enhanced)
        two = write_exam(exam, tmp_path / f"two{enhanced}", enhanced=enhanced)
        for name in exam:
            for a, b in zip(one[name], two[name], strict=True):
                assert a.read_bytes() == b.read_bytes()
        left = [p for p in (tmp_path / f"one{enhanced}").rglob("*") if p.is_file()]
        assert len(left) == sum(len(files) for files in one.values())
    uids = {
        pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in tmp_path.rglob("*.dcm")
    }
    assert len(uids) == 12 + 2


def test_refuses_what_does_not_fit(exam, tmp_path):
    series = exam["T1"]
    with pytest.raises(UsageError, match="'toshiba'"):
        write_series(series, tmp_path, style="toshiba")
    with pytest.raises(OutputError, match="multiple of its quantization"):
        write_series(Series(header=series.header, signal=series.signal + 0.4), tmp_path)
    with pytest.raises(OutputError, match="reaches"):
        write_series(Series(header=series.header, signal=series.signal + 9000), tmp_path)
    with pytest.raises(OutputError, match="negative"):
        write_series(Series(header=series.header, signal=series.signal - 10), tmp_path)
    backwards = series.header.affine.copy()
    backwards[:3, 2] *= -1
    header = dataclasses.replace(series.header, affine=backwards)
    with pytest.raises(OutputError, match="cross product"):
        write_series(Series(header=header, signal=series.signal.copy()), tmp_path)
    timeless = dataclasses.replace(
        series.header, acquisition=dataclasses.replace(series.header.acquisition, acquired_at=None)
    )
    with pytest.raises(OutputError, match="time of acquisition"):
        write_series(Series(header=timeless, signal=series.signal.copy()), tmp_path, enhanced=True)
    assert not list(tmp_path.rglob("*.part"))


def test_folder_that_cannot_be_made_is_named(exam, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        write_series(exam["T1"], blocker / "inside")


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_dciodvfy_finds_no_errors(exam, tmp_path, style, enhanced):
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    for files in write_exam(exam, tmp_path, style=style, enhanced=enhanced).values():
        said = subprocess.run(
            [program, "-new", str(files[0])], capture_output=True, text=True, check=False
        )
        lines = (said.stdout + said.stderr).splitlines()
        assert any("MRImage" in line for line in lines), lines
        assert [line for line in lines if "Error" in line] == []


@pytest.mark.parametrize("enhanced", [False, True])
def test_dcmtk_reads_every_file(exam, tmp_path, enhanced):
    program = shutil.which("dcmdump")
    if program is None:
        pytest.skip("dcmdump (dcmtk) is not installed")
    for files in write_exam(exam, tmp_path, enhanced=enhanced).values():
        said = subprocess.run(
            [program, "+E", *map(str, files)], capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr
        assert said.stderr == ""
