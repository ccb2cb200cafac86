"""`qiqa vet` killed at any moment: nothing is half written, nothing is lost, nothing done twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running import OUTPUTS, made, make_set, start, words

from qiqa.workflows.vet_checks import known_checks
from qiqa.workflows.vet_verifying import verify_output

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and SIGINT")
SLOW = """
import os, sys, time
from qiqa.io.scan import listing
from qiqa.store.vet_work import VetWork
from qiqa.workflows import training_set

listing.CHUNK = 20
training_set._MOST_SERIES = 4
log = open(os.environ["KEPT"], "a", buffering=1)

def slowed(function, name):
    def slow(self, first, *more):
        time.sleep(0.1)
        function(self, first, *more)
        for one in [first] if name == "chunk" else [row[0] for row in first]:
            log.write(f"{name} {one}\\n")
        if "HOLD" in os.environ:
            time.sleep(600)
    return slow

VetWork.add_scanned = slowed(VetWork.add_scanned, "chunk")
VetWork.add_examined = slowed(VetWork.add_examined, "series")
from qiqa.cli.app import run
if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
"""
"""The command in smaller pieces, with a pause before each thing it keeps and a log of what it has
kept: a kill finds it at work."""


WRITING = """
import os, signal, sys

left = int(os.environ["LEFT"])

def mortal(function):
    def move(*given, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **more)
    return move

from qiqa.cli.app import run
os.replace = mortal(os.replace)
if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
"""
"""The command that dies as it moves the LEFT-th file to its place."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set"))


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """What a run makes that nobody disturbed."""

    outputs: dict[str, bytes]
    seconds: float
    series: int


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    began = time.monotonic()
    with start([*words(images, output), "--processes", "1"]) as running:
        _, error = running.communicate(timeout=300)
    assert running.returncode in (0, 3, 4), error.decode()
    seconds = time.monotonic() - began
    return Undisturbed(made(output), seconds, counts(output)["summary"])


def work_of(output):
    return output / "private" / "work.sqlite"


def counts(output):
    """Return how much is scanned and examined; the working file is whole, or not there."""
    file = work_of(output)
    if not file.exists():
        return {}
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'summary'").fetchone():
            return {}
        asked = "SELECT (SELECT COUNT(*) FROM chunk), (SELECT COUNT(*) FROM summary)"
        return dict(zip(("chunk", "summary"), db.execute(asked).fetchone(), strict=True))


def nothing_half_written(output, whole):
    """Hold each output that is there against the one of a run that was not disturbed."""
    for name in OUTPUTS:
        if (output / name).exists():
            assert (output / name).read_bytes() == whole[name]


def slowly(images, output, log, **told):
    """Start the slow command; its log is new."""
    command = words(images, output)
    log.touch()
    given = [command[0], "-c", SLOW, *command[3:], "--processes", "1"]
    return start(given, {"KEPT": str(log), **told}, start_new_session=True)


def finish(images, output):
    with start([*words(images, output), "--processes", "1"]) as running:
        _, error = running.communicate(timeout=300)
    assert running.returncode in (0, 3, 4), error.decode()


def until(log, kind, count, running, seconds=200.0):
    """Wait until so many things of a kind are kept."""
    end = time.monotonic() + seconds
    while kept(log, kind) < count:
        assert running.poll() is None, running.stderr.read().decode()
        assert time.monotonic() < end
        time.sleep(0.01)


def kept(log, kind):
    return sum(line.startswith(kind) for line in log.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_and_begun_again(images, undisturbed, tmp_path, seed):
    rng, output = np.random.default_rng(seed), tmp_path / "out"
    with start([*words(images, output), "--processes", "1"], start_new_session=True) as running:
        try:
            running.wait(timeout=rng.uniform(0.1, 0.95) * undisturbed.seconds)
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGKILL)
    nothing_half_written(output, undisturbed.outputs)
    counts(output)
    finish(images, output)
    assert made(output) == undisturbed.outputs


def test_what_was_kept_is_not_done_again(images, undisturbed, tmp_path):
    """Killed while examining: the logs of both runs together name each thing once."""
    output, logs = tmp_path / "out", [tmp_path / "first", tmp_path / "second"]
    with slowly(images, output, logs[0]) as running:
        until(logs[0], "series", 9, running)
        running.kill()
    assert counts(output)["chunk"] >= kept(logs[0], "chunk") > 0
    with slowly(images, output, logs[1]) as running:
        running.communicate(timeout=300)
    assert made(output) == undisturbed.outputs
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(set(lines)) == len(lines)
    # what was kept a moment before the kill is in no log
    assert 0 <= undisturbed.series - sum(line.startswith("series") for line in lines) <= 4


def test_killed_while_writing(images, undisturbed, tmp_path):
    """At the first file, between the manifests, at the last; then while they are put in place."""
    output, command = tmp_path / "out", words(images, tmp_path / "out")
    given = [command[0], "-c", WRITING, *command[3:], "--processes", "1"]
    there = []
    for left in (1, 6, 11, 16):
        with start(given, {"LEFT": str(left)}) as running:
            running.communicate(timeout=300)
        assert running.returncode == -signal.SIGKILL
        nothing_half_written(output, undisturbed.outputs)
        there.append(sum((output / name).exists() for name in OUTPUTS))
    assert there == [0, 0, 0, 1]
    # all were written when it died: whoever reads puts the rest in place
    assert verify_output(output, known_checks()).holds
    assert made(output) == undisturbed.outputs
    finish(images, output)
    assert made(output) == undisturbed.outputs
    assert not list(output.rglob("*.part"))


def test_workers_end_with_a_leader_that_was_killed(images, tmp_path):
    output = tmp_path / "out"
    with slowly(images, output, tmp_path / "log") as running:
        until(tmp_path / "log", "chunk", 2, running)
        assert len(of_session(running.pid)) > 1
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        end = time.monotonic() + 30
        while of_session(running.pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not of_session(running.pid)


def of_session(leader):
    """Return processes of a session that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            found.append(path.parent.name)
    return found


def test_a_second_run_at_once_is_refused(images, tmp_path):
    output = tmp_path / "out"
    with slowly(images, output, tmp_path / "log", HOLD="yes") as running:
        until(tmp_path / "log", "chunk", 1, running)
        with start(words(images, output)) as second:
            _, error = second.communicate(timeout=100)
        assert second.returncode == 1
        assert "another qiqa vet at work" in error.decode()
        assert "Traceback" not in error.decode()
        assert running.poll() is None
        running.kill()


def test_ctrl_c(images, undisturbed, tmp_path):
    output = tmp_path / "out"
    with slowly(images, output, tmp_path / "log") as running:
        until(tmp_path / "log", "chunk", 2, running)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=100)
    text = error.decode()
    assert running.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in text
    assert "same command" in text
    finish(images, output)
    assert made(output) == undisturbed.outputs
