"""The same history on a real PostgreSQL server."""

import concurrent.futures

import pytest
import sqlalchemy as sa

from qiqa.core.errors import StoreError
from qiqa.store import open_store


def test_the_whole_way(postgres, make_result, now, acquired):
    with open_store(postgres()) as store:
        assert store.findings == ()
        store.save(make_result(entries=(("note", "NUL \x00 µ"),)), user="jd", now=now)
        second = store.save(make_result(algorithms=("wall_edges/2",)), user="jd", now=now)
        assert second.superseded_id == 1
        assert not store.save(make_result(algorithms=("wall_edges/2",)), user="x", now=now).created
        first, one_sided, missing = store.rows()
        assert first["standard_uncertainty"] == 0.1 + 0.2
        assert first["acquired_at"] == acquired
        assert one_sided["interval"] == [90.0, None]
        assert missing["value"] is None
        assert store.history().value.tolist() == [190.25, 91.25]
        assert store.previous(first["series_key"], now.replace(tzinfo=None))[0].value == 190.25
        assert store.verify() == ()


@pytest.mark.parametrize(
    "change", ["UPDATE entry SET value = '1'", "DELETE FROM exam", "TRUNCATE exam CASCADE"]
)
def test_stored_rows_refuse_change(postgres, make_result, now, change):
    with open_store(postgres()) as store:
        store.save(make_result(), user="jd", now=now)
        with (
            store.engine.connect() as connection,
            pytest.raises(sa.exc.DBAPIError, match="immutable"),
        ):
            connection.exec_driver_sql(change)
        assert store.verify() == ()


def test_many_create_and_store_at_once(postgres, make_result, now):
    url = postgres()

    def work(name):
        with open_store(url) as store:
            for number in range(5):
                store.save(make_result(files=(name, str(number))), user=name, now=now)
                store.save(make_result(files=("shared", str(number))), user=name, now=now)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    with open_store(url, create=False) as store:
        assert len(store.exams(include_superseded=True)) == 25
        assert store.verify() == ()


def test_server_faults_are_explained(postgres):
    url = postgres()
    with pytest.raises(StoreError, match="does not exist"):
        open_store(url + "_typo")
    other = sa.engine.make_url(url.replace("postgresql:", "postgresql+psycopg:"))
    engine = sa.create_engine(other)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    engine.dispose()
    with pytest.raises(StoreError, match="another program"):
        open_store(url)
