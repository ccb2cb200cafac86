"""Other programs' fits of the same simulated data: installed apart, run one process a fit."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _mapping_cases import Case, Data, accuracy
from _peers_run import BY_CASE, PEERS

RUNNER = Path(__file__).with_name("_peers_run.py")
PACKAGES = ("dipy", "qmri", "qmrpy", "sepal", "lavlab-adc")
LOOSE = (
    "ukat",
    ("pathos", "scikit-learn", "scikit-image", "pandas", "tabulate", "tqdm", "numba", "nibabel"),
)
"""ukat pins old versions that must be built from source: installed without its pins, with these."""
LARGEST = 40_000_000
"""Values handed to a peer at most, so that its file stays small."""
LIMIT_S = 300
"""A fit that takes longer is given up."""


def one_thread() -> dict[str, str]:
    """Return the environment of a process that computes on one thread."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1")}


def _python(folder: Path) -> Path:
    windows = folder / "Scripts" / "python.exe"
    return windows if windows.exists() else folder / "bin" / "python"


def prepare(folder: Path) -> dict[str, str | None]:
    """Install what is missing; return why a distribution is not there, or None where it is."""
    if not (folder / "pyvenv.cfg").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(_python(folder))
    why: dict[str, str | None] = {}
    steps = [(name, [name]) for name in PACKAGES]
    steps += [(LOOSE[0], ["--no-deps", LOOSE[0]]), (LOOSE[0], list(LOOSE[1]))]
    for name, arguments in steps:
        if why.get(name):
            continue
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        # only ready-made archives: a build from source takes long and mostly fails
        done = subprocess.run(
            [*command, "--only-binary", ":all:", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [x for x in done.stderr.splitlines() if x.lower().startswith("error")]
        why[name] = (lines or ["pip failed"])[-1] if done.returncode else None
    return why


def run_case(
    case: Case, data: Data, folder: Path, missing: dict[str, str | None], seconds: float
) -> list[dict[str, Any]]:
    """Return a row a peer: voxels/s, accuracy, version; or why there is none."""
    names = BY_CASE.get(case.name, ())
    if not names:
        return []
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "data.npz"
        _save(source, case, data)
        return [_run(case, data, name, folder, missing, source, seconds) for name in names]


def _save(target: Path, case: Case, data: Data) -> None:
    count = min(LARGEST // len(case.values), data.truth.size)
    empty = np.empty(0)
    np.savez(
        target,
        signal=np.ascontiguousarray(data.signal[:, :count].T, dtype=np.float64),
        values=np.asarray(case.values),
        tr_ms=empty if case.tr_ms is None else np.asarray(case.tr_ms),
        directions=empty if case.directions is None else np.asarray(case.directions),
        b1=empty if data.b1 is None else data.b1[:count],
    )


def _run(
    case: Case,
    data: Data,
    name: str,
    folder: Path,
    missing: dict[str, str | None],
    source: Path,
    seconds: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"case": case.name, "by": name}
    package = PEERS[name][0]
    if missing.get(package):
        return {**row, "reason": f"not installed: {missing[package]}"}
    target = source.with_name("found.npz")
    target.unlink(missing_ok=True)
    command = [str(_python(folder)), str(RUNNER), str(source), str(target), name, str(seconds)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=one_thread(), timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return {**row, "reason": f"more than {LIMIT_S} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {**row, "reason": f"failed: {lines[-1] if lines else done.returncode}"}
    with np.load(target) as held:
        found, took, version = held["found"], float(held["seconds"]), str(held["version"])
    return {
        **row,
        "version": version,
        "voxels": int(found.size),
        "seconds": took,
        "voxels_per_s": found.size / took,
        **accuracy(np.where(found > 0, found, np.nan), data.truth[: found.size]),
    }
