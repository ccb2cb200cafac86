"""Files that belong together are all new or all old, wherever a process dies."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from qiqa.core.errors import OutputError
from qiqa.io.staged import settle, staged

NAMES = ("a", "b", "c")


@pytest.fixture
def folder(tmp_path):
    for name in (*NAMES, "other"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    return tmp_path


def shown(folder):
    files = sorted(path for path in folder.iterdir() if path.name != ".qiqa-lock")
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def state(word):
    return {**dict.fromkeys(NAMES, word), "other": "old"}


def test_all_are_replaced(folder):
    with staged(folder) as place:
        for name in NAMES:
            (place / name).write_text("new", encoding="utf-8")
        assert dict(read(folder)) == state("old")
    assert shown(folder) == state("new")


def read(folder):
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in (*NAMES, "other")]


def test_none_is_replaced_where_one_cannot_be_written(folder):
    def half():
        with staged(folder) as place:
            (place / "a").write_text("new", encoding="utf-8")
            raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        half()
    assert shown(folder) == state("old")


# dies, as by kill -9, at the n-th renaming: 1 is that of the place, then one for each file
DYING = textwrap.dedent(
    """
    import os, pathlib, sys
    from qiqa.io.staged import staged

    at, count = int(sys.argv[2]), 0

    def dying(way):
        def renamed(self, target):
            global count
            count += 1
            if count == at:
                os._exit(9)
            return way(self, target)
        return renamed

    pathlib.Path.rename = dying(pathlib.Path.rename)
    pathlib.Path.replace = dying(pathlib.Path.replace)
    with staged(pathlib.Path(sys.argv[1])) as place:
        for name in "abc":
            (place / name).write_text("new", encoding="utf-8")
    """
)


@pytest.mark.parametrize(("at", "word"), [(1, "old"), (2, "new"), (3, "new"), (4, "new")])
def test_a_process_that_dies_leaves_one_state_or_the_other(folder, at, word):
    done = subprocess.run([sys.executable, "-c", DYING, str(folder), str(at)], check=False)
    assert done.returncode == 9
    settle(folder)
    assert dict(read(folder)) == state(word)
    # and the next one is not hindered by what was left
    with staged(folder) as place:
        (place / "a").write_text("newer", encoding="utf-8")
    assert shown(folder) == {**state(word), "a": "newer"}


def test_one_at_a_time(folder):
    with staged(folder), pytest.raises(OutputError, match="another process is writing"):
        staged(folder).__enter__()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_two_users_may_write_is_written_by_both(folder):
    (folder / ".qiqa-lock").touch(mode=0o444)  # as another user's file looks
    with staged(folder) as place:
        (place / "a").write_text("new", encoding="utf-8")
        with pytest.raises(OutputError, match="another process is writing"):
            staged(folder).__enter__()
    assert shown(folder) == {**state("old"), "a": "new"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(folder):
    folder.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            staged(folder).__enter__()
    finally:
        folder.chmod(0o700)


def test_reading_what_is_whole_needs_no_right_to_write(folder):
    settle(folder)
    assert not (folder / ".qiqa-lock").exists()
