"""From an older ledger to this one: one step for each version, run once, whoever opens the ledger first."""

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from earwitness.errors import InvalidInput
from services.evaluator.ledger import schema

LOCK = 6_175_823
"""Of PostgreSQL's advisory locks, any number that is ours."""
STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE answers ADD COLUMN option_scores TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE answers ADD COLUMN seconds FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE answers ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE captions ADD COLUMN audio_s FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE captions ADD COLUMN seconds FLOAT NOT NULL DEFAULT 0",
    ),
}
"""By the version that a step starts from. New tables need none: those that are missing are made."""


def migrate(connection: sa.Connection) -> None:
    """Makes a new ledger's tables, or adds to an older one what it lacks, within the connection's transaction.

    Raises InvalidInput for a ledger that a later Earwitness wrote.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    known = sa.inspect(connection).has_table(schema.version.name)
    found = connection.scalar(sa.select(sa.func.max(schema.version.c.version))) if known else None
    if found is not None and found > schema.SCHEMA_VERSION:
        text = f"the ledger has version {found}, this Earwitness reads {schema.SCHEMA_VERSION}"
        raise InvalidInput(text, "ledger", "use the Earwitness that wrote it, or a new ledger")
    for version in range(found or schema.SCHEMA_VERSION, schema.SCHEMA_VERSION):
        for statement in STEPS[version]:
            connection.exec_driver_sql(statement)
    for table in schema.metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    if found != schema.SCHEMA_VERSION:
        connection.execute(schema.version.delete())
        connection.execute(schema.version.insert().values(version=schema.SCHEMA_VERSION))
