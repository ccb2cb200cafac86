"""Stored bits to values: sign, unused bits, compressed frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qiqa.core.errors import ReadError
from qiqa.io import load, read

Make = Callable[..., Any]
Save = Callable[..., Path]


def _only(folder: Path) -> Any:
    (header,) = read(folder).headers
    return load(header)


def test_signed_twelve_bits(make: Make, save: Save) -> None:
    values = np.array([[-2048, -1, 0], [1, 5, 2047]], dtype=np.int16)
    stored = (values & 0x0FFF).astype(np.uint16)
    ds = make(pixels=stored, BitsStored=12, HighBit=11, PixelRepresentation=1)
    series = _only(save([ds]))
    assert np.array_equal(series.signal[:, :, 0, 0], values.T)
    assert series.stored_range == (-2048, 2047)


def test_overlay_in_unused_bits_is_dropped(make: Make, save: Save) -> None:
    values = np.array([[0, 1, 2], [3, 4094, 4095]], dtype=np.uint16)
    ds = make(pixels=values | 0x8000, BitsStored=12, HighBit=11)
    assert np.array_equal(_only(save([ds])).signal[:, :, 0, 0], values.T)


def test_high_bit_above_the_stored_bits(make: Make, save: Save) -> None:
    values = np.array([[0, 1, 2], [3, 4094, 4095]], dtype=np.uint16)
    ds = make(pixels=values << 4, BitsStored=12, HighBit=15)
    assert np.array_equal(_only(save([ds])).signal[:, :, 0, 0], values.T)


def test_eight_bits_of_odd_length(make: Make, save: Save) -> None:
    values = np.arange(15, dtype=np.uint8).reshape(3, 5)
    ds = make(pixels=values, BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.PixelData = values.tobytes() + b"\0"
    assert np.array_equal(_only(save([ds])).signal[:, :, 0, 0], values.T)


def test_rescale_differs_by_slice(make: Make, save: Save) -> None:
    stack = [make(5.0 * k, k + 1, RescaleSlope=2 + k, RescaleIntercept=-7) for k in range(3)]
    series = _only(save(stack))
    assert series.signal[0, 0, :, 0].tolist() == [(101 + k) * (2 + k) - 7 for k in range(3)]
    assert series.quantization == 4
    assert series.stored_range is None  # it differs between slices


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.5",  # RLE lossless
        "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    ],
)
def test_compressed_frames_equal_plain_ones(make: Make, save: Save, syntax: str) -> None:
    from pydicom.pixels import get_encoder

    if not get_encoder(syntax).is_available:
        pytest.skip(f"no encoder for {syntax} is installed")
    values = np.random.default_rng(1).integers(0, 60000, (8, 9)).astype(np.uint16)
    ds = make(pixels=values)
    ds.compress(syntax, generate_instance_uid=False)
    series = _only(save([ds]))
    assert np.array_equal(series.signal[:, :, 0, 0], values.T)
    assert series.decoder.startswith("pydicom 3")


def test_unknown_packing_names_itself(make: Make, save: Save) -> None:
    from pydicom.encaps import encapsulate

    ds = make()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    ds.PixelData = encapsulate([b"\0\0\0\0"])
    ds["PixelData"].VR = "OB"
    folder = save([ds])
    (header,) = read(folder).headers
    with pytest.raises(ReadError, match=r"1\.2\.840\.10008\.1\.2\.4\.100"):
        load(header)


def test_damaged_packing_is_an_error_of_ours(make: Make, save: Save) -> None:
    from pydicom.encaps import encapsulate

    ds = make()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
    ds.PixelData = encapsulate([b"\1\0\0\0" + b"\x40" * 64])
    ds["PixelData"].VR = "OB"
    folder = save([ds])
    (header,) = read(folder).headers
    with pytest.raises(ReadError, match="cannot be unpacked"):
        load(header)
