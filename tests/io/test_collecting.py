"""One acquisition spread over series or files becomes one header."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from qiqa.core.series import SeriesHeader
from qiqa.io import load, read
from qiqa.io.collecting import collect

TIS = (50, 100, 400, 1500)


@pytest.fixture
def stack(make, save) -> Callable[..., Path]:
    """Return a function that writes one series of two slices; its pixels tell which it is."""
    count = 0

    def write(z_mm: float = 0.0, level: int = 0, **attributes: Any) -> Path:
        nonlocal count
        count += 1
        uid = attributes.pop("series", f"1.2.3.{count}")
        pixels = np.full((4, 6), 100 * count + level, dtype=np.uint16)
        time = f"{10 + count // 60:02d}{count % 60:02d}00"
        given = {"AcquisitionDate": "20200101", "AcquisitionTime": time, **attributes}
        slices = [make(z_mm + 5.0 * k, k + 1, pixels=pixels, series=uid, **given) for k in range(2)]
        return save(slices, f"s{count:03d}")

    return write


def _all(root: Path) -> tuple[tuple[SeriesHeader, ...], tuple[Any, ...]]:
    return collect(read(root).headers)


def test_inversion_times_that_come_one_a_series(stack, tmp_path: Path) -> None:
    for ti in (400, 50, 1500, 100):
        stack(InversionTime=ti, RepetitionTime=1000 + ti, SeriesDescription=f"IR TI={ti}")
    (header,), findings = _all(tmp_path)
    assert findings == ()
    assert header.shape == (6, 4, 2, 4)
    assert header.encoding.name == "inversion_time"
    assert header.encoding.values == TIS
    assert header.encoding.tr_ms == (1050, 1100, 1400, 2500)
    assert header.encoding.unit == "ms"
    assert header.description == "IR TI"
    assert header.series_uid.startswith("collection:")
    series = load(header)
    # written as series 2, 4, 1, 3
    assert series.signal[0, 0, 1].tolist() == [200, 400, 100, 300]
    assert len(series.sources) == 8
    assert len({source.sha256 for source in series.sources}) == 8


def test_the_identity_does_not_hang_on_the_order_of_files(stack, tmp_path: Path) -> None:
    for ti in TIS:
        stack(InversionTime=ti)
    headers = read(tmp_path).headers
    (one,), _ = collect(headers)
    (other,), _ = collect(headers[::-1])
    assert (one.series_uid, one.key) == (other.series_uid, other.key)
    (fewer,), _ = collect(headers[:3])
    assert fewer.series_uid != one.series_uid


@pytest.mark.parametrize(
    ("keyword", "values", "name"),
    [
        ("FlipAngle", (2, 5, 15), "flip_angle"),
        ("FlipAngle", (60, 120), "flip_angle"),
        ("EchoTime", (10, 20, 40), "echo_time"),
        ("RepetitionTime", (300, 600, 3000), "repetition_time"),
    ],
)
def test_other_things_that_are_varied(
    stack, tmp_path: Path, keyword: str, values: tuple[float, ...], name: str
) -> None:
    for value in values:
        stack(**{keyword: value})
    (header,), findings = _all(tmp_path)
    assert (header.encoding.name, findings) == (name, ())
    assert header.encoding.values == pytest.approx(values)
    expected = pytest.approx(values) if name == "repetition_time" else None
    assert header.encoding.tr_ms == expected


def test_b_values_with_the_one_of_zero(stack, tmp_path: Path) -> None:
    for b in (1000, 0, 500):
        stack(DiffusionBValue=b, ScanningSequence=["EP", "SE"])
    (header,), findings = _all(tmp_path)
    assert (header.encoding.name, findings) == ("b_value", ())
    assert header.encoding.values == (0, 500, 1000)


def test_a_b_value_of_zero_makes_no_diffusion_image(stack, tmp_path: Path) -> None:
    stack(DiffusionBValue=0)
    for number in (1, 2):
        stack(DiffusionBValue=0, ScanningSequence="EP", AcquisitionNumber=number, series="1.2.3")
    assert {h.encoding.name for h in read(tmp_path).headers} == {"none", "repeat"}


def test_repetition_times_within_one_series(stack, tmp_path: Path) -> None:
    for number, tr in enumerate((500, 1000, 4000)):
        stack(RepetitionTime=tr, series="1.2.3", AcquisitionNumber=number)
    contents = read(tmp_path)
    (header,) = contents.headers
    assert contents.findings == ()
    assert header.encoding.name == "repetition_time"
    assert header.encoding.values == header.encoding.tr_ms == (500, 1000, 4000)


def test_repetition_times_that_a_trigger_made_are_no_encoding(stack, tmp_path: Path) -> None:
    for number, tr in enumerate((1000, 1003, 1011)):
        stack(RepetitionTime=tr, series="1.2.3", AcquisitionNumber=number)
    contents = read(tmp_path)
    assert contents.headers[0].encoding.name == "repeat"
    assert [f.code for f in contents.findings] == ["inconsistent_slices"]


def test_inversion_and_repetition_times_within_one_series(stack, tmp_path: Path) -> None:
    for ti in TIS:
        stack(InversionTime=ti, RepetitionTime=1000 + ti, series="1.2.3")
    contents = read(tmp_path)
    (header,) = contents.headers
    assert contents.findings == ()
    assert header.encoding.values == TIS
    assert header.encoding.tr_ms == (1050, 1100, 1400, 2500)


@pytest.mark.parametrize(
    "other",
    [
        {"EchoTime": 25},
        {"FlipAngle": 80},
        {"ReceiveCoilName": "Knee"},
        {"DeviceSerialNumber": "78"},
        {"StudyInstanceUID": "1.3"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "P"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM"], "Manufacturer": "SIEMENS"},
        {"PixelBandwidth": 300},
        {"FrameOfReferenceUID": "1.4"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_in_more_than_one_thing_stays_apart(
    stack, tmp_path: Path, other: dict[str, Any]
) -> None:
    for ti in (50, 100):
        stack(InversionTime=ti)
    stack(InversionTime=400, **other)
    headers, findings = _all(tmp_path)
    assert [h.shape[3] for h in headers] == [2, 1]
    assert headers[0].encoding.values == (50, 100)
    assert findings == ()


def test_computed_maps_never_join(stack, tmp_path: Path) -> None:
    for b in (0, 500, 1000):
        stack(DiffusionBValue=b, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"])
    stack(DiffusionBValue=1500, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    headers, _ = _all(tmp_path)
    assert [(h.component, h.derived, h.shape[3]) for h in headers] == [
        ("tracew", True, 3),
        ("adc", True, 1),
    ]


def test_a_run_done_twice_is_two_collections(stack, tmp_path: Path) -> None:
    for ti in (*TIS, *TIS):
        stack(InversionTime=ti)
    headers, findings = _all(tmp_path)
    assert findings == ()
    assert [h.encoding.values for h in headers] == [TIS, TIS]
    levels = [load(h).signal[0, 0, 0].tolist() for h in headers]
    assert levels == [[100, 200, 300, 400], [500, 600, 700, 800]]


def test_names_tell_runs_apart_whatever_their_times(stack, tmp_path: Path) -> None:
    for ti in TIS:
        for name in ("run_a", "run_b"):
            stack(InversionTime=ti, SeriesDescription=name)
    headers, findings = _all(tmp_path)
    assert findings == ()
    assert [(h.description, h.encoding.values) for h in headers] == [("run_a", TIS), ("run_b", TIS)]
    assert load(headers[0]).signal[0, 0, 0].tolist() == [100, 300, 500, 700]


def test_one_value_twice_is_told_and_nothing_is_mixed(stack, tmp_path: Path) -> None:
    for ti in (50, 100, 100, 400):
        stack(InversionTime=ti)
    headers, (finding,) = _all(tmp_path)
    assert [h.shape[3] for h in headers] == [1, 1, 1, 1]
    assert finding.code == "not_collected"
    assert "inversion time 100 ms occurs more than once" in finding.message


def test_two_runs_without_times_are_not_mixed(stack, tmp_path: Path) -> None:
    for ti in (*TIS, *TIS):
        stack(InversionTime=ti)
    undated = [
        dataclasses.replace(h, acquisition=dataclasses.replace(h.acquisition, acquired_at=None))
        for h in read(tmp_path).headers
    ]
    headers, (finding,) = collect(undated)
    assert [h.shape[3] for h in headers] == [1] * 8
    assert "no time of acquisition" in finding.message


def test_slices_that_moved_by_2_mm_are_told(stack, tmp_path: Path) -> None:
    for ti in TIS[:3]:
        stack(InversionTime=ti)
    stack(z_mm=2.0, InversionTime=1500)
    headers, (finding,) = _all(tmp_path)
    assert sorted(h.shape[3] for h in headers) == [1, 3]
    assert finding.code == "not_collected"
    assert "2 mm away" in finding.message
    assert "1500 ms" in finding.message


def test_two_plates_of_one_phantom_are_two_collections(stack, tmp_path: Path) -> None:
    for ti in TIS:
        stack(InversionTime=ti)
        stack(z_mm=40.0, InversionTime=ti)
    headers, findings = _all(tmp_path)
    assert [h.encoding.values for h in headers] == [TIS, TIS]
    assert findings == ()


def test_a_transmitter_adjusted_in_between_is_told(stack, tmp_path: Path) -> None:
    for angle in (5, 15):
        stack(FlipAngle=angle)
    a, b = read(tmp_path).headers
    gain = dataclasses.replace(a.acquisition, transmit_gain="300 V")
    changed = dataclasses.replace(b.acquisition, transmit_gain="320 V")
    headers = [
        dataclasses.replace(a, acquisition=gain),
        dataclasses.replace(b, acquisition=changed),
    ]
    (header,), (finding,) = collect(headers)
    assert header.shape[3] == 2
    assert finding.code == "transmit_gain_changed"
    assert "300 V, 320 V" in finding.message


def test_nothing_to_collect_changes_nothing(stack, tmp_path: Path) -> None:
    stack(SeriesDescription="a")
    stack(SeriesDescription="b")
    contents = read(tmp_path)
    headers, findings = collect(contents.headers)
    assert headers == contents.headers
    assert findings == ()


def _nifti(path: Path, level: float, slope: float = 1.0, rows: int = 3, **sidecar: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = (np.arange(2 * rows * 4).reshape(2, rows, 4) + level).astype(np.int16)
    image = nib.Nifti1Image(values, np.diag([-2.0, 2.0, 5.0, 1.0]))
    image.header.set_slope_inter(slope, 0)
    image.to_filename(path)
    beside = Path(str(path).removesuffix(".gz").removesuffix(".nii") + ".json")
    beside.write_text(json.dumps(sidecar), encoding="utf-8")


def _bids(folder: Path, sub: str, pattern: str, values: dict[str, tuple[float, ...]]) -> None:
    count = len(next(iter(values.values())))
    for n in range(count):
        own = {key: given[n] for key, given in values.items()}
        name = f"sub-{sub}_{pattern.format(n + 1)}.nii.gz"
        _nifti(folder / f"sub-{sub}" / "anat" / name, 100.0 * n, **own)


@pytest.mark.parametrize(
    ("pattern", "sidecars", "name", "values", "tr_ms"),
    [
        (
            "inv-{}_IRT1",
            {"InversionTime": (0.05, 0.4, 1.5), "RepetitionTimePreparation": (1.0, 1.4, 2.5)},
            "inversion_time",
            (50, 400, 1500),
            (1000, 1400, 2500),
        ),
        (
            "flip-{}_VFA",
            {"FlipAngle": (3, 20), "RepetitionTimeExcitation": (0.015, 0.015)},
            "flip_angle",
            (3, 20),
            None,
        ),
        ("echo-{}_MESE", {"EchoTime": (0.01, 0.02, 0.03)}, "echo_time", (10, 20, 30), None),
        ("echo-{}_MEGRE", {"EchoTime": (0.002, 0.004)}, "echo_time", (2, 4), None),
        ("flip-{}_TB1DAM", {"FlipAngle": (60, 120)}, "flip_angle", (60, 120), None),
    ],
)
def test_bids_collections(
    tmp_path: Path,
    pattern: str,
    sidecars: dict[str, tuple[float, ...]],
    name: str,
    values: tuple[float, ...],
    tr_ms: tuple[float, ...] | None,
) -> None:
    for sub in ("01", "02"):
        _bids(tmp_path, sub, pattern, sidecars)
    headers, findings = _all(tmp_path)
    assert findings == ()
    assert len(headers) == 2
    for header in headers:
        assert header.encoding.name == name
        assert header.encoding.values == pytest.approx(values)
        assert header.encoding.tr_ms == (None if tr_ms is None else pytest.approx(tr_ms))
        assert {Path(p).parts[-3] for p in header.paths} in ({"sub-01"}, {"sub-02"})
        signal = load(header).signal
        # the images are left-handed: their first row is the last of the series
        assert signal[0, -1, 0].tolist() == [100 * n for n in range(len(values))]
    if "RepetitionTimeExcitation" in sidecars:
        assert headers[0].acquisition.tr_ms == pytest.approx(15)


def test_an_inverted_image_pair_is_no_inversion_recovery(tmp_path: Path) -> None:
    _bids(tmp_path, "01", "inv-{}_MP2RAGE", {"InversionTime": (0.7, 2.5)})
    headers, _ = _all(tmp_path)
    assert [h.shape[3] for h in headers] == [1, 1]


def test_echoes_as_dcm2niix_writes_them(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        _nifti(tmp_path / f"t2_mese_20200101_7_e{n}.nii.gz", 100.0 * n, EchoTime=0.01 * n)
    _nifti(tmp_path / "t2_mese_20200101_7_e2_ph.nii.gz", 0.0, EchoTime=0.02)
    headers, findings = _all(tmp_path)
    assert findings == ()
    assert sorted(h.shape[3] for h in headers) == [1, 3]


def test_other_subjects_of_one_folder_do_not_join(tmp_path: Path) -> None:
    _nifti(tmp_path / "sub1_TI50.nii", 0.0, InversionTime=0.05)
    _nifti(tmp_path / "sub1_TI400.nii", 0.0, InversionTime=0.4)
    _nifti(tmp_path / "sub2_TI900.nii", 0.0, InversionTime=0.9)
    headers, _ = _all(tmp_path)
    assert sorted(h.shape[3] for h in headers) == [1, 2]


def test_every_file_has_its_own_slope(tmp_path: Path) -> None:
    _nifti(tmp_path / "sub-01_inv-1_IRT1.nii", 7.0, slope=0.5, InversionTime=0.1)
    _nifti(tmp_path / "sub-01_inv-2_IRT1.nii.gz", 7.0, slope=2.0, InversionTime=0.2)
    (header,), _ = _all(tmp_path)
    series = load(header)
    assert series.signal[0, -1, 0].tolist() == [3.5, 14.0]
    assert series.quantization == 2.0
    assert series.stored_range is None  # it differs from one volume to the next


REAL = "phantoms/system/mrbias_A"


def test_real_inversion_recovery(real_data) -> None:
    (header,), findings = collect(read(real_data(f"{REAL}/T1_VIR")).headers)
    assert findings == ()
    assert header.shape == (256, 256, 1, 10)
    assert header.encoding.values == (35, 75, 100, 125, 150, 250, 1000, 1500, 2000, 3000)
    assert (header.encoding.tr_ms, header.acquisition.tr_ms) == (None, 4500)
    series = load(header)
    # 12 bits are stored of 16, and long inversion times clip there
    assert series.stored_range == (0, 4095)
    assert series.signal.max() == 4095
    assert len(series.sources) == 10


def test_real_flip_angles(real_data) -> None:
    names = sorted(p.parent for p in real_data(f"{REAL}/T1_VFA").rglob("0001.dcm"))
    assert len(names) == 7
    (header,), findings = collect(read([name / "0001.dcm" for name in names]).headers)
    assert findings == ()
    assert header.encoding.name == "flip_angle"
    assert header.encoding.values == (2, 5, 10, 15, 20, 25, 30)
    assert (header.description, header.acquisition.tr_ms) == ("T1-VFA", 7.3)


@pytest.mark.parametrize(
    ("folder", "n_slices", "tr_ms"),
    [
        ("site1_20200218/plate5", 1, (1000, 1000, 1000, 1260, 1860, 2460)),
        ("site3_ge/plate4", 1, None),
        ("site3_ge/plate5", 1, None),
        ("site3_ge", 2, None),
    ],
)
def test_real_inversion_recovery_with_few_times(
    real_data, folder: str, n_slices: int, tr_ms: tuple[float, ...] | None
) -> None:
    headers = read(real_data(f"phantoms/system/hazen/T1/{folder}")).headers
    (header,), findings = collect(headers)
    assert findings == ()
    assert header.shape[2:] == (n_slices, 6)
    assert header.encoding.values == (50, 100, 200, 400, 600, 800)
    assert header.encoding.tr_ms == tr_ms


def test_real_diffusion_repeats_stay_apart(real_data) -> None:
    folder = "phantoms/diffusion"
    names = ["04001_ep2d_diff_1_ADC"]
    names += [f"0300{n}_ep2d_diff_1_TRACEW" for n in range(1, 6)]
    names += [f"0500{n}_ep2d_diff_2_TRACEW" for n in range(1, 6)]
    headers, findings = collect(
        read([real_data(f"{folder}/{name}/0001.dcm") for name in names]).headers
    )
    assert findings == ()
    b_values = (0, 500, 1000, 1500, 2000)
    found = [(h.description, h.component, h.encoding.values) for h in headers if h.shape[3] > 1]
    assert found == [
        ("ep2d_diff_1_TRACEW", "tracew", b_values),
        ("ep2d_diff_2_TRACEW", "tracew", b_values),
    ]
    assert [h.component for h in headers if h.shape[3] == 1] == ["adc"]
    paths = [set(h.paths) for h in headers]
    assert all("diff_1" in path for path in paths[0])
