"""What goes wrong on the way out loses nothing else: screen, report, JSON and history."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from qiqa.cli.deliver import deliver
from qiqa.cli.qc import Options
from qiqa.store import open_store
from qiqa.store.schema import VERSION_TABLE


@pytest.fixture
def handed_out(result, home, capsys):
    """Return a function that delivers the judged exam: status, standard output and error."""

    def call(**options):
        chosen = {"report": home / "r.html", "json": str(home / "r.json"), **options}
        code = deliver(result, Options(paths=(), **chosen), user="tester")
        return code, *capsys.readouterr()

    return call


def kept(home):
    with open_store(str(home / "history.db"), create=False) as store:
        return len(store.exams())


def is_report(path):
    return "</html>" in path.read_text(encoding="utf-8")


def is_json(path):
    return json.loads(path.read_text(encoding="utf-8"))["schema"] == "qiqa.qc/1"


def test_all_is_well(handed_out, home):
    code, out, err = handed_out()
    assert (code, err) == (0, "")
    assert is_report(home / "r.html")
    assert is_json(home / "r.json")
    assert kept(home) == 1
    assert sorted(p.suffix for p in home.iterdir()) == [".db", ".html", ".json"]
    assert out.endswith(" PASS   12 pass.\n")
    assert "history  exam 1 in" in out
    assert "history  exam 1, already kept, in" in handed_out()[1]
    assert kept(home) == 1


def newer(path):
    open_store(str(path)).close()
    database = sqlite3.connect(path)
    with database:
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608
    database.close()


STORES = {
    "folder missing": (lambda home: home / "nowhere" / "h.db", "does not exist"),
    "not a folder": (lambda home: home / "plain.txt" / "h.db", "plain.txt"),
    "a folder": (lambda home: home, "is a folder, not a file"),
    "another file": (lambda home: home / "plain.txt", "not an SQLite database"),
    "newer": (lambda home: home / "newer.db", "has schema 9999"),
    "wrong url": (lambda _: "mysql://x/y", "is not a database that can hold the history"),
}


@pytest.mark.parametrize("case", STORES)
def test_a_store_that_cannot_be_used_loses_neither_report_nor_json(handed_out, home, case):
    (home / "plain.txt").write_text("no database " * 100, encoding="utf-8")
    newer(home / "newer.db")
    where, said = STORES[case]
    code, out, err = handed_out(store=str(where(home)))
    assert code == 1
    assert said in err
    assert "To do:" in err
    assert is_report(home / "r.html")
    assert is_json(home / "r.json")
    assert "Slice thickness" in out
    assert out.endswith(" PASS   12 pass.\n")


def test_a_report_that_cannot_be_written_loses_neither_store_nor_json(handed_out, home):
    code, out, err = handed_out(report=home / "nowhere" / "r.html")
    assert code == 1
    assert "r.html: cannot be written" in err
    assert is_json(home / "r.json")
    assert kept(home) == 1
    assert "Slice thickness" in out


def test_a_folder_where_no_report_can_be_made(handed_out, home):
    (home / "qiqa-report").write_text("a file in the way", encoding="utf-8")
    code, _, err = handed_out(report=None)
    assert code == 1
    assert "--report FILE" in err
    assert kept(home) == 1


def test_json_that_cannot_be_written_loses_neither_store_nor_report(handed_out, home):
    code, _, err = handed_out(json=str(home / "nowhere" / "r.json"))
    assert code == 1
    assert "r.json: cannot be written" in err
    assert is_report(home / "r.html")
    assert kept(home) == 1


def test_a_fault_of_ours_in_the_report_loses_nothing_else(handed_out, home, monkeypatch):
    from qiqa.report import html

    def broken(*_, **__):
        raise KeyError("a template of another age")

    monkeypatch.setattr(html, "write_html", broken)
    code, _, err = handed_out()
    assert code == 1
    assert "internal error: KeyError" in err
    assert "in broken" in err
    assert is_json(home / "r.json")
    assert kept(home) == 1


def test_a_history_that_breaks_while_the_trend_is_read_leaves_the_report(
    handed_out, home, monkeypatch
):
    from qiqa.core.errors import StoreError
    from qiqa.store.store import Store

    def gone(*_, **__):
        raise StoreError("the share went away")

    monkeypatch.setattr(Store, "previous", gone)
    code, _, err = handed_out()
    assert code == 1
    assert "the share went away" in err
    assert is_report(home / "r.html")


# --- as a process, where the operating system matters ---------------------------------------------


def full_disk(folder, kilobytes):
    """Mount a small disk; skip where that is not allowed."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root on Linux")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    return folder


def test_a_full_disk_loses_the_screen_of_nobody(handed_out, home):
    disk = full_disk(home / "disk", 40)
    try:
        code, out, err = handed_out(
            report=disk / "r.html", json=str(disk / "r.json"), store=str(disk / "h.db")
        )
        left = {p.name for p in disk.iterdir()}
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert code == 1
    assert "r.html: cannot be written: No space left on device" in err
    assert "r.json: cannot be written: No space left on device" in err
    assert "full" in err
    assert not {name for name in left if not name.startswith("h.db")}
    assert "Slice thickness" in out
    assert out.endswith(" PASS   12 pass.\n")


def test_a_reader_that_leaves_early_stops_nothing(exam, home, process):
    """As `qiqa qc ... | head -1`: the first line is read, then the pipe is closed."""
    command = [sys.executable, "-m", "qiqa", "qc", str(exam / "localizer"), "-o", "r.html"]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home, env=environment
    ) as running:
        assert running.stdout.readline().startswith(b" NOT EVALUATED ")
        running.stdout.close()
        assert running.wait(timeout=120) == 5
        assert running.stderr.read() == b""
    assert is_report(home / "r.html")
    assert kept(home) == 1
    assert process("history").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_an_output_that_cannot_be_written_is_said_and_stops_nothing(exam, home, process):
    with Path("/dev/full").open("wb") as full:
        ran = process("qc", exam / "localizer", "-o", "r.html", stdout=full)
    assert ran.code == 1
    assert "standard output: cannot be written: No space left on device" in ran.err
    assert is_report(home / "r.html")
    assert kept(home) == 1


def test_a_console_of_another_code_page(exam, process):
    ran = process("qc", exam / "localizer", "--no-store", "-o", "r.html", encoding="cp1252",
                  env={"PYTHONIOENCODING": "cp1252"})  # fmt: skip
    assert ran.code == 5
    assert "± " in ran.out
    assert "�" not in ran.out


def test_no_place_for_compiled_code(process, home):
    """A service account may have no folder for the cache: compiled anew, slower, the same."""
    blocked = home / "cache"
    blocked.write_text("a file in the way", encoding="utf-8")
    table = ("history.csv", "--scanners", 1, "--years", 1, "--fault", "none")
    assert process("simulate", "history", *table).code == 0
    words = ("drift", "--table", table[0], "--name", "piu", "--rules", "individuals", "--no-pages")
    ran = process(*words, env={"NUMBA_CACHE_DIR": str(blocked)})
    assert (ran.code, ran.err) == (0, "")
    assert "1 chart in control" in ran.out
    assert ran.out == process(*words).out
