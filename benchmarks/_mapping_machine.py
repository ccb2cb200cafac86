"""The machine under a benchmark: processor, memory bandwidth, versions, instruction set."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

PACKAGES = ("qiqa", "numpy", "scipy", "numba", "llvmlite", "nibabel")
INTERESTING = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "asimd", "sve")


@njit(error_model="numpy")
def _copy(a, b):  # noqa: ANN001, ANN202
    for i in range(a.size):
        a[i] = b[i]


@njit(error_model="numpy")
def _triad(a, b, c, s):  # noqa: ANN001, ANN202
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


def best(function: Any, *arguments: Any, repeats: int = 7, seconds: float = 1.0) -> float:
    """Return the shortest time [s] of several calls, after one that is not counted."""
    function(*arguments)
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < repeats or time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - started)
        if len(times) >= 3 and time.perf_counter() - begun > 20 * seconds:
            break
    return min(times)


def bandwidth(mebibytes: int) -> dict[str, float]:
    """Return bytes/s of a copy and a triad on one thread, float32 arrays of this size each.

    Counted as in STREAM: what is read and what is written, no write-allocate traffic.
    """
    n = mebibytes * (1 << 20) // 4
    a, b, c = (np.ones(n, dtype=np.float32) for _ in range(3))
    copy = best(_copy, a, b, repeats=5)
    triad = best(_triad, a, b, c, np.float32(0.5), repeats=5)
    return {
        "array_mebibytes": mebibytes,
        "copy_bytes_per_s": 2 * a.nbytes / copy,
        "triad_bytes_per_s": 3 * a.nbytes / triad,
    }


def load() -> list[float] | None:
    """Return the load average over 1, 5 and 15 minutes; None where the system has none."""
    return [round(v, 2) for v in os.getloadavg()] if hasattr(os, "getloadavg") else None


def facts() -> dict[str, Any]:
    """Return processor, flags, versions."""
    import llvmlite.binding as llvm

    text = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        text = info.read_text(encoding="utf-8")
    found = {key: re.search(rf"^{key}\s*:\s*(.+)$", text, re.M) for key in ("model name", "flags")}
    flags = set(found["flags"].group(1).split()) if found["flags"] else set()
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "processor": found["model name"].group(1) if found["model name"] else platform.processor(),
        "processors": os.cpu_count(),
        "flags": [name for name in INTERESTING if name in flags],
        "llvm_target": llvm.get_host_cpu_name(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
        "versions": versions,
    }


def instructions() -> dict[str, dict[str, int]]:
    """Return how often each compiled kernel of the package uses which vector registers.

    Looks at every compiled function alive in this process; those read from the cache hold no
    assembly, so it needs a process that compiled them itself.
    """
    from numba.core.dispatcher import Dispatcher

    found: dict[str, dict[str, int]] = {}
    for one in [o for o in gc.get_objects() if isinstance(o, Dispatcher)]:
        function = one.py_func
        if not function.__module__.startswith("qiqa."):
            continue
        for assembly in one.inspect_asm().values():
            counts = {
                name: len(set(re.findall(rf"^.*%{name}\d.*$", assembly, re.M)))
                for name in ("zmm", "ymm", "xmm")
            }
            if any(counts.values()):
                key = f"{function.__module__}.{function.__qualname__}"
                old = found.setdefault(key, dict.fromkeys(counts, 0))
                found[key] = {name: old[name] + counts[name] for name in counts}
    return found


def width(kernels: dict[str, dict[str, int]]) -> str:
    """Return the widest vectors that the kernels use, in words."""
    for name, words in (("zmm", "512-bit (AVX-512)"), ("ymm", "256-bit (AVX, AVX2)")):
        using = sum(1 for counts in kernels.values() if counts[name])
        if using:
            return f"{words} in {using} of {len(kernels)} compiled functions"
    return "128-bit or none" if kernels else "not seen"
