"""One transaction for one act of writing: all of it is stored, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

__all__ = ["writing"]

_WRITE_LOCK = 0x71697161
"""Key of the PostgreSQL advisory lock; any number that other programs do not use."""


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection inside a transaction that alone may write; commit at the end.

    Writers take turns from the start, so what one reads before it writes (the end of the chain,
    the latest result of an exam) cannot change under it.
    """
    with engine.connect() as connection:
        alone = connection.execution_options(qiqa_writing=True)
        with alone.begin():
            if alone.dialect.name == "postgresql":
                alone.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
            yield alone
