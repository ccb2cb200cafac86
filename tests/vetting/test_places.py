"""Outputs among the images, a single file, an archive, and places that cannot be written."""

from __future__ import annotations

import csv
import sys
import zipfile
from pathlib import Path

import pytest

from qiqa.cli.app import run
from qiqa.io.policy_file import default_policy_text

sys.path.insert(0, str(Path(__file__).parent))

from broken_files import dicom

pytest.importorskip("pyarrow")


@pytest.fixture
def vet(tmp_path):
    """Return what vets a path and gives the status, and the rows of the manifest."""
    policy = tmp_path / "policy.toml"
    off = ["confounding", "outliers", "predictability", "representativeness", "duplicates"]
    policy.write_text(f"off = {off}\n".replace("'", '"') + default_policy_text(), "utf-8")

    def vetted(path, output):
        words = ["vet", str(path), "-o", str(output), "--policy", str(policy), "--processes", "1"]
        status = run(words)
        manifest = output / "manifest.csv"
        if not manifest.is_file():
            return status, []
        with manifest.open(encoding="utf-8", newline="") as file:
            return status, [row["path"] for row in csv.DictReader(file)]

    return vetted


def write(folder, *numbers):
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"{number}.dcm").write_bytes(dicom(number))


def test_outputs_among_the_images_are_not_vetted(vet, tmp_path):
    write(tmp_path / "images", 1, 2)
    output = tmp_path / "images" / "vetted"
    first = vet(tmp_path / "images", output)
    assert first[1] == ["1.dcm", "2.dcm"]
    before = (output / "manifest.parquet").read_bytes()
    assert vet(tmp_path / "images", output) == first
    assert (output / "manifest.parquet").read_bytes() == before
    others = output / "other_files.parquet"
    assert b"card.html" not in others.read_bytes()


def test_a_file_and_an_archive(vet, tmp_path):
    write(tmp_path / "images", 1, 2)
    assert vet(tmp_path / "images" / "1.dcm", tmp_path / "one")[1] == ["1.dcm"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in (1, 2):
            archive.write(tmp_path / "images" / f"{number}.dcm", f"in/{number}.dcm")
    found = vet(tmp_path / "all.zip", tmp_path / "two")[1]
    assert found == ["all.zip: in/1.dcm", "all.zip: in/2.dcm"]


def test_places_that_cannot_be_written(vet, tmp_path, capsys):
    write(tmp_path / "images", 1)
    assert vet(tmp_path / "images", tmp_path / "images")[0] == 2
    assert "the outputs would lie among the images" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "images").iterdir()] == ["1.dcm"]
    (tmp_path / "file").write_bytes(b"")
    assert vet(tmp_path / "images", tmp_path / "file" / "out")[0] == 1
    said = capsys.readouterr().err
    assert "internal error" not in said
    assert "cannot be" in said
