"""Outputs among the images, a single file, an archive, and places that cannot be written."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from qiqa.cli.app import run
from qiqa.core.vet_record import facts_from
from qiqa.store.vet_work import VetWork
from qiqa.workflows import training_set
from qiqa.workflows.training_set import scan

sys.path.insert(0, str(Path(__file__).parent))

from broken_files import dicom


class Here:
    """Does the work in this process, and counts it."""

    def __init__(self):
        self.done = 0

    def run(self, function, jobs):
        for job in jobs:
            self.done += 1
            yield job, function(job)


def scanned(path, output, leave_out=None):
    """Return paths of images, those of other files, and how many pieces of work it took."""
    (output / "private").mkdir(parents=True, exist_ok=True)
    here = Here()
    with VetWork(output / "private" / "work.sqlite") as work:
        scan(path, work, here, b"k" * 64, lambda _: None, leave_out)
        data = [facts_from(row[0]) for row in work.db.execute("SELECT data FROM part")]
        return sorted(f.path for f in data), [note.path for note in work.notes()], here.done


def write(folder, *numbers):
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"{number}.dcm").write_bytes(dicom(number))


def test_outputs_among_the_images_are_not_vetted(tmp_path):
    write(tmp_path / "images", 1, 2)
    output = tmp_path / "images" / "vetted"
    first = scanned(tmp_path / "images", output, output)
    (output / "card.html").write_text("x", "utf-8")
    assert first == (["1.dcm", "2.dcm"], [], 1)
    assert scanned(tmp_path / "images", output, output) == (["1.dcm", "2.dcm"], [], 0)


def test_a_file_and_an_archive(tmp_path):
    write(tmp_path / "images", 1, 2)
    assert scanned(tmp_path / "images" / "1.dcm", tmp_path / "one")[0] == ["1.dcm"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in (1, 2):
            archive.write(tmp_path / "images" / f"{number}.dcm", f"in/{number}.dcm")
    found = scanned(tmp_path / "all.zip", tmp_path / "two")[0]
    assert found == ["all.zip: in/1.dcm", "all.zip: in/2.dcm"]


def test_what_an_earlier_scan_saw_is_read_anew(tmp_path, monkeypatch):
    """Another key or a scan that sees something else: no part of the old one is kept."""
    write(tmp_path / "images", 1)
    assert scanned(tmp_path / "images", tmp_path / "out")[2] == 1
    assert scanned(tmp_path / "images", tmp_path / "out")[2] == 0
    monkeypatch.setattr(training_set, "SEES", training_set.SEES + 1)
    assert scanned(tmp_path / "images", tmp_path / "out")[2] == 1


@pytest.mark.parametrize("place", ["images", "file/out"])
def test_places_that_cannot_be_written(tmp_path, capsys, place):
    write(tmp_path / "images", 1)
    (tmp_path / "file").write_bytes(b"")
    assert run(["vet", str(tmp_path / "images"), "-o", str(tmp_path / place)]) != 0
    said = capsys.readouterr().err
    assert "internal error" not in said
    assert "lie among the images" in said or "cannot be" in said
    assert [p.name for p in (tmp_path / "images").iterdir()] == ["1.dcm"]
