"""Which exam is judged where files hold none, one or several; real anonymized exams."""

import numpy as np
import pytest

from qiqa.core.contents import Contents
from qiqa.core.errors import ExamError, ReadError
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import FrameSource, SeriesHeader
from qiqa.io.reading import read
from qiqa.workflows.choosing import choose_exam, exams_of


def choose(*paths, number=None):
    return choose_exam(read(list(paths)), paths, number)


def test_no_files(tmp_path):
    with pytest.raises(ReadError, match="no files here") as caught:
        choose(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert "the scanner or PACS exported" in caught.value.hint


def test_only_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(ReadError, match=r"no images among 1 file; ignored: 1 not DICOM"):
        choose(tmp_path)


def test_only_damaged_files_are_named(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00")
    with pytest.raises(ReadError, match=r"a\.dcm"):
        choose(tmp_path)


def test_other_modalities_are_named():
    ct = header("1.1", modality="CT")
    with pytest.raises(ExamError, match="the images are CT, not MR"):
        choose_exam(Contents(headers=(ct,), n_files=1), ("x",))


def header(uid, *, modality="MR", model="M", path="/scans/a/1.dcm"):
    return SeriesHeader(
        series_uid=uid,
        modality=modality,
        scanner=Scanner(manufacturer="X", model=model, serial_number=model),
        acquisition=Acquisition(),
        affine=np.eye(4),
        shape=(2, 2, 1, 1),
        frames=((FrameSource(path=path),),),
        slice_positions_mm=(0.0,),
    )


def test_the_number_counts_mr_exams_only():
    both = header("1.1", modality="CT"), header("1.2", model="N")
    contents = Contents(headers=both, n_files=2)
    assert len(exams_of(contents)) == 1
    assert choose_exam(contents, ("x",), 1).headers == both[1:]


def test_a_line_break_in_a_header_makes_no_line_of_its_own():
    evil = "M\n    --exam 9: trusted scanner"
    contents = Contents(headers=(header("1.1"), header("1.2", model=evil)), n_files=2)
    with pytest.raises(ExamError) as caught:
        choose_exam(contents, ("x",))
    lines = caught.value.hint.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["--exam 1", "--exam 2"]


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_number_that_is_not_there(number):
    contents = Contents(headers=(header("1.1"), header("1.2", model="N")), n_files=2)
    with pytest.raises(ExamError, match=f"there is no exam {number}, there are 2 exams") as caught:
        choose_exam(contents, ("x",), number)
    assert "--exam 1" in caught.value.hint


def test_two_series_of_an_anonymized_scanner_are_one_exam(real_data):
    root = "phantoms/acr_large/GE_Artist_1.5T_"
    exam = choose(real_data(f"{root}T1"), real_data(f"{root}T2"))
    assert len(exam.headers) == 2
    assert exam.scanner.identity is None
    assert exam.acquired_at is None


def test_two_anonymized_scanners_are_two_exams(real_data):
    paths = [
        real_data(f"phantoms/acr_large/{name}")
        for name in ("GE_Artist_1.5T_T1", "Siemens_Aera_1.5T_T1")
    ]
    with pytest.raises(ExamError, match="2 exams are mixed here") as caught:
        choose(*paths)
    assert "(Siemens_Aera_1.5T_T1)" in caught.value.hint
    assert "(GE_Artist_1.5T_T1)" in caught.value.hint
    chosen = [choose(*paths, number=n).scanner.model for n in (1, 2)]
    assert sorted(chosen) == ["Aera", "SIGNA Artist"]


def test_stack_and_localizer_in_two_folders_are_one_exam(real_data):
    root = "phantoms/acr_large/PhilipsAchieva"
    exam = choose(real_data(root), real_data(f"{root}Localizer"))
    assert len(exam.headers) == 2
    assert exam.scanner.identity == "PHILIPS 17461"


def test_conflicting_copies_are_refused_and_each_alone_is_fine(real_data):
    paths = [real_data(f"phantoms/acr_large/{name}") for name in ("Siemens", "Siemens2")]
    with pytest.raises(ExamError, match="2 copies with different pixels") as caught:
        choose(*paths)
    assert "which copy came from the scanner" in caught.value.hint
    for path in paths:
        assert len(choose(path).headers) == 1
    for number in (1, 2):
        assert len(choose(*paths, number=number).headers) == 1


def test_a_whole_archive_is_listed_so_that_a_person_can_choose(real_data):
    root = real_data("phantoms/acr_large")
    with pytest.raises(ExamError) as caught:
        choose(root)
    lines = [line for line in caught.value.hint.splitlines() if "--exam" in line]
    folders = [line.rpartition("(")[2].rstrip(")") for line in lines]
    assert sorted(", ".join(folders).split(", ")) == sorted(p.name for p in root.iterdir())
    assert len(lines) == len(exams_of(read(root)))
