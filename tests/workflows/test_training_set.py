"""What is read again, and what is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "vetting"))

from broken_files import dicom

from qiqa.core.vet_record import facts_from
from qiqa.store.vet_work import VetWork
from qiqa.workflows.training_set import scan


class Here:
    """Works in this process, and counts."""

    def __init__(self):
        self.pieces = 0

    def run(self, function, items):
        for item in items:
            self.pieces += 1
            yield item, function(item)


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(dicom(number))
    return folder


def read(tree, work, key):
    """Return pieces of work done, and the patients' hashes."""
    here = Here()
    scan(tree, work, here, key, lambda _: None)
    found = work.db.execute("SELECT data FROM part").fetchall()
    return here.pieces, {facts_from(data).patient_hash for (data,) in found}


def test_nothing_is_read_twice_but_with_another_key(tree, tmp_path):
    with VetWork(tmp_path / "work.sqlite") as work:
        pieces, first = read(tree, work, b"a" * 32)
        assert (pieces, len(first)) == (1, 3)
        assert read(tree, work, b"a" * 32) == (0, first)
        pieces, second = read(tree, work, b"b" * 32)
        assert pieces == 1
        assert not first & second


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_found_as_it_was(tree, tmp_path):
    path = tree / os.fsdecode(b"\xff.dcm")
    try:
        path.write_bytes(dicom(7))
    except OSError:
        pytest.skip("the file system takes no such name")
    with VetWork(tmp_path / "work.sqlite") as work:
        _, first = read(tree, work, b"a" * 32)
        assert read(tree, work, b"a" * 32) == (0, first)
        assert len(first) == 4
