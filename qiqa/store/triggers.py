"""Triggers that make stored results immutable: a correction is a new row."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["immutable_ddl"]

_MESSAGE = "qiqa: stored results are immutable; store a new exam that supersedes this one"

_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION qiqa_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def immutable_ddl(dialect: str, tables: Iterable[str]) -> tuple[str, ...]:
    """Return the statements that refuse every UPDATE and DELETE on `tables`.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql` (which also refuses TRUNCATE; SQLite has none).
    tables
        Names of tables of this schema; never names from outside.
    """
    if dialect == "postgresql":
        return (_POSTGRESQL_FUNCTION, *(ddl for t in tables for ddl in _postgresql(t)))
    return tuple(ddl for table in tables for ddl in _sqlite(table))


def _sqlite(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_refuse_{change.lower()} BEFORE {change} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        for change in ("UPDATE", "DELETE")
    )


def _postgresql(table: str) -> tuple[str, ...]:
    row = "FOR EACH ROW EXECUTE FUNCTION qiqa_refuse_change()"
    whole = "FOR EACH STATEMENT EXECUTE FUNCTION qiqa_refuse_change()"
    return (
        f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE ON {table} {row}",
        f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} {whole}",
    )
