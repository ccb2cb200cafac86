"""The file that holds the secret of a trial: made for its owner alone, never too short."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.pseudonyms import PseudonymKey

__all__ = ["is_private", "key_from", "make_key"]


def key_from(path: str | Path) -> PseudonymKey:
    """Return the key in a file; line ends around it do not count.

    Raises
    ------
    UsageError
        If the file cannot be read or holds fewer than 32 bytes.
    """
    try:
        content = Path(path).read_bytes().strip(b"\r\n")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        return PseudonymKey(content)
    except UsageError as error:
        raise UsageError(error.message, where=str(path), hint=error.hint) from None


def make_key(path: str | Path) -> PseudonymKey:
    """Make a key of 256 random bits, as 64 letters and digits, that its owner alone may read.

    It gets its name when it is written whole: a process that is killed leaves no half of a key. On
    Windows the permissions are those of the folder.

    Raises
    ------
    OutputError
        If the file is there already or cannot be written.
    """
    text = secrets.token_hex(32)
    place = Path(path)
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            # from the first moment on nobody else may read it
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{text}\n")
                file.flush()
                os.fsync(file.fileno())
            _give_name(beside, place)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"the key cannot be written: {error.strerror}",
            where=str(path),
            hint="name a file in a folder that exists and that only you can read",
        ) from error
    return PseudonymKey(text.encode("ascii"))


def _give_name(beside: Path, place: Path) -> None:
    """Move a whole file to its place, at once, where no file of that name is there.

    Raises
    ------
    OSError
        If one is there.
    """
    if os.name == "nt":
        beside.rename(place)  # which there takes the place of nothing
        return
    try:
        os.link(beside, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without second names: FAT, some shares
        if place.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from None
        beside.replace(place)


def is_private(path: str | Path) -> bool:
    """Say whether only the owner may read a file; on Windows always, since modes say nothing."""
    return os.name == "nt" or not Path(path).stat().st_mode & 0o077
