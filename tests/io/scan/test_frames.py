"""The compiled walk over the groups of frames says what the reader of all other rooms says."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from qiqa.io.dicomfile import open_header
from qiqa.io.elements import Element, Syntax
from qiqa.io.frames import frame_headers
from qiqa.io.scan.careful import careful_record
from qiqa.io.scan.quick import Quick
from qiqa.io.scan.record import wanted_tags
from qiqa.io.sources import Archives, blob_at


def item(**attributes):
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def group(number):
    direction = item(DiffusionGradientOrientation=[1.0, 0.0, 0.0])
    ds = item(
        FrameContentSequence=[item(FrameAcquisitionDateTime=f"202603041015{number % 60:02}")],
        PlanePositionSequence=[item(ImagePositionPatient=[0.0, 0.0, 5.0 * number])],
        MREchoSequence=[item(EffectiveEchoTime=10.0 + number), item(EffectiveEchoTime=99.0)],
        MRDiffusionSequence=[
            item(
                DiffusionBValue=500.0 * number,
                DiffusionGradientDirectionSequence=[direction],
                DiffusionDirectionality="DIRECTIONAL",
            )
        ],
    )
    inner = ds.private_block(0x2005, "ACME", create=True)
    inner.add_new(0x0F, "SQ", [item(EchoTime=77, WindowWidth=5), item()])
    if number == 2:
        ds.FrameVOILUTSequence = [item(WindowCenter=40.0, WindowWidth=80.0)]
    return ds


def enhanced(make, frames=4):
    ds = make(NumberOfFrames=frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1", FlipAngle=80)
    ds.PixelData = ds.PixelData * frames
    ds.SharedFunctionalGroupsSequence = [
        item(MRTimingAndRelatedParametersSequence=[item(RepetitionTime=2000.0, FlipAngle=90.0)])
    ]
    ds.PerFrameFunctionalGroupsSequence = [group(i) for i in range(frames)]
    return ds


def write(ds, path, syntax, undefined):
    for element in ds.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for one in element.value:
                one.is_undefined_length_sequence_item = undefined
    ds.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2{syntax}"
    ds["PixelData"].VR = "OW"
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, enforce_file_format=True)
    path.write_bytes(target.getvalue())
    return blob_at(str(path))


@pytest.mark.parametrize("undefined", [False, True], ids=["sized", "open"])
@pytest.mark.parametrize("syntax", ["", ".1", ".2", ".1.99"])
def test_as_the_other_reader(make, tmp_path, syntax, undefined):
    blob = write(enhanced(make), tmp_path / "x", syntax, undefined)
    with Archives() as archives:
        record = careful_record(blob, archives, Quick())
        header = open_header(blob, archives).header
    frames = [
        {t: bytes(e.value) for t, e in frame.elements.items() if not isinstance(e.value, tuple)}
        for frame in frame_headers(header)
    ]
    first = {t: raw[2] for t, raw in record.found.items()}
    assert first == {t: v for t, v in frames[0].items() if t in first}
    assert {t for t in frames[0] if t in wanted_tags()} <= first.keys()
    others = {(t, v) for one in frames[1:] for t, v in one.items() if first.get(t) != v}
    ours = {(t, v) for t, _, v in record.more}
    assert ours <= others
    b_value, echo, width = 0x00189087, 0x00189082, 0x00281051
    for tag in (b_value, echo, width):
        assert {v for t, v in ours if t == tag} == {v for t, v in others if t == tag} != set()


def test_what_the_first_frame_alone_says(make, tmp_path, scan):
    ds = enhanced(make, 3)
    timing = [item(RepetitionTime=1500.0)]
    ds.PerFrameFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence = timing
    write(ds, tmp_path / "x", ".1", False)
    (facts,) = scan(tmp_path)[0].values()
    assert facts.attributes["RepetitionTime"] == (1500.0, 2000.0)
    assert facts.attributes["DiffusionBValue"] == (0.0, 500.0, 1000.0)
    assert facts.attributes["EffectiveEchoTime"] == (10.0, 11.0, 12.0)


def test_more_frames_than_there_is_room_for(make, tmp_path):
    blob = write(enhanced(make, 600), tmp_path / "x", ".1", True)
    with Archives() as archives:
        record = careful_record(blob, archives, Quick())
    assert len({raw for raw in record.more if raw[0] == 0x00189087}) == 599


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.integers(0, 10**6))
def test_any_bytes_end(make, at, value, cut):
    """Damage is said as an error of reading, never anything else."""
    from qiqa.core.errors import ReadError

    ds = enhanced(make, 2)
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, enforce_file_format=True)
    data = bytearray(target.getvalue())
    start = data.index(b"\x00\x52\x30\x92") + 12
    data[start + at % (len(data) - start)] = value
    damaged = memoryview(bytes(data[start : start + 1 + cut % (len(data) - start)]))
    try:
        frames, first = Quick().frames(Element("SQ", damaged, Syntax()), "x")
    except ReadError:
        return
    assert 0 <= first <= len(damaged)
    assert all(len(raw[2]) <= len(damaged) for frame in frames for raw in frame.values())


def test_groups_that_are_no_items():
    from qiqa.core.errors import ReadError

    words = memoryview(np.arange(64, dtype=np.uint8).tobytes())
    with pytest.raises(ReadError, match="no items"):
        Quick().frames(Element("SQ", words, Syntax()), "x")
