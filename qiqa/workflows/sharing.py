"""Work of many equal parts, shared with further processes of this program.

A process of its own is a pipe in and a pipe out: no script is run a second time (as starting
processes by `multiprocessing` does), Ctrl-C does not reach it, and it ends by itself once its
pipes close, whatever became of this one. What it does not do, for whatever reason, this process
does itself, so that a failure looks as if nothing had been shared.
"""

from __future__ import annotations

import collections
import contextlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, TypeVar

from qiqa.fitting.threads import thread_count

__all__ = ["processes_for", "serve", "shared"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORTH = 2_000_000
"""Values for each further process: it takes as long to start as to chart about a million."""
_MOST = 3
"""Processes at most: each further one holds 0.2 GB."""
_START = (
    "import sys, pickle; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "back = sys.stdout.buffer; sys.stdout = sys.stderr; "
    "from qiqa.workflows.sharing import serve; serve(sys.stdin.buffer, back)"
)
"""What another process runs; what is printed by mistake stays out of the pipe."""
_PATIENCE_S = 0.1
"""An interruption is seen that often while the others finish."""


def processes_for(values: int) -> int:
    """Return how many processes are worth it for so many values; 1: this one alone."""
    return max(min(thread_count(None), 1 + values // _WORTH, _MOST), 1)


def shared(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    tell: Callable[[int], None] = lambda _: None,
) -> list[Result]:
    """Return what `work` makes of each item, in their order.

    Parameters
    ----------
    work
        Gives the same for an item in any process. It, items and results are handed over by
        `pickle`; what that refuses, this process does.
    items
        Parts of the work; this process begins with the first, others with the last.
    processes
        How many work, this one included; those that are not up when this one has nothing left to
        do are not waited for.
    tell
        Told the place of each item that this process works on.
    """
    left = collections.deque(range(len(items)))
    done: dict[int, Result] = {}

    def own(place: int) -> None:
        tell(place)
        done[place] = work(items[place])

    with contextlib.ExitStack() as stack:
        others = [_Other(work, items, left, done) for _ in range(processes - 1)]
        for other in others:
            stack.callback(other.end)
            other.start()
        while left:
            with contextlib.suppress(IndexError):  # another one took the last
                own(left.popleft())
        for other in others:
            other.finish()
    for place in range(len(items)):
        if place not in done:  # another one broke: what breaks here too is told from here
            own(place)
    return [done[place] for place in range(len(items))]


class _Other:
    """Another process, and the thread that gives it items and takes results."""

    def __init__(
        self,
        work: Callable[[Any], Any],
        items: Sequence[Any],
        left: collections.deque[int],
        done: dict[int, Any],
    ) -> None:
        self._work, self._items, self._left, self._done = work, items, left, done
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._give, daemon=True)
        self._ready = False

    def start(self) -> None:
        """Start both; without a process there is nothing to do."""
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what breaks is told from this process
                **_apart(),
            )
            self._thread.start()

    def _give(self) -> None:
        assert self._process is not None  # noqa: S101 - started with it
        to, back = self._process.stdin, self._process.stdout
        assert to is not None and back is not None  # noqa: S101, PT018 - pipes
        with contextlib.suppress(Exception):  # what it does not do is done by this process
            _send(to, sys.path)
            _send(to, self._work)
            self._ready = bool(_receive(back))
            for place in _taken(self._left):
                _send(to, self._items[place])
                self._done[place] = _receive(back)

    def finish(self) -> None:
        """Wait for the item that it works on, if it works at all."""
        while self._ready and self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def end(self) -> None:
        """End the process and the thread, whatever they do."""
        if self._process is None:
            return
        self._process.kill()
        self._thread.join()
        with contextlib.suppress(OSError), self._process:
            pass  # closes the pipes and waits


def _apart() -> dict[str, Any]:
    """Return what keeps Ctrl-C from another process: this one ends it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _taken(left: collections.deque[int]) -> Iterator[int]:
    """Take places from the end until there is none."""
    while left:
        try:
            place = left.pop()
        except IndexError:
            return
        yield place


def _send(to: IO[bytes], what: Any) -> None:
    pickle.dump(what, to, protocol=pickle.HIGHEST_PROTOCOL)
    to.flush()


def _receive(from_: IO[bytes]) -> Any:
    return pickle.load(from_)  # noqa: S301 - a pipe between processes of this program


def serve(given: IO[bytes], back: IO[bytes]) -> None:
    """Be the other process: take the work, then items until there are no more.

    Parameters
    ----------
    given
        Pickled work, then items.
    back
        Where True goes once the work is known, then one result for each item.
    """
    work = _receive(given)
    _send(back, True)
    with contextlib.suppress(EOFError):
        while True:
            _send(back, work(_receive(given)))
