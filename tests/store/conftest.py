"""Exams built by hand, and stores to put them in."""

import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import importlib.util
import itertools
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import Assessment, BudgetLine, Interval, Measurement, Verdict
from qiqa.core.pose import PhantomPose
from qiqa.core.result import ExamSeries, Provenance, QcResult
from qiqa.core.scanner import Acquisition, Reconstruction, Scanner
from qiqa.core.series import SourceFile
from qiqa.io import definitions as builtin
from qiqa.store import open_store

load_phantom = functools.cache(builtin.load_phantom)
load_protocol = functools.cache(builtin.load_protocol)

NOW = dt.datetime(2024, 5, 6, 8, 30, tzinfo=dt.UTC)
ACQUIRED = dt.datetime(2024, 5, 6, 7, 15, 12, 500000)
SCANNER = Scanner(
    manufacturer="SIEMENS", model="Avanto", serial_number="26271", field_strength_t=1.494
)


def sha(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def pose():
    return PhantomPose(
        phantom_id="acr_large",
        variant="grid",
        kind="axial_stack",
        score=0.93,
        runner_up="reversed",
        runner_up_score=0.41,
        phantom_to_voxel=np.eye(4),
        slice_numbers=tuple(range(1, 12)),
        rotation_deg=0.4,
        tilt_deg=(0.1, -0.2),
        offset_mm=(1.0, -2.0, 0.5),
        mirrored=False,
        reversed_order=False,
        residual_mm=0.12,
        symmetry="none",
        evidence=("wedges on slices 1 and 11",),
    )


def series(acquired_at, software):
    return ExamSeries(
        series_uid="1.2.3",
        stack="1.2.3:0.00..100.00:11",
        role="T1",
        description="ACR T1 µ",
        acquisition=Acquisition(
            acquired_at=acquired_at,
            software=software,
            coil="HeadMatrix",
            tr_ms=500.0,
            te_ms=20.0,
            reconstruction=Reconstruction(intensity_normalization="none"),
        ),
        shape=(256, 256, 11, 1),
        voxel_size_mm=(0.9765625, 0.9765625, 10.0),
        deviations=("slice gap 4 mm instead of 5 mm",),
        pose=pose(),
    )


def assessments(diameter):
    phantom = load_phantom("acr_large")
    measured = Measurement(
        name="diameter_slice1_lr",
        quantity="diameter",
        unit="mm",
        value=diameter,
        standard_uncertainty=0.1 + 0.2,  # not representable in few digits
        degrees_of_freedom=math.inf,
        interval=Interval(low=diameter - 0.6, high=diameter + 0.6),
        budget=(BudgetLine(name="edge", standard_uncertainty=0.2),),
        slice=1,
        reference=phantom.reference_for("diameter"),
        series_uid="1.2.3",
        stack="1.2.3:0.00..100.00:11",
        role="T1",
        algorithm="wall_edges/1",
    )
    one_sided = dataclasses.replace(
        measured,
        name="piu",
        quantity="piu",
        unit="%",
        value=91.25,
        interval=Interval(low=90.0, high=math.inf),
        slice=7,
        reference=None,
    )
    missing = dataclasses.replace(
        measured,
        name="slice_thickness",
        quantity="slice_thickness",
        value=math.nan,
        standard_uncertainty=math.nan,
        interval=None,
        budget=(),
        reference=None,
        reason="the ramps are cut off",
    )
    return (
        Assessment(
            measurement=measured,
            verdict=Verdict.PASS,
            rule="geometric accuracy, diameter",
            action=(187.0, 193.0),
            source="ACR 10/2022",
            confidence="secondary",
        ),
        Assessment(measurement=one_sided, verdict=Verdict.NOT_EVALUATED),
        Assessment(measurement=missing, verdict=Verdict.NOT_EVALUATED, answered=False),
    )


def build(
    *,
    files=("a", "b"),
    acquired_at=ACQUIRED,
    diameter=190.25,
    scanner=SCANNER,
    definitions=("phantom v1", "protocol v1"),
    algorithms=("wall_edges/1", "ramps/2"),
    parameters=(),
    entries=(("initials", "JD"), ("temperature", "21.5")),
    phantom_unit="J1234",
    software="syngo MR B17",
):
    return QcResult(
        phantom=load_phantom("acr_large"),
        protocol=load_protocol("acr_large_2022"),
        scanner=scanner,
        acquired_at=acquired_at,
        phantom_unit=phantom_unit,
        series=(series(acquired_at, software),),
        assessments=assessments(diameter),
        evidence=(),
        findings=(
            Finding(
                code="unreadable_file",
                severity=Severity.WARNING,
                message="cut off in the middle",
                where="a/IM0007",
            ),
        ),
        entries=entries,
        provenance=Provenance(
            inputs=tuple(SourceFile(path=f"exam/{f}.dcm", sha256=sha(f)) for f in files),
            definitions=(
                SourceFile(path="phantoms/acr_large.toml", sha256=sha(definitions[0])),
                SourceFile(path="protocols/acr_large_2022.toml", sha256=sha(definitions[1])),
            ),
            versions=(("qiqa", "0.1.0"), ("numpy", "2.0.0")),
            algorithms=algorithms,
            parameters=parameters,
            user="physicist",
            created_at=NOW,
        ),
    )


@pytest.fixture(scope="session")
def start_python(tmp_path_factory):
    """Return a function that starts a second Python on this code; its bytecode is shared."""
    here = Path(__file__).resolve().parent
    cache = str(tmp_path_factory.mktemp("bytecode"))
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    prelude = f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parents[1])!r}]\n"

    def start(code, *arguments):
        return subprocess.Popen(
            [sys.executable, "-c", prelude + code, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**kept, "PYTHONPYCACHEPREFIX": cache},
        )

    return start


