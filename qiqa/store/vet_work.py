"""What is known of a set so far, in one SQLite file: a run that was killed goes on from it.

Every result is written in one transaction with the word that it is done: nothing is lost and
nothing is done twice. It holds no identity of a person, but for what free texts of headers say.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from qiqa.core.canonical import storable
from qiqa.core.errors import StoreError
from qiqa.core.vet_record import note_from, summary_from
from qiqa.core.vetting import FileNote, SeriesSummary

__all__ = ["VetWork"]

_VERSION = "2"
_PAGE = 500
_WAIT_S = 1.0
"""For a process that was just ended; one at work holds the file for hours."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunk(name TEXT PRIMARY KEY, digest TEXT NOT NULL,
    files INTEGER NOT NULL, run INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part(series_uid TEXT NOT NULL, chunk TEXT NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY(series_uid, chunk)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS part_chunk ON part(chunk);
CREATE TABLE IF NOT EXISTS note(path TEXT PRIMARY KEY, chunk TEXT NOT NULL, data BLOB NOT NULL)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS note_chunk ON note(chunk);
CREATE TABLE IF NOT EXISTS summary(series_uid TEXT PRIMARY KEY, data BLOB NOT NULL,
    signature BLOB NOT NULL, thumbnail BLOB NOT NULL) WITHOUT ROWID;
"""


class VetWork:
    """One file, held by one process; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self.of_other_version = False
        """Whether another version of qiqa wrote it: nothing of it is used, all is read anew."""

    def __enter__(self) -> Self:
        """Open the file, making it where there is none.

        Raises
        ------
        StoreError
            If it cannot be opened, or another process holds it.
        """
        try:
            self._db = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self.__exit__()
            raise StoreError(
                f"the working file cannot be used: {error}",
                where=str(self.path),
                hint="is another qiqa vet at work there? else name another folder with -o",
            ) from error
        found = self.get("version") or _VERSION
        try:
            if found != _VERSION:
                self.forget_scanned()
                self.of_other_version = True
            self.put("version", _VERSION)
        except StoreError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def db(self) -> sqlite3.Connection:
        """The open connection."""
        if self._db is None:
            raise StoreError("the working file is not open", where=str(self.path))
        return self._db

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[sqlite3.Connection]:
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield self.db
            self.db.execute("COMMIT")
        except BaseException as error:
            if self.db.in_transaction:  # a full disk has ended it already
                self.db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise StoreError(
                    f"the working file cannot be written: {error}",
                    where=str(self.path),
                    hint="make room; the same command goes on where it was",
                ) from error
            raise

    def get(self, key: str) -> str | None:
        """Return a remark on the whole, or None."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        """Keep a remark on the whole."""
        with self._all_or_nothing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # --- scanning -----------------------------------------------------------------------------

    def is_scanned(self, name: str, digest: str, run: int) -> bool:
        """Say whether a chunk of files was scanned as it is now, and mark it as still there."""
        name = storable(name)
        row = self.db.execute("SELECT digest FROM chunk WHERE name = ?", (name,)).fetchone()
        if row is None or row[0] != digest:
            return False
        with self._all_or_nothing() as db:
            db.execute("UPDATE chunk SET run = ? WHERE name = ?", (run, name))
        return True

    def add_scanned(
        self,
        name: str,
        digest: str,
        files: int,
        run: int,
        parts: Sequence[tuple[str, bytes]],
        notes: Sequence[tuple[str, bytes]],
    ) -> None:
        """Keep what a chunk of files holds; series that it touches are to be examined anew.

        Parameters
        ----------
        name, digest, files
            The chunk, what it was made of, and how many files it has.
        run
            Number of this listing: chunks of an earlier one are gone.
        parts
            Series UID and its facts, packed.
        notes
            Path and its note, packed.
        """
        # names of files may hold what is no text; in the packed facts they are as they were
        name = storable(name)
        series = [(storable(uid), name, data) for uid, data in parts]
        others = [(storable(path), name, data) for path, data in notes]
        with self._all_or_nothing() as db:
            self._forget(db, name)
            db.executemany("INSERT INTO part VALUES (?, ?, ?)", series)
            db.executemany("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", others)
            db.executemany("DELETE FROM summary WHERE series_uid = ?", [row[:1] for row in series])
            db.execute("INSERT INTO chunk VALUES (?, ?, ?, ?)", (name, digest, files, run))

    def _forget(self, db: sqlite3.Connection, name: str) -> None:
        db.execute(
            "DELETE FROM summary WHERE series_uid IN (SELECT series_uid FROM part WHERE chunk = ?)",
            (name,),
        )
        for table in ("part", "note"):
            db.execute(f"DELETE FROM {table} WHERE chunk = ?", (name,))  # noqa: S608 - two names
        db.execute("DELETE FROM chunk WHERE name = ?", (name,))

    def forget_before(self, run: int) -> int:
        """Forget chunks that this listing has not seen, and return how many there were."""
        gone = self.db.execute("SELECT name FROM chunk WHERE run < ?", (run,)).fetchall()
        with self._all_or_nothing() as db:
            for (name,) in gone:
                self._forget(db, name)
            db.execute("DELETE FROM summary WHERE series_uid NOT IN (SELECT series_uid FROM part)")
        return len(gone)

    def forget_scanned(self) -> None:
        """Forget everything that was read: it would be read otherwise now."""
        with self._all_or_nothing() as db:
            for table in ("summary", "part", "note", "chunk"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - four names

    def files(self) -> int:
        """Return how many files were scanned."""
        return int(self.db.execute("SELECT COALESCE(SUM(files), 0) FROM chunk").fetchone()[0])

    def notes(self) -> Iterator[FileNote]:
        """Yield files that are part of no series, by path."""
        for (data,) in self.db.execute("SELECT data FROM note ORDER BY path"):
            yield note_from(data)

    def notes_named(self, name: str) -> Iterator[FileNote]:
        """Yield those whose file has a name, by path."""
        ends = (name, f"%/{name}", f"%: {name}")  # beside folders, and at the top of an archive
        for (data,) in self.db.execute(
            "SELECT data FROM note WHERE path = ? OR path LIKE ? OR path LIKE ? ORDER BY path", ends
        ):
            yield note_from(data)

    def has_series(self, beginning: str) -> bool:
        """Say whether there is a series whose UID begins so."""
        first = storable(beginning)
        row = self.db.execute(
            "SELECT series_uid FROM part WHERE series_uid >= ? ORDER BY series_uid LIMIT 1",
            (first,),
        ).fetchone()
        return row is not None and str(row[0]).startswith(first)

    # --- examining ----------------------------------------------------------------------------

    def count(self) -> tuple[int, int]:
        """Return how many series there are, and how many are examined."""
        series = self.db.execute("SELECT COUNT(DISTINCT series_uid) FROM part").fetchone()[0]
        done = self.db.execute("SELECT COUNT(*) FROM summary").fetchone()[0]
        return int(series), int(done)

    def to_examine(self) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """Yield series that are not examined, each with its parts in the order of chunks."""
        after = ""
        while True:
            # page by page: what is written meanwhile does not disturb what is read
            page = self.db.execute(
                "SELECT DISTINCT series_uid FROM part WHERE series_uid > ? AND series_uid NOT IN "
                "(SELECT series_uid FROM summary) ORDER BY series_uid LIMIT ?",
                (after, _PAGE),
            ).fetchall()
            for (uid,) in page:
                parts = self.db.execute(
                    "SELECT data FROM part WHERE series_uid = ? ORDER BY chunk", (uid,)
                ).fetchall()
                yield uid, tuple(data for (data,) in parts)
            if not page:
                return
            after = page[-1][0]

    def add_examined(self, rows: Iterable[tuple[str, bytes, bytes, bytes]]) -> None:
        """Keep series UID, packed summary, signature and thumbnail of examined series."""
        kept = [(storable(uid), *rest) for uid, *rest in rows]
        with self._all_or_nothing() as db:
            db.executemany("INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?)", kept)

    def forget_examined(self) -> None:
        """Forget what was examined: other checks or settings see other things."""
        self.db.execute("DELETE FROM summary")

    def summaries(self) -> Iterator[SeriesSummary]:
        """Yield examined series with their signatures, in the order of their UIDs."""
        for data, signature in self.db.execute(
            "SELECT data, signature FROM summary ORDER BY series_uid"
        ):
            yield summary_from(data, signature)

    def thumbnail(self, series_uid: str) -> bytes:
        """Return the small picture of a series; empty where there is none."""
        row = self.db.execute(
            "SELECT thumbnail FROM summary WHERE series_uid = ?", (storable(series_uid),)
        ).fetchone()
        return b"" if row is None else bytes(row[0])
