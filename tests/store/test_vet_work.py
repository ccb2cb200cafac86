"""What is kept while a set is vetted: whole, once, and there after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from qiqa.core.errors import StoreError
from qiqa.core.vet_record import facts_from, facts_to, note_to, summary_to
from qiqa.core.vetting import Examined, FileNote, Instance, Observation, SeriesFacts, SeriesSummary
from qiqa.store.vet_work import VetWork


def facts(uid="1.2", path="a/b", count=3):
    return SeriesFacts(
        path=path,
        series_uid=uid,
        attributes={"EchoTime": (5.0, 10.0), "Manufacturer": ("Ünited\ud800",)},
        instances=tuple(
            Instance(path=f"{path}/{k}", size=10, axis=(float("inf"), 1.5), position_mm=(0, 1.5, k))
            for k in range(count)
        ),
        observations=(Observation(code="truncated", value=2.0, where="a/b/1"),),
    )


def summary(uid):
    return SeriesSummary(
        path=f"p/{uid}",
        series_uid=uid,
        texts={"site": "A"},
        numbers={"te_ms": 5.0},
        date="2026-01-02",
        files=3,
        size=30,
        seen="0123",
        examined=Examined(features={"snr": float("nan")}),
    )


def examined(uid):
    return uid, summary_to(summary(uid)), b"signature", b"thumb"


@pytest.fixture
def work(tmp_path):
    with VetWork(tmp_path / "work.sqlite") as opened:
        yield opened


def scan(work, name, digest, run, uids, notes=()):
    parts = [(uid, facts_to(facts(uid, name))) for uid in uids]
    kept = [(path, note_to(FileNote(path=path, kind="not DICOM", size=1))) for path in notes]
    work.add_scanned(name, digest, 5, run, parts, kept)


def test_facts_come_back_as_they_were():
    given = facts()
    back = facts_from(facts_to(given))
    assert back.instances == given.instances
    assert back.observations == given.observations
    assert back.attributes["EchoTime"] == (5.0, 10.0)
    assert back.attributes["Manufacturer"] == ("Ünited\ud800",)


def test_a_name_that_is_no_text_is_kept(work):
    """Linux allows any bytes in a name; Python hands them over as lone surrogates."""
    scan(work, "c\udce9", "d", 1, ["nifti:\udce9.nii"], ["b\udce9.txt"])
    assert work.is_scanned("c\udce9", "d", 2)
    ((uid, parts),) = work.to_examine()
    assert facts_from(parts[0]).series_uid == "nifti:\udce9.nii"
    assert [note.path for note in work.notes()] == ["b\udce9.txt"]
    work.add_examined([examined(facts_from(parts[0]).series_uid)])
    assert work.count() == (1, 1), uid
    # the card asks for pictures of files that are no series, too
    assert work.thumbnail("nifti:\udce9.nii") == b"thumb"
    assert work.thumbnail("file:b\udce9.dcm") == b""


def test_what_was_scanned_is_not_scanned_again(work):
    scan(work, "c1", "d1", 1, ["1", "2"], ["x.txt"])
    assert work.is_scanned("c1", "d1", 2)
    assert not work.is_scanned("c1", "changed", 2)
    assert not work.is_scanned("c2", "d1", 2)
    assert work.count() == (2, 0)
    assert [note.path for note in work.notes()] == ["x.txt"]
    assert work.files() == 5


def test_parts_of_a_series_come_together_in_order(work):
    scan(work, "c2", "d", 1, ["1"])
    scan(work, "c1", "d", 1, ["1", "2"])
    got = {uid: [facts_from(p).path for p in parts] for uid, parts in work.to_examine()}
    assert got == {"1": ["c1", "c2"], "2": ["c1"]}


def test_a_series_is_examined_anew_when_a_file_of_it_changed(work):
    scan(work, "c1", "d", 1, ["1", "2"])
    work.add_examined([examined("1"), examined("2")])
    assert work.count() == (2, 2)
    scan(work, "c1", "changed", 2, ["1"])
    assert [uid for uid, _ in work.to_examine()] == ["1"]
    # 2 is gone with the file it was in
    assert work.count() == (1, 0)


def test_files_that_are_gone_are_forgotten(work):
    scan(work, "c1", "d", 1, ["1"], ["x.txt"])
    scan(work, "c2", "d", 1, ["2"])
    work.add_examined([examined("1"), examined("2")])
    assert work.is_scanned("c2", "d", 2)
    assert work.forget_before(2) == 1
    assert [one.series_uid for one in work.summaries()] == ["2"]
    assert list(work.notes()) == []


def test_written_while_read(work):
    for k in range(1200):
        scan(work, f"c{k}", "d", 1, [f"{k:05d}"])
    seen = []
    for uid, _ in work.to_examine():
        seen.append(uid)
        work.add_examined([examined(uid)])
    assert seen == [f"{k:05d}" for k in range(1200)]
    assert [one.series_uid for one in work.summaries()] == seen
    assert work.thumbnail("00007") == b"thumb"
    assert work.thumbnail("none") == b""


def test_one_process_at_a_time(work):
    work.put("a", "b")
    with pytest.raises(StoreError, match="cannot be used"), VetWork(work.path):
        pass


def test_a_full_disk_is_named_and_loses_nothing(work):
    work.put("kept", "yes")
    (pages,) = work.db.execute("PRAGMA page_count").fetchone()
    work.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="working file cannot be written") as caught:
        work.add_scanned("c", "d", 1, 1, [("1.2", b"x" * 10**6)], [])
    assert "make room" in str(caught.value)
    assert work.get("kept") == "yes"
    assert not work.is_scanned("c", "d", 1)
    work.db.execute(f"PRAGMA max_page_count = {pages + 10**6}")
    work.add_scanned("c", "d", 1, 1, [("1.2", b"x" * 10**6)], [])
    assert work.is_scanned("c", "d", 1)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_nothing_is_half_written_after_a_kill(tmp_path):
    path = tmp_path / "work.sqlite"
    code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(tmp_path)!r})
        from qiqa.store.vet_work import VetWork
        with VetWork(Path({str(path)!r})) as work:
            for k in range(10**9):
                parts = [(f"{{k}}.{{i}}", b"x") for i in range(50)]
                work.add_scanned(f"c{{k}}", "d", 50, 1, parts, [])
                if k == 20:
                    print("going", flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with VetWork(path) as work:
        chunks = work.db.execute("SELECT COUNT(*) FROM chunk").fetchone()[0]
        parts = work.db.execute("SELECT COUNT(*) FROM part").fetchone()[0]
    assert chunks >= 20
    assert parts == 50 * chunks


def test_a_full_disk_is_said_and_leaves_what_was_kept(work):
    work.put("run", "1")
    (pages,) = work.db.execute("PRAGMA page_count").fetchone()
    work.db.execute(f"PRAGMA max_page_count = {pages}")  # as if the disk ended here
    parts = [(f"1.{i}", os.urandom(5000)) for i in range(40)]
    with pytest.raises(StoreError, match="full") as refused:
        work.add_scanned("a", "digest", 40, 1, parts, [])
    assert "make room" in refused.value.hint
    assert work.get("run") == "1"
    assert work.files() == 0
    work.db.execute("PRAGMA max_page_count = 100000")
    work.add_scanned("a", "digest", 40, 1, parts, [])
    assert work.files() == 40


def test_what_another_version_kept_is_not_used(tmp_path):
    path = tmp_path / "work.sqlite"
    with VetWork(path) as made:
        assert not made.of_other_version
        made.add_scanned("a", "1", 1, 1, [("1.2", facts_to(facts("a", "1.2")))], [])
        made.add_examined([examined("1.2")])
        made.put("version", "0")
    with VetWork(path) as made:
        assert made.of_other_version
        assert made.count() == (0, 0)
        assert made.files() == 0
    with VetWork(path) as made:
        assert not made.of_other_version
