"""Work in pieces, on the processors of this machine or on a cluster: the same functions.

A piece that kills its process (a damaged file in a decoder, memory) is tried once more alone, then
given back as failed; the others stand.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import os
import signal
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
            self.count, mp_context=context, initializer=_deaf
        ) as pool:
            try:
                for item in itertools.islice(left, 4 * self.count):
                    waiting[pool.submit(function, item)] = item
                while waiting:
                    done, _ = concurrent.futures.wait(
                        waiting, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    for future in done:
                        result = future.result()  # raises where a process died
                        item = waiting.pop(future)
                        for following in itertools.islice(left, 1):
                            waiting[pool.submit(function, following)] = following
                        yield item, result
            except BrokenProcessPool:
                broken += waiting.values()
            except (GeneratorExit, KeyboardInterrupt):
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _deaf() -> None:
    """Leave Ctrl-C to the process that asked for the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _alone(function: Callable[[Any], Any], item: Any) -> Any:
    """Do one piece in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
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
