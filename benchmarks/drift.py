"""Watching a fleet: 200 scanners, ten years of weekly exams, 60 values each, in SQLite.

    python benchmarks/drift.py [--reduced] [--file FILE]

fills a history (kept in FILE for the next time), then runs in processes of their own, as a user
would: the fleet's page (aim 10 s), one scanner with its page (aim 1 s for its values and charts),
each with peak memory (aim 1 GB). Reduced: 4 scanners, two years; the numbers mean nothing then.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _drift_store import fill, made_up

CHILD = """
import json, resource, sys, time
began = time.perf_counter()
import datetime as dt
from pathlib import Path
from qiqa.store import open_store
from qiqa.workflows.sharing import processes_for
from qiqa.workflows.watching import Records, watch
from qiqa.report.drift_pages import write_pages
file, folder, scanner = sys.argv[1], Path(sys.argv[2]), sys.argv[3] or None
imported = time.perf_counter()
with open_store(file, create=False) as store:
    series = store.columns(scanner=scanner)
read = time.perf_counter()
now = dt.datetime.fromisoformat(sys.argv[4])
processes = processes_for(sum(len(s) for s in series))
seen = watch(series, Records(), now=now, detail=scanner is not None, processes=processes)
watched = time.perf_counter()
write_pages(seen.fleet, seen.scanners, folder, lambda _: None)
ended = time.perf_counter()
print(json.dumps({
    "start_s": imported - began, "read_s": read - imported, "watch_s": watched - read,
    "page_s": ended - watched, "all_s": ended - began,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "series": len(series), "findings": sum(len(s.findings) for s in seen.fleet.scanners),
}))
"""


def once(file: Path, folder: Path, scanner: str, now: str) -> dict[str, float]:
    """Return times and peak memory of one run in a process of its own."""
    command = [sys.executable, "-c", CHILD, str(file), str(folder), scanner, now]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--file", type=Path)
    arguments = parser.parse_args()
    scanners, exams, values = (4, 104, 12) if arguments.reduced else (200, 520, 60)
    with tempfile.TemporaryDirectory(prefix="qiqa-fleet-") as made:
        folder = Path(made)
        file = arguments.file or folder / "fleet.db"
        first = dt.datetime(2016, 12, 12, 8)
        if not file.exists():
            print(f"filling {scanners} x {exams} x {values}")
            fill(str(file), made_up(scanners, exams, values, np.random.default_rng(1)), first=first)
        last = (first + dt.timedelta(days=7 * (exams - 1))).date().isoformat()
        once(file, folder, "BENCH 0000", last)  # compiles, and warms the file's cache
        for title, scanner in (("fleet", ""), ("one scanner", "BENCH 0001")):
            runs = [once(file, folder, scanner, last) for _ in range(3)]
            best = min(runs, key=lambda run: run["all_s"])
            print(title, " ".join(f"{name} {value:.4g}" for name, value in best.items()))


if __name__ == "__main__":
    main()
