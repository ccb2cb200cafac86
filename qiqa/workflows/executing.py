"""Work in pieces, on the processors of this machine or on a cluster: the same functions.

A piece that kills its process (a damaged file in a decoder, memory) is tried once more alone, then
given back as failed; the others stand.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from qiqa.core.errors import UsageError

__all__ = ["Executor", "Failed", "Processes", "cluster", "processors"]


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """A piece of work that could not be done."""

    item: Any
    reason: str


class Executor(Protocol):
    """Something that works on pieces; order of results is not that of the pieces."""

    def run(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with its result, or with `Failed`."""
        ...


def processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Processes:
    """Processes on this machine."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or processors()

    def run(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with its result, or with `Failed`."""
        left = iter(items)
        while True:
            broken: list[Any] = []
            yield from self._until_broken(function, left, broken)
            for item in broken:
                yield item, _alone(function, item)
            if not broken:
                return

    def _until_broken(
        self, function: Callable[[Any], Any], left: Iterator[Any], broken: list[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Work until all is done or a process died; what was under way then is in `broken`."""
        context = multiprocessing.get_context("spawn")
        waiting: dict[concurrent.futures.Future[Any], Any] = {}
        with concurrent.futures.ProcessPoolExecutor(
            self.count, mp_context=context, initializer=_serve
        ) as pool:
            try:
                for item in itertools.islice(left, 4 * self.count):
                    waiting[_submitted(pool, function, item, broken)] = item
                while waiting:
                    done, _ = concurrent.futures.wait(
                        waiting, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    for future in done:
                        result = future.result()  # raises where a process died
                        yield waiting.pop(future), result
                        for item in itertools.islice(left, 1):
                            waiting[_submitted(pool, function, item, broken)] = item
            except BrokenProcessPool:
                broken += waiting.values()
            except (GeneratorExit, KeyboardInterrupt):
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _submitted(
    pool: concurrent.futures.ProcessPoolExecutor,
    function: Callable[[Any], Any],
    item: Any,
    broken: list[Any],
) -> concurrent.futures.Future[Any]:
    """Hand a piece to a pool; one whose processes died meanwhile takes none: it is not lost."""
    try:
        return pool.submit(function, item)
    except BrokenProcessPool:
        broken.append(item)
        raise


def _serve() -> None:
    """Leave Ctrl-C to the process that asked for the work, and end when it is gone.

    A worker of a pool holds both ends of its queue and would wait for ever for a leader that was
    killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leader = multiprocessing.parent_process()
    if leader is not None:
        threading.Thread(target=_end_with, args=(leader,), daemon=True).start()


def _end_with(leader: multiprocessing.process.BaseProcess) -> None:
    leader.join()
    signal.raise_signal(signal.SIGTERM)


def _alone(function: Callable[[Any], Any], item: Any) -> Any:
    """Do one piece in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=_serve) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return Failed(item, "the process that worked on it died")


def cluster(address: str) -> Executor:
    """Return the workers of a Dask scheduler.

    Raises
    ------
    UsageError
        If Dask is not installed, or nobody answers at the address.
    """
    try:
        from qiqa.workflows._dask import Cluster
    except ModuleNotFoundError as error:
        raise UsageError(
            "--cluster needs Dask", where=address, hint="pip install 'qiqa[cluster]'"
        ) from error
    return Cluster(address)
