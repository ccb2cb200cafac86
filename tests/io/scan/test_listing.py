"""Every file once, in one order, whatever lies about."""

import os
import pickle
import sys
import zipfile

import pytest

from qiqa.core.errors import ReadError
from qiqa.io.scan import listing
from qiqa.io.scan.listing import CHUNK, list_files, split_member


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(root):
    return [name for chunk in list_files(root) for name in chunk.files]


def test_order_is_that_of_names_and_folders_stay_whole(tmp_path):
    write(
        tmp_path, *(f"b/{i:03}" for i in range(150)), *(f"a/{i:03}" for i in range(120)), "z", "c"
    )
    chunks = list(list_files(tmp_path))
    assert [len(chunk.files) for chunk in chunks] == [122, 150]
    assert chunks[0].files[:3] == ("c", "z", "a/000")
    assert [chunk.name for chunk in chunks] == ["c", "b/000"]


def test_a_long_folder_is_cut_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "_AT_ONCE", 64)
    wanted = [f"{i:04}" for i in range(517)]
    write(tmp_path, *wanted)
    chunks = list(list_files(tmp_path))
    assert [name for chunk in chunks for name in chunk.files] == wanted
    assert max(len(chunk.files) for chunk in chunks) <= CHUNK


def test_chunks_are_picklable_and_the_same_every_time(tmp_path):
    write(tmp_path, "b/1", "a/2")
    chunks = list(list_files(tmp_path))
    copy = pickle.loads(pickle.dumps(chunks))  # noqa: S301 - our own bytes
    assert copy == chunks == list(list_files(tmp_path))


def test_links_lead_nowhere(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    write(tmp_path, "in/a/1", "out/secret")
    (inside / "away").symlink_to(outside)
    (inside / "file").symlink_to(outside / "secret")
    (inside / "again").symlink_to(inside / "a" / "1")
    (inside / "round").symlink_to(inside)
    (inside / "dangling").symlink_to(inside / "nothing")
    assert names(inside) == ["a/1"]


def test_a_file_with_two_names_is_one_file(tmp_path):
    write(tmp_path, "a/1")
    os.link(tmp_path / "a/1", tmp_path / "b")
    assert names(tmp_path) == ["b"]


def test_what_git_annex_keeps_is_seen_under_its_name(tmp_path):
    write(tmp_path, ".git/annex/objects/key.nii", ".git/config")
    (tmp_path / "sub-1").mkdir()
    (tmp_path / "sub-1/t1.nii").symlink_to(tmp_path / ".git/annex/objects/key.nii")
    assert names(tmp_path) == ["sub-1/t1.nii"]


def test_archives_are_their_members(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.ZIP", "w") as archive:
        for i in range(CHUNK + 1):
            archive.writestr(f"f/{i:03}", "x")
    write(tmp_path, "broken.zip", "plain")
    chunks = list(list_files(tmp_path))
    assert [(chunk.archive, len(chunk.files)) for chunk in chunks] == [
        ("", 1), ("set.ZIP", CHUNK), ("set.ZIP", 1), ("", 1),
    ]  # fmt: skip
    assert chunks[1].name == "set.ZIP: f/000"


def test_a_large_archive_is_opened_a_few_times(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for i in range(20 * CHUNK):
            archive.writestr(f"{i:05}", "")
    assert [len(chunk.files) for chunk in list_files(tmp_path)] == [250] * 16


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text(tmp_path, scan):
    (tmp_path / os.fsdecode(b"M\xfcller")).write_bytes(b"x")
    (note,) = scan(tmp_path)[1]
    assert os.fsencode(note.path) == b"M\xfcller"


def test_a_single_file_and_an_empty_folder(tmp_path):
    write(tmp_path, "x/one")
    assert [chunk.files for chunk in list_files(tmp_path / "x" / "one")] == [("one",)]
    (tmp_path / "empty").mkdir()
    assert names(tmp_path / "empty") == []
    with pytest.raises(ReadError, match="no such"):
        names(tmp_path / "not there")


def test_deep_folders(tmp_path):
    path = tmp_path
    for _ in range(300):
        path = path / "d"
    write(path, "1")
    assert names(tmp_path) == ["d/" * 300 + "1"]


def test_members_are_told_from_names_with_colons():
    files = {"a: b", "x.zip"}
    assert split_member("a: b", files.__contains__) == ("a: b", None)
    assert split_member("x.zip: c: d", files.__contains__) == ("x.zip", "c: d")
    assert split_member("gone: c", files.__contains__) == ("gone: c", None)
