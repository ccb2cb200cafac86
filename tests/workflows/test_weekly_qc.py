"""The weekly walk: what becomes of an exam, complete, incomplete, faulty, anonymous."""

import dataclasses
import datetime as dt
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.errors import ExamError, LocateError, UsageError
from qiqa.core.measurement import Verdict
from qiqa.core.phantom import Supplement
from qiqa.core.pose import Override
from qiqa.core.rows import result_rows
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.workflows import locating
from qiqa.workflows.weekly_qc import QcRequest, run_qc

NOW = dt.datetime(2026, 1, 6, 9, 0, tzinfo=dt.UTC)


def run(*paths, **settings):
    protocol = load_protocol("acr_large_2022")
    request = QcRequest(
        paths=tuple(paths),
        phantom=load_phantom("acr_large"),
        protocol=protocol,
        **settings,
    )
    return run_qc(request, now=NOW, user="tester")


def codes(result):
    return {finding.code for finding in result.findings}


def assessment(result, name, role="T1"):
    (found,) = (
        a for a in result.assessments if a.measurement.name == name and a.measurement.role == role
    )
    return found


@pytest.fixture(scope="module")
def complete(exam_folder):
    return run(exam_folder, entries={"low_contrast_spokes": 38})


def test_a_complete_exam_in_order_passes(complete):
    assert complete.verdict is Verdict.PASS
    assert {s.role for s in complete.series} == {"T1", "T2", "localizer"}
    assert assessment(complete, "length_si", "localizer").verdict is Verdict.PASS
    assert assessment(complete, "low_contrast_spokes").verdict is Verdict.PASS
    assert complete.entries == (("low_contrast_spokes", "38"),)


def test_the_turn_between_t1_and_t2_is_noticed(complete):
    assert "phantom_moved" in codes(complete)


def test_inputs_are_the_files_of_the_exam_each_once(complete, exam_folder):
    expected = {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in exam_folder.rglob("*")
        if p.is_file()
    }
    assert {f.path: f.sha256 for f in complete.provenance.inputs} == expected
    assert len(complete.provenance.inputs) == len(expected) == 23


def test_provenance_says_with_what(complete):
    provenance = complete.provenance
    assert [name for name, _ in provenance.versions] == ["qiqa", "numpy", "scipy", "pydicom"]
    assert {f.path for f in provenance.definitions} == {"acr_large.toml", "acr_large_2022.toml"}
    assert (provenance.user, provenance.created_at) == ("tester", NOW)
    assert provenance.parameters == ()
    assert {"diameter/1", "piu/1", "length/1", "entered by a person"} <= set(provenance.algorithms)


def test_provenance_names_the_values_of_this_unit_and_of_no_other(exam_folder):
    supplements = tuple(
        Supplement(path=f"x/certificates/{serial}.toml", sha256=serial * 8, serial=serial)
        for serial in ("J1", "J2")
    )
    phantom = dataclasses.replace(load_phantom("acr_large"), supplements=supplements)
    request = QcRequest(
        paths=(exam_folder,),
        phantom=phantom,
        protocol=load_protocol("acr_large_2022"),
        entries={"phantom_unit": "J1"},
    )
    found = run_qc(request, now=NOW, user="tester").provenance.definitions
    assert {f.path for f in found} == {"acr_large.toml", "J1.toml", "acr_large_2022.toml"}
    assert "J1" * 8 in {f.sha256 for f in found}


def test_an_exam_without_localizer_is_not_evaluated(exam_folder):
    result = run(exam_folder / "T1")
    assert result.verdict is Verdict.NOT_EVALUATED
    open_ones = [a for a in result.assessments if not a.answered]
    assert [a.measurement.name for a in open_ones] == ["length_si"]


def test_an_exam_without_t1_is_not_evaluated(exam_folder):
    result = run(exam_folder / "localizer", exam_folder / "T2")
    assert result.verdict is Verdict.NOT_EVALUATED
    left = assessment(result, "diameter_slice1_lr", "T2")
    assert left.answered is False
    assert left.reason == "judged on T1, which this exam does not have"


def copy_without(folder, target, *numbers):
    """Copy a series without its n-th files in the order of their names, which is along z."""
    target.mkdir()
    for number, path in enumerate(sorted(folder.iterdir()), start=1):
        if number not in numbers:
            shutil.copy(path, target / path.name)
    return target


@pytest.mark.parametrize(
    ("missing", "lost", "kept"),
    [
        (1, "diameter_slice1_lr", "diameter_slice5_lr"),
        (5, "diameter_slice5_d1", "slice_thickness"),
        (7, "piu", "slice_position_slice11"),
        (11, "slice_position_slice11", "piu"),
    ],
)
def test_one_slice_missing_takes_only_what_needs_it(exam_folder, tmp_path, missing, lost, kept):
    result = run(copy_without(exam_folder / "T1", tmp_path / "T1", missing))
    assert assessment(result, kept).verdict is Verdict.PASS
    gone = assessment(result, lost)
    assert (gone.verdict, gone.answered) == (Verdict.NOT_EVALUATED, False)
    assert f"slice {missing} is not in this series" in gone.reason
    (finding,) = (f for f in result.findings if f.code == "slices_missing")
    assert f"slice {missing} of the phantom" in finding.message
    t1 = next(s for s in result.series if s.role == "T1")
    assert "10 slices instead of 11" in t1.deviations


