"""Run a kernel over spans of voxels in threads; kernels hold no lock while they run."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from typing import TypeVar

from qiqa.kernels.threads import thread_count

__all__ = ["both", "run_spans", "thread_count"]

A = TypeVar("A")
B = TypeVar("B")

_SPAN = 1 << 18
"""Most voxels a call; small enough that progress and interruption come soon."""
_STEP = 4096
"""Voxels a call are a multiple of this, a whole number of blocks."""


def _spans(voxels: int, workers: int) -> Iterator[tuple[int, int]]:
    # as many for every worker, so that none waits for the last
    number = -(-voxels // (_SPAN * workers)) * workers
    size = max(-(-voxels // (number * _STEP)) * _STEP, _STEP) if number else _STEP
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)


def both(first: Callable[[], A], second: Callable[[], B], workers: int) -> tuple[A, B]:
    """Return what two functions return; at the same time if there is more than one worker."""
    if workers == 1:
        return first(), second()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        beside = pool.submit(second)
        return first(), beside.result()


def run_spans(
    work: Callable[[int, int], None],
    voxels: int,
    workers: int,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Call work(start, stop) for all spans; an interruption ends it after those under way."""
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
