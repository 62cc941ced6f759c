"""The store's tables, and the step that makes them."""

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from earwitness.errors import InvalidInput

SCHEMA_VERSION = 1
LOCK = 6_175_824
"""Of PostgreSQL's advisory locks, any number that is ours and not the ledger's."""
metadata = sa.MetaData()
version = sa.Table("akb_store", metadata, sa.Column("version", sa.Integer, primary_key=True))
questions = sa.Table(
    "akb_questions",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, index=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("added_at", sa.Float, nullable=False),
)
"""What is to be verified, as it was added: never changed."""
annotations = sa.Table(
    "akb_annotations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("question", sa.String(64), nullable=False, index=True),
    sa.Column("annotator", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("edited", sa.Text, nullable=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("round", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
"""Rows are only ever added, so that every edit stays with who made it and when."""


def make(connection: sa.Connection) -> None:
    """Makes the tables that are missing; raises InvalidInput for a store that a later Earwitness wrote."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    found = connection.scalar(sa.select(sa.func.max(version.c.version)))
    if found is None:
        connection.execute(version.insert().values(version=SCHEMA_VERSION))
    elif found > SCHEMA_VERSION:
        text = f"the store has version {found}, this Earwitness reads {SCHEMA_VERSION}"
        raise InvalidInput(text, "store", "use the Earwitness that wrote it, or a new store")