def test_a_truncated_file_is_named_and_the_rest_goes_on(exam_folder, tmp_path):
    folder = copy_without(exam_folder / "T1", tmp_path / "T1")
    bad = sorted(folder.iterdir())[4]
    bad.write_bytes(bad.read_bytes()[:-5000])
    result = run(folder)
    (finding,) = (f for f in result.findings if f.code == "truncated_pixels")
    assert finding.where.endswith(bad.name)
    assert assessment(result, "diameter_slice1_lr").verdict is Verdict.PASS
    assert "slice 5" in assessment(result, "diameter_slice5_lr").reason
    assert str(bad) not in {f.path for f in result.provenance.inputs}


def test_a_file_without_pixels_is_named_and_the_rest_goes_on(exam_folder, tmp_path):
    import pydicom

    folder = copy_without(exam_folder / "T1", tmp_path / "T1")
    bad = sorted(folder.iterdir())[8]
    ds = pydicom.dcmread(bad)
    del ds.PixelData
    ds.save_as(bad)
    result = run(folder)
    (finding,) = (f for f in result.findings if f.code == "no_pixel_data")
    assert finding.where.endswith(bad.name)
    assert assessment(result, "piu").verdict is Verdict.PASS


def test_a_fault_in_one_series_takes_no_other_down(exam_folder, monkeypatch):
    genuine = locating.locate

    def faulty(series, phantom, override):
        if series.header.shape[2] == 1:
            raise IndexError("list index out of range")
        return genuine(series, phantom, override)

    monkeypatch.setattr(locating, "locate", faulty)
    result = run(exam_folder / "T1", exam_folder / "localizer")
    (finding,) = (f for f in result.findings if f.code == "locate_failed")
    assert "IndexError" in finding.message
    assert assessment(result, "piu").verdict is Verdict.PASS
    reason = assessment(result, "length_si", "localizer").reason
    assert "the phantom was not found in ACR localizer" in reason
    assert len(result.provenance.inputs) == 12


def test_entries_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="temperature"):
        run(tmp_path / "nowhere", entries={"temperature": 99})


def test_what_is_set_by_hand_is_named_when_nothing_is_found(exam_folder):
    with pytest.raises(LocateError) as caught:
        run(exam_folder / "T1", override=Override(first_slice=30))
    assert "first_slice" in caught.value.hint


# --- identity -------------------------------------------------------------------------------------


def test_known_identity_needs_nothing(complete):
    assert "identity_unknown" not in codes(complete)
    assert all(
        row["series_key"]
        for row in result_rows(complete)
        if row["value"] is not None and row["name"] != "low_contrast_spokes"
    )


@pytest.fixture(scope="module")
def anonymous(real_data):
    return real_data("phantoms/acr_large/GE_Artist_1.5T_T1")


def test_an_anonymous_exam_shares_no_chart(anonymous):
    result = run(anonymous)
    assert not any(row["series_key"] for row in result_rows(result))
    (finding,) = (f for f in result.findings if f.code == "identity_unknown")
    assert "--scanner" in finding.message
    assert "--date" in finding.message


def test_scanner_and_date_given_make_a_chart_and_stand_in_the_provenance(anonymous):
    when = dt.datetime(2024, 5, 6)
    result = run(anonymous, scanner_name="MR1", date=when)
    rows = [row for row in result_rows(result) if row["role"] == "T1" and row["value"] is not None]
    assert rows
    assert all(row["series_key"] for row in rows)
    assert "identity_unknown" not in codes(result)
    assert result.scanner.identity == "MR1"
    assert result.acquired_at == when
    assert result.provenance.parameters == (("date", "2024-05-06T00:00:00"), ("scanner", "MR1"))
    other = run(anonymous, scanner_name="MR2", date=when)
    assert other.provenance.identity != result.provenance.identity
    assert other.provenance.input_identity == result.provenance.input_identity


def test_scanner_and_date_against_the_headers_are_noticed(exam_folder):
    result = run(exam_folder / "localizer", scanner_name="MR9", date=dt.datetime(2020, 1, 1))
    assert {"scanner_replaced", "date_replaced"} <= codes(result)
    messages = " ".join(f.message for f in result.findings)
    assert "SIEMENS SIM0001; MR9 was given instead" in messages
    assert "2026-01-05; 2020-01-01 was given instead" in messages


def test_inputs_hold_nothing_of_another_exam(real_data):
    root = real_data("phantoms/acr_large")
    paths = [root / "GE_Artist_1.5T_T1", root / "Siemens_Aera_1.5T_T1"]
    with pytest.raises(ExamError):
        run(*paths)
    result = run(*paths, exam=1)
    folders = {Path(f.path).parent.name for f in result.provenance.inputs}
    assert len(folders) == 1
    assert len(result.provenance.inputs) == 11


# --- wrong object ---------------------------------------------------------------------------------


def test_a_volunteer_is_no_phantom(real_data):
    with pytest.raises(LocateError, match="no series shows the ACR MRI phantom, large") as caught:
        run(real_data("vendors/dcm_qa_uih"))
    assert "dti_tra_dir16_PA_rot_SaveBySlc: the outline" in caught.value.message
    assert "qiqa index" in caught.value.hint


@pytest.mark.parametrize("folder", ["acr_medium/Forth_Valley_ACR_Blair_T1", "system/hazen/T1"])
def test_another_phantom_is_refused_with_what_was_seen(real_data, folder):
    with pytest.raises(LocateError, match="not of 190 mm"):
        run(real_data(f"phantoms/{folder}"), exam=1)


def test_the_same_files_give_the_same_result(exam_folder, tmp_path):
    one = run(exam_folder / "T1")
    elsewhere = copy_without(exam_folder / "T1", tmp_path / "elsewhere")
    two = run(elsewhere)
    assert one.provenance.identity == two.provenance.identity
    values = [[a.measurement.value for a in r.assessments] for r in (one, two)]
    np.testing.assert_array_equal(*values)
