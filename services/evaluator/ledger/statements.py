"""The SQL of the hot path: written in SQLAlchemy Core, and compiled once, which costs more than running it.

Parameters go by name. A list of keys is one parameter, as `Statements.many` gives it.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.evaluator.ledger import schema


class Statements:
    """Statements as strings of one dialect."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._postgres = dialect.name == "postgresql"
        answers, captions, claims = schema.answers, schema.captions, schema.claims
        ours = claims.c.owner == sa.bindparam("claimant")
        scored = (answers.c.prompt_tokens, answers.c.completion_tokens, answers.c.option_scores)
        found = sa.select(answers.c.key, answers.c.text, answers.c.finish_reason, *scored)
        self.find_answers = self._compile(found.where(self._among(answers)))
        self.find_captions = self._compile(sa.select(captions.c.key, captions.c.text).where(self._among(captions)))
        self.find_claims = self._compile(sa.select(claims.c.key).where(self._among(claims), ours))
        self.drop_claims = self._compile(claims.delete().where(self._among(claims), ours))
        self.put_answers, self.put_captions = self._put(answers), self._put(captions)
        self.take_claims = self._take()

    def many(self, keys: Iterable[str]) -> Any:
        """Returns keys as the value of the parameter `keys`."""
        return list(keys) if self._postgres else json.dumps(list(keys))

    def _among(self, table: sa.Table) -> sa.ColumnElement[bool]:
        if self._postgres:
            return table.c.key == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(sa.Text)))
        listed = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("value")
        return table.c.key.in_(sa.select(listed.c.value))

    def _take(self) -> str:
        """Claims the keys that nobody has, and returns them."""
        keys = sa.bindparam("keys", type_=postgresql.ARRAY(sa.Text) if self._postgres else sa.Text)
        unnested = sa.func.unnest(keys).table_valued("value").render_derived()
        listed = unnested if self._postgres else sa.func.json_each(keys).table_valued("value")
        wanted = sa.select(listed.c.value, sa.bindparam("claimant", type_=sa.Text)).where(sa.true())
        insert = (postgresql.insert if self._postgres else sqlite.insert)(schema.claims)
        taken = insert.from_select(["key", "owner"], wanted).on_conflict_do_nothing()
        return self._compile(taken.returning(schema.claims.c.key))

    def _put(self, table: sa.Table) -> str:
        """An INSERT that leaves taken keys alone."""
        insert = postgresql.insert(table) if self._postgres else sqlite.insert(table)
        return self._compile(insert.on_conflict_do_nothing())

    def _compile(self, statement: sa.ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))
