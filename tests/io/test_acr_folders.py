"""The seventeen ACR folders read as the table of measured facts about them says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.contents import Contents
from qiqa.core.exam import group_exams
from qiqa.io import load, read


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: what the scanner's console and header say."""

    model: str
    software: str
    field_t: float
    matrix: int
    fov_mm: float
    tr_te: tuple[float, float]
    normalization: str | None
    distortion: str | None
    encode: str
    n_slices: int = 11
    image_filter: str | None = None


_T1, _T2, _OLD, _LOC = (500, 20), (2000, 80), (1000, 30), (200, 20)
TABLE = {
    "GE": Row("Signa HDxt", "HD23", 1.5, 512, 260, _OLD, "SCIC", None, "ROW", 11, "FILTERED_GEMS"),
    "GE_Artist_1.5T_T1": Row("SIGNA Artist", "DV28.1", 1.5, 256, 250, _T1, None, None, "ROW"),
    "GE_Artist_1.5T_T2": Row("SIGNA Artist", "DV28.1", 1.5, 256, 250, _T2, None, None, "ROW"),
    "GE_Signa_1.5T_Sagittal_Localizer": Row(
        "SIGNA Artist", "MR30.3", 1.5, 256, 250, _LOC, None, None, "ROW", 1
    ),
    "GE_Signa_3T_T1": Row("SIGNA Premier", "RX29.1", 3, 256, 250, _T1, None, None, "ROW"),
    "GE_Signa_3T_T2": Row("SIGNA Premier", "RX29.1", 3, 256, 250, _T2, None, None, "ROW"),
    "Philips3TdStream": Row("Achieva dStream", "5.8.1", 3, 256, 250, _T1, None, None, "ROW"),
    "PhilipsAchieva": Row("Achieva", "5.7.1", 3, 256, 250, _T1, None, None, "COL"),
    "PhilipsAchievaLocalizer": Row("Achieva", "5.7.1", 3, 256, 250, _LOC, None, None, "ROW", 1),
    "Siemens": Row("Skyra", "E11", 3, 256, 250, _OLD, "none", "2D", "COL"),
    "Siemens2": Row("Skyra", "E11", 3, 256, 250, _OLD, "none", "2D", "COL"),
    "SiemensLargeSliceLocationDelta": Row(
        "MAGNETOM Sola", "XA51", 1.5, 256, 250, _T1, "NORM", "2D", "COL"
    ),
    "SiemensMTF": Row("MAGNETOM Sola", "XA31", 1.5, 256, 250, _T1, "none", "none", "COL"),
    "Siemens_Aera_1.5T_T1": Row("Aera", "E11", 1.5, 256, 250, _T1, "NORM", "2D", "COL"),
    "Siemens_Aera_1.5T_T2": Row("Aera", "E11", 1.5, 256, 250, _T2, "NORM", "2D", "COL"),
    "Siemens_MagnetomSkyra_3T_T1": Row(
        "MAGNETOM Skyra", "XA30", 3, 256, 250, _T1, "NORM", "2D", "COL"
    ),
    "Siemens_Sola_1.5T_T1": Row("MAGNETOM Sola", "XA61", 1.5, 256, 250, _T1, "NORM", "2D", "COL"),
}


@pytest.fixture(scope="module")
def acr(scans: Path) -> Path:
    return scans / "phantoms" / "acr_large"


@pytest.mark.parametrize("name", TABLE)
def test_folder_reads_as_the_table_says(acr: Path, name: str) -> None:
    row = TABLE[name]
    contents = read(acr / name)
    assert contents.findings == ()
    (header,) = contents.headers
    a = header.acquisition
    assert header.scanner.model == row.model
    assert row.software in (a.software or "")
    assert header.scanner.field_strength_t == row.field_t
    assert header.shape == (row.matrix, row.matrix, row.n_slices, 1)
    assert a.matrix_acquired == (row.matrix, row.matrix)
    assert a.reconstruction.interpolation is False
    assert a.fov_mm == pytest.approx((row.fov_mm, row.fov_mm), abs=0.02)
    assert (a.tr_ms, a.te_ms) == pytest.approx(row.tr_te, abs=0.01)
    assert a.reconstruction.intensity_normalization == row.normalization
    assert a.reconstruction.distortion_correction == row.distortion
    assert a.reconstruction.image_filter == row.image_filter
    assert a.phase_encode_direction == row.encode
    assert a.spin_echo is True
    assert (a.flip_angle_deg, a.echo_train_length, a.averages) == (90, 1, 1)
    assert a.patient_position == "HFS"
    assert a.pixel_bandwidth_hz is not None
    # 1H at the stated field: 42.577 MHz/T (CODATA), scanners sit up to 4 % below the round value
    assert a.center_frequency_hz == pytest.approx(42.577e6 * row.field_t, rel=0.045)
    assert header.derived is False
    if row.n_slices == 11:
        assert a.slice_thickness_mm == 5
        assert a.slice_spacing_mm == pytest.approx(10, abs=1e-3)
        assert np.diff(header.slice_positions_mm) == pytest.approx([10] * 10, abs=1e-3)
        # axial, head first supine: i to the patient's left, j to the back, k to the head
        assert np.sign(np.diag(header.affine[:3, :3])).tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    "name", ["GE_Artist_1.5T_T1", "Siemens_Aera_1.5T_T1", "Siemens_MagnetomSkyra_3T_T1"]
)
def test_placeholders_are_unknown(acr: Path, name: str) -> None:
    (header,) = read(acr / name).headers
    assert header.acquisition.acquired_at is None
    assert header.scanner.serial_number is None
    assert header.scanner.identity is None


