"""The command as a person runs it: in this process for speed, as a process where that matters."""

import dataclasses
import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qiqa.cli.app import run
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.io.write_dicom import write_exam
from qiqa.simulate.acr_large import simulate_exam
from qiqa.simulate.spec import AcrSpec
from qiqa.workflows.weekly_qc import QcRequest, run_qc

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def last(self):
        return self.out.rstrip("\n").rpartition("\n")[2]


@pytest.fixture(scope="session")
def exam(tmp_path_factory):
    """Return a folder with T1 and localizer of a simulated exam that is in order."""
    folder = tmp_path_factory.mktemp("exam")
    spec = AcrSpec(snr=100.0)
    simulated = simulate_exam(load_phantom("acr_large"), spec, np.random.default_rng(5))
    write_exam(simulated.named, folder)
    return folder


@pytest.fixture(scope="session")
def result(exam):
    """Return that exam measured and judged, once for all tests of what is done with it."""
    request = QcRequest(
        paths=(exam,),
        phantom=load_phantom("acr_large"),
        protocol=load_protocol("acr_large_2022"),
    )
    return run_qc(request, now=dt.datetime(2026, 1, 6, 9, tzinfo=dt.UTC), user="tester")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Work in an empty folder, with a history of its own and a fixed width."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {
        "QIQA_STORE": str(folder / "history.db"),
        "XDG_DATA_HOME": str(folder / "data"),
        "COLUMNS": "120",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("QIQA_PATH", raising=False)
    return folder


@pytest.fixture
def qiqa(home, capsys):
    """Return a function that runs a command line in this process."""
    assert home.is_dir()

    def call(*arguments):
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def process(home):
    """Return a function that runs a command line as a process of its own."""

    def call(*arguments, timeout=120, **settings):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("env", {})}
        command = [sys.executable, "-m", "qiqa", *(str(a) for a in arguments)]
        encoding = settings.pop("encoding", "utf-8")
        captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
        done = subprocess.run(
            command, check=False, cwd=home, env=environment, timeout=timeout, **captured
        )
        texts = ((stream or b"").decode(encoding) for stream in (done.stdout, done.stderr))
        return Ran(done.returncode, *texts)

    return call