def _server_program(name):
    """Return a program of PostgreSQL: on the path, or where Debian keeps it."""
    found = shutil.which(name)
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else found


@pytest.fixture(scope="session")
def postgres_server():
    """Start a server on loopback for this run; yields its port."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    initdb, server = _server_program("initdb"), _server_program("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed")
    account = {}
    folder = Path(tempfile.mkdtemp(prefix="qiqa-pg-"))
    if os.geteuid() == 0:
        # the server refuses to run as root
        account = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, **account)
    data = str(folder / "data")
    setup = [initdb, "-D", data, "-U", "qa", "-A", "trust", "-E", "UTF8", "--no-sync"]
    made = subprocess.run(setup, capture_output=True, text=True, check=False, cwd="/", **account)
    if made.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"initdb failed: {made.stderr.strip()[:200]}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    running = subprocess.Popen(
        [server, "-D", data, *options], cwd="/", stderr=subprocess.DEVNULL, **account
    )
    try:
        _wait_for(port, running)
        yield port
    finally:
        running.send_signal(signal.SIGINT)  # fast shutdown
        running.wait(timeout=30)
        shutil.rmtree(folder)


def _wait_for(port, running):
    import psycopg

    for _ in range(200):
        if running.poll() is not None:
            pytest.skip("the PostgreSQL server did not start")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="qa", dbname="postgres").close()
            return
        time.sleep(0.1)
    pytest.fail("the PostgreSQL server did not answer within 20 s")


@pytest.fixture
def postgres(postgres_server):
    """Return a function that makes an empty database and returns its URL."""
    import psycopg

    def make():
        name = f"qa{next(_COUNTER)}"
        server = {"host": "127.0.0.1", "port": postgres_server, "user": "qa"}
        with psycopg.connect(**server, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://qa@127.0.0.1:{postgres_server}/{name}"

    return make


_COUNTER = itertools.count()


@pytest.fixture
def make_result():
    return build


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def acquired():
    return ACQUIRED


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "history.db")) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def history(request, tmp_path):
    """Return an open history, once of each database."""
    if request.param == "sqlite":
        url = str(tmp_path / "history.db")
    else:
        url = request.getfixturevalue("postgres")()
    with open_store(url) as opened:
        yield opened
