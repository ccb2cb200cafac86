"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from qiqa.core.errors import OutputError

__all__ = ["made_folder", "remove_own", "write_whole"]


def made_folder(folder: Path) -> Path:
    """Make a folder for pages where it is not there, and return it.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be made: {error.strerror or error}",
            where=str(folder),
            hint="choose another folder with --output",
        ) from error
    return folder


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` beside `path`, move it there, and return `path`.

    What stood there before stays until the new file is complete.

    Raises
    ------
    OutputError
        If it cannot be written: no such folder, no permission, disk full, open elsewhere.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".qiqa-", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # Temporary files are for their maker only; a report is for the department.
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            hint="close it if it is open elsewhere, free some space, or choose another folder",
        ) from error
    finally:  # also when interrupted
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def remove_own(paths: Iterable[Path], mark: str) -> None:
    """Remove pages that an earlier run wrote: files that hold `mark`, and no others.

    Raises
    ------
    OutputError
        If one cannot be removed.
    """
    for path in sorted(paths):
        try:
            if path.is_symlink() or mark not in path.read_text(encoding="utf-8", errors="replace"):
                continue
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(
                f"is of an earlier run and cannot be removed: {error.strerror or error}",
                where=str(path),
                hint="remove it yourself, or choose another folder with --output",
            ) from error
