"""The tables of the history. The columns of a measurement derive from the one row schema."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from qiqa.core.rows import COLUMNS

__all__ = [
    "HEAD",
    "IMMUTABLE",
    "REVISIONS",
    "VERSION_TABLE",
    "audit",
    "entry",
    "exam",
    "exam_values",
    "finding",
    "layout",
    "measurement",
    "metadata",
    "record",
    "source_file",
    "version",
]

REVISIONS = ("0001", "0002")
"""Every schema revision, oldest first; a test holds it against the migrations."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "qiqa_version"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _json() -> JSON:
    return JSON(none_as_null=True)


_TYPES: dict[str, Any] = {"text": Text, "number": Double, "integer": Integer, "json": _json}


def _exam_id() -> Column[int]:
    return Column("exam_id", Integer, ForeignKey("exam.id"), nullable=False, index=True)


# as Alembic would make it; apart, because Alembic does not compare it
version = Table(
    VERSION_TABLE,
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)

exam = Table(
    "exam",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", Text, nullable=False, index=True),
    Column("input_identity", Text, nullable=False, index=True),
    Column("schema", Text, nullable=False),
    # UTC, without zone, when and by whom the row was stored
    Column("created_at", DateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    # the scanner's wall clock
    Column("acquired_at", DateTime, index=True),
    Column("scanner", Text, index=True),
    Column("scanner_label", Text, nullable=False),
    Column("scanner_fields", _json(), nullable=False),
    Column("protocol", Text, nullable=False),
    Column("phantom", Text, nullable=False),
    Column("phantom_unit", Text),
    Column("verdict", Text, nullable=False),
    # what is hashed: the canonical JSON of the whole exam
    Column("payload", Text, nullable=False),
    Column("payload_sha256", Text, nullable=False),
    # unique: two rows cannot follow the same one, nor supersede the same one
    Column("chain_previous", Text, nullable=False, unique=True),
    Column("chain", Text, nullable=False, unique=True),
    Column("supersedes", Integer, ForeignKey("exam.id"), unique=True),
    Column("supersede_reason", Text),
)

measurement = Table(
    "measurement",
    metadata,
    Column("id", Integer, primary_key=True),
    _exam_id(),
    Column("position", Integer, nullable=False),
    Column("acquired_at", DateTime),
    Column("scanner", Text),
    Column("epoch", Text),
    *(Column(column.name, _TYPES[column.type]()) for column in COLUMNS),
    Index(None, "series_key", "acquired_at"),
    Index(None, "name", "scanner"),
)

finding = Table(
    "finding",
    metadata,
    Column("id", Integer, primary_key=True),
    _exam_id(),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("where", Text),
    Column("hint", Text),
    Column("series_uid", Text),
)

entry = Table(
    "entry",
    metadata,
    Column("id", Integer, primary_key=True),
    _exam_id(),
    Column("entry_id", Text, nullable=False),
    Column("value", Text, nullable=False),
)

source_file = Table(
    "source_file",
    metadata,
    Column("id", Integer, primary_key=True),
    _exam_id(),
    Column("kind", Text, nullable=False),  # input or definition
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("exam_id", Integer, ForeignKey("exam.id"), index=True),
    Column("detail", _json()),
)

record = Table(
    "record",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # event, baseline, alarm or decision
    # `*`: about all scanners
    Column("scanner", Text, index=True),
    # UTC, without zone
    Column("created_at", DateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    # canonical JSON, `qiqa.record/1`
    Column("content", Text, nullable=False),
    Column("chain_previous", Text, nullable=False, unique=True),
    Column("chain", Text, nullable=False, unique=True),
)

layout = Table(
    "layout",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    # canonical JSON: what stands at each position of exam_values.packed
    Column("content", Text, nullable=False),
)

# the numbers of `measurement` once more, one row an exam: years of many scanners in seconds
exam_values = Table(
    "exam_values",
    metadata,
    Column("exam_id", Integer, ForeignKey("exam.id"), primary_key=True),
    Column("layout_id", Integer, ForeignKey("layout.id"), nullable=False),
    Column("scanner", Text),
    Column("acquired_at", DateTime),
    # as a person entered it
    Column("temperature_degc", Double),
    # see packing.py
    Column("packed", LargeBinary, nullable=False),
    Index(None, "scanner", "acquired_at"),
)

IMMUTABLE = (
    "exam",
    "measurement",
    "finding",
    "entry",
    "source_file",
    "audit",
    "record",
    "layout",
    "exam_values",
)
