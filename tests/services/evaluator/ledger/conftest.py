"""Every law of the ledger holds on SQLite and on PostgreSQL."""

import os
from contextlib import closing

import pytest
import sqlalchemy as sa

from services.evaluator.ledger import Ledger
from tools import postgres


@pytest.fixture(scope="session")
def postgres_url():
    """A real server; skipped where PostgreSQL is not installed, unless the environment asks for it."""
    if postgres.binaries() is None and not os.environ.get(postgres.REQUIRED):
        pytest.skip("PostgreSQL is not installed")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.sqlite"
        return
    with postgres.database(request.getfixturevalue("postgres_url")) as made:
        yield made


@pytest.fixture
def ledger(url):
    with closing(Ledger(url)) as opened:
        yield opened


@pytest.fixture
def rows(url):
    """Reads with SQL what stands in the database."""

    def read(query: str) -> list[tuple[object, ...]]:
        made = sa.make_url(url)
        engine = sa.create_engine(
            made.set(drivername="postgresql+psycopg") if made.drivername == "postgresql" else made
        )
        with engine.begin() as connection:
            result = connection.exec_driver_sql(query)
            found = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return found

    return read
