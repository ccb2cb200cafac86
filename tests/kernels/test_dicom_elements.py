"""The compiled walk finds the elements that pydicom finds, and ends for any bytes."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.kernels.dicom_elements import CUT, ENDED, ODD, PIXELS, elements, wanted_ones

SYNTAXES = {
    "1.2.840.10008.1.2": (False, True),
    "1.2.840.10008.1.2.1": (True, True),
    "1.2.840.10008.1.2.2": (True, False),
}


def walk(data, explicit=True, little=True, start=0, room=4096):
    tags, vrs, starts, lengths = (np.empty(room, np.int64) for _ in range(4))
    view = np.frombuffer(data, np.uint8)
    n, status, at = elements(view, start, len(data), explicit, little, tags, vrs, starts, lengths)
    return list(zip(tags[:n], vrs[:n], starts[:n], lengths[:n], strict=True)), status, at


def nested():
    """Return a data set with sequences in sequences, private elements and pixels."""
    ds = pydicom.Dataset()
    ds.SOPClassUID, ds.PatientName = "1.2.840.10008.5.1.4.1.1.4", "A"
    deepest = pydicom.Dataset()
    deepest.CodeValue = "12"
    inner = pydicom.Dataset()
    inner.CodeMeaning, inner.MeasurementUnitsCodeSequence = "x", [deepest, deepest]
    ds.RealWorldValueMappingSequence = [inner, pydicom.Dataset(), inner]
    ds.private_block(0x0029, "ACME", create=True).add_new(0x10, "OB", b"1234")
    ds.Rows, ds.Columns = 2, 2
    ds.BitsAllocated, ds.PixelRepresentation = 16, 0
    ds.add_new(0x7FE00010, "OW", b"\x00" * 8)
    return ds


def encoded(ds, syntax, *, undefined):
    explicit, little = SYNTAXES[syntax]

    def mark(level):
        for element in level:
            if element.VR == "SQ":
                element.is_undefined_length = undefined
                for item in element.value:
                    item.is_undefined_length_sequence_item = undefined
                    mark(item)

    mark(ds)
    target = io.BytesIO()
    pydicom.dcmwrite(
        target, ds, implicit_vr=not explicit, little_endian=little, enforce_file_format=False
    )
    return target.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_elements_are_pydicoms(syntax, undefined):
    ds = nested()
    data = encoded(ds, syntax, undefined=undefined)
    found, status, at = walk(data, *SYNTAXES[syntax])
    assert status == PIXELS
    assert [tag for tag, *_ in found] == [int(e.tag) for e in ds]
    assert data[at : at + 8] == b"\x00" * 8
    rows = next((s, n) for tag, _, s, n in found if tag == 0x00280010)
    order = "little" if SYNTAXES[syntax][1] else "big"
    assert int.from_bytes(data[rows[0] : rows[0] + rows[1]], order) == 2
    if undefined:
        assert next(n for tag, _, _, n in found if tag == 0x00409096) == -1


@pytest.mark.parametrize("undefined", [False, True])
def test_every_cut_is_said(undefined):
    data = encoded(nested(), "1.2.840.10008.1.2.1", undefined=undefined)
    whole, _, at = walk(data)
    for end in range(1, at):
        found, status, needed = walk(data[:end])
        assert status in (CUT, ENDED)
        assert found == whole[: len(found)]
        if status == CUT:
            assert needed > end
    # one element fewer is no cut: the bytes end where an element does
    assert walk(data[: whole[3][2] - 8])[1] in (ENDED, CUT)


def test_delimiters_out_of_place_are_odd():
    assert walk(b"\xfe\xff\x00\xe0" + bytes(4))[1] == ODD
    assert (
        walk(b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + b"\x08\x00\x05\x00CS\x00\x00")[1]
        == ODD
    )


def test_nesting_has_an_end():
    head = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    assert walk(head * 24)[1] == CUT
    assert walk(head * 25)[1] == ODD


def test_more_elements_than_room_are_odd():
    one = b"\x08\x00\x05\x00CS\x00\x00"
    assert walk(one * 10, room=10)[1] == ENDED
    assert walk(one * 11, room=10)[1] == ODD


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.booleans(), st.booleans(), st.integers(0, 40))
def test_any_bytes_end(data, explicit, little, start):
    found, status, _ = walk(data, explicit, little, start)
    assert status in (ENDED, PIXELS, CUT, ODD)
    for _, _, begin, length in found:
        assert start < begin <= len(data)
        assert status == PIXELS or begin + max(length, 0) <= len(data)


def test_wanted_elements_and_private_runs():
    tags = np.array([0x00080005, 0x00090010, 0x00091001, 0x00100010, 0x00190010], np.int64)
    starts = np.array([8, 24, 40, 60, 80], np.int64)
    chosen, runs = np.empty(5, np.int64), np.empty((3, 5), np.int64)
    wanted = np.array([0x00091001, 0x00100010, 0x00100020], np.int64)
    n, n_runs = wanted_ones(tags, starts, 5, 90, wanted, chosen, runs)
    assert chosen[:n].tolist() == [2, 3]
    assert runs[:, :n_runs].T.tolist() == [[0x00090010, 24, 60], [0x00190010, 80, 90]]
