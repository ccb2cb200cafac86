"""What is no file, cannot be opened, changes, or is larger than it should be."""

import os
import shutil
import socket
import time
import zipfile
from pathlib import Path

import pytest

from qiqa.io.scan import scanning
from qiqa.io.scan.listing import Chunk, list_files
from qiqa.io.scan.scanning import scan_chunk
from qiqa.io.scan.stack import load_stack

POSIX = pytest.mark.skipif(os.name == "nt", reason="no such files there")


def names(root, leave_out=None):
    return [name for chunk in list_files(root, leave_out) for name in chunk.files]


@POSIX
def test_pipes_sockets_devices_and_rings_of_links_are_no_files(save, make, tmp_path):
    save([make()], "in")
    home = tmp_path / "in"
    os.mkfifo(home / "pipe.dcm")
    (home / "ring").symlink_to(home, target_is_directory=True)
    (home / "device.dcm").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as door:
        here = Path.cwd()
        os.chdir(home)  # names of sockets are short
        try:
            door.bind("door.dcm")
        finally:
            os.chdir(here)
        listed = names(home)
    assert len(listed) == 1


@POSIX
def test_five_gigabytes_of_nothing_take_no_time(make, save, tmp_path, scan):
    (whole,) = [p for p in save([make()], "x").rglob("*") if p.is_file()]
    head = whole.read_bytes()
    shutil.rmtree(whole.parent)
    for name, first in {"empty.dcm": bytes(128) + b"DICM", "image.dcm": head}.items():
        with (tmp_path / name).open("wb") as file:
            file.write(first)
            file.truncate(5 << 30)  # takes no room on the disk
    began = time.process_time()
    series, (note,) = scan(tmp_path)
    assert time.process_time() - began < 10
    assert (note.path, note.kind) == ("empty.dcm", "unreadable")
    assert "65536" in note.observations[0].evidence
    assert list(series) == ["1.2.3"]


def test_outputs_among_the_images_are_left_out(tmp_path):
    for name in ("a/1", "a/out/2", "a/out/deep/3", "outer/4", "out/5"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    everything = ["a/1", "a/out/2", "a/out/deep/3", "out/5", "outer/4"]
    assert names(tmp_path, tmp_path / "a" / "out") == ["a/1", "out/5", "outer/4"]
    assert names(tmp_path, tmp_path / "out") == [n for n in everything if n != "out/5"]
    for elsewhere in (None, tmp_path, tmp_path.parent, tmp_path / "none"):
        assert names(tmp_path, elsewhere) == everything


@POSIX
def test_outputs_are_known_by_another_name(tmp_path):
    (tmp_path / "in" / "out").mkdir(parents=True)
    (tmp_path / "in" / "out" / "1").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "in", target_is_directory=True)
    assert names(tmp_path / "in", tmp_path / "link" / "out") == []


def test_files_that_vanish_or_shrink_are_said(make, save, key):
    root = save([make(5.0 * i, i) for i in (1, 2, 3, 4)])
    listed = [name for chunk in list_files(root) for name in chunk.files]
    (root / listed[0]).unlink()
    result = scan_chunk(root, Chunk(files=tuple(listed)), key)
    assert [(note.path, note.kind) for note in result.notes] == [(listed[0], "unreadable")]
    (facts,) = result.series
    (root / listed[1]).unlink()
    data = (root / listed[2]).read_bytes()
    (root / listed[2]).write_bytes(data[:-10])
    stack, seen = load_stack(facts, root)
    (broken,) = [one for one in seen if one.code == "pixels_unreadable"]
    assert broken.value == 2
    assert stack is not None


def test_a_member_of_an_archive_is_read_with_its_series_alone(make, tmp_path, scan, monkeypatch):
    """A compressed series opens none of the members of others."""
    from pydicom.uid import RLELossless

    from qiqa.io import reading

    for number in range(6):
        ds = make(series=f"1.2.{number}")
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in range(6):
            archive.write(tmp_path / f"{number}.dcm", f"{number}.dcm")
            (tmp_path / f"{number}.dcm").unlink()
    series, _ = scan(tmp_path)
    opened = []
    original = reading.open_header
    monkeypatch.setattr(
        reading, "open_header", lambda blob, a: opened.append(blob.member) or original(blob, a)
    )
    stack, seen = load_stack(series["1.2.4"], tmp_path)
    assert opened == ["4.dcm"]
    assert (stack is not None, seen) == (True, ())


def test_an_error_nobody_thought_of_is_of_one_file(make, save, monkeypatch, key):
    root = save([make(5.0 * i, i) for i in (1, 2)])
    listed = [name for chunk in list_files(root) for name in chunk.files]
    original = scanning._file

    def defective(scan, name):
        if name == listed[0]:
            raise MemoryError
        original(scan, name)

    monkeypatch.setattr(scanning, "_file", defective)
    result = scan_chunk(root, Chunk(files=tuple(listed)), key)
    assert [note.path for note in result.notes] == [listed[0]]
    assert len(result.series) == 1
