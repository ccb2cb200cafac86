"""A real scheduler and real workers on this machine: one dies, pieces are done all the same."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qiqa.core.errors import UsageError
from qiqa.workflows.executing import Failed, cluster

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")

QUIET = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=["--no-nanny"])
def workers(tmp_path, request):
    """Yield the address of a scheduler and the processes of two workers."""
    address = f"tcp://127.0.0.1:{free_port()}"
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    given = {**os.environ, **QUIET, "PYTHONPATH": path}
    began: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        process = subprocess.Popen(
            command, env=given, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        began.append(process)
        return process

    port = address.rpartition(":")[2]
    start("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    options = ("--nthreads", "1", request.param, "--no-dashboard", "--host", "127.0.0.1")
    pair = [start("dask_worker", address, *options) for _ in range(2)]
    yield address, pair
    for process in began:
        process.kill()
        process.wait()


@pytest.fixture
def pieces(monkeypatch):
    """Return a module that workers and scheduler import by its name, as they do with qiqa's."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("pieces_of_work")


def test_one_of_two_workers_dies_and_everything_is_done_once(workers, pieces):
    address, pair = workers
    got = []
    for number, result in enumerate(cluster(address).run(pieces.slow_square, range(120))):
        if number == 20:
            pair[0].kill()
        got.append(result)
    assert sorted(got) == [(x, x * x) for x in range(120)]


@pytest.mark.parametrize("workers", ["--nanny"], indirect=True)
def test_a_piece_that_kills_its_workers_is_given_back(workers, pieces):
    """A nanny starts its worker anew, until the piece is given up."""
    address, _ = workers
    made = cluster(address)
    made.client.wait_for_workers(2)
    got = {}
    for item, result in made.run(pieces.mortal, [7]):
        got[item] = result
    assert isinstance(got[7], Failed)


def test_nobody_there():
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        cluster(f"tcp://127.0.0.1:{free_port()}")
