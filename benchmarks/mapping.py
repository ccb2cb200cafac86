"""Speed of parameter fits: the package's own and other programs', in the same run.

Everything at once, about half an hour on a quiet machine with two cores:

    python benchmarks/mapping.py --peers-venv ~/qiqa-peers --write

installs the other programs into an environment of their own at the first run, prints the tables and
writes docs/benchmarks/mapping.{md,json}. `--no-peers` leaves them out; `--reduced` only shows that
the benchmark runs (small, no peers, fails if a fit fails) and its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
QUIET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Slow numpy where they are set by hand; unset together."""


def again_without_overrides() -> None:
    """Run this script anew without settings that change numpy's speed, with BLAS on one thread."""
    ones = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    if not any(name in os.environ for name in QUIET) and all(
        os.environ.get(name) == "1" for name in ones
    ):
        return
    environment = {k: v for k, v in os.environ.items() if k not in QUIET}
    environment.update(dict.fromkeys(ones, "1"))
    done = subprocess.run([sys.executable, *sys.argv], env=environment, check=False)
    sys.exit(done.returncode)


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help="small, no peers, nothing written")
    parser.add_argument("--no-peers", action="store_true", help="leave other programs out")
    parser.add_argument("--peers-venv", type=Path, help="environment of the other programs")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/mapping.*")
    parser.add_argument("--cases", help="only these rows, comma-separated")
    parser.add_argument("--voxels", type=int, default=256 * 256 * 30)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each peer's fit")
    options = parser.parse_args()
    if options.write and (options.reduced or options.cases):
        parser.error("--write is for a complete run, without --reduced and --cases")
    if not (options.reduced or options.no_peers or options.peers_venv):
        parser.error("give --peers-venv DIR (made if missing) or --no-peers")
    return options


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{dt.datetime.now().astimezone():%H:%M:%S} {text}", flush=True)


def rows_of(case: Any, options: argparse.Namespace, missing: dict[str, Any]) -> dict[str, Any]:
    """Return everything measured on one simulated acquisition."""
    from _mapping_cases import accuracy, simulate
    from _mapping_machine import best
    from _mapping_ours import against_reference, speed
    from _mapping_scipy import curve_fit_loop, one_liner

    data = simulate(case, options.voxels)
    ours = speed(case, data, 0.1 if options.reduced else 2.0)
    ours["versus_converged"] = against_reference(case, data, 20 if options.reduced else 2000)
    others: list[dict[str, Any]] = []
    line = one_liner(case, data)
    if line is not None:
        took = best(line, repeats=3)
        others.append(
            {
                "case": case.name,
                "by": "numpy one-liner, float32",
                "voxels": options.voxels,
                "voxels_per_s": options.voxels / took,
                **accuracy(line(), data.truth),
            }
        )
    looped = curve_fit_loop(case, data, 0.2 if options.reduced else options.seconds)
    if looped is not None:
        found, took = looped
        others.append(
            {
                "case": case.name,
                "by": "scipy curve_fit, LM, loop",
                "voxels": int(found.size),
                "seconds": took,
                "voxels_per_s": found.size / took,
                **accuracy(found, data.truth[: found.size]),
            }
        )
    if options.peers_venv and not options.no_peers and not options.reduced:
        from _peers import run_case

        others += run_case(case, data, options.peers_venv, missing, options.seconds)
    return {"title": case.title, "ranges": case.ranges, "ours": ours, "others": others}


def more(cases: list[Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return two threads, peak memory, cold start and end to end."""
    from _mapping_cases import CASES, simulate
    from _mapping_files import end_to_end
    from _mapping_ours import child, cold_start, two_threads

    picked = [c for c in cases if c.name in ("adc_log_linear", "adc", "t1_vfa", "t2")]
    picked += [c for c in cases if c.name == "t1_inversion_recovery"]
    if options.reduced:
        picked = picked[-1:]
    found: dict[str, Any] = {"threads": [], "memory": [], "cold": []}
    for case in picked:
        say(f"two threads and memory: {case.title}")
        found["threads"].append(two_threads(case, options.voxels, 3 if options.reduced else 15))
        memory = child("memory", case.name, str(options.voxels))
        found["memory"].append({"case": case.name, **memory})
    for case in picked:
        say(f"cold start: {case.title}")
        found["cold"].append(cold_start(case))
    recovery = next(case for case in CASES if case.name == "t1_inversion_recovery")
    shape = (16, 16, 4) if options.reduced else (256, 256, 30)
    say(f"files to files: {shape}")
    data = simulate(recovery, shape[0] * shape[1] * shape[2])
    found["files"] = [
        end_to_end(recovery, data, shape, 1 if options.reduced else 5, threads)
        for threads in ((1,) if options.reduced else (1, 2))
    ]
    return found


def main() -> int:
    """Run the benchmark."""
    options = arguments()
    again_without_overrides()
    if options.reduced:
        options.voxels = 2048
    from _mapping_example import rows
    from _mapping_machine import bandwidth, facts, load
    from _mapping_report import print_tables, verdict, write

    started, before = time.perf_counter(), load()
    missing: dict[str, str | None] = {}
    if options.peers_venv and not options.no_peers and not options.reduced:
        from _peers import prepare

        say(f"other programs: {options.peers_venv}")
        missing = prepare(options.peers_venv)
    cases, without = rows(options.cases)
    say("memory bandwidth")
    result: dict[str, Any] = {
        "schema": "qiqa.benchmark.mapping/1",
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": facts(),
        "bandwidth": bandwidth(16 if options.reduced else 512),
        "not_installed": {name: why for name, why in missing.items() if why},
        "models_without_a_row": without,
        "fits": [],
    }
    for case in cases:
        say(case.title)
        result["fits"].append(rows_of(case, options, missing))
    result.update(more(cases, options))
    result["load_average"] = {"before": before, "after": load()}
    result["seconds"] = round(time.perf_counter() - started)
    print_tables(result)
    if options.write:
        write(result, HERE.parent / "docs" / "benchmarks")
    elif not options.reduced:
        print(json.dumps(result))
    return verdict(result)


if __name__ == "__main__":
    sys.exit(main())
