"""Header values equal pydicom's, and hostile bytes give an answer, not a crash."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qiqa.core.errors import ReadError
from qiqa.io.dicomfile import NotDicom, parse
from qiqa.io.elements import Truncated
from qiqa.io.header import clean
from qiqa.io.tags import TAGS

_SAMPLES = [
    "phantoms/acr_large/GE/0.dcm",
    "phantoms/acr_large/Siemens/3.dcm",
    "phantoms/acr_large/PhilipsAchieva/0.dcm",
    "phantoms/acr_large/Siemens_Sola_1.5T_T1/1.dcm",
    "vendors/dcm_qa_canon/In/10000_DTI_AP-ortho/0100.dcm",
    "vendors/dcm_qa_enh/In/Philips/IM_0027_fMAP.dcm",
    "vendors/dcm_qa_ge/In/01_Ax_DWI_TENSOR_R2/i25.MRDC.4",
    "vendors/dcm_qa_mosaic/In/ep2d_Asc_2/IM-0001-0001.dcm",
    "vendors/dcm_qa_philips_dwi/In/cl/DICOM/IM_0101.gz",
]


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _compare(ours: Any, theirs: Any) -> int:
    """Compare every attribute known to qiqa; return how many were there."""
    count = 0
    for keyword, (tag, vr) in TAGS.items():
        if tag not in theirs or tag >> 16 == 2:
            assert tag >> 16 == 2 or keyword not in ours
            continue
        value = theirs[tag].value
        count += 1
        if vr == "SQ":
            for a, b in zip(ours.items(keyword), value, strict=True):
                count += _compare(a, b)
        elif vr in ("DS", "IS", "US", "FD", "UL"):
            many = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
            expected = [float(x) for x in many if x is not None and x != ""]
            assert list(ours.numbers(keyword)) == expected, keyword
        else:
            many = value if hasattr(value, "append") else [value]
            expected = [clean(str(x)) for x in many if x is not None]
            assert [t for t in ours.texts(keyword) if t] == [t for t in expected if t], keyword
    return count


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns about vendors' lengths
@pytest.mark.parametrize("name", _SAMPLES)
def test_values_equal_pydicoms(scans: Path, name: str) -> None:
    import io

    import pydicom

    data = _bytes(scans / name)
    theirs = pydicom.dcmread(io.BytesIO(data))
    file = parse(data, name, len(data))
    assert _compare(file.header, theirs) > 40
    assert file.pixels is not None
    length = len(theirs.PixelData)
    start = file.pixels.offset
    assert bytes(file.data[start : start + length]) == theirs.PixelData


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
    ],
)
def test_all_uncompressed_transfer_syntaxes(
    make: Callable[..., Any], tmp_path: Path, syntax: str
) -> None:
    import pydicom

    from qiqa.io import load, read

    values = np.arange(24, dtype=np.uint16).reshape(4, 6) * 300
    ds = make(pixels=values)
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax.endswith(".2.2"):
        ds.PixelData = values.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
    path = tmp_path / "x"
    ds.save_as(path, enforce_file_format=True)
    assert pydicom.dcmread(path).EchoTime == 20
    series = load(read(path).headers[0])
    assert np.array_equal(series.signal[:, :, 0, 0], values.T)


def test_without_preamble_and_meta_group(make: Callable[..., Any]) -> None:
    import io

    import pydicom

    ds = make()
    del ds.file_meta
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, little_endian=True, implicit_vr=True)
    file = parse(buffer.getvalue(), "x", None)
    assert file.header.number("EchoTime") == 20


def test_texts_lose_control_characters_and_keep_letters(make: Callable[..., Any]) -> None:
    import io

    ds = make(SeriesDescription="\x1b[31mred\u202e Kopf-Schädel", SpecificCharacterSet="ISO_IR 192")
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    text = parse(buffer.getvalue(), "x", None).header.text("SeriesDescription")
    assert text == "[31mred  Kopf-Schädel"


def test_numbers_that_are_none_are_none(make: Callable[..., Any]) -> None:
    import io

    ds = make()
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    at = data.index(struct.pack("<HH2s", 0x18, 0x80, b"DS"))
    (length,) = struct.unpack_from("<H", data, at + 6)
    for text in (b"n/a", b"inf", b"nan", b"", b"1e999", b"1\\x"):
        changed = data[: at + 8] + text.ljust(length) + data[at + 8 + length :]
        assert parse(changed, "x", None).header.number("RepetitionTime") is None
    changed = data[: at + 8] + b"2e3".ljust(length) + data[at + 8 + length :]
    assert parse(changed, "x", None).header.number("RepetitionTime") == 2000


def test_endless_sequences_are_refused() -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    sequence = struct.pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, 0xFFFFFFFF) + item
    data = b"\0" * 128 + b"DICM" + sequence * 5000
    with pytest.raises(ReadError, match="nested"):
        parse(data, "x", None)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_damaged_bytes_never_crash(make: Callable[..., Any], data: st.DataObject) -> None:
    import io

    buffer = io.BytesIO()
    make().save_as(buffer, enforce_file_format=True)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(128, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        header = parse(bytes(raw), "x", None).header
    except (NotDicom, Truncated, ReadError):
        return
    for keyword in TAGS:
        header.texts(keyword)
        header.numbers(keyword)
        header.items(keyword)
