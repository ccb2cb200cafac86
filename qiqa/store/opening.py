"""Open the history: connect, create or migrate the schema, refuse what cannot be used."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert
from sqlalchemy.engine import URL

from qiqa.core.canonical import canonical_json
from qiqa.core.errors import StoreError
from qiqa.core.finding import Finding, Severity
from qiqa.store import location, schema
from qiqa.store.faults import guard
from qiqa.store.store import Store
from qiqa.store.transactions import writing
from qiqa.store.triggers import immutable_ddl

__all__ = ["open_store"]

BUSY_TIMEOUT_S = 10.0


def open_store(url: str | None = None, *, create: bool = True) -> Store:
    """Open the history database.

    Parameters
    ----------
    url
        Path of a SQLite file or URL of SQLite or PostgreSQL; None: environment variable
        QIQA_STORE, else `history.db` in the user's data folder. `?timeout=SECONDS` in a SQLite
        URL sets how long to wait for another program's lock.
    create
        True to store results: the database is created or migrated where needed and must be
        writable. False to read only: it must exist in this version's schema.

    Raises
    ------
    StoreError
        If it cannot be found, read, written (with `create`), is not a database, belongs to
        another program, was written by a newer version, is locked, or its driver is missing.
    """
    resolved = location.resolve(url)
    shown = resolved.render_as_string(hide_password=True)
    path = location.sqlite_path(resolved)
    if path is not None:
        _check_path(path, create=create, is_default=path == location.default_path())
    share = None if path is None else location.network_share(path)
    engine = _engine(resolved if create or path is None else _for_reading(resolved, path), shown)
    try:
        with guard(shown):
            _prepare(engine, resolved, create=create, wal=share is None)
    except BaseException:
        engine.dispose()
        raise
    findings = () if share is None else (_on_share(shown, share),)
    return Store(engine=engine, url=shown, findings=findings)


def _check_path(path: Path, *, create: bool, is_default: bool) -> None:
    if path.is_dir():
        raise StoreError("is a folder, not a file", where=str(path), hint="give a file in it")
    if path.exists():
        if not os.access(path, os.R_OK):
            hint = "allow reading the file, or choose another place with QIQA_STORE"
            raise StoreError("the file cannot be read", where=str(path), hint=hint)
        if create and not os.access(path, os.W_OK):
            # with a log beside it, SQLite itself would notice only at the first insert
            hint = "allow writing to the file, or choose another place with QIQA_STORE"
            raise StoreError("the file is read-only", where=str(path), hint=hint)
        return
    if not create:
        hint = "store a result first, or give the right path"
        raise StoreError("there is no history here yet", where=str(path), hint=hint)
    try:
        if is_default:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror}"
        hint = "choose another place with QIQA_STORE"
        raise StoreError(message, where=str(path.parent), hint=hint) from error
    if not path.parent.is_dir():
        hint = "make the folder first, or correct the path"
        raise StoreError("the folder does not exist", where=str(path.parent), hint=hint)


def _for_reading(url: URL, path: Path) -> URL:
    """Return a URL that reads a file on a read-only disk, where no log can be kept beside it."""
    if os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists():
        return url
    query = {"uri": "true", "mode": "ro", "immutable": "1"}
    return url.set(database=path.as_uri()).update_query_dict(query)


def _engine(url: URL, shown: str) -> Engine:
    options: dict[str, Any] = {"json_serializer": canonical_json, "hide_parameters": True}
    if url.get_backend_name() == "sqlite" and "timeout" not in url.query:
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S}
    try:
        engine = create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the driver {error.name!r} for PostgreSQL is not installed",
            where=shown,
            hint="pip install 'qiqa[postgres]'",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    # the driver's own transaction control starts late and not for reads; ours is explicit
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _on_sqlite_begin(connection: Connection) -> None:
    # a writer takes the lock at once: two savers wait for each other instead of failing later
    kind = "IMMEDIATE" if connection.get_execution_options().get("qiqa_writing") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {kind}")


def _prepare(engine: Engine, url: URL, *, create: bool, wal: bool) -> None:
    """Bring the schema to HEAD (with `create`), or refuse."""
    shown = url.render_as_string(hide_password=True)
    with engine.connect() as connection:
        revision = _revision(connection, shown)
    if revision is None and create:
        _create(engine, shown, wal=wal)
        return
    if revision is None:
        hint = "store a result first, or give the right path"
        raise StoreError("holds no history yet", where=shown, hint=hint)
    if revision not in schema.REVISIONS:
        raise StoreError(
            f"has schema {revision}; this version of qiqa knows schemas up to {schema.HEAD}",
            where=shown,
            hint="use the newer version of qiqa that wrote it, or another database",
        )
    if revision != schema.HEAD:
        if not create:
            hint = "open it once for storing, which migrates it (a backup is kept)"
            raise StoreError(
                f"has the older schema {revision}, not {schema.HEAD}", where=shown, hint=hint
            )
        # Alembic takes longer to import than everything else here together
        from qiqa.store.migrate import migrate

        migrate(engine, url, revision)
    elif create:
        with writing(engine):
            pass  # only to learn now, not after an hour of measuring, that it can be written


def _revision(connection: Connection, shown: str) -> str | None:
    """Return the schema revision, None for an empty database; refuse foreign ones."""
    if connection.dialect.name == "sqlite":
        listing = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        listing = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    tables = set(connection.exec_driver_sql(listing).scalars())
    if not tables:
        return None
    if schema.VERSION_TABLE not in tables:
        hint = "give the path or URL of a history, or of a database that is empty"
        raise StoreError("is the database of another program", where=shown, hint=hint)
    query = f"SELECT version_num FROM {schema.VERSION_TABLE}"  # noqa: S608 - a constant
    return str(connection.exec_driver_sql(query).scalar_one())


def _create(engine: Engine, shown: str, *, wal: bool) -> None:
    """Create the schema as the migrations would, without importing Alembic."""
    if wal and engine.dialect.name == "sqlite":
        _switch_to_wal(engine)
    with writing(engine) as connection:
        if _revision(connection, shown) is not None:
            return  # another process was faster
        for tables in (schema.metadata, schema.version.metadata):
            tables.create_all(connection, checkfirst=False)
        for statement in immutable_ddl(connection.dialect.name, schema.IMMUTABLE):
            connection.exec_driver_sql(statement)
        connection.execute(insert(schema.version).values(version_num=schema.HEAD))


def _switch_to_wal(engine: Engine) -> None:
    """Let readers and one writer work side by side; the mode stays with the file.

    SQLite does not wait for the lock that this switch needs, so wait here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    with closing(engine.raw_connection()) as raw:
        while not _try_wal(raw.cursor()):
            if time.monotonic() > deadline:
                raise StoreError("is locked by another program", where=str(engine.url))
            time.sleep(0.02)


def _try_wal(cursor: Any) -> bool:
    """Return False where another program holds the file."""
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            return False
        raise
    return True


def _on_share(shown: str, kind: str) -> Finding:
    return Finding(
        code="store_on_network_share",
        severity=Severity.WARNING,
        message=f"the history lies on a network file system ({kind}); SQLite may be damaged there "
        "when two computers write at once",
        where=shown,
        hint="keep the file on a local disk, or use PostgreSQL for several computers",
    )
