"""Files that belong together: all of them new or all as they were, whenever a run is ended."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from qiqa.core.errors import OutputError
from qiqa.io.export import reported

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["settle", "staged"]

_WRITING, _WRITTEN = ".qiqa-writing", ".qiqa-written"
_LOCK = ".qiqa-lock"
"""Stays there, empty: a lock that is removed can be held by two."""
_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""What systems say where another process has the lock."""


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a place for new files; when the block ends well, they replace those of the folder.

    The place is renamed once all files are in it: what was ended before that is undone by the next
    call, what was ended after it is done to the end. One process at a time.

    Parameters
    ----------
    folder
        There already.

    Raises
    ------
    OutputError
        If it cannot be written, or another process is writing.
    """
    with _alone(folder):
        _finish(folder)
        place, written = folder / _WRITING, folder / _WRITTEN
        with reported(str(folder)):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        try:
            yield place
            with reported(str(folder)):
                place.rename(written)
        finally:
            # gone already where all went well
            shutil.rmtree(place, ignore_errors=True)
        _finish(folder)


def settle(folder: Path) -> None:
    """Do to the end what a run that was ended had written completely; before files are read.

    Raises
    ------
    OutputError
        If it cannot be written, or another process is writing.
    """
    if (folder / _WRITTEN).is_dir():
        with _alone(folder):
            _finish(folder)


def _finish(folder: Path) -> None:
    written = folder / _WRITTEN
    if not written.is_dir():
        return
    for path in sorted(written.iterdir()):
        try:
            path.replace(folder / path.name)
        except OSError as error:
            raise OutputError(
                f"cannot be replaced: {error.strerror or error}",
                where=str(folder / path.name),
                hint="close it if it is open elsewhere; the next command does the rest",
            ) from error
    with reported(str(folder)):
        written.rmdir()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out. The system takes the lock from one that dies."""
    with reported(str(folder)):
        file = _opened(folder / _LOCK)
    with file:
        with reported(str(folder / _LOCK)):
            free = _locked(file)
        if not free:
            raise OutputError(
                "another process is writing there",
                where=str(folder),
                hint="try again when it has ended",
            )
        yield


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except PermissionError:
        # another user made it in a folder that both may write: it is locked, never written
        if not path.exists():
            raise
        return path.open("rb")


def _locked(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:  # a file system without locks: to try again is no use
            raise
        return False
    return True
