"""`qiqa trial deidentify`: what a person sees, and what it leaves behind."""

from __future__ import annotations

import json
import os
import stat

import pydicom
import pytest


@pytest.fixture
def images(exam, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, file in enumerate(sorted(exam.rglob("*.dcm"))[:2]):
        (folder / f"{number}.dcm").write_bytes(file.read_bytes())
    return folder


def test_a_first_run_makes_the_key_and_a_second_finds_all_done(qiqa, images, home):
    ran = qiqa("trial", "deidentify", images, "-o", "out", "--key", "trial.key")
    assert ran.code == 0
    assert "a new key was made: trial.key" in ran.out
    assert "2 images of 1 participants or phantoms written to out" in ran.out
    assert "scanner: SIEMENS S" in ran.out
    if os.name != "nt":
        assert stat.S_IMODE((home / "trial.key").stat().st_mode) == 0o600
    secret = (home / "trial.key").read_text(encoding="ascii").strip()
    assert secret not in ran.out + ran.err
    files = [p for p in (home / "out").rglob("*") if p.is_file()]
    assert len(files) == 3
    assert all(secret.encode() not in p.read_bytes() for p in files)
    again = qiqa("trial", "deidentify", images, "-o", "out", "--key", "trial.key")
    assert (again.code, "0 images" in again.out, "2 were there" in again.out) == (0, True, True)
    dates = {pydicom.dcmread(p).StudyDate for p in (home / "out").rglob("*.dcm")}
    assert dates.isdisjoint({pydicom.dcmread(p).StudyDate for p in images.iterdir()})


def test_phantom_dates_stay(qiqa, images, home):
    ran = qiqa("trial", "deidentify", images, "-o", "out", "--key", "k", "--phantom")
    assert ran.code == 0
    dates = {pydicom.dcmread(p).StudyDate for p in (home / "out").rglob("*.dcm")}
    assert dates == {pydicom.dcmread(p).StudyDate for p in images.iterdir()}


def test_refused_files_are_named_and_the_status_says_so(qiqa, images):
    ds = pydicom.dcmread(images / "0.dcm")
    ds.BurnedInAnnotation = "YES"
    ds.save_as(images / "0.dcm")
    ran = qiqa("trial", "deidentify", images, "-o", "out", "--key", "k")
    assert ran.code == 3
    assert "0.dcm: its header says that text is burned into the picture" in ran.err
    assert "1 images" in ran.out
    again = qiqa("trial", "deidentify", images, "-o", "out", "--key", "k", "--json", "-")
    told = json.loads(again.out)
    assert (told["schema"], told["unchanged"], told["written"]) == ("qiqa.deidentified/1", 1, 0)
    assert [(r["code"], r["where"]) for r in told["refused"]] == [
        ("burned_in", str(images / "0.dcm"))
    ]
    (images / "1.dcm").unlink()
    assert qiqa("trial", "deidentify", images, "-o", "out2", "--key", "k").code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "a command is needed"),
        (("publish",), 2, "'publish' is none of report"),
        (("deidentify", "images"), 2, "--output: is needed"),
        (("deidentify", "images", "-o", "out"), 2, "--key: is needed"),
        (("deidentify", "images", "-o", "out", "--key", "k", "--shift-dates"), 2, "--phantom"),
        (("deidentify", "images", "-o", "out", "--key", "out/k"), 2, "the key lies inside"),
        (("deidentify", "nowhere", "-o", "out", "--key", "k"), 1, "no such file"),
        (("deidentify", "images", "-o", "out", "--key", "short"), 2, "5 bytes, at least 32"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(qiqa, home, words, code, said):
    (home / "images").mkdir()
    (home / "short").write_bytes(b"12345")
    ran = qiqa("trial", *words)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert not (home / "out").exists()
    assert not (home / "k").exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of the folder")
def test_a_key_that_others_can_read_is_told(qiqa, images, home):
    (home / "k").write_bytes(b"x" * 40)
    (home / "k").chmod(0o644)
    ran = qiqa("trial", "deidentify", images, "-o", "out", "--key", "k")
    assert (ran.code, "can be read by others" in ran.err) == (0, True)


def test_a_folder_without_images_is_no_success(qiqa, home):
    (home / "images").mkdir()
    words = ("trial", "deidentify", "images", "-o", "out", "--key", "k")
    ran = qiqa(*words)
    assert (ran.code, "no image was written" in ran.err) == (1, True)
    (home / "images" / "notes.txt").write_text("no image", encoding="utf-8")
    assert qiqa(*words).code == 1


def test_an_interruption_ends_with_130_and_the_next_run_does_the_rest(
    qiqa, images, home, monkeypatch
):
    from qiqa.workflows import deidentifying

    genuine, left = deidentifying.clean_file, [2]

    def interrupted(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return genuine(*arguments)

    monkeypatch.setattr(deidentifying, "clean_file", interrupted)
    words = ("trial", "deidentify", images, "-o", "out", "--key", "k")
    ran = qiqa(*words)
    assert (ran.code, "interrupted; nothing half done was kept" in ran.err) == (130, True)
    assert len(list((home / "out").rglob("*.dcm"))) == 1
    again = qiqa(*words)
    assert (again.code, "1 were there" in again.out) == (0, True)
    assert len(list((home / "out").rglob("*.dcm"))) == 2
