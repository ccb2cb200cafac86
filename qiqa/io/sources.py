"""Files behind paths: folders walked, zip archives opened, gzip unpacked, all within limits."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from qiqa.core.errors import ReadError

__all__ = ["Archives", "Blob", "blob_at", "gunzip", "walk"]

# an 11-slice series is 2 MB and a long multi-echo study 2 GB; beyond these it is a bomb
_LARGEST_FILE = 8 << 30
_LARGEST_ARCHIVE = 32 << 30
_MOST_MEMBERS = 500_000
_HIGHEST_RATIO = 250.0
"""Unpacked over packed size; empty air packs about 100 to 1, a bomb 1000 to 1."""
_RATIO_MATTERS_FROM = 64 << 20


@dataclasses.dataclass(slots=True)
class Archives:
    """Zip archives that are open while a reading goes on; use as a context manager."""

    opened: dict[str, zipfile.ZipFile] = dataclasses.field(default_factory=dict)
    stack: contextlib.ExitStack = dataclasses.field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stack.close()
        self.opened.clear()

    def get(self, path: str) -> zipfile.ZipFile:
        """Return the archive at `path`, opened once.

        Raises
        ------
        ReadError
            If it is no readable zip archive or larger than any honest one.
        """
        if path not in self.opened:
            try:
                archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
                raise ReadError(f"not a readable zip archive: {error}", where=path) from error
            self.stack.enter_context(archive)
            _check_archive(archive, path)
            self.opened[path] = archive
        return self.opened[path]


def _check_archive(archive: zipfile.ZipFile, path: str) -> None:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        text = f"{len(members)} members, at most {_MOST_MEMBERS} are read"
        raise ReadError(text, where=path, hint="unpack it and give the folder")
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    bomb = total > _RATIO_MATTERS_FROM and total > _HIGHEST_RATIO * max(packed, 1)
    if total > _LARGEST_ARCHIVE or bomb:
        text = f"would unpack from {packed} to {total} bytes, which no set of images does"
        raise ReadError(text, where=path, hint="unpack it and give the folder")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One file or archive member. Its bytes are read when asked for."""

    path: str
    member: str | None = None
    size: int
    """Bytes as stored, before gzip is undone."""

    @property
    def name(self) -> str:
        """Path for messages."""
        return self.path if self.member is None else f"{self.path}: {self.member}"

    @property
    def short_name(self) -> str:
        """Name of the file alone."""
        return Path(self.member or self.path).name

    def read(self, archives: Archives, limit: int | None = None) -> bytes:
        """Return the stored bytes, all or the first `limit`.

        Raises
        ------
        ReadError
            If they cannot be read, or are more than the largest file allowed.
        """
        if limit is None and self.size > _LARGEST_FILE:
            raise ReadError(f"{self.size} bytes, at most {_LARGEST_FILE} are read", where=self.name)
        count = min(self.size, _LARGEST_FILE if limit is None else limit)
        try:
            if self.member is None:
                with Path(self.path).open("rb") as file:
                    return file.read(count)
            with archives.get(self.path).open(self.member) as file:
                return file.read(count)
        except (
            OSError,
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise ReadError(f"cannot be read: {error}", where=self.name) from error


def gunzip(packed: bytes, name: str, limit: int | None = None) -> bytes:
    """Return what gzip holds, all or the first `limit` bytes.

    Raises
    ------
    ReadError
        If it is damaged, or unpacks to more than honest images do.
    """
    most = min(_LARGEST_FILE, max(_RATIO_MATTERS_FROM, int(len(packed) * _HIGHEST_RATIO)))
    count = most if limit is None else min(limit, most)
    machine = zlib.decompressobj(wbits=31)
    try:
        data = machine.decompress(packed, count)
    except zlib.error as error:
        raise ReadError(f"damaged gzip data: {error}", where=name) from error
    if limit is None and machine.unconsumed_tail:
        raise ReadError(f"gzip data unpack to more than {most} bytes", where=name)
    if limit is None and not machine.eof:
        raise ReadError("gzip data end too early", where=name)
    return data


def walk(paths: Sequence[str | Path], archives: Archives) -> Iterator[Blob | ReadError]:
    """Yield every regular file behind `paths` once, in a fixed order; errors are yielded too.

    Raises
    ------
    ReadError
        If a path that was given does not exist.
    """
    seen: set[tuple[int, int] | str] = set()
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise ReadError("no such file or folder", where=str(path))
        files = sorted(_files(path)) if path.is_dir() else [str(path)]
        for file in files:
            yield from _open(file, seen, archives)


def _files(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        for file in files:
            yield str(Path(root) / file)


def _open(
    file: str, seen: set[tuple[int, int] | str], archives: Archives
) -> Iterator[Blob | ReadError]:
    try:
        status = Path(file).stat()
    except OSError as error:
        yield ReadError(f"cannot be read: {error.strerror}", where=file)
        return
    identity = (status.st_dev, status.st_ino) if status.st_ino else str(Path(file).resolve())
    if not stat.S_ISREG(status.st_mode) or identity in seen:
        return
    seen.add(identity)
    if not _is_zip(file):
        yield Blob(path=file, size=status.st_size)
        return
    try:
        members = archives.get(file).infolist()
    except ReadError as error:
        yield error
        return
    for member in sorted(members, key=lambda info: info.filename):
        if not member.is_dir():
            yield Blob(path=file, member=member.filename, size=member.file_size)


def _is_zip(file: str) -> bool:
    try:
        with Path(file).open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def blob_at(path: str, member: str | None = None, archives: Archives | None = None) -> Blob:
    """Return one file, or one member of an archive.

    Raises
    ------
    ReadError
        If it is not there.
    """
    if member is not None and archives is not None:
        try:
            size = archives.get(path).getinfo(member).file_size
        except KeyError as error:
            raise ReadError("not in the archive", where=f"{path}: {member}") from error
        return Blob(path=path, member=member, size=size)
    try:
        return Blob(path=path, size=Path(path).stat().st_size)
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", where=path) from error
