"""Migrations lead to the very schema that the code creates, and lose no row."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from qiqa.core.errors import StoreError
from qiqa.core.scanner import Scanner
from qiqa.store import open_store, schema
from qiqa.store.location import resolve
from qiqa.store.migrate import SCRIPTS, alembic_config, backup, migrate
from qiqa.store.transactions import writing

NEXT = '''
"""A next revision: rebuild a table with a new column, as SQLite must."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None

def upgrade():
    with op.batch_alter_table("finding", recreate="always") as batch:
        batch.add_column(sa.Column("extra", sa.Text()))
    {more}
'''


def drift(engine):
    """Return how the database differs from the tables of the code."""
    options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, schema.metadata)


def triggers(engine):
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return sorted(connection.exec_driver_sql(query).scalars())


def migrated_from_nothing(engine):
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection=connection), "head")


@pytest.fixture
def next_scripts(tmp_path):
    """Return a function that makes a folder of migrations with one more revision."""

    def make(more="pass"):
        scripts = tmp_path / "100% next"
        shutil.copytree(SCRIPTS, scripts)
        (scripts / "versions" / "0003_next.py").write_text(NEXT.format(more=more), encoding="utf-8")
        return scripts

    return make


def test_code_and_migrations_agree_on_the_newest_revision():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [schema.HEAD]
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


def test_created_and_migrated_schemas_are_the_same(tmp_path, make_result, now):
    with open_store(str(tmp_path / "created.db")) as created:
        assert drift(created.engine) == []
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
        migrated_from_nothing(engine)
        assert drift(engine) == []
        assert triggers(engine) == triggers(created.engine)
        assert len(triggers(engine)) == 2 * len(schema.IMMUTABLE)
        engine.dispose()
    with open_store(str(tmp_path / "migrated.db")) as migrated:
        migrated.save(make_result(), user="jd", now=now)
        assert migrated.verify() == ()


def test_drift_is_seen(store):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE finding ADD COLUMN extra TEXT")
    assert [change[0] for change in drift(store.engine)] == ["remove_column"]


def first_schema(engine, source):
    """Make what the first version left behind: its schema, with the rows of `source`."""
    with writing(engine) as connection, source.connect() as origin:
        command.upgrade(alembic_config(connection=connection), "0001")
        for name in sa.inspect(connection).get_table_names():
            if name != schema.VERSION_TABLE:
                table = schema.metadata.tables[name]
                if rows := [dict(row) for row in origin.execute(sa.select(table)).mappings()]:
                    connection.execute(sa.insert(table), rows)
                if rows and engine.dialect.name == "postgresql":
                    # numbers that are given do not move on what gives the next one
                    last = f"pg_get_serial_sequence('{name}', 'id'), {rows[-1]['id']}"
                    connection.exec_driver_sql(f"SELECT setval({last})")


def _several(store, make_result, now):
    """Store exams: two that count, one superseded, one of an unknown scanner and time."""
    store.save(make_result(), user="jd", now=now)
    store.save(make_result(algorithms=("wall_edges/2",)), user="jd", now=now)
    store.save(make_result(files=("c",), diameter=190.5), user="jd", now=now)
    unknown = make_result(files=("d",), scanner=Scanner(), acquired_at=None)
    store.save(unknown, user="jd", now=now)


def _everything(store):
    exams = store.exams(include_superseded=True)
    payloads = [store.payload(exam["id"]) for exam in exams]
    with store.engine.connect() as connection:
        query = "SELECT * FROM exam_values JOIN layout ON id = layout_id ORDER BY exam_id"
        packed = connection.exec_driver_sql(query).all()
    return exams, payloads, store.rows(include_superseded=True), packed


def test_first_schema_is_migrated_with_the_same_contents(tmp_path, make_result, now):
    with open_store(str(tmp_path / "new.db")) as new:
        _several(new, make_result, now)
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'history.db'}")
        first_schema(engine, new.engine)
        engine.dispose()
        before = _everything(new)
        assert len(before[-1]) == 4
    assert _revision(tmp_path / "history.db") == "0001"
    with open_store(str(tmp_path / "history.db")) as migrated:
        assert _everything(migrated) == before
        assert migrated.verify() == ()
        assert drift(migrated.engine) == []
        (series,) = migrated.columns(name="diameter_slice1_lr")
        assert series.value.tolist() == [190.25, 190.5]
        _goes_on(migrated, make_result, now)
    assert (tmp_path / "history.schema-0001.backup.db").exists()


def test_first_schema_on_postgresql_is_migrated(postgres, make_result, now):
    old = postgres()
    with open_store(postgres()) as new:
        _several(new, make_result, now)
        engine = sa.create_engine(resolve(old))
        first_schema(engine, new.engine)
        engine.dispose()
        before = _everything(new)
    with open_store(old) as migrated:
        assert _everything(migrated) == before
        assert migrated.verify() == ()
        assert drift(migrated.engine) == []
        _goes_on(migrated, make_result, now)


def _goes_on(store, make_result, now):
    """Store an exam with a layout of its own in a database that was migrated."""
    store.save(make_result(files=("e",), phantom_unit="J9"), user="jd", now=now)
    assert len(store.columns()) == 6
    assert store.verify() == ()


def _filled(path, make_result, now):
    with open_store(str(path)) as store:
        for name in ("a", "b"):
            store.save(make_result(files=(name,)), user="jd", now=now)
        return store.rows()


def _revision(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM qiqa_version").fetchone()[0]


def test_older_database_is_copied_and_migrated_with_every_row(
    tmp_path, make_result, now, next_scripts
):
    path = tmp_path / "history.db"
    before = _filled(path, make_result, now)
    with open_store(str(path)) as store:
        copy = migrate(store.engine, resolve(str(path)), "0002", scripts=next_scripts())
        assert _revision(path) == "0003"
        assert store.rows() == before
        assert store.verify() == ()
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            query = "SELECT count(*) FROM finding WHERE extra IS NULL"
            assert connection.exec_driver_sql(query).scalar() == 2
    assert copy == tmp_path / "history.schema-0002.backup.db"
    with open_store(str(copy)) as store:
        assert store.rows() == before


def test_migration_that_fails_changes_nothing(tmp_path, make_result, now, next_scripts):
    path = tmp_path / "history.db"
    before = _filled(path, make_result, now)
    with open_store(str(path)) as store:
        scripts = next_scripts('raise RuntimeError("broken migration")')
        with pytest.raises(RuntimeError, match="broken migration"):
            migrate(store.engine, resolve(str(path)), "0002", scripts=scripts)
        assert store.rows() == before
        assert drift(store.engine) == []
    assert _revision(path) == "0002"


def test_migration_that_loses_references_changes_nothing(tmp_path, make_result, now, next_scripts):
    path = tmp_path / "history.db"
    before = _filled(path, make_result, now)
    more = 'op.execute("INSERT INTO entry (exam_id, entry_id, value) VALUES (99, 1, 1)")'
    with open_store(str(path)) as store:
        with pytest.raises(StoreError, match="lost what they refer to"):
            migrate(store.engine, resolve(str(path)), "0002", scripts=next_scripts(more))
        assert store.rows() == before
    assert _revision(path) == "0002"


def test_opening_an_older_store_migrates_it_unless_only_read(
    tmp_path, make_result, now, next_scripts, monkeypatch
):
    path = tmp_path / "history.db"
    before = _filled(path, make_result, now)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "0003"))
    monkeypatch.setattr(schema, "HEAD", "0003")
    monkeypatch.setattr("qiqa.store.migrate.migrate.__kwdefaults__", {"scripts": next_scripts()})
    with pytest.raises(StoreError, match="older schema 0002"):
        open_store(str(path), create=False)
    assert _revision(path) == "0002"
    with open_store(str(path)) as store:
        assert store.rows() == before
    assert _revision(path) == "0003"
    assert (tmp_path / "history.schema-0002.backup.db").exists()


def test_backups_never_overwrite_each_other(tmp_path, make_result, now):
    path = tmp_path / "history.db"
    _filled(path, make_result, now)
    assert backup(path, "0001") != backup(path, "0001")


def test_backup_holds_what_is_still_in_the_log(tmp_path, make_result, now):
    with open_store(str(tmp_path / "history.db")) as store:
        store.save(make_result(), user="jd", now=now)
        assert Path(f"{tmp_path / 'history.db'}-wal").stat().st_size > 0
        copy = backup(tmp_path / "history.db", "0001")
    with open_store(str(copy)) as saved:
        assert len(saved.rows()) == 3


def test_postgresql_schema_has_no_drift(postgres, make_result, now):
    with open_store(postgres()) as created:
        assert drift(created.engine) == []
        url = postgres()
        engine = sa.create_engine(resolve(url))
        migrated_from_nothing(engine)
        assert drift(engine) == []
        assert triggers(engine) == triggers(created.engine)
        engine.dispose()
    with open_store(url) as migrated:
        migrated.save(make_result(), user="jd", now=now)
        assert migrated.verify() == ()
