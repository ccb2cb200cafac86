"""Vetting a data set: headers scanned and stacks loaded, beside pydicom and gdcm.

    python benchmarks/vet.py [--quick] [--files 4000] [--folder FOLDER] [--repeats 3]

Files are copies of the classic ACR scans below QIQA_REAL_DATA, else simulated ones (which have
shorter headers); FOLDER keeps them for the next time. Each way of reading runs over all of them in
one process and in two, in turn, and the best of some rounds counts: on a shared machine only runs
side by side compare. Aim: 5,000 files/s over two processes, 300 MB/s of stored pixels in one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

KEY = b"a key for the benchmark, nothing secret"
WAYS = ("qiqa", "pydicom", "gdcm")


@dataclasses.dataclass(frozen=True)
class Part:
    """Files for one call."""

    root: str
    chunk: object


def by_qiqa(part: Part) -> int:
    """Scan one chunk."""
    from qiqa.io.scan.scanning import scan_chunk

    result = scan_chunk(part.root, part.chunk, KEY)
    return sum(len(facts.instances) for facts in result.series)


def by_pydicom(part: Part) -> int:
    """Read the same headers, no value decoded."""
    from pydicom import dcmread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in part.chunk.files:
            dcmread(f"{part.root}/{name}", stop_before_pixels=True)
    return len(part.chunk.files)


def by_gdcm(part: Part) -> int:
    """Read the same headers, no value decoded."""
    import gdcm

    pixels = gdcm.Tag(0x7FE0, 0x0010)
    for name in part.chunk.files:
        reader = gdcm.Reader()
        reader.SetFileName(f"{part.root}/{name}")
        if not reader.ReadUpToTag(pixels):
            raise RuntimeError(name)
    return len(part.chunk.files)


READERS: dict[str, Callable[[Part], int]] = {
    "qiqa": by_qiqa,
    "pydicom": by_pydicom,
    "gdcm": by_gdcm,
}


def work(way: str, part: Part) -> tuple[int, float]:
    """Return how many images one call read, and its processor time [s]."""
    began = time.process_time()
    return READERS[way](part), time.process_time() - began


def timed(way: str, parts: list[Part], processes: int) -> tuple[float, float]:
    """Return files a second, and files a second of processor time, of one pass."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(
            pool.map(work, [way] * processes * 2, parts[: processes * 2])
        )  # imports, compiled code
        began = time.perf_counter()
        done = list(pool.map(work, [way] * len(parts), parts))
        wall = time.perf_counter() - began
    count = sum(n for n, _ in done)
    return count / wall, count / sum(seconds for _, seconds in done)


def real_files(target: Path, count: int) -> bool:
    """Copy classic ACR scans until there are `count`; False where there are none."""
    given = os.environ.get("QIQA_REAL_DATA")
    source = Path(given or "") / "phantoms" / "acr_large"
    if not given or not source.is_dir():
        return False
    files = sorted(p for p in source.rglob("*") if p.is_file() and p.stat().st_size < 1 << 20)
    for index in range(count):
        path = files[index % len(files)]
        folder = target / f"{index // len(files):04}" / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    return True


def simulated_files(target: Path, count: int) -> None:
    """Write copies of a simulated exam until there are `count`."""
    import numpy as np

    from qiqa.io.definitions import load_phantom
    from qiqa.io.write_dicom import write_series
    from qiqa.simulate.acr_large import simulate_stack
    from qiqa.simulate.spec import AcrSpec

    stack = simulate_stack(load_phantom("acr_large"), AcrSpec(matrix=256), np.random.default_rng(1))
    first = target / "0000"
    write_series(stack, first)
    files = sorted(p for p in first.rglob("*") if p.is_file())
    for index in range(1, -(-count // len(files))):
        shutil.copytree(first, target / f"{index:04}")


def loading(parts: list[Part]) -> float:
    """Return MB of files a second of processor time that become stacks."""
    from qiqa.io.scan.gathering import merge
    from qiqa.io.scan.scanning import scan_chunk
    from qiqa.io.scan.stack import load_stack

    series: dict[tuple[str, str], list[object]] = {}
    for part in parts:
        for facts in scan_chunk(part.root, part.chunk, KEY).series:
            # copies share their UID: a folder at a time
            for folder in {one.path.rpartition("/")[0] for one in facts.instances}:
                few = tuple(i for i in facts.instances if i.path.startswith(f"{folder}/"))
                here = dataclasses.replace(facts, instances=few, path=folder)
                series.setdefault((facts.series_uid, folder), []).append(here)
    ready = [merge(found) for found in series.values()]
    plain = [f for f in ready if all(one.pixel_offset > 0 for one in f.instances)]
    load_stack(plain[0], parts[0].root)
    began = time.process_time()
    for facts in plain:
        load_stack(facts, parts[0].root)
    seconds = time.process_time() - began
    return sum(facts.size for facts in plain) / 1e6 / seconds


def report(folder: Path, repeats: int, ways: tuple[str, ...]) -> dict[str, object]:
    """Return all figures."""
    from qiqa.io.scan.listing import list_files

    began = time.perf_counter()
    chunks = list(list_files(folder))
    listed = time.perf_counter() - began
    parts = [Part(str(folder), chunk) for chunk in chunks]
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for processes in (1, 2):
            for way in ways:
                wall, cpu = timed(way, parts, processes)
                found = best.setdefault(f"{way}, {processes}", {"files_s": 0, "files_cpu_s": 0})
                found["files_s"] = round(max(found["files_s"], wall))
                found["files_cpu_s"] = round(max(found["files_cpu_s"], cpu))
    count = sum(len(chunk.files) for chunk in chunks)
    return {
        "files": count,
        "listed_files_s": round(count / listed),
        "scan": best,
        "load_mb_s": round(max(loading(parts) for _ in range(repeats))),
        "processors": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def main() -> int:
    """Make the files, read them, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="300 files, one round")
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    count, repeats = (300, 1) if given.quick else (given.files, given.repeats)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not folder.is_dir() or not any(folder.iterdir()):
            folder.mkdir(parents=True, exist_ok=True)
            if not real_files(folder, count):
                simulated_files(folder, count)
        ways = tuple(way for way in WAYS if way != "gdcm" or _has_gdcm())
        print(json.dumps(report(folder, repeats, ways), indent=1))
    return 0


def _has_gdcm() -> bool:
    from importlib.util import find_spec

    return find_spec("gdcm") is not None


if __name__ == "__main__":
    sys.exit(main())
