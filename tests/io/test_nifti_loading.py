"""Pixels of NIfTI files against nibabel, and what reading costs."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from qiqa.core.errors import ReadError
from qiqa.io import load, read

RIGHT_HANDED = np.diag([2.0, 3.0, 4.0, 1.0])


@pytest.mark.parametrize("dtype", [">i2", "<i2", "u1", "<u2", "<i4", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("slope", [(1.0, 0.0), (0.25, -3.0)])
def test_every_stored_type_reads_as_nibabel_does(
    tmp_path: Path, dtype: str, suffix: str, slope: tuple[float, float]
) -> None:
    values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(np.dtype(dtype))
    image = nib.Nifti1Image(values.astype(dtype), RIGHT_HANDED, header)
    image.header.set_slope_inter(*slope)
    path = tmp_path / f"a{suffix}"
    image.to_filename(path)
    expected = np.asarray(nib.load(path).dataobj, dtype=np.float64)
    (found,) = read(path).headers
    series = load(found)
    assert np.allclose(series.signal, expected, rtol=1e-6)
    assert series.signal.flags.f_contiguous
    limits = None
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(np.dtype(dtype))
        limits = (info.min * slope[0] + slope[1], info.max * slope[0] + slope[1])
    assert series.stored_range == limits


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_long_extensions_before_the_pixels(tmp_path: Path, suffix: str) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nib.Nifti1Image(values, RIGHT_HANDED)
    text = bytes(np.random.default_rng(1).integers(32, 127, 200_000, dtype=np.uint8))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
    path = tmp_path / f"a{suffix}"
    image.to_filename(path)
    (header,) = read(path).headers
    assert np.array_equal(load(header).signal[..., 0], values)


def test_packed_file_that_ends_early_is_found_without_its_pixels(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 99, (40, 40, 40)).astype(np.int16)
    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(values, RIGHT_HANDED).to_filename(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    contents = read(path)
    assert [f.code for f in contents.findings] == ["unreadable_file"]
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-500]))
    (finding,) = read(path).findings
    assert finding.message == "128000 bytes announced, 127500 there"


def test_a_file_that_shrank_after_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    nib.Nifti1Image(np.zeros((2, 3, 4), np.int16), RIGHT_HANDED).to_filename(path)
    (header,) = read(path).headers
    nib.Nifti1Image(np.zeros((2, 3, 2), np.int16), RIGHT_HANDED).to_filename(path)
    with pytest.raises(ReadError, match=r"a\.nii: slice 2 of 2 asked for"):
        load(header)


def test_memory_holds_the_signal_and_one_file(tmp_path: Path) -> None:
    values = np.ones((64, 64, 20, 20), np.int16)
    path = tmp_path / "a.nii"
    nib.Nifti1Image(values, RIGHT_HANDED).to_filename(path)
    (header,) = read(path).headers
    load(header)  # what is imported on the way is no part of it
    tracemalloc.start()
    series = load(header)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < series.signal.nbytes + path.stat().st_size + (1 << 20)


def _sidecar(folder: Path, shape: tuple[int, ...], **content: Any) -> Path:
    path = folder / "a.nii"
    nib.Nifti1Image(np.zeros(shape, np.int16), RIGHT_HANDED).to_filename(path)
    path.with_suffix(".json").write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "tr_ms"),
    [
        ({"RepetitionTime": 2.0}, 2000),
        ({"RepetitionTimeExcitation": 0.0066}, 6.6),
        ({"RepetitionTimePreparation": 3.0}, 3000),
        # a fast gradient echo: the time between excitations makes the contrast
        ({"RepetitionTimeExcitation": 0.0066, "RepetitionTime": 2.0}, 6.6),
        # with an inversion: the time between inversions
        (
            {
                "RepetitionTimeExcitation": 0.0066,
                "RepetitionTimePreparation": 5.0,
                "InversionTime": 0.7,
            },
            5000,
        ),
        ({"RepetitionTimeExcitation": [0.02, 0.1]}, 20),
        ({}, None),
    ],
)
def test_repetition_times_of_bids(
    tmp_path: Path, content: dict[str, Any], tr_ms: float | None
) -> None:
    (header,) = read(_sidecar(tmp_path, (2, 2, 2), **content)).headers
    expected = None if tr_ms is None else pytest.approx(tr_ms)
    assert header.acquisition.tr_ms == expected


def test_lists_of_times_in_one_file(tmp_path: Path) -> None:
    path = _sidecar(
        tmp_path,
        (2, 2, 2, 3),
        InversionTime=[0.05, 0.4, 1.5],
        RepetitionTimePreparation=[1.0, 1.4, 2.5],
    )
    (header,) = read(path).headers
    assert header.encoding.name == "inversion_time"
    assert header.encoding.values == pytest.approx((50, 400, 1500))
    assert header.encoding.tr_ms == pytest.approx((1000, 1400, 2500))
    path = _sidecar(tmp_path, (2, 2, 2, 3), RepetitionTime=[0.3, 0.6, 3.0])
    (header,) = read(path).headers
    assert header.encoding.name == "repetition_time"
    assert header.encoding.values == header.encoding.tr_ms == pytest.approx((300, 600, 3000))


def test_kinds_of_images_are_told_apart(tmp_path: Path) -> None:
    kinds = {
        "M": ("magnitude", False),
        "P": ("phase", False),
        "TRACEW": ("tracew", False),
        "ADC": ("adc", False),
    }
    for flag, expected in kinds.items():
        path = _sidecar(tmp_path, (2, 2, 2), ImageType=["ORIGINAL", "PRIMARY", flag])
        (header,) = read(path).headers
        assert (header.component, header.derived) == expected
    path = _sidecar(tmp_path, (2, 2, 2), ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"])
    (header,) = read(path).headers
    assert (header.component, header.derived) == ("tracew", True)
