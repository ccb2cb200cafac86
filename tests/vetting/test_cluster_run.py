"""Two real workers: one is killed, then the client; the run goes on, and the bytes are the same."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running import made, make_set, start, words

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
QUIET = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "OPENBLAS_NUM_THREADS": "1",
}
SMALL_PIECES = """
import os, sys
from qiqa.io.scan import listing
from qiqa.store.vet_work import VetWork
from qiqa.workflows import training_set

listing.CHUNK = 20
training_set._MOST_SERIES = 2
log = open(os.environ["KEPT"], "a", buffering=1)
add = VetWork.add_examined

def logged(self, rows):
    add(self, rows)
    log.write("".join(f"{row[0]}\\n" for row in rows))

VetWork.add_examined = logged
from qiqa.cli.app import run
sys.exit(run(sys.argv[1:]))
"""
"""The command in pieces so small that there are many, with a log of what it has kept."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set"))


@pytest.fixture
def workers(tmp_path):
    """Yield the address of a scheduler and the processes of two workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address, began = f"tcp://127.0.0.1:{port}", []

    def begin(*given):
        command = [sys.executable, "-m", f"distributed.cli.{given[0]}", *given[1:]]
        began.append(start(command, QUIET, cwd=tmp_path, quiet=True))
        return began[-1]

    begin("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    pair = [begin("dask_worker", address, *options) for _ in range(2)]
    yield address, pair
    for process in began:
        process.kill()
        process.wait()


def kept(log):
    return log.read_text(encoding="utf-8").splitlines()


def until(log, count, running):
    end = time.monotonic() + 200
    while len(kept(log)) < count:
        assert running.poll() is None, running.stderr.read().decode()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("resumed_by", ["cluster", "processes"])
def test_worker_and_client_are_killed(images, workers, local, tmp_path, resumed_by):
    address, pair = workers
    output, log = tmp_path / "out", tmp_path / "log"
    log.touch()
    command = words(images, output)
    given = [command[0], "-c", SMALL_PIECES, *command[3:], "--cluster", address]
    with start(given, {"KEPT": str(log)}) as running:
        until(log, 6, running)
        pair[0].kill()
        until(log, len(kept(log)) + 6, running)
        os.kill(running.pid, signal.SIGKILL)
    how = ["--cluster", address] if resumed_by == "cluster" else ["--processes", "1"]
    before = len(kept(log))
    again = [*given[:-2], *how]
    with start(again, {"KEPT": str(log)}) as running:
        _, error = running.communicate(timeout=300)
    assert running.returncode in (0, 3, 4), error.decode()
    assert made(output) == made(local)
    assert 12 <= before < series_of(output)
    # nothing twice; what was kept a moment before the kill is in no log
    assert len(set(kept(log))) == len(kept(log)) >= series_of(output) - 2


def series_of(output):
    with contextlib.closing(sqlite3.connect(output / "private" / "work.sqlite")) as db:
        return db.execute("SELECT COUNT(*) FROM summary").fetchone()[0]


@pytest.fixture(scope="module")
def local(images, tmp_path_factory):
    """Return the output of an undisturbed run by processes of this machine."""
    output = tmp_path_factory.mktemp("local") / "out"
    with start([*words(images, output), "--processes", "2"]) as running:
        _, error = running.communicate(timeout=300)
    assert running.returncode in (0, 3, 4), error.decode()
    return output
