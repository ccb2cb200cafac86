"""What the scan says of files is what pydicom says, and damage is said, never raised."""

import itertools

import numpy as np
import pydicom
import pytest

from qiqa.core.errors import UsageError
from qiqa.io.header import clean
from qiqa.io.scan.attributes import ATTRIBUTES, NUMBERS
from qiqa.io.scan.careful import careful_record
from qiqa.io.scan.gathering import merge
from qiqa.io.scan.listing import Chunk, list_files
from qiqa.io.scan.quick import FIRST_READ, Quick, quick_record
from qiqa.io.scan.scanning import scan_chunk
from qiqa.io.sources import Archives, Blob
from qiqa.io.tags import TAGS

SEQUENCES = frozenset(tag for tag, vr in TAGS.values() if vr == "SQ")
COMPARED = sorted(
    keyword
    for keyword in ATTRIBUTES
    if TAGS[keyword][1] not in ("SQ", "DA", "AS") and keyword != "TransferSyntaxUID"
)


def expected(ds, keyword):
    """Return what pydicom finds, in the form that facts have."""
    value = ds.get(keyword)
    many = value if isinstance(value, list | pydicom.multival.MultiValue) else [value]
    many = [one for one in many if one is not None and one != ""]
    if keyword in NUMBERS:
        numbers = [float(one) + 0.0 for one in many]
        joined = "\\".join(f"{number:.10g}" for number in numbers)
        return numbers[0] if len(numbers) == 1 else joined
    texts = [clean(str(one)) for one in many]
    joined = " " if TAGS[keyword][1] in ("LT", "ST") else "\\"
    return joined.join(text for text in texts if text)


def compare(facts, datasets):
    """Compare facts with data sets of the same series; return how many attributes were there."""
    count = 0
    for keyword in COMPARED:
        found = {expected(ds, keyword) for ds in datasets if keyword in ds}
        if keyword == "DiffusionBValue" or not found - {""}:
            continue
        ours = {str(value).replace("\\", " ") for value in facts.attributes.get(keyword, ())}
        theirs = sorted(str(value).replace("\\", " ") for value in found - {""})
        assert len(theirs) > 32 or ours == set(theirs), keyword
        count += 1
    return count


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns about vendors' lengths
@pytest.mark.parametrize(
    "folder",
    [
        "phantoms/acr_large/GE",
        "phantoms/acr_large/Siemens_Aera_1.5T_T1",
        "phantoms/acr_large/PhilipsAchieva",
        "phantoms/misc/snr",
        "phantoms/misc/uniformity",
        "vendors/dcm_qa_canon/In",
        "vendors/dcm_qa_ge/In",
        "vendors/dcm_qa_mosaic/In",
    ],
)
def test_values_are_pydicoms(scans, scan, folder):
    series, _ = scan(scans / folder)
    assert series
    for facts in series.values():
        datasets = [
            pydicom.dcmread(scans / folder / one.path, stop_before_pixels=True)
            for one in facts.instances
        ]
        assert compare(facts, datasets) > 30
        for one, ds in zip(facts.instances, datasets, strict=True):
            assert one.sop_uid == ds.SOPInstanceUID
            assert one.position_mm == tuple(map(float, ds.ImagePositionPatient))
            assert one.instance_number == ds.InstanceNumber
            assert (one.rows, one.columns) == (ds.Rows, ds.Columns)


def test_both_readers_say_the_same_of_all_files(scans):
    """Every file that the quick reader takes, read by the careful one as well."""
    quick, taken, paths = Quick(), 0, []
    for chunk in list_files(scans):
        if not chunk.archive:
            paths += [scans / name for name in chunk.files]
    for path in paths[::3]:  # a third of them: every folder is in it
        blob = Blob(path=str(path), size=path.stat().st_size)
        with path.open("rb") as file, Archives() as archives:
            record = quick_record(file, blob.size, file.read(FIRST_READ), quick)
            if record is None:
                continue
            careful = careful_record(blob, archives, Quick())
        taken += 1
        # of sequences the quick reader keeps the head too
        ours, theirs = ({t: raw for t, raw in r.found.items() if t not in SEQUENCES}
                        for r in (record, careful))  # fmt: skip
        assert ours == theirs
        assert (record.pixels, record.charset, record.plain) == (
            careful.pixels, careful.charset, careful.plain,
        )  # fmt: skip
        assert (record.available, record.nested) == (careful.available, careful.nested)
    assert taken > 100


