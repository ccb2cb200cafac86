"""NIfTI with sidecars."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qiqa.io import load, read


def _write(
    folder: Path, name: str, values: np.ndarray, affine: np.ndarray, **sidecar: object
) -> Path:
    import nibabel as nib

    path = folder / name
    nib.Nifti1Image(values, affine).to_filename(path)
    stem = name.removesuffix(".gz").removesuffix(".nii")
    if sidecar:
        (folder / f"{stem}.json").write_text(json.dumps(sidecar), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_units_and_scanner_from_the_sidecar(tmp_path: Path, name: str) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = _write(
        tmp_path, name, values, np.diag([2.0, 3.0, 4.0, 1.0]),
        EchoTime=0.03, RepetitionTime=1.0, FlipAngle=90, MagneticFieldStrength=3,
        Manufacturer="Siemens", DeviceSerialNumber="ANONYMIZED", ImagingFrequency=123.148,
        PhaseEncodingDirection="j-",
    )  # fmt: skip
    (header,) = read(path).headers
    a = header.acquisition
    assert (a.te_ms, a.tr_ms, a.flip_angle_deg) == (30, 1000, 90)
    assert (a.center_frequency_hz, a.center_frequency_resolution_hz) == (123148000.0, 1000.0)
    assert (a.phase_encode_direction, a.slice_spacing_mm) == ("COL", 4.0)
    assert (header.scanner.manufacturer, header.scanner.serial_number) == ("Siemens", None)
    series = load(header)
    assert np.array_equal(series.signal[..., 0], values)
    assert (series.stored_range, series.quantization) == ((-32768, 32767), 1.0)


def test_left_handed_images_are_turned_to_dicom_order(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = 10, 20, 30
    (header,) = read(_write(tmp_path, "a.nii", values, affine)).headers
    series = load(header)
    assert np.array_equal(series.signal[..., 0], values[:, ::-1])
    # the same voxel lies at the same place
    assert np.allclose(header.affine @ [0, 2, 1, 1], affine @ [0, 0, 1, 1])
    assert np.linalg.det(header.affine[:3, :3]) > 0
    assert series.stored_range is None


def test_gradient_tables(tmp_path: Path) -> None:
    values = np.zeros((2, 2, 2, 3), dtype=np.int16)
    path = _write(tmp_path, "d.nii", values, np.diag([-2.0, 2.0, 2.0, 1.0]))
    (tmp_path / "d.bval").write_text("0 1000 1000", encoding="ascii")
    (tmp_path / "d.bvec").write_text("0 1 0\n0 0 1\n0 0 0", encoding="ascii")
    (header,) = read(path).headers
    e = header.encoding
    assert (e.name, e.values) == ("b_value", (0, 1000, 1000))
    # left-handed: FSL's first axis is the image's, which runs to the left here
    assert e.directions == ((0, 0, 0), (-1, 0, 0), (0, 1, 0))


def test_lists_of_echo_times(tmp_path: Path) -> None:
    values = np.zeros((2, 2, 2, 3), dtype=np.int16)
    path = _write(tmp_path, "e.nii", values, np.eye(4), EchoTime=[0.01, 0.02, 0.03])
    (header,) = read(path).headers
    assert header.encoding.name == "echo_time"
    assert header.encoding.values == pytest.approx((10, 20, 30))


def test_cut_short_nifti_is_a_finding(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.nii", np.zeros((9, 9, 9), dtype=np.int16), np.eye(4))
    path.write_bytes(path.read_bytes()[:600])
    contents = read(path)
    assert [f.code for f in contents.findings] == ["unreadable_file"]
    assert contents.n_unreadable == 1
