"""The contract of every dialect, and vendors' own facts."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.registry import Registry
from qiqa.io import dialects, load, read
from qiqa.io.dialects._csa import csa_numbers
from qiqa.io.header import Header
from qiqa.io.plane import Reading

FindScan = Callable[[str], Path]

_NAMES = Registry("qiqa.io.dialects").names()


def test_all_vendors_are_there() -> None:
    expected = {"canon", "ge", "generic", "philips", "siemens", "siemens_xa", "uih"}
    assert expected <= set(_NAMES)


@pytest.mark.parametrize("name", _NAMES)
def test_an_empty_header_troubles_no_dialect(name: str) -> None:
    module, empty = Registry("qiqa.io.dialects").load(name), Header({})
    assert module.matches(empty) is (name == "generic")
    assert isinstance(dialects.reading(module, empty), Reading)
    assert dialects.scale(module, empty) == dialects.Scale()
    assert dialects.mosaic(module, empty) is None


@pytest.mark.parametrize(
    ("folder", "dialect"),
    [
        ("vendors/dcm_qa_canon/In", "canon"),
        ("vendors/dcm_qa_ge/In/01_Ax_DWI_TENSOR_R2", "ge"),
        ("vendors/dcm_qa_enh/In/Philips", "philips"),
        ("vendors/dcm_qa_uih/In", "uih"),
        ("vendors/dcm_qa_mosaic/In", "siemens"),
        ("vendors/dcm_qa_xa30/In/25_asl_2d_tra", "siemens_xa"),
    ],
)
def test_each_vendor_is_recognized(real_data: FindScan, folder: str, dialect: str) -> None:
    assert {h.dialect for h in read(real_data(folder)).headers} == {dialect}


def test_field_map_keeps_hertz_and_images_their_floating_point_values(real_data: FindScan) -> None:
    headers = read(real_data("vendors/dcm_qa_enh/In/Philips")).headers
    found = {h.component: load(h) for h in headers}
    assert set(found) == {"magnitude", "field_map"}
    assert found["field_map"].scale == "real world value, Hz"
    assert found["field_map"].stored_range == pytest.approx((-500, 500))
    assert found["magnitude"].scale == "philips_fp"
    # FP = SV / SS with RI = 0; SS is printed in the header as 8.44864e-06
    assert found["magnitude"].quantization == pytest.approx(1 / 8.448640073766e-06)


def test_actual_b_value_of_united_imaging(real_data: FindScan) -> None:
    (header,) = read(real_data("vendors/dcm_qa_uih/In")).headers
    assert header.encoding.values == pytest.approx((1.25, *[929.75] * 16), abs=0.01)
    assert header.acquisition.center_frequency_hz == 128175953  # printed in Hz


def test_pseudo_b0_and_random_file_order(real_data: FindScan) -> None:
    contents = read(real_data("vendors/dcm_qa_philips_dwi/In"))
    (header,) = contents.headers
    assert header.shape == (112, 112, 32, 17)
    assert header.encoding.values == (0.0,) * 5 + (1000.0,) * 12
    assert "1 presentation state" in " ".join(contents.ignored)
    assert "2 raw data" in " ".join(contents.ignored)


def test_maps_stay_apart_and_are_marked_derived(real_data: FindScan) -> None:
    headers = read(real_data("vendors/dcm_qa_xa30/In")).headers
    assert {(h.component, h.derived) for h in headers} >= {
        ("adc", True),
        ("fa", True),
        ("tracew", True),
        ("magnitude", False),
    }


def test_b_value_of_single_volume_diffusion(real_data: FindScan) -> None:
    names = [f"phantoms/diffusion/0300{n}_ep2d_diff_1_TRACEW" for n in range(1, 6)]
    values = [read(real_data(name)).headers[0].encoding.values for name in names]
    assert values == [(0.0,), (500.0,), (1000.0,), (1500.0,), (2000.0,)]


def test_multi_echo_and_flip_angles(real_data: FindScan) -> None:
    (header,) = read(real_data("phantoms/system/mrbias_A/T2_MSE")).headers
    assert header.encoding.name == "echo_time"
    assert header.encoding.values == tuple(10.0 * n for n in range(1, 33))


def test_isotropic_volume_in_an_archive(real_data: FindScan) -> None:
    (header,) = read(real_data("phantoms/system/mrbias_A/GRE_1mm_geometry.zip")).headers
    assert header.shape[:3] == (256, 256, 256)
    assert header.voxel_size_mm == pytest.approx((0.9765625, 0.9765625, 1.0), abs=1e-4)


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_damaged_csa_gives_nothing(cut: int) -> None:
    items = struct.pack("<IIII", 0, 3, 0, 0) + b"36\0\0"
    tag = b"NumberOfImagesInMosaic".ljust(64, b"\0") + struct.pack("<I4sIII", 1, b"US", 0, 1, 77)
    whole = b"SV10\4\3\2\1" + struct.pack("<II", 1, 77) + tag + items
    assert csa_numbers(whole, "NumberOfImagesInMosaic") == (36.0,)
    part = whole[: min(cut, len(whole) - 4)]
    assert csa_numbers(part, "NumberOfImagesInMosaic") == ()


def test_tiles_of_a_mosaic_do_not_overlap(real_data: FindScan) -> None:
    (header,) = read(real_data("vendors/dcm_qa_mosaic/In")).headers
    series = load(header)
    assert header.shape == (64, 64, 36, 2)
    assert np.diff(header.slice_positions_mm) == pytest.approx([3.6] * 35, abs=1e-3)
    assert series.signal[:, :, :, 0].std(axis=(0, 1)).min() > 0
