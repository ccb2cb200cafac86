"""Opening says clearly what is wrong with a database that cannot be used."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from qiqa.core.errors import StoreError
from qiqa.store import open_store
from qiqa.store.location import default_path, network_share, resolve


@contextlib.contextmanager
def _small_disk(folder, size):
    """Mount a real file system of a few pages, or skip."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    allowed = shutil.which("mount") is not None
    if not allowed or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _save_many(store, make_result, now):
    for number in range(200):
        store.save(make_result(files=(str(number),)), user="jd", now=now)


def test_path_url_environment_and_default(tmp_path, monkeypatch):
    path = tmp_path / "a b%c.db"
    assert resolve(str(path)) == resolve(f"sqlite:///{path}")
    monkeypatch.setenv("QIQA_STORE", str(tmp_path / "env.db"))
    assert resolve(None).database == str(tmp_path / "env.db")
    assert resolve(str(path)).database == str(path)
    monkeypatch.delenv("QIQA_STORE")
    assert resolve(None).database == str(default_path())
    assert default_path().name == "history.db"


def test_default_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("QIQA_STORE", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "x" / "qiqa"))
    with open_store() as store:
        assert store.exams() == []
    assert (tmp_path / "x" / "qiqa" / "history.db").is_file()


def test_store_shows_no_password():
    with pytest.raises(StoreError) as error:
        open_store("postgresql://qa:s3cret@127.0.0.1:1/qa")
    assert "s3cret" not in str(error.value)


def test_postgresql_url_uses_psycopg_3():
    for scheme in ("postgresql", "postgresql+psycopg"):
        assert resolve(f"{scheme}://u@h/d").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysql://u@h/d", "'mysql' is not a database"),
        ("nonsense://", "is not a database|cannot be understood"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        (" ", "names no file"),
        ("postgresql://u:p@h:port/d", "cannot be understood"),
    ],
)
def test_refuses_what_cannot_hold_a_history(url, text):
    with pytest.raises(StoreError, match=text):
        open_store(url)


def test_missing_driver_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"qiqa\[postgres\]"):
        open_store("postgresql://u@h/d")


def test_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(StoreError, match="is a folder"):
        open_store(str(tmp_path))


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(StoreError, match="folder does not exist"):
        open_store(str(tmp_path / "typo" / "history.db"))
    assert not (tmp_path / "typo").exists()


def test_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError, match="folder does not exist"):
        open_store(str(tmp_path / "file" / "history.db"))


def test_reading_makes_nothing(tmp_path):
    with pytest.raises(StoreError, match="no history here yet"):
        open_store(str(tmp_path / "history.db"), create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_not_a_database(tmp_path, content):
    path = tmp_path / "history.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not an SQLite database|damaged") as error:
        open_store(str(path))
    assert str(path) in str(error.value)
    assert path.read_bytes() == content


def test_database_of_another_program(tmp_path):
    path = tmp_path / "places.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(str(path))
    assert path.read_bytes() == before


def test_newer_schema_is_refused_by_name(store):
    store.close()
    path = store.engine.url.database
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE qiqa_version SET version_num = '0999'")
        connection.commit()
    with pytest.raises(StoreError, match="has schema 0999; this version of qiqa knows"):
        open_store(path)


def test_locked_by_another_program(tmp_path, make_result, now):
    path = tmp_path / "history.db"
    with (
        open_store(f"sqlite:///{path}?timeout=0.2") as store,
        contextlib.closing(sqlite3.connect(path)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.save(make_result(), user="jd", now=now)
        assert store.rows() == []  # readers are not held up
        other.rollback()
        assert store.save(make_result(), user="jd", now=now).created


def test_disk_full_by_page_limit(store, make_result, now):
    store.save(make_result(), user="jd", now=now)
    store.close()

    @event.listens_for(store.engine, "connect")
    def limit(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StoreError, match="full"):
        _save_many(store, make_result, now)
    assert store.verify() == ()


def test_disk_full_for_real(tmp_path, make_result, now):
    with (
        _small_disk(tmp_path / "disk", "400k") as disk,
        open_store(str(disk / "history.db")) as store,
    ):
        with pytest.raises(StoreError, match="full"):
            _save_many(store, make_result, now)
        assert len(store.exams()) > 0
        assert store.verify() == ()


def test_no_room_for_a_new_database(tmp_path):
    with (
        _small_disk(tmp_path / "disk", "8k") as disk,
        pytest.raises(StoreError, match=r"full|fault"),
    ):
        open_store(str(disk / "history.db"))


def test_read_only_disk(tmp_path, make_result, now):
    with _small_disk(tmp_path / "disk", "4m") as disk:
        path = disk / "history.db"
        with open_store(str(path)) as store:
            store.save(make_result(), user="jd", now=now)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreError, match=r"read-only|cannot be opened"):
            open_store(str(path))
        with pytest.raises(StoreError, match=r"read-only|cannot be opened"):
            open_store(str(disk / "new.db"))
        with open_store(str(path), create=False) as store:
            assert len(store.rows()) == 3
            with pytest.raises(StoreError, match="read-only"):
                store.save(make_result(files=("c",)), user="jd", now=now)


def test_unreadable_by_permission(store):
    store.close()
    path = Path(store.engine.url.database)
    path.chmod(0)
    try:
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everywhere (root)")
        for create in (True, False):
            with pytest.raises(StoreError, match="cannot be read"):
                open_store(str(path), create=create)
    finally:
        path.chmod(0o600)


@pytest.mark.parametrize("target", ["file", "folder"])
def test_read_only_by_permission(tmp_path, target):
    folder = tmp_path / "qc"
    folder.mkdir()
    path = folder / "history.db"
    open_store(str(path)).close()
    victim = path if target == "file" else folder
    victim.chmod(0o555 if target == "folder" else 0o444)
    try:
        if os.access(victim, os.W_OK):
            pytest.skip("this user may write everywhere (root)")
        with pytest.raises(StoreError, match=r"read-only|cannot be opened"):
            open_store(str(path))
        with open_store(str(path), create=False) as store:
            assert store.rows() == []
    finally:
        victim.chmod(0o755)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/qc/history.db", "nfs4"),
        ("/srv/qc data/history.db", "cifs"),
        ("/srv/qcx/history.db", None),
        ("/home/u/history.db", None),
        ("\\\\server\\qc\\history.db", "UNC path"),
    ],
)
def test_network_shares_are_known(path, kind):
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/qc /srv/qc nfs4 rw 0 0\n"
        "//server/qc /srv/qc\\040data cifs rw 0 0\n"
    )
    assert network_share(Path(path), mounts) == kind


def test_network_share_gives_a_finding_and_no_wal(tmp_path, monkeypatch):
    monkeypatch.setattr("qiqa.store.location.network_share", lambda _path: "nfs4")
    with open_store(str(tmp_path / "history.db")) as store:
        (found,) = store.findings
        assert found.code == "store_on_network_share"
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"


def test_local_file_uses_wal_and_foreign_keys(store):
    assert store.findings == ()
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10000


def test_opening_a_current_store_imports_no_alembic(store, start_python):
    store.close()
    code = (
        "from qiqa.store import open_store\n"
        "open_store(sys.argv[1]).close()\n"
        "assert not [m for m in ('alembic', 'matplotlib', 'pydicom', 'sqlalchemy.orm')"
        " if m in sys.modules]\n"
    )
    process = start_python(code, store.engine.url.database)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
