"""A set of files that is written whole or not at all."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from qiqa.core.errors import OutputError

__all__ = ["write_set"]

_THREADS = 2
"""zlib works without the interpreter's lock; more threads than this wait for the disk."""


def write_set(
    contents: Mapping[Path, Callable[[], bytes]], *, overwrite: bool, stale: Iterable[Path] = ()
) -> None:
    """Write files so that all are there, whole, or none.

    Each is written under a hidden name beside its place, and all are moved at the end. Ctrl-C
    before that leaves nothing; Ctrl-C while they are moved waits until they are.

    Parameters
    ----------
    contents
        What makes the bytes of each file; called in threads.
    overwrite
        Whether files of these names may be there already.
    stale
        Files that the new ones take the place of; removed at the end.

    Raises
    ------
    OutputError
        If a file is there already, or one cannot be written.
    """
    for path in contents:
        if path.exists() and not overwrite:
            raise OutputError(
                "exists already and is not replaced",
                where=str(path),
                hint="allow overwriting (--overwrite), or choose another folder",
            )
    neighbors = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in contents}
    made = _folders(path.parent for path in contents)
    done = False
    try:
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            try:
                jobs = [
                    pool.submit(_write, neighbors[path], make) for path, make in contents.items()
                ]
                for job in jobs:
                    job.result()
                # in a thread: Ctrl-C reaches the main thread alone, which then waits for the end
                pool.submit(_move, neighbors, tuple(stale)).result()
                done = True
            finally:
                pool.shutdown(cancel_futures=True)
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror or error}",
            where=str(error.filename or next(iter(contents)).parent),
            hint="check that the folder allows writing and has room",
        ) from error
    finally:
        if not done:
            _remove(neighbors.values(), made)


def _folders(wanted: Iterable[Path]) -> list[Path]:
    """Make folders and return those that were not there, the innermost first."""
    made: list[Path] = []
    for folder in dict.fromkeys(wanted):
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"cannot be made: {error.strerror or error}"
            raise OutputError(text, where=str(folder)) from error
        made = [*missing, *made]
    return made


def _write(path: Path, make: Callable[[], bytes]) -> None:
    content = make()
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(neighbors: Mapping[Path, Path], stale: Iterable[Path]) -> None:
    fresh: list[Path] = []
    try:
        for path, neighbor in neighbors.items():
            new = not path.exists()
            neighbor.replace(path)
            if new:
                fresh.append(path)
    except OSError:
        for path in fresh:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    for path in stale:
        path.unlink(missing_ok=True)


def _remove(files: Iterable[Path], folders: Iterable[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()  # stays where something lies in it
