"""Folders as they come: any names, any mixture, damaged and doubled files."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qiqa.core.errors import ReadError
from qiqa.core.finding import Severity
from qiqa.io import load, read

Make = Callable[..., Any]
Save = Callable[..., Path]


def _stack(make: Make, n: int = 5, spacing: float = 10.0, **attributes: Any) -> list[Any]:
    """Slices in an order and with numbers that tell nothing."""
    rng = np.random.default_rng(3)
    numbers = 1 + rng.permutation(n)
    stack = [make(k * spacing, int(numbers[k]), **attributes) for k in range(n)]
    return [stack[index] for index in rng.permutation(n)]


def test_slices_are_ordered_by_position(make: Make, save: Save) -> None:
    contents = read(save(_stack(make)))
    (header,) = contents.headers
    assert header.slice_positions_mm == (0, 10, 20, 30, 40)
    assert header.shape == (6, 4, 5, 1)
    expected = [[-1, 0, 0, 3], [0, -1, 0, 2], [0, 0, 10, 0], [0, 0, 0, 1]]
    assert np.array_equal(header.affine, expected)
    assert contents.findings == ()
    numbers = {ds.ImagePositionPatient[2]: 100 + ds.InstanceNumber for ds in _stack(make)}
    assert load(header).signal[0, 0, :, 0].tolist() == [numbers[z] for z in (0, 10, 20, 30, 40)]


def test_oblique_planes_keep_their_right_hand(make: Make, save: Save) -> None:
    row, column = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])  # sagittal
    normal = np.cross(row, column)
    stack = [
        make(0, k, ImagePositionPatient=list(4.0 * k * normal), PixelSpacing=[0.5, 2.0],
             ImageOrientationPatient=[*row, *column])
        for k in range(1, 4)
    ]  # fmt: skip
    (header,) = read(save(stack)).headers
    assert header.voxel_size_mm == (2.0, 0.5, 4.0)
    lps = np.diag([-1, -1, 1, 1]) @ header.affine
    assert np.allclose(lps[:3, 0], 2.0 * row)  # pixel spacing: rows first, then columns
    assert np.allclose(lps[:3, 1], 0.5 * column)
    assert np.allclose(lps[:3, 2], 4.0 * normal)


def test_missing_slice_is_named(make: Make, save: Save) -> None:
    stack = [make(10.0 * k, k + 1) for k in range(6) if k != 3]
    contents = read(save(stack))
    (header,) = contents.headers
    (finding,) = contents.findings
    assert finding.code == "missing_slice"
    assert "30.00 mm" in finding.message
    assert "slice 4" in finding.message
    assert header.shape[2] == 5
    assert header.voxel_size_mm[2] == 10.0


def test_two_plates_under_one_series_uid_are_two_stacks(make: Make, save: Save) -> None:
    places = [0, 3, 6, 9, 57.5, 60.5, 63.5]
    contents = read(save([make(z, i + 1) for i, z in enumerate(places)]))
    assert [h.slice_positions_mm for h in contents.headers] == [(0, 3, 6, 9), (57.5, 60.5, 63.5)]
    assert [(f.code, f.severity) for f in contents.findings] == [
        ("irregular_spacing", Severity.INFO)
    ]
    assert len({h.key for h in contents.headers}) == 2


def test_uneven_spacing_is_told(make: Make, save: Save) -> None:
    places = [0, 10, 20, 31.5, 41.5]
    contents = read(save([make(z, i + 1) for i, z in enumerate(places)]))
    assert [h.shape[2] for h in contents.headers] == [5]
    assert [f.code for f in contents.findings] == ["irregular_spacing"]
    assert "11.50 mm apart instead of 10.00" in contents.findings[0].message


@pytest.mark.parametrize(
    ("keyword", "name", "values", "unit"),
    [
        ("EchoTime", "echo_time", (10, 20, 40), "ms"),
        ("InversionTime", "inversion_time", (50, 100, 400), "ms"),
        ("DiffusionBValue", "b_value", (0, 500, 1000), "s/mm²"),
        ("FlipAngle", "flip_angle", (2, 10, 20), "degree"),
    ],
)
def test_encoding_axis(
    make: Make, save: Save, keyword: str, name: str, values: tuple[float, ...], unit: str
) -> None:
    stack = [
        make(5.0 * k, 1 + k + 10 * n, **{keyword: float(value)})
        for n, value in enumerate(values)
        for k in range(3)
    ]
    stack = [stack[index] for index in np.random.default_rng(1).permutation(9)]
    contents = read(save(stack))
    (header,) = contents.headers
    assert contents.findings == ()
    assert header.shape == (6, 4, 3, 3)
    e = header.encoding
    assert (e.name, e.values, e.unit) == (name, values, unit)
    signal = load(header).signal[0, 0]
    assert signal.tolist() == [[101 + k + 10 * n for n in range(3)] for k in range(3)]


def test_repeats_are_kept_in_order(make: Make, save: Save) -> None:
    stack = [make(5.0 * k, 1 + k + 10 * n, AcquisitionNumber=n) for n in (2, 0, 1) for k in (1, 0)]
    (header,) = read(save(stack)).headers
    assert (header.encoding.name, header.shape) == ("repeat", (6, 4, 2, 3))
    assert load(header).signal[0, 0, 0].tolist() == [101, 111, 121]


def test_two_axes_give_one_series_for_each_value_of_the_second(make: Make, save: Save) -> None:
    stack = [
        make(0, 1 + n + 10 * m, EchoTime=te, FlipAngle=angle)
        for n, te in enumerate((10.0, 20.0))
        for m, angle in enumerate((5.0, 15.0))
    ]
    headers = read(save(stack)).headers
    assert [(h.encoding.name, h.encoding.values) for h in headers] == [("echo_time", (10, 20))] * 2
    assert sorted(h.acquisition.flip_angle_deg or 0 for h in headers) == [5, 15]
    assert len({h.key for h in headers}) == 2


def test_incomplete_volume_is_not_lost(make: Make, save: Save) -> None:
    stack = [
        make(5.0 * k, 1 + k + 10 * n, EchoTime=te)
        for n, te in enumerate((10.0, 20.0, 30.0))
        for k in range(4)
        if (n, k) != (1, 3)
    ]
    contents = read(save(stack))
    assert sorted(h.shape[2:] for h in contents.headers) == [(3, 1), (4, 2)]
    assert contents.n_images == 11
    assert "missing_slice" in {f.code for f in contents.findings}


def test_differing_timing_is_told(make: Make, save: Save) -> None:
    stack = [make(10.0 * k, k + 1, RepetitionTime=500 if k else 800) for k in range(4)]
    contents = read(save(stack))
    assert [f.code for f in contents.findings] == ["inconsistent_slices"]
    assert "repetition time" in contents.findings[0].message
    assert "800" in contents.findings[0].message


def test_same_files_twice_are_used_once(make: Make, save: Save) -> None:
    folder = save(_stack(make))
    shutil.copytree(folder, folder.parent / "again")
    contents = read(folder.parent)
    assert [h.shape for h in contents.headers] == [(6, 4, 5, 1)]
    assert [f.code for f in contents.findings] == ["duplicate_files"]
    assert (contents.n_files, contents.n_images) == (10, 5)


def test_the_same_path_twice_is_one_path(make: Make, save: Save) -> None:
    folder = save(_stack(make))
    contents = read([folder, folder, next(folder.iterdir())])
    assert (contents.n_files, contents.findings) == (5, ())


def test_copies_with_other_pixels_conflict(make: Make, save: Save) -> None:
    save(_stack(make), "one")
    other = _stack(make)
    other[2].PixelData = bytes(len(other[2].PixelData))
    folder = save(other, "two").parent
    contents = read(folder)
    (finding,) = contents.findings
    assert (finding.code, finding.severity) == ("conflicting_copies", Severity.ERROR)
    assert str(folder / "one") in finding.message
    assert str(folder / "two") in finding.message
    assert [h.shape for h in contents.headers] == [(6, 4, 5, 1)] * 2
    assert len({h.key for h in contents.headers}) == 2


def test_conflicting_copies_in_one_folder_are_told_apart(make: Make, save: Save) -> None:
    stack, other = _stack(make), _stack(make)
    for ds in other:
        ds.PixelData = bytes(len(ds.PixelData))
        ds.SOPInstanceUID += ".7"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    contents = read(save([*stack, *other]))
    assert [f.code for f in contents.findings] == ["conflicting_copies"]
    assert [h.shape for h in contents.headers] == [(6, 4, 5, 1)] * 2


def test_other_files_are_counted_and_named(make: Make, save: Save) -> None:
    folder = save(_stack(make))
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    (folder / "empty").write_bytes(b"")
    kinds = {
        "1.2.840.10008.5.1.4.1.1.66": "raw data",
        "1.2.840.10008.5.1.4.1.1.11.1": "presentation state",
        "1.2.840.10008.5.1.4.1.1.88.11": "structured report",
        "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
    }
    for index, uid in enumerate(kinds):
        ds = make(SOPClassUID=uid)
        ds.file_meta.MediaStorageSOPClassUID = uid
        ds.save_as(folder / f"other{index}")
    contents = read(folder)
    assert contents.findings == ()
    assert contents.n_ignored == 6
    text = " ".join(contents.ignored)
    assert "2 not DICOM (empty, notes.txt)" in text
    assert all(f"1 {kind}" in text for kind in kinds.values())
    assert len(contents.headers) == 1


def test_damaged_files_become_findings_and_the_rest_goes_on(make: Make, save: Save) -> None:
    folder = save(_stack(make))
    whole = make(60.0, 9)
    whole.save_as(folder / "whole")
    data = (folder / "whole").read_bytes()
    (folder / "short_pixels").write_bytes(data[:-10])
    (folder / "short_header").write_bytes(data[:400])
    (folder / "whole").unlink()
    bare = make(70.0, 10)
    del bare.PixelData
    bare.save_as(folder / "bare")
    huge = make(80.0, 11, Rows=60000, Columns=60000)
    huge.save_as(folder / "huge")
    nowhere = make(90.0, 12)
    del nowhere.ImagePositionPatient
    nowhere.save_as(folder / "nowhere")
    contents = read(folder)
    found = {Path(f.where or "").name: (f.code, f.severity) for f in contents.findings}
    assert found == {
        "short_pixels": ("truncated_pixels", Severity.ERROR),
        "short_header": ("unreadable_file", Severity.ERROR),
        "bare": ("no_pixel_data", Severity.ERROR),
        "huge": ("unreadable_file", Severity.ERROR),
        "nowhere": ("unreadable_file", Severity.ERROR),
    }
    assert contents.n_unreadable == 5
    assert [h.shape[2] for h in contents.headers] == [5]


def test_mosaic_without_its_layout_is_refused(make: Make, save: Save) -> None:
    flags = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]
    contents = read(save([make(Manufacturer="SIEMENS", ImageType=flags)]))
    assert contents.headers == ()
    assert [f.code for f in contents.findings] == ["unreadable_file"]
    assert "mosaic" in contents.findings[0].message


def test_announced_size_is_checked_before_memory_is_taken(make: Make, save: Save) -> None:
    folder = save([make(0, 1, Rows=16000, Columns=16000)])
    contents = read(folder)
    assert [f.code for f in contents.findings] == ["truncated_pixels"]
    assert "of 512000000 bytes" in contents.findings[0].message


def test_zip_and_gzip_read_like_folders(make: Make, save: Save, tmp_path: Path) -> None:
    folder = save(_stack(make))
    archive = tmp_path / "exam.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for index, file in enumerate(sorted(folder.iterdir())):
            packed = gzip.compress(file.read_bytes()) if index % 2 else file.read_bytes()
            target.writestr(f"DICOM/{file.name}", packed)
    plain, packed = load(read(folder).headers[0]), load(read(archive).headers[0])
    assert np.array_equal(plain.signal, packed.signal)
    assert packed.header.frames[0][0].path == str(archive)
    assert packed.sources[0].path.startswith(f"{archive}: DICOM/")


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("zeros", bytes(70 << 20))
    contents = read(archive)
    (finding,) = contents.findings
    assert finding.code == "unreadable_file"
    assert "no set of images" in finding.message


def test_gzip_bomb_is_refused(make: Make, tmp_path: Path) -> None:
    ds = make()
    ds.add_new(0x00091010, "OB", b"")
    path = tmp_path / "x"
    ds.save_as(path)
    data = path.read_bytes()
    (tmp_path / "x").write_bytes(gzip.compress(data + bytes(70 << 20)))
    contents = read(path)
    if contents.headers:
        with pytest.raises(ReadError, match="unpack to more"):
            load(contents.headers[0])


def test_broken_archive_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 and then nothing")
    contents = read(tmp_path)
    assert [f.code for f in contents.findings] == ["unreadable_file"]


def test_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        read(tmp_path / "nowhere")


def test_file_that_went_away(make: Make, save: Save) -> None:
    folder = save(_stack(make))
    (header,) = read(folder).headers
    shutil.rmtree(folder)
    with pytest.raises(ReadError):
        load(header)


def test_reading_is_the_same_every_time(make: Make, save: Save) -> None:
    folder = save([*_stack(make), *_stack(make, series="1.2.4", EchoTime=80)])
    first, second = read(folder), read(folder)
    assert [h.key for h in first.headers] == [h.key for h in second.headers]
    assert first.findings == second.findings


def test_nothing_heavy_is_imported_for_plain_files(make: Make, save: Save) -> None:
    import subprocess
    import sys

    folder = save(_stack(make))
    code = (
        "import sys; import qiqa.io as io; assert 'numpy' not in sys.modules;"
        f"h = io.read({str(folder)!r}).headers; io.load(h[0]);"
        "bad = {'pydicom', 'nibabel', 'scipy', 'numba'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
