"""Ctrl-C at any moment: one line, status 130, no half file, no half row."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qiqa.cli.app import run
from qiqa.store import open_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
ROOT = Path(__file__).resolve().parents[2]


def interrupted(home, delay_s, *arguments):
    """Run a command, send SIGINT after a delay, return status and standard error."""
    command = [sys.executable, "-m", "qiqa", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home, env=environment
    ) as running:
        time.sleep(delay_s)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=60)
    # an interpreter that was inside exec() ends by the signal itself: a shell sees 130 as well
    code = running.returncode
    return 130 if code == -signal.SIGINT else code, error.decode("utf-8")


@pytest.mark.parametrize("delay_s", [0.5, 1.5])
def test_qc(home, exam, delay_s):
    code, error = interrupted(home, delay_s, "qc", exam, "-o", "r.html", "--json", "r.json")
    if code == 0:
        pytest.skip("was faster than the interruption")
    assert code == 130, error
    assert "Traceback" not in error
    assert error.count("\n") <= 1
    assert not list(home.glob("*.part"))
    assert {p.name for p in home.iterdir()} <= {"r.html", "r.json", "history.db"}


def every_file_is_whole(folder):
    import pydicom

    for path in folder.rglob("*"):
        if path.is_file():
            assert path.suffix == ".dcm"
            assert pydicom.dcmread(path).pixel_array.shape == (256, 256)


def test_simulate(home):
    code, error = interrupted(home, 1.5, "simulate", "acr_large", "out")
    assert code in (0, 130), error
    assert "Traceback" not in error
    every_file_is_whole(home / "out")


class Moment:
    """Raises what Ctrl-C raises when a function has been called a number of times."""

    def __init__(self, genuine, calls):
        self.genuine, self.left = genuine, calls

    def __call__(self, *arguments):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.genuine(*arguments)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_just_before_a_file_is_moved_into_place(home, exam, monkeypatch, capsys, calls):
    """The report is the first file to be moved, the JSON the second; then comes the store."""
    moment = Moment(Path.replace, calls)

    def replace(self, target):
        return moment(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    code = run(["qc", str(exam / "localizer"), "-o", "r.html", "--json", "r.json"])
    if calls == 3:  # there is no third
        assert code == 5
        return
    assert code == 130
    assert "interrupted; nothing half done was kept" in capsys.readouterr().err
    left = {p.name for p in home.iterdir()}
    assert left == ({"history.db"} if calls == 1 else {"history.db", "r.html"})
    with open_store(str(home / "history.db"), create=False) as store:
        assert store.exams() == []


def test_in_the_middle_of_storing(home, exam, monkeypatch, capsys):
    from qiqa.store import writing

    monkeypatch.setattr(writing, "child_rows", Moment(writing.child_rows, 1))
    assert run(["qc", str(exam / "localizer"), "-o", "r.html"]) == 130
    assert "interrupted" in capsys.readouterr().err
    with open_store(str(home / "history.db"), create=False) as store:
        assert store.exams() == []
        assert store.verify() == ()
    assert (home / "r.html").is_file()
