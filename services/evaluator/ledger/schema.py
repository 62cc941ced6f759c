"""The ledger's tables. A change here is a new version, with a step in `migrations`."""

import sqlalchemy as sa

SCHEMA_VERSION = 2
metadata = sa.MetaData()
version = sa.Table("ledger", metadata, sa.Column("version", sa.Integer, primary_key=True))
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("benchmark", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("backbone", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
    sa.Column("option_scores", sa.Text, nullable=False, server_default=""),
    sa.Column("seconds", sa.Float, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
)
captions = sa.Table(
    "captions",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("captioner", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
    sa.Column("audio_s", sa.Float, nullable=False, server_default="0"),
    sa.Column("seconds", sa.Float, nullable=False, server_default="0"),
)
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("benchmark", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
)
owners = sa.Table(
    "owners",
    metadata,
    sa.Column("owner", sa.String(200), primary_key=True),
    sa.Column("seen_at", sa.Float, nullable=False),
)
"""Evaluators at work, and when each was last heard of."""
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
)
"""Keys that an evaluator is asking about."""
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)
"""What the evaluator service was told to run, and what came of it."""
legs = sa.Table(
    "legs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False, index=True),
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("captions", sa.Integer, nullable=False),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("audio_s", sa.Float, nullable=False),
    sa.Column("prefix", sa.Integer, nullable=False),
)
"""What each start of a run has done so far: a killed one keeps what it had written down."""
