"""Database faults as StoreError: what is wrong, where, what to do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from qiqa.core.errors import StoreError

__all__ = ["guard"]

_SQLITE: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": (
        "the disk (or its quota) is full; nothing was stored",
        "make room and run again: the same exam is stored once",
    ),
    "SQLITE_BUSY": (
        "the database is locked by another program",
        "close what else uses it and run again, or wait longer with ?timeout=SECONDS in the URL",
    ),
    "SQLITE_READONLY": (
        "the database or its folder is read-only",
        "allow writing to the file and its folder, or choose another place with QIQA_STORE",
    ),
    "SQLITE_CANTOPEN": (
        "the file cannot be opened",
        "check that the folder exists and that you may read and write there",
    ),
    "SQLITE_PERM": ("access is denied", "check the permissions of the file and its folder"),
    "SQLITE_AUTH": ("access is denied", "check the permissions of the file and its folder"),
    "SQLITE_NOTADB": (
        "the file is not an SQLite database",
        "give the path of a history file, or of one that does not exist yet",
    ),
    "SQLITE_CORRUPT": ("the database is damaged", "restore the file from a backup"),
    "SQLITE_IOERR": (
        "the disk reports a fault while reading or writing",
        "check the disk or network share and run again",
    ),
}
_SQLITE["SQLITE_LOCKED"] = _SQLITE["SQLITE_BUSY"]
_SQLITE["SQLITE_PROTOCOL"] = _SQLITE["SQLITE_BUSY"]

# SQLSTATE codes, PostgreSQL manual, appendix A
_POSTGRESQL: dict[str, tuple[str, str]] = {
    "53100": _SQLITE["SQLITE_FULL"],
    "55P03": _SQLITE["SQLITE_BUSY"],
    "25006": ("the database is read-only", "connect to the primary server"),
    "42501": ("the database user may not do this", "grant the user rights on the tables"),
}

_UNREACHABLE = "check that the server runs, and user, password and database in the URL"


@contextlib.contextmanager
def guard(where: str) -> Iterator[None]:
    """Turn any database fault inside into a StoreError about the database `where`.

    Parameters
    ----------
    where
        The database as shown to the user, without password.

    Raises
    ------
    StoreError
        For every fault that the database or its driver reports.
    """
    try:
        yield
    except DBAPIError as error:
        message, hint = _explain(error.orig)
        raise StoreError(message, where=where, hint=hint) from error
    except sqlite3.Error as error:
        message, hint = _explain(error)
        raise StoreError(message, where=where, hint=hint) from error


def _explain(error: BaseException | None) -> tuple[str, str | None]:
    """Return what is wrong in words, and what to do where that is known."""
    if isinstance(error, sqlite3.Error):
        name: str = getattr(error, "sqlite_errorname", "") or ""
        # extended codes append to the primary one: SQLITE_READONLY_DIRECTORY
        for code, answer in _SQLITE.items():
            if name == code or name.startswith(f"{code}_"):
                return answer
        return str(error), None
    state = getattr(error, "sqlstate", None)
    if state in _POSTGRESQL:
        return _POSTGRESQL[state]
    lines = str(error).strip().splitlines() or [repr(error)]
    # a failed connection carries no code, only the server's words
    return lines[0], _UNREACHABLE if state is None else None
