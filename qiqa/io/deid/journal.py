"""The log of a de-identified folder: what was done per file, without anything from a header.

It is also what makes a run resumable: a file that the log says was written, and that is still
there, is not read again.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Self, TextIO

from qiqa import __version__
from qiqa.core.errors import OutputError, UsageError
from qiqa.io.deid.dataset import Tally
from qiqa.io.export import reported

__all__ = ["JOURNAL_NAME", "JOURNAL_SCHEMA", "Entry", "Journal"]

JOURNAL_NAME = "deidentification.csv"
JOURNAL_SCHEMA = "qiqa.deidentification/1"
_COUNTS = tuple(field.name for field in dataclasses.fields(Tally))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file."""

    source: str
    """Digest of the original's content under the key: tells it from others, and nothing else."""
    outcome: str
    """`written`, `duplicate`, `refused` or `not_dicom`."""
    reason: str = ""
    """Code of the refusal."""
    output: str = ""
    """Below the folder, with forward slashes."""
    sha256: str = ""
    codes: str = ""
    """Profile and options, PS3.16 CID 7050, with blanks between."""
    tally: Tally = dataclasses.field(default_factory=Tally)


_FIELDS = (
    *("schema", "program", "settings"),
    *(field.name for field in dataclasses.fields(Entry) if field.name != "tally"),
    *_COUNTS,
)


class Journal:
    """The log, open for adding; use as a context manager.

    Parameters
    ----------
    folder
        Where the de-identified images are.
    settings
        Digest of key, options and rules: one folder holds what was made in one way.

    Raises
    ------
    UsageError
        If the log there was made with another key, other options or rules, or is no such log.
    OutputError
        If it cannot be read or written.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self.path = folder / JOURNAL_NAME
        self.settings = settings
        self.done: dict[str, Entry] = {}
        """Source -> what was written for it, or what it is a duplicate of."""
        self.outputs: dict[str, str] = {}
        """Output -> source."""
        self._told: set[tuple[str, str]] = set()
        whole = self._read() if self.path.exists() else None
        with reported(str(self.path)):
            self._file: TextIO = self.path.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        if whole is None:
            self._row(_FIELDS)
        elif not whole:
            self._row(())  # ends a line that an interruption left half written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Write an entry, at once, so that an interruption loses none.

        What an earlier run said of a file that was not written is not said again.
        """
        if entry.outcome in ("refused", "not_dicom") and (entry.source, entry.reason) in self._told:
            return
        counts = dataclasses.asdict(entry.tally)
        values = [JOURNAL_SCHEMA, f"qiqa {__version__}", self.settings]
        values += [getattr(entry, name) for name in _FIELDS[3 : -len(_COUNTS)]]
        self._row([*values, *(counts[name] for name in _COUNTS)])
        self._remember(entry)

    def _row(self, values: tuple[str, ...] | list[str]) -> None:
        with reported(str(self.path)):
            self._writer.writerow(values)
            self._file.flush()

    def _remember(self, entry: Entry) -> None:
        self._told.add((entry.source, entry.reason))
        if entry.outcome in ("written", "duplicate"):
            self.done[entry.source] = entry
        if entry.outcome == "written":
            self.outputs[entry.output] = entry.source

    def _read(self) -> bool:
        """Take in what was done; return whether the last line is whole."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise OutputError(f"cannot be read: {error}", where=str(self.path)) from error
        rows = list(csv.DictReader(text.splitlines()))
        for row in rows:
            if None in row.values() or row.get("schema") != JOURNAL_SCHEMA:
                continue  # cut short by an interruption
            if row["settings"] != self.settings:
                raise UsageError(
                    "holds images made with another key, other options or other rules",
                    where=str(self.path.parent),
                    hint="give a new folder, or the key and options that this one was made with",
                )
            self._remember(
                Entry(
                    source=row["source"],
                    outcome=row["outcome"],
                    reason=row["reason"],
                    output=row["output"],
                    sha256=row["sha256"],
                )
            )
        if text and not text.startswith("schema,"):
            raise UsageError("is no log of de-identified images", where=str(self.path))
        return text.endswith("\n") or not text