@pytest.mark.parametrize("syntax", ["", ".1", ".2", ".1.99"])
def test_every_plain_transfer_syntax(make, tmp_path, scan, syntax):
    values = np.arange(24, dtype=np.uint16).reshape(4, 6)
    ds = make(pixels=values, PatientName="Müller^A", SpecificCharacterSet="ISO_IR 100")
    ds.SeriesDescription = "Schädel"
    ds.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2{syntax}"
    if syntax == ".2":
        ds.PixelData = values.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
    ds.save_as(tmp_path / "x", enforce_file_format=True)
    (facts,) = scan(tmp_path)[0].values()
    assert facts.text("SeriesDescription") == "Schädel"
    assert facts.number("EchoTime") == 20
    assert facts.text("TransferSyntaxUID") == f"1.2.840.10008.1.2{syntax}"
    (one,) = facts.instances
    assert one.little == (syntax != ".2")
    assert (one.pixel_offset < 0) == (syntax == ".1.99")
    if one.pixel_offset > 0:
        data = (tmp_path / "x").read_bytes()[one.pixel_offset :][: one.pixel_length]
        assert np.frombuffer(data, "<u2" if one.little else ">u2").tolist() == list(range(24))


def test_chunks_in_any_order_are_the_same_facts(make, save, key):
    folder = save(
        make(3.0 * i, i, EchoTime=20 + i % 2, PatientID=f"p{i // 11}") for i in range(1, 13)
    )
    files = [path.name for path in sorted(folder.iterdir())]
    whole = scan_chunk(folder, Chunk(files=tuple(files)), key).series[0]
    for seed in range(4):
        files = np.random.default_rng(seed).permutation(files).tolist()
        parts = [scan_chunk(folder, Chunk(files=tuple(files[i : i + 5])), key) for i in (0, 5, 10)]
        listed = [part.series[0] for part in parts]
        merged = {merge(order) == whole for order in itertools.permutations(listed)}
        assert merged == {True}
        assert merge([merge(listed[:2]), listed[2]]) == whole
    assert whole.attributes["EchoTime"] == (20.0, 21.0)
    assert {o.code: o.value for o in whole.observations}["mixed_patients"] == 1


def test_patients_have_a_hash_and_placeholders_have_none(make, save, scan):
    def hash_of(folder, **attributes):
        (facts,) = scan(save([make(**attributes)], folder))[0].values()
        return facts.patient_hash

    known = hash_of("a", PatientID="4711", PatientName="A^B")
    assert len(known) == 16
    assert known == hash_of("b", PatientID="4711 ", PatientName="other")
    assert known != hash_of("c", PatientID="4711", IssuerOfPatientID="else")
    assert hash_of("d", PatientID="ANONYMOUS", PatientName="ANONYMOUS") == ""
    assert hash_of("e", PatientName="A^B") not in ("", known)
    with pytest.raises(UsageError):
        scan_chunk(".", Chunk(files=("x",)), b"short")


@pytest.mark.parametrize(
    ("stated", "born", "years"),
    [("045Y", "", 45.0), ("006M", "", 0.5), ("095Y", "", 90.0), ("", "19900601", 35.0),
     ("", "19010601", 90.0), ("", "19000101", None), ("", "", None)],
)  # fmt: skip
def test_ages(make, save, scan, stated, born, years):
    ds = make(PatientAge=stated, PatientBirthDate=born, StudyDate="20260304")
    (facts,) = scan(save([ds]))[0].values()
    assert facts.attributes.get("PatientAge") == (None if years is None else (years,))


def test_where_it_was_made(make, save, scan):
    ds = make(InstitutionName="St. Elsewhere", AcquisitionDateTime="20260102030405.5")
    (facts,) = scan(save([ds]))[0].values()
    assert (facts.site, facts.scanner) == ("St. Elsewhere", "ACME 77")
    assert facts.instances[0].moment == "20260102030405"
    assert "InstitutionName" not in facts.attributes


def private_b(make, number, maker, group, creator, element, vr, value):
    ds = make(5.0 * number, number, Manufacturer=maker)
    ds.private_block(group, creator, create=True).add_new(element, vr, value)
    return ds


@pytest.mark.parametrize(
    ("maker", "group", "creator", "element", "vr", "value"),
    [
        ("SIEMENS", 0x19, "SIEMENS MR HEADER", 0x0C, "IS", 800),
        ("GE MEDICAL SYSTEMS", 0x43, "GEMS_PARM_01", 0x39, "IS", [1000000800, 8, 0, 0]),
        ("Philips Medical Systems", 0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0),
    ],
)
def test_b_values_of_vendors(make, save, scan, maker, group, creator, element, vr, value):
    ds = private_b(make, 1, maker, group, creator, element, vr, value)
    (facts,) = scan(save([ds]))[0].values()
    assert facts.instances[0].axis[1] == 800


def test_real_world_values(make, save, scan):
    unit, mapping = pydicom.Dataset(), pydicom.Dataset()
    unit.CodeValue = "mm2/s"
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 1e-6, 0.0
    mapping.MeasurementUnitsCodeSequence = [unit]
    for undefined in (False, True):
        ds = make()
        ds.RealWorldValueMappingSequence = [mapping]
        ds["RealWorldValueMappingSequence"].is_undefined_length = undefined
        (facts,) = scan(save([ds], f"u{undefined}"))[0].values()
        assert facts.number("RealWorldValueMappingSequence") == 1
        assert facts.number("RealWorldValueSlope") == 1e-6
        assert facts.text("MeasurementUnitsCodeSequence") == "mm2/s"
