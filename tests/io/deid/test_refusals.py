"""What is not taken, and pixels that hold more than the image."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom import DataElement
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1

from qiqa.io.deid.acceptance import REASONS, Refusal

SC = "1.2.840.10008.5.1.4.1.1.7"
CASES = {
    "secondary_capture": {"SOPClassUID": SC},
    "secondary_capture multi-frame": {"SOPClassUID": f"{SC}.2"},
    "secondary_capture by conversion": {"ConversionType": "WSD"},
    "document pdf": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"},
    "document report": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.22"},
    "document inside": {"EncapsulatedDocument": b"%PDF"},
    "object_not_taken ct": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
    "object_not_taken private": {"SOPClassUID": "1.3.12.2.1107.5.9.1"},
    "object_not_taken spectroscopy": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.2"},
    "burned_in": {"BurnedInAnnotation": "YES"},
    "burned_in unclear": {"BurnedInAnnotation": "Perhaps"},
    "screen": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "screen position display": {"ImageType": ["ORIGINAL", "PRIMARY", "POSDISP"]},
    "color": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    "color palette": {"PhotometricInterpretation": "PALETTE COLOR"},
    "pixels_damaged": {"Rows": 5},
    "unreadable": {"StudyInstanceUID": ""},
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_file_named(person, deidentified, case):
    code = case.split()[0]
    with pytest.raises(Refusal) as refused:
        deidentified(person(**CASES[case]))
    assert refused.value.code == code
    assert str(refused.value).startswith(f"in.dcm: {REASONS[code]}")
    assert "Hermine" not in str(refused.value)


def test_an_image_without_pixels_and_a_cut_file_are_refused(person, deidentified, encoded):
    ds = person()
    del ds.PixelData
    with pytest.raises(Refusal) as refused:
        deidentified(ds)
    assert refused.value.code == "no_pixels"
    data = encoded(person())
    for end in range(140, len(data) - 1, 37):
        with pytest.raises(Refusal):
            deidentified(data[:end])


def test_burned_in_no_is_fine(person, deidentified):
    assert deidentified(person(BurnedInAnnotation="NO"))[1].BurnedInAnnotation == "NO"


@pytest.mark.parametrize("signed", [0, 1])
def test_an_overlay_in_unused_bits_is_taken_out(person, deidentified, signed):
    rng = np.random.default_rng(3)
    low, high = (-2048, 2048) if signed else (0, 4096)
    image = rng.integers(low, high, (4, 6))
    drawn = rng.integers(0, 2, (4, 6))
    stored = (image & 0x0FFF) | (drawn << 15)
    ds = person(pixels=stored.astype(np.uint16))
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, signed
    ds.add(DataElement(0x60000102, "US", 15))
    cleaned, got = deidentified(ds)
    assert np.array_equal(got.pixel_array, image)
    wanted = image.astype("<i2" if signed else "<u2").tobytes()
    assert got.PixelData == wanted
    assert cleaned.tally.pixels_cleaned == 1


def jpeg_like(header):
    """Return marker segments of a JPEG up to its scan, a few bytes of it, and the end marker."""
    return b"\xff\xd8" + header + b"\xff\xda\x00\x02" + b"\x12\x34" + b"\xff\xd9"


def segment(marker, payload):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def test_comments_in_compressed_frames_are_blanked(person, deidentified, encoded):
    frame = jpeg_like(
        segment(0xFE, b"Hermine Quellbrunn") + segment(0xE1, b"Exif Hermine")
        + segment(0xC3, b"\x08\x00\x04\x00\x06\x01\x01\x11\x00")
    ) + b"Hermine behind"  # fmt: skip
    ds = person()
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].is_undefined_length = True
    cleaned, got = deidentified(encoded(ds))
    assert b"Hermine" not in cleaned.content
    assert cleaned.tally.pixels_cleaned == 3
    (out,) = generate_frames(got.PixelData, number_of_frames=1)
    kept = segment(0xC3, b"\x08\x00\x04\x00\x06\x01\x01\x11\x00")
    assert kept in out
    assert got.file_meta.TransferSyntaxUID == JPEGLosslessSV1


def test_a_real_compressed_image_decodes_to_the_same_pixels(person, deidentified, encoded):
    pytest.importorskip("openjpeg")
    values = np.random.default_rng(1).integers(0, 4000, (64, 64)).astype(np.uint16)
    ds = person(pixels=values)
    try:
        ds.compress(JPEG2000Lossless)
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"cannot compress here: {error}")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.9.8"
    _, got = deidentified(encoded(ds))
    assert np.array_equal(got.pixel_array, values)


def test_compressed_pixels_with_an_overlay_in_them_are_refused(person, deidentified, encoded):
    ds = person()
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    ds.PixelData = encapsulate([jpeg_like(b"")])
    ds["PixelData"].is_undefined_length = True
    ds.add(DataElement(0x60000102, "US", 15))
    with pytest.raises(Refusal) as refused:
        deidentified(encoded(ds))
    assert refused.value.code == "overlay_in_pixels"


def test_nothing_of_a_header_reaches_warnings_or_the_log(
    person, deidentified, encoded, caplog, monkeypatch
):
    data = encoded(person(FrameOfReferenceUID="Hermine"))
    settings = pydicom.config.settings
    monkeypatch.setattr(settings, "reading_validation_mode", pydicom.config.WARN)
    with pytest.warns(UserWarning, match="Hermine"):
        _ = pydicom.dcmread(io.BytesIO(data)).FrameOfReferenceUID
    assert "Hermine" in caplog.text  # so pydicom would tell
    caplog.clear()
    deidentified(data)  # a warning would be an error here
    assert caplog.text == ""