def test_serial_anon_is_unknown_and_real_ones_stay(acr: Path) -> None:
    serials = {n: read(acr / n).headers[0].scanner.serial_number for n in ("GE", "PhilipsAchieva")}
    assert serials == {"GE": None, "PhilipsAchieva": "17461"}


def test_enhanced_takes_state_from_private_groups(acr: Path) -> None:
    (header,) = read(acr / "Siemens_Sola_1.5T_T1").headers
    a = header.acquisition
    assert header.dialect == "siemens_xa"
    assert (a.center_frequency_hz, a.center_frequency_resolution_hz) == (63682357.0, 1.0)
    assert (a.coil, a.coil_elements) == ("HeadNeck_20_TCS", "HE1-4;NE1,2")


def test_printed_digits_give_the_resolution(acr: Path) -> None:
    (header,) = read(acr / "Siemens").headers  # printed 123.14899
    a = header.acquisition
    assert (a.center_frequency_hz, a.center_frequency_resolution_hz) == (123148990.0, 10.0)


def _folders(headers: object) -> set[str]:
    return {Path(h.paths[0]).parent.name for h in headers}  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def everything(acr: Path) -> Contents:
    return read(acr)


def test_altered_copies_are_found_and_kept_apart(acr: Path) -> None:
    contents = read([acr / "Siemens", acr / "Siemens2"])
    (finding,) = contents.findings
    assert finding.code == "conflicting_copies"
    assert str(acr / "Siemens") in finding.message
    assert str(acr / "Siemens2") in finding.message
    assert [h.shape for h in contents.headers] == [(256, 256, 11, 1)] * 2
    assert len({h.key for h in contents.headers}) == 2
    assert len(group_exams(contents.headers)) == 2


def test_all_folders_at_once_give_all_series(everything: Contents) -> None:
    assert (everything.n_files, everything.n_images) == (157, 167)
    assert _folders(everything.headers) == set(TABLE)
    assert {f.code for f in everything.findings} == {"conflicting_copies"}


@pytest.mark.parametrize(
    ("names", "exams"),
    [
        (("PhilipsAchieva", "PhilipsAchievaLocalizer"), 1),
        (("Philips3TdStream", "PhilipsAchieva"), 2),
        (("GE_Artist_1.5T_T1", "GE_Artist_1.5T_T2"), 1),
        (("Siemens_Aera_1.5T_T1", "GE_Artist_1.5T_T1"), 2),
        (("GE_Artist_1.5T_T1", "GE_Signa_1.5T_Sagittal_Localizer"), 2),  # other software
    ],
)
def test_exams(acr: Path, names: tuple[str, ...], exams: int) -> None:
    found = group_exams(read([acr / name for name in names]).headers)
    assert len(found) == exams
    assert sum(len(exam.headers) for exam in found) == len(names)


def test_pixels_come_with_hashes_and_limits(acr: Path) -> None:
    import hashlib

    series = load(read(acr / "Siemens").headers[0])
    assert series.signal.dtype == np.float32
    assert series.signal.flags.f_contiguous
    assert not series.signal.flags.writeable
    assert (series.stored_range, series.quantization) == ((0.0, 4095.0), 1.0)
    assert series.signal.max() == 4095  # clipped in slice 1, a known fact of this scan
    assert len(series.sources) == 11
    first = series.sources[0]
    assert first.sha256 == hashlib.sha256(Path(first.path).read_bytes()).hexdigest()


def test_rescale_slope_is_applied(acr: Path) -> None:
    import pydicom

    header = read(acr / "PhilipsAchieva").headers[0]
    series = load(header)
    source = header.frames[0][4]
    ds = pydicom.dcmread(source.path)
    expected = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    # rows run down: signal is (column, row)
    assert np.allclose(series.signal[:, :, 4, 0], expected.T, rtol=1e-6)
    assert series.quantization == pytest.approx(1.31062271062271)
