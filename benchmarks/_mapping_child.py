"""Work that needs a process of its own: cold start, peak memory, a worker that fits on demand.

python _mapping_child.py cold OUT.json CASE
python _mapping_child.py memory OUT.json CASE VOXELS
python _mapping_child.py worker CASE VOXELS FIRST LAST THREADS
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from _mapping_cases import CASES, Case, Data, simulate  # noqa: E402

BY_NAME = {case.name: case for case in CASES}


def fit(case: Case, data: Data, **options: Any) -> Any:
    """Fit simulated data with the package's own arrays function."""
    from qiqa.fitting import fit_arrays

    shape = (data.signal.shape[1], 1, 1)
    return fit_arrays(
        data.signal,
        case.model,
        case.values,
        tr_ms=case.tr_ms,
        directions=case.directions,
        b1=None if data.b1 is None else data.b1.reshape(shape).astype(np.float32),
        **options,
    )


def arrays(maps: Any) -> int:
    """Return the bytes of all voxelwise arrays of a result."""
    names = ("estimates", "standard_errors", "covariance", "residual_sd", "status", "n_used")
    held = [getattr(maps, name, None) for name in names]
    return sum(a.nbytes for a in held if isinstance(a, np.ndarray))


def cold(case: Case) -> dict[str, Any]:
    """Time the import and the first fit; list vector registers of what was compiled here."""
    data = simulate(case, 1000)
    begun = time.perf_counter()
    from qiqa.fitting import fit_arrays  # noqa: F401

    imported = time.perf_counter()
    fit(case, data, threads=1)
    first = time.perf_counter()
    fit(case, data, threads=1)
    second = time.perf_counter()
    from _mapping_machine import instructions

    return {
        "import_s": imported - begun,
        "first_fit_s": first - imported,
        "first_use_s": first - begun,
        "second_fit_s": second - first,
        "kernels": instructions(),
    }


def _memory_kib(key: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in text.splitlines() if line.startswith(key)).split()[1])


def memory(case: Case, voxels: int) -> dict[str, Any]:
    """Return what a fit needs at its peak beside input and output (Linux only)."""
    if not Path("/proc/self/clear_refs").exists():
        return {"reason": "peak memory is read from /proc, which is not here"}
    data = simulate(case, voxels)
    fit(case, simulate(case, 1000), threads=1)
    before = _memory_kib("VmRSS") * 1024
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    maps = fit(case, data, threads=1)
    peak = _memory_kib("VmHWM") * 1024
    output = arrays(maps)
    return {
        "input_bytes": data.signal.nbytes,
        "output_bytes": output,
        "extra_at_peak_bytes": peak - before,
        "ratio": (data.signal.nbytes + peak - before) / (data.signal.nbytes + output),
    }


def worker(case: Case, voxels: int, first: int, last: int, threads: int) -> None:
    """Fit voxels first to last each time a line comes in; answer with a line."""
    whole = simulate(case, voxels)
    part = Data(
        signal=np.ascontiguousarray(whole.signal[:, first:last]),
        truth=whole.truth[first:last],
        b1=None if whole.b1 is None else whole.b1[first:last],
    )
    del whole
    fit(case, part, threads=threads)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            return
        fit(case, part, threads=threads)
        print("done", flush=True)


def main() -> int:
    """Run what the command line asks for."""
    what, *rest = sys.argv[1:]
    if what == "worker":
        worker(BY_NAME[rest[0]], *(int(v) for v in rest[1:]))
        return 0
    case = BY_NAME[rest[1]]
    found = cold(case) if what == "cold" else memory(case, int(rest[2]))
    Path(rest[0]).write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
