"""Where the history lies: from option, environment or default to a database URL."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from qiqa.core.errors import StoreError

__all__ = ["default_path", "network_share", "resolve", "sqlite_path"]

ENVIRONMENT = "QIQA_STORE"

_NETWORK_TYPES = re.compile(
    r"^(nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|lustre|glusterfs|davfs"
    r"|fuse\.(sshfs|glusterfs|ceph|s3fs|rclone|davfs2?|smbnetfs))$"
)


def default_path() -> Path:
    """Return where the history lies when nobody says otherwise."""
    return Path(platformdirs.user_data_dir("qiqa", appauthor=False)) / "history.db"


def resolve(url: str | None) -> URL:
    """Return the database URL of `url`, else of the environment, else of the default file.

    A text without `://` is the path of a SQLite file. `postgresql://` uses psycopg.

    Raises
    ------
    StoreError
        If it is neither a path nor a URL of SQLite or PostgreSQL.
    """
    given = url if url is not None else os.environ.get(ENVIRONMENT) or None
    if given is None:
        return URL.create("sqlite", database=str(default_path()))
    if "://" not in given:
        return _sqlite(URL.create("sqlite", database=given), given)
    try:
        parsed = make_url(given)
    except (ArgumentError, ValueError) as error:
        # the text itself may hold a password: it is not repeated
        message = "the URL of the history database cannot be understood"
        hint = "write sqlite:///FILE, the path of a file, or postgresql://USER@HOST/DATABASE"
        raise StoreError(message, hint=hint) from error
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return _sqlite(parsed, given)
    raise StoreError(
        f"{backend!r} is not a database that can hold the history; sqlite and postgresql are",
        where=parsed.render_as_string(hide_password=True),
        hint="give the path of a file or a URL sqlite:///FILE or postgresql://USER@HOST/DATABASE",
    )


def _sqlite(url: URL, given: str) -> URL:
    database = url.database or ""
    if not database.strip() or database == ":memory:" or database.startswith("file:"):
        raise StoreError(
            f"{given!r} names no file; a history must outlive the program",
            hint="give the path of a file, for instance sqlite:///qc/history.db",
        )
    return url.set(database=str(Path(database).expanduser().absolute()))


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite URL, None for other databases."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def network_share(path: Path, mounts: str | None = None) -> str | None:
    """Return the kind of network file system that `path` lies on, None where none is known.

    Best effort: mount table on Linux, UNC path on Windows.

    Parameters
    ----------
    path
        An absolute path; it need not exist.
    mounts
        Text of the mount table in the format of /proc/mounts (proc(5)); read when None.
    """
    text = str(path)
    if text.startswith(("\\\\", "//")) and not text.startswith("\\\\?\\"):
        return "UNC path"
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # the table writes blank, tab, line feed and backslash as octal escapes
        point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), fields[1])
        inside = point in {"/", text} or text.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind if _NETWORK_TYPES.match(kind) else None
