"""Memory of `qiqa vet` once all series are examined: what the process that leads holds of a set.

    python benchmarks/vet_memory.py [--series 200000 | --reduced] [--json FILE]

makes working files of half as many and of so many made-up series (signatures, 38 features, 15 texts
and 13 numbers each; no images), and does in a process of its own what `qiqa vet` does once the last
series is examined. Every 4 ms it looks how much memory that process has: anonymous memory, which
the system can only swap, and all that is resident, with pages of files that it may take back at any
time. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _vet_memory_set import fill
from _vet_scale_child import given

from qiqa.store.vet_work import VetWork
from qiqa.workflows.executing import Processes
from qiqa.workflows.vetting_walk import vet_images

CHILD = Path(__file__).with_name("_vet_memory_child.py")
FULL, REDUCED = 200_000, 2_000
LOOK_S = 0.004
KINDS = {"anonymous_mb": "RssAnon", "resident_mb": "VmRSS"}


def made(folder: Path, count: int) -> Path:
    """Return a folder with a working file of so many series, all examined."""
    (folder / "empty").mkdir(parents=True)
    with VetWork(folder / "work.sqlite") as work:
        vet_images(folder / "empty", work, given()[0], Processes(1))  # says by what it was read
        fill(work, count)
    return folder


def peaks(folder: Path, output: Path) -> dict[str, dict[str, float]]:
    """Return phase -> seconds, and the most memory of each kind in it [MB]."""
    command = [sys.executable, str(CHILD), str(folder), str(output)]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    found: dict[str, dict[str, float]] = {}
    began = ["", time.perf_counter()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=alone) as process:

        def listen() -> None:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            for line in process.stdout:
                now = time.perf_counter()
                found.setdefault(str(began[0]), {})["seconds"] = now - float(began[1])
                began[:] = [line.strip(), now]

        listener = threading.Thread(target=listen)
        listener.start()
        while process.poll() is None:
            here = found.setdefault(str(began[0]), {})
            for name, value in _memory(process.pid).items():
                here[name] = max(here.get(name, 0.0), value)
            time.sleep(LOOK_S)
        listener.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    return {phase: one for phase, one in found.items() if phase not in ("", "start", "end")}


def _memory(pid: int) -> dict[str, float]:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return {n: int(status.split(f"{k}:")[1].split()[0]) / 1024 for n, k in KINDS.items()}
    except (OSError, IndexError):  # it has just ended
        return {}


def main() -> None:
    """Judge half of the series and all of them, and say how memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=FULL)
    parser.add_argument("--reduced", action="store_true", help=f"{REDUCED} series")
    parser.add_argument("--folder", type=Path, help="for working files; on a disk, not in memory")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count = REDUCED if options.reduced else options.series
    runs = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        for n in (count // 2, count):
            folder = made(Path(scratch) / f"{n}", n)
            runs[n] = peaks(folder, folder / "out")
            print(f"{n:,} series", flush=True)
            for phase, one in runs[n].items():
                told = "  ".join(f"{name} {value:,.0f}" for name, value in sorted(one.items()))
                print(f"  {phase:10s} {told}", flush=True)
    if not options.reduced:
        _tell_growth(runs)
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1), encoding="utf-8")


def _tell_growth(runs: dict[int, dict[str, dict[str, float]]]) -> None:
    few, many = (max(one["anonymous_mb"] for one in run.values()) for run in runs.values())
    fewer, more = runs
    grown = (many - few) * 1024**2 / (more - fewer)
    print(f"anonymous memory at its peak grows by {grown:,.0f} bytes a series")


if __name__ == "__main__":
    main()
