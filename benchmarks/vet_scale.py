"""Vetting at scale: time, rate and memory of each step of `qiqa vet`, and what grows with the set.

    python benchmarks/vet_scale.py [--series 100000 | --reduced] [--folder FOLDER] [--json FILE]

makes a set of small series (48 x 48, 3 slices; kept in FOLDER for the next time), vets a quarter of
it and all of it in processes of their own, and reports headers per second, series and MB per second
of examining, seconds of what is done with all series together and of writing, the peak memory of
the process that leads and of the largest that works, and the size of the working file. Memory of
workers is to be the same for both; that of the leader may grow by some hundred bytes a series, and
by pages of files, which are counted too (`vet_memory.py` tells them apart). The load of the machine
stands beside it: a rate that was measured on a busy machine is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _vet_scale_set import write_set

CHILD = Path(__file__).with_name("_vet_scale_child.py")
FULL, REDUCED = 100_000, 300


def once(images: Path, output: Path, processes: int) -> dict[str, float]:
    """Return times, memory and counts of one vetting in a process of its own."""
    command = [sys.executable, str(CHILD), str(images), str(output), str(processes)]
    # as the command does: the matrices are small, and threads only compete for the processors
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(one: dict[str, float]) -> str:
    """Return what one run was like, in a few lines."""
    series, files = one["series"], one["files"]
    rate = series / one["examine_s"]
    return "\n".join(
        [
            (
                f"{series:,.0f} series, {files:,.0f} files, {one['mb']:,.0f} MB, "
                f"load {one['load_before']:.1f} to {one['load_after']:.1f}, "
                f"{one['processes']:.0f} processes"
            ),
            f"  headers    {one['scan_s']:8.1f} s   {files / one['scan_s']:,.0f} files/s",
            (
                f"  examining  {one['examine_s']:8.1f} s   "
                f"{rate:,.0f} series/s, {one['mb'] / one['examine_s']:,.1f} MB/s"
            ),
            f"  listing a second time (nothing changed) {one['again_s']:.1f} s",
            (
                f"  all series together: table and checks {one['set_s']:.1f} s, "
                f"deciding {one['judge_s']:.1f} s"
            ),
            f"  writing    {one['write_s']:8.1f} s",
            (
                f"  processor time of all: {one['cpu_s']:,.0f} s; of the leader until all were "
                f"examined {one['leader_cpu_s']:,.0f} s"
            ),
            (
                f"  peak memory: leader {one['leader_mb']:,.0f} MB, largest worker "
                f"{one['worker_mb']:,.0f} MB"
            ),
            f"  working file {one['work_mb']:,.1f} MB, outputs {one['outputs_mb']:,.1f} MB",
        ]
    )


def main() -> None:
    """Make the set, vet a quarter and all of it, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=FULL)
    parser.add_argument("--reduced", action="store_true", help=f"{REDUCED} series")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="where the set is kept")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--whole-only", action="store_true", help="not the quarter")
    options = parser.parse_args()
    count = REDUCED if options.reduced else options.series
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch) / "set"
        runs = []
        for n in (count,) if options.whole_only else (max(count // 4, 1), count):
            images = folder / f"{n}"
            if not (images / "done").exists():
                write_set(images, n)
            runs.append(once(images / "dicom", Path(scratch) / f"out{n}", options.processes))
            print(told(runs[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
