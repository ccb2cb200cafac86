"""Run a kernel over spans of voxels in threads; kernels hold no lock while they run."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Iterator

__all__ = ["run_spans", "thread_count"]

_SPAN = 1 << 18
"""Voxels a call; small enough that progress and interruption come soon."""


def thread_count(threads: int | None) -> int:
    """Return how many threads to use; None means as many as this process may run on."""
    if threads is not None:
        return max(int(threads), 1)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        return os.cpu_count() or 1


def _spans(voxels: int, workers: int) -> Iterator[tuple[int, int]]:
    # short of one span a worker, all workers get a share
    size = max(min(_SPAN, -(-voxels // workers)), 4096)
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)


def run_spans(
    work: Callable[[int, int], None],
    voxels: int,
    workers: int,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Call work(start, stop) for all spans of voxels; an interruption ends it after those under way."""
    if workers == 1:
        for start, stop in _spans(voxels, 1):
            work(start, stop)
            if progress:
                progress(stop / voxels)
        return
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        jobs = {
            pool.submit(work, start, stop): stop - start for start, stop in _spans(voxels, workers)
        }
        done = 0
        for job in concurrent.futures.as_completed(jobs):
            job.result()
            done += jobs[job]
            if progress:
                progress(done / voxels)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
