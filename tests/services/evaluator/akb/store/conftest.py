"""The store is tried on both databases, as the ledger is."""

from tests.services.evaluator.ledger.conftest import postgres_url, url

__all__ = ["postgres_url", "url"]
