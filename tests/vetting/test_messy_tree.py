"""Real scans of many vendors in one tree with every kind of broken file: all are accounted for."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from qiqa.cli.app import run
from qiqa.core.vet_record import facts_from
from qiqa.io.policy_file import default_policy_text
from qiqa.store.vet_work import VetWork

sys.path.insert(0, str(Path(__file__).parent))

from broken_files import FORMULA, contents, write_all

KEY = b"k" * 64


@dataclasses.dataclass(frozen=True)
class Vetted:
    """A tree, and what was made of it."""

    tree: Path
    output: Path

    @property
    def rows(self):
        with (self.output / "manifest.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def vet(tree, output, folder, processes=2):
    key, policy = folder / "key", folder / "policy.toml"
    key.write_bytes(KEY)
    # what looks at all series together is slow and has no part in this
    off = 'off = ["confounding", "predictability"]\n'
    policy.write_text(off + default_policy_text(), encoding="utf-8")
    words = ["vet", str(tree), "-o", str(output), "--key", str(key), "--policy", str(policy)]
    words += ["--processes", str(processes), "--json", str(folder / "out.json")]
    assert run(words) == 4
    return Vetted(tree, output)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Return the broken files alone, vetted."""
    folder = tmp_path_factory.mktemp("broken")
    write_all(folder / "tree" / "odd")
    return vet(folder / "tree", folder / "out", folder)


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """Return all real scans and the broken files in one tree, vetted."""
    folder = tmp_path_factory.mktemp("messy")
    for name in ("vendors", "phantoms"):
        link_tree(real_data(name), folder / "tree" / name)
    write_all(folder / "tree" / "odd")
    return vet(folder / "tree", folder / "out", folder)


def link_tree(source, target):
    """Copy a folder without its bytes where the file system can."""

    def link(one, other):
        try:
            os.link(one, other)
        except OSError:
            shutil.copyfile(one, other)

    shutil.copytree(source, target, copy_function=link)


def files_below(tree):
    """Return all that is there, members of archives as the scan names them."""
    found = []
    for home, folders, names in os.walk(tree):
        for name in [*names, *(f for f in folders if Path(home, f).is_symlink())]:
            path = Path(home, name)
            below = path.relative_to(tree).as_posix()
            found += members(path, below) or [below]
    return found


def members(path, below):
    """Return members of an archive, whatever its name; one that is refused is a file."""
    if path.name == "bomb.zip" or path.is_symlink() or not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [f"{below}: {name}" for name in archive.namelist() if name[-1] != "/"]


def accounted(vetted):
    """Return the files of series, and the notes, from the working file."""
    of_series = []
    with VetWork(vetted.output / "private" / "work.sqlite") as work:
        for (data,) in work.db.execute("SELECT data FROM part"):
            of_series += [one.path for one in facts_from(data).instances]
        return of_series, list(work.notes())


def every_file_once(vetted):
    of_series, notes = accounted(vetted)
    counted = Counter([*of_series, *(note.path for note in notes)])
    links = {p for p in files_below(vetted.tree) if (vetted.tree / p).is_symlink()}
    assert max(counted.values()) == 1
    assert set(counted) | links == set(files_below(vetted.tree))


def test_every_broken_file_is_accounted_for_once(broken):
    every_file_once(broken)


def shown(name):
    """Return a part of the name that no output has to escape."""
    return max(re.findall(r"[\w ,.()]+", os.fsdecode(name), re.ASCII), key=len)


OTHER = (b"DICOMDIR", b"text.dcm", b"random.dcm", b"cut at 10.dcm", b"cut at 131.dcm")
"""What nobody can tell from a file that was never an image: among the other files."""
BROKEN = [name for name in contents() if name not in OTHER]


def test_broken_images_are_named_and_not_used(broken):
    """Each has a row of the manifest, and none is kept."""
    rows = {row["path"]: row["decision"] for row in broken.rows}
    there = [n for n in BROKEN if (broken.tree / "odd" / os.fsdecode(n)).exists()]
    assert len(there) > 15
    found = {n: {action for path, action in rows.items() if shown(n) in path} for n in there}
    assert not [n for n, actions in found.items() if not actions]
    assert not [n for n, actions in found.items() if not actions <= {"reject", "quarantine"}]


def test_card_and_json_tell_of_what_cannot_be_read(broken):
    """The JSON counts them, the card shows them, with the ends of their paths."""
    unreadable = [row["path"] for row in broken.rows if "unreadable" in row["reasons"]]
    told = json.loads((broken.output / "vet.json").read_text(encoding="utf-8"))
    counted = {one["code"]: one["seen"] for one in told["reasons"]}
    assert counted["unreadable"] == len(unreadable) > 5
    assert sum(told["counts"]["actions"].values()) == len(broken.rows)
    card = (broken.output / "card.html").read_text(encoding="utf-8")
    assert not [path for path in unreadable if path[-8:] not in card]
    assert "<script>alert" not in card


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_no_path_is_a_formula(broken):
    paths = [row["path"] for row in broken.rows]
    assert [p for p in paths if p.endswith(FORMULA)]
    assert not [p for p in paths if p.startswith(("=", "+", "-", "@"))]


@pytest.fixture(scope="module")
def twice(broken, tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    return vet(broken.tree, folder / "out", folder, processes=1)


def test_a_second_run_makes_the_same_bytes(broken, twice):
    for name in ("manifest.csv", "manifest.parquet", "observations.parquet"):
        assert (twice.output / name).read_bytes() == (broken.output / name).read_bytes(), name


def test_real_scans_among_broken_files(real, broken):
    """All are there once; the broken ones are judged as they are by themselves."""
    every_file_once(real)
    alone = {row["series_uid"]: row["decision"] for row in broken.rows}
    among = {row["series_uid"]: row["decision"] for row in real.rows}
    assert alone.items() <= among.items()
    told = json.loads((real.output / "vet.json").read_text(encoding="utf-8"))
    assert told["schema"] == "qiqa.vet/1"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path):
    write_all(tmp_path / "tree" / "odd")
    locked, hidden = tmp_path / "tree" / "locked.dcm", tmp_path / "tree" / "hidden"
    shutil.copyfile(tmp_path / "tree" / "odd" / "header only.dcm", locked)
    hidden.mkdir()
    for path in (locked, hidden):
        path.chmod(0)
    try:
        rows = vet(tmp_path / "tree", tmp_path / "out", tmp_path, processes=1).rows
    finally:
        for path in (locked, hidden):
            path.chmod(0o700)
    assert {"locked.dcm", "hidden"} <= {row["path"] for row in rows}
