"""Bring an older history to this version's schema. Imported only when one is met."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from qiqa.core.errors import StoreError
from qiqa.store.location import sqlite_path
from qiqa.store.schema import HEAD
from qiqa.store.transactions import writing

__all__ = ["SCRIPTS", "alembic_config", "backup", "migrate"]

SCRIPTS = Path(__file__).resolve().parent / "migrations"


def alembic_config(scripts: Path = SCRIPTS, connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in `scripts`, run on `connection`."""
    config = Config()
    # the parser behind Config reads % as the start of a reference
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine, url: URL, revision: str, *, scripts: Path = SCRIPTS) -> Path | None:
    """Migrate a database from `revision` to the newest one in `scripts`, in one transaction.

    Parameters
    ----------
    engine
        The database.
    url
        Its URL; a SQLite file is copied beside itself first.
    revision
        What it has now; becomes part of the name of the copy.
    scripts
        Folder of the migrations.

    Returns
    -------
    Path or None
        The copy that was made, None for other databases than SQLite.

    Raises
    ------
    StoreError
        If the copy cannot be written, or rows lose what they refer to; nothing is changed then.
    """
    path = sqlite_path(url)
    copy = None if path is None else backup(path, revision)
    if engine.dialect.name == "sqlite":
        # SQLite changes a table by making a new one; references to the old one must rest
        # meanwhile, and that can only be switched outside of a transaction
        engine.dispose()
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA foreign_keys=OFF")
    with writing(engine) as connection:
        command.upgrade(alembic_config(scripts, connection), "head")
        _check_references(connection, url, copy)
    engine.dispose()
    return copy


def _check_references(connection: Connection, url: URL, copy: Path | None) -> None:
    if connection.dialect.name != "sqlite":
        return
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(
            "rows lost what they refer to while migrating; nothing was changed",
            where=url.render_as_string(hide_password=True),
            hint=f"keep the backup {copy} and report this",
        )


def backup(path: Path, revision: str) -> Path:
    """Copy a SQLite file, with what its log still holds, to a new file beside it.

    Returns
    -------
    Path
        `history.schema-0001.backup.db` for `history.db`, with a number where that exists.

    Raises
    ------
    StoreError
        If it cannot be written; nothing half written is left.
    """
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        copy = path.with_name(f"{path.stem}.schema-{revision}.backup{suffix}{path.suffix}")
        if not copy.exists():
            break
        number += 1
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreError(
            f"must be migrated from schema {revision} to {HEAD}, but the backup cannot be "
            f"written: {error}",
            where=str(path),
            hint="make room in the folder, or allow writing there; nothing was changed",
        ) from error
    return copy
