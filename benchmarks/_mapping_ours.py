"""Speed and accuracy of the package's own fits."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from _mapping_cases import Case, Data, accuracy, simulate
from _mapping_child import arrays, fit
from _mapping_machine import best
from _mapping_scipy import differences, references

CHILD = Path(__file__).with_name("_mapping_child.py")


def speed(case: Case, data: Data, seconds: float) -> dict[str, Any]:
    """Return voxels/s without and with uncertainty and floor, bytes a voxel, accuracy."""
    voxels = data.truth.size
    bare = {"uncertainty": False, "noise_sd": None, "threads": 1}
    maps = fit(case, data, **bare)
    moved = data.signal.nbytes + arrays(maps)
    if data.b1 is not None:
        moved += 4 * voxels
    took = best(lambda: fit(case, data, **bare), repeats=5, seconds=seconds)
    with_errors = {"noise_sd": None, "threads": 1}
    took_errors = best(lambda: fit(case, data, **with_errors), repeats=5, seconds=seconds)
    slow = affordable(case, data, 10.0)
    part = head(data, slow)
    full = fit(case, part, threads=1)
    took_full = best(lambda: fit(case, part, threads=1), repeats=5, seconds=seconds)
    found = np.asarray(full.estimate(case.parameter), dtype=np.float64).ravel()
    return {
        "case": case.name,
        "by": "qiqa",
        "method": full.method,
        "algorithm": full.algorithm,
        "voxels": voxels,
        "voxels_per_s": voxels / took,
        "voxels_per_s_errors": voxels / took_errors,
        "voxels_per_s_full": slow / took_full,
        "voxels_full": slow,
        "bytes_per_voxel": moved / voxels,
        "bytes_per_voxel_full": (part.signal.nbytes + arrays(full)) / slow,
        "statuses": {status.words: number for status, number in full.counts().items()},
        **accuracy(found, part.truth),
    }


def head(data: Data, count: int) -> Data:
    """Return the first `count` voxels, in memory of their own."""
    return Data(
        signal=np.ascontiguousarray(data.signal[:, :count]),
        truth=data.truth[:count],
        b1=None if data.b1 is None else data.b1[:count],
    )


def affordable(case: Case, data: Data, seconds: float) -> int:
    """Return how many voxels a full fit does in about `seconds`; all if it can."""
    pilot = min(data.truth.size, 4096)
    few = head(data, pilot)
    fit(case, few, threads=1)
    started = time.perf_counter()
    fit(case, few, threads=1)
    took = time.perf_counter() - started
    return min(data.truth.size, max(pilot, int(pilot * seconds / took)))


def against_reference(case: Case, data: Data, count: int) -> dict[str, Any] | None:
    """Return how far the float32 estimates lie from a converged float64 fit of the same voxels.

    Of several usual forms of an estimator the nearest is taken, and named.
    """
    count = min(count, data.truth.size)
    written = references(case, data, count)
    if not written:
        return None
    part = head(data, count)
    maps = fit(case, part, uncertainty=False, noise_sd=None, threads=1)
    found = np.asarray(maps.estimate(case.parameter)).ravel()
    each = {name: differences(found, wanted) for name, wanted in written.items()}
    nearest = min(each, key=lambda name: each[name].get("median", np.inf))
    return {
        **each[nearest],
        "asked": count,
        "estimator": nearest,
        "estimators_tried": list(written),
        "reference": accuracy(written[nearest], part.truth),
    }


def child(what: str, *arguments: str, cache: Path | None = None) -> dict[str, Any]:
    """Run one measurement in a fresh process; `cache` is the folder for compiled code."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        environment = dict(os.environ)
        if cache is not None:
            environment["NUMBA_CACHE_DIR"] = str(cache)
        command = [sys.executable, str(CHILD), what, str(target), *arguments]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        took = time.perf_counter() - started
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return {"reason": lines[-1] if lines else f"status {done.returncode}"}
        return {**json.loads(target.read_text(encoding="utf-8")), "process_s": took}


def cold_start(case: Case) -> dict[str, Any]:
    """Return the seconds to a first result: with an empty cache, then with the one it filled."""
    with tempfile.TemporaryDirectory() as folder:
        empty = child("cold", case.name, cache=Path(folder))
        warm = [child("cold", case.name, cache=Path(folder)) for _ in range(3)]
    kernels = empty.pop("kernels", {})
    for one in warm:
        one.pop("kernels", None)
    warm.sort(key=lambda one: one.get("first_use_s", np.inf))
    return {"case": case.name, "empty": empty, "warm": warm[0], "kernels": kernels}


class Workers:
    """Processes that hold data, and fit all at once when told."""

    def __init__(
        self, case: Case, voxels: int, parts: Sequence[tuple[int, int]], threads: int
    ) -> None:
        self._processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    str(CHILD),
                    "worker",
                    case.name,
                    *(str(v) for v in (voxels, *part, threads)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for part in parts
        ]

    def _expect(self, word: str) -> None:
        for one in self._processes:
            if one.stdout is None or one.stdout.readline().strip() != word:
                raise RuntimeError(f"a worker process ended before it said {word!r}")

    def __enter__(self) -> Self:
        try:
            self._expect("ready")
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._processes:
            if one.poll() is None:
                one.kill()
            one.wait()
            for pipe in (one.stdin, one.stdout):
                if pipe is not None:
                    pipe.close()

    def seconds(self) -> float:
        """Return the wall time from telling the first to hearing from the last."""
        started = time.perf_counter()
        for one in self._processes:
            if one.stdin is not None:
                one.stdin.write("go\n")
                one.stdin.flush()
        self._expect("done")
        return time.perf_counter() - started


def two_threads(case: Case, voxels: int, rounds: int) -> dict[str, Any]:
    """Return two threads of one fit against two processes with half each, and one thread.

    Interleaved, so that what else the machine does falls on all alike.
    """
    # the workers simulate all at once; a slow fit gets fewer voxels
    voxels = affordable(case, simulate(case, voxels), 3.0)
    half = voxels // 2
    whole = [(0, voxels)]
    with (
        Workers(case, voxels, whole, 1) as one,
        Workers(case, voxels, whole, 2) as two,
        Workers(case, voxels, [(0, half), (half, voxels)], 1) as apart,
    ):
        times = [(one.seconds(), two.seconds(), apart.seconds()) for _ in range(rounds)]
    return {
        "case": case.name,
        "voxels": voxels,
        "rounds": rounds,
        "one_thread_s": statistics.median(t[0] for t in times),
        "two_threads_s": statistics.median(t[1] for t in times),
        "two_processes_s": statistics.median(t[2] for t in times),
        "speedup_threads": statistics.median(t[0] / t[1] for t in times),
        "speedup_processes": statistics.median(t[0] / t[2] for t in times),
        "threads_over_processes": statistics.median(t[2] / t[1] for t in times),
    }
