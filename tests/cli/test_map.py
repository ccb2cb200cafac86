"""`qiqa map` as a person runs it: what is said, what is written, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

from qiqa.cli import map as command
from qiqa.cli.app import run
from qiqa.workflows import mapping

ROOT = Path(__file__).resolve().parents[2]
T1_MS = (150.0, 400.0, 900.0, 1600.0)
TI_MS = (40.0, 90.0, 160.0, 300.0, 500.0, 800.0, 1200.0, 1900.0, 3000.0)
MAP = "maps/sub-07/anat/sub-07_T1map.nii.gz"


@pytest.fixture(scope="module")
def scan(vials):
    volumes = [lambda t1, ti=ti: abs(1000 * (1 - 1.95 * np.exp(-ti / t1))) for ti in TI_MS]
    sidecars = [
        {
            "Modality": "MR",
            "Manufacturer": "Siemens",
            "SeriesDescription": "IR \x1b[31mred",
            "InversionTime": ti / 1e3,
            "RepetitionTime": 12.0,
        }
        for ti in TI_MS
    ]
    return vials("inv-{}_IRT1", volumes, sidecars, T1_MS)


def test_a_t1_map_in_one_line(qiqa, scan, home):
    ran = qiqa("map", "t1", scan, "-o", "maps")
    assert ran.code == 0
    assert not ran.err
    assert "9 inversion times 40 to 3000 ms, one TR 12000 ms, magnitude" in ran.out
    assert "inversion recovery with polarity restored" in ran.out
    assert "noise SD" in ran.out
    rows = {line.split()[0]: line for line in ran.out.splitlines() if line.strip()}
    assert "ms" in rows["T1"]
    assert "fitted" in rows["converged"]
    assert str(home / MAP) in ran.out
    assert str(home / "maps" / "sub-07_T1map.html") in rows["report"]
    assert "\x1b" not in ran.out
    assert (home / "maps" / "sub-07_T1map.html").is_file()
    seconds = nibabel.load(home / MAP).get_fdata()
    assert np.nanpercentile(seconds, 5) == pytest.approx(0.15, rel=0.05)
    assert np.nanpercentile(seconds, 95) == pytest.approx(1.6, rel=0.05)


def test_json_alone_on_standard_output(qiqa, scan, home):
    ran = qiqa("map", "t1", scan, "-o", "maps", "--json", "-", "--no-report")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert found["schema"] == "qiqa.map/1"
    assert found["model"] == "t1_inversion_recovery"
    assert found["why"].startswith("9 inversion times")
    assert found["report"] is None
    assert "converged" in ran.err
    (fit,) = found["fits"]
    t1 = fit["parameters"][0]
    assert (t1["name"], t1["unit"]) == ("t1", "ms")
    assert t1["p5"] == pytest.approx(150, rel=0.05)
    assert t1["p95"] == pytest.approx(1600, rel=0.05)
    assert sum(fit["status"].values()) == 24 * 20 * 2
    assert t1["n"] == fit["status"]["converged"] + fit["status"].get("exact", 0)
    assert set(fit["points_left_out"]) == {"clipped", "noise floor", "non finite"}
    assert fit["noise_sd"] == pytest.approx(2.0, rel=0.25)
    assert len(found["input"]["files"]) == len(TI_MS)
    assert all((home / path).is_file() for path in found["files"])
    assert set(found["timing_s"]) >= {"reading", "loading", "fitting", "writing files"}


def test_json_in_a_file(qiqa, scan, home):
    assert qiqa("map", "t1", scan, "-o", "maps", "--json", "t1.json").code == 0
    assert json.loads((home / "t1.json").read_text(encoding="utf-8"))["quantity"] == "t1"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["t9", "SCAN", "-o", "maps"], 2, "invalid choice: 't9'"),
        (["t1", "SCAN"], 2, "required: -o/--output"),
        (["t1", "-o", "maps"], 2, "required: PATH"),
        (["t1", "SCAN", "-o", "maps", "--model", "t1_vfa_"], 2, "'t1_vfa_' is not in qiqa.models"),
        (["t1", "SCAN", "-o", "maps", "--model", "t2"], 2, "'t2' maps T2, not T1"),
        (["t1", "SCAN", "-o", "maps", "--series", "2"], 2, "there is no series 2: only 1 series"),
        (["t1", "SCAN", "-o", "maps", "--noise-sd", "0"], 2, "'0' is not above 0"),
        (["t1", "SCAN", "-o", "maps", "--noise-sd", "x"], 2, "'x' is not a number"),
        (["t1", "SCAN", "-o", "maps", "--directions", "each"], 2, "directions belong to ADC"),
        (["adc", "SCAN", "-o", "maps", "--directions", "all"], 2, "invalid choice: 'all'"),
        (["t1", "SCAN", "-o", "maps", "--threads", "0"], 2, "not a whole number from 1 on"),
        (["t2", "SCAN", "-o", "maps"], 1, "no series here can give a T2 map"),
        (["t1", "nowhere", "-o", "maps"], 1, "nowhere"),
        (["t1", "SCAN", "-o", "maps", "--mask", "no.nii"], 1, "no.nii"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(qiqa, scan, home, arguments, code, said):
    given = [str(scan) if a == "SCAN" else a for a in arguments]
    ran = qiqa("map", *given)
    assert said in ran.err
    assert ran.code == code
    assert "internal error" not in ran.err
    assert not list(home.iterdir())


def test_several_series_are_listed_with_their_option(qiqa, scan, home):
    copy = home / "again"
    for path in scan.rglob("*"):
        if path.is_file():
            target = copy / "sub-08" / "anat" / path.name.replace("sub-07", "sub-08")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    ran = qiqa("map", "t1", scan, copy, "-o", "maps")
    assert ran.code == 1
    assert "--series 1: " in ran.err
    assert "--series 2: " in ran.err
    assert "\x1b" not in ran.err
    assert qiqa("map", "t1", scan, copy, "-o", "maps", "--series", "2").code == 0
    assert (home / "maps" / "sub-08").is_dir() != (home / "maps" / "sub-07").is_dir()


def test_maps_that_exist_stay_unless_overwritten(qiqa, scan, home):
    assert qiqa("map", "t1", scan, "-o", "maps").code == 0
    before = (home / MAP).read_bytes()
    ran = qiqa("map", "t1", scan, "-o", "maps", "--noise-sd", "none")
    assert ran.code == 1
    assert "overwrite" in ran.err
    assert (home / MAP).read_bytes() == before
    ran = qiqa("map", "t1", scan, "-o", "maps", "--noise-sd", "none", "--overwrite")
    assert ran.code == 0
    assert "noise floor not judged" in ran.out


def test_progress_is_told_once_a_percent():
    told = []
    show = command._percents(told.append)
    for step in range(10_001):
        show(step / 10_000)
    assert told[0] == "fitting 0 %"
    assert told[-1] == "fitting 100 %"
    assert len(told) == 101


def whole(folder):
    """Return the maps below a folder; each must be readable to the last voxel."""
    maps = sorted(folder.rglob("*.nii.gz"))
    for path in maps:
        assert nibabel.load(path).get_fdata().shape[:3] == (24, 20, 2)
    assert not [p for p in folder.rglob("*") if p.suffix == ".part" or ".qiqa-" in p.name]
    return maps


@pytest.fixture
def listening():
    """Hear SIGINT, to which a shell that starts tests in the background makes them deaf."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("calls", [1, 2, 5])
def test_interrupted_while_files_are_moved_into_place(scan, home, monkeypatch, capsys, calls):
    """All maps of a fit are there, or none."""
    genuine, left = Path.replace, calls

    def replace(self, target):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        return genuine(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert run(["map", "t1", str(scan), "-o", "maps"]) == 130
    assert "interrupted" in capsys.readouterr().err
    monkeypatch.undo()
    left_behind = len(whole(home))
    monkeypatch.chdir(home)
    assert run(["map", "t1", str(scan), "-o", "other", "--no-report"]) == 0
    assert left_behind in (0, len(whole(home / "other")))


def test_interrupted_while_the_report_is_drawn(scan, home, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(mapping, "write_map_html", interrupt)
    assert run(["map", "t1", str(scan), "-o", "maps"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert len(whole(home)) >= 3
    assert not list(home.rglob("*.html"))


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("delay_s", [0.4, 1.2])
def test_interrupted_at_any_moment(scan, home, delay_s):
    arguments = [sys.executable, "-m", "qiqa", "map", "t1", str(scan), "-o", "maps"]
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home, env=environment
    ) as running:
        time.sleep(delay_s)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=120)
    whole(home)
    if running.returncode == 0:
        pytest.skip("was faster than the interruption")
    assert running.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in error
