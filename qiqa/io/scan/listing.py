"""All files below a folder in chunks of a few folders each, in one order, in little memory."""

from __future__ import annotations

import dataclasses
import heapq
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.io.sources import Archives

__all__ = ["CHUNK", "Chunk", "list_files", "member_name", "split_member"]

CHUNK = 200
"""Files of a chunk: a tenth of a second of work, and most series whole."""
_AT_ONCE = 1 << 16
"""Names of one folder that are held in memory; a larger folder is listed again for the next."""
_MOST_OPENINGS = 16
"""Chunks of one archive: each of them reads its whole table of contents."""
_ANNEX = ".git"
"""Not entered: it holds what git keeps. Links into it (git-annex) are files."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some files below the root."""

    files: tuple[str, ...]
    """Below the root, with forward slashes; of an archive the names of members."""
    archive: str = ""
    """Zip archive that the files are members of."""

    @property
    def name(self) -> str:
        """Its first file: the same in every run over the same files."""
        return member_name(self.archive, self.files[0]) if self.archive else self.files[0]


def member_name(archive: str, member: str) -> str:
    """Return how a member of an archive is called in notes and facts."""
    return f"{archive}: {member}"


def split_member(path: str, is_file: Callable[[str], bool]) -> tuple[str, str | None]:
    """Return archive and member of a path as `member_name` makes it; None: no archive.

    Parameters
    ----------
    path
        Below the root.
    is_file
        Says whether there is such a file below the root.
    """
    if is_file(path):
        return path, None
    at = path.find(": ")
    while at >= 0:
        if is_file(path[:at]):
            return path[:at], path[at + 2 :]
        at = path.find(": ", at + 1)
    return path, None


def list_files(root: str | Path, leave_out: str | Path | None = None) -> Iterator[Chunk]:
    """Yield all files below a folder (or the one file given), each once, in fixed order.

    Folders come in the order of their names, files of a folder before its folders. Folders with
    up to `CHUNK` files are never split. What cannot be listed is yielded as if it were a file, so
    that it becomes a note. Links are not followed: what they lead to inside the folder is seen at
    its own place, what lies outside is none of its files. A file with several names is yielded
    under the first.

    Parameters
    ----------
    root
        Folder or file.
    leave_out
        A folder that is not entered: the outputs, where they are written among the images.

    Raises
    ------
    ReadError
        If there is no such file or folder.
    """
    top = Path(root)
    if not top.exists():
        raise ReadError("no such file or folder", where=str(root))
    if top.is_file():
        yield from _chunk_of_file(top.parent, top.name)
        return
    seen: set[tuple[int, int]] = set()
    waiting: list[str] = []
    for files in _folders(top, seen, _below(top, leave_out)):
        for start in range(0, len(files), CHUNK):
            some = files[start : start + CHUNK]
            if len(waiting) + len(some) > CHUNK:
                yield Chunk(files=tuple(waiting))
                waiting = []
            for name in some:
                if name.casefold().endswith(".zip"):
                    yield from _chunk_of_file(top, name)
                else:
                    waiting.append(name)
    if waiting:
        yield Chunk(files=tuple(waiting))


def _chunk_of_file(top: Path, name: str) -> Iterator[Chunk]:
    """Yield one file; of a readable archive its members."""
    members: list[str] = []
    path = top / name
    if name.casefold().endswith(".zip"):
        try:
            with Archives() as archives:
                members = sorted(
                    {m.filename for m in archives.get(str(path)).infolist() if not m.is_dir()}
                )
        except ReadError:
            members = []  # the scan will say why
    if not members:
        yield Chunk(files=(name,))
    size = max(CHUNK, -(-len(members) // _MOST_OPENINGS))
    for start in range(0, len(members), size):
        yield Chunk(files=tuple(members[start : start + size]), archive=name)


def _below(top: Path, folder: str | Path | None) -> str:
    """Return a folder as it is called below the top; empty where it is not below it."""
    if folder is None:
        return ""
    place, home = os.path.realpath(folder), os.path.realpath(top)
    if not place.startswith(os.path.join(home, "")):  # noqa: PTH118 - as realpath writes it
        return ""
    return Path(place).relative_to(home).as_posix()


def _folders(top: Path, seen: set[tuple[int, int]], without: str) -> Iterator[list[str]]:
    """Yield the files of folder after folder but for one, of a large one in pieces."""
    open_folders = [iter(("",))]
    while open_folders:
        below = next(open_folders[-1], None)
        if below is None:
            open_folders.pop()
            continue
        if below and below == without:
            continue
        try:
            yield from _files(top, below, seen)
        except OSError:
            yield [below or "."]
            continue
        open_folders.append(_subfolders(top, below))


def _files(top: Path, below: str, seen: set[tuple[int, int]]) -> Iterator[list[str]]:
    for names in _names(top / below, lambda entry: _is_file(entry, top, seen)):
        yield [f"{below}/{name}" if below else name for name in names]


def _subfolders(top: Path, below: str) -> Iterator[str]:
    try:
        for names in _names(top / below, _is_folder):
            for name in names:
                yield f"{below}/{name}" if below else name
    except OSError:
        return  # its files were listed; what has gone since is not there


def _names(folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> Iterator[list[str]]:
    """Yield the names of the wanted entries of a folder in order, so many at once.

    Raises
    ------
    OSError
        If it cannot be listed.
    """
    last = ""
    while True:
        with os.scandir(folder) as entries:
            later = (entry for entry in entries if entry.name > last)
            some = heapq.nsmallest(_AT_ONCE, ((e.name, e) for e in later), key=lambda pair: pair[0])
        names = [name for name, entry in some if wanted(entry)]
        if names:
            yield names
        if len(some) < _AT_ONCE:
            return
        last = some[-1][0]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.name != _ANNEX
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str], top: Path, seen: set[tuple[int, int]]) -> bool:
    """Say whether an entry is a file that was not seen under another name."""
    try:
        if entry.is_symlink():
            if not _into_annex(entry, top):
                return False
            status = entry.stat()
        elif entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            if status.st_nlink < 2:
                return True  # no other name: nothing to be remembered
        else:
            return False
    except OSError:
        return not entry.is_dir(follow_symlinks=False)
    identity = (status.st_dev, status.st_ino)
    if not status.st_ino or identity not in seen:
        seen.add(identity)
        return True
    return False


def _into_annex(entry: os.DirEntry[str], top: Path) -> bool:
    """Say whether a link leads to a file inside the folder that is not seen at its own place."""
    target = Path(os.path.realpath(entry.path))
    home = Path(os.path.realpath(top))
    return (
        target.is_relative_to(home)
        and _ANNEX in target.relative_to(home).parts[:-1]
        and (target.is_file())
    )
