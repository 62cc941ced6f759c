"""The ledger: every answer and caption ever paid for, written once, before it counts.

Rows are keyed by a hash of all that could change them, so a run that is started again finds what it has and asks only
for the rest. Evaluators that share a ledger claim a key before they ask, so that nothing is paid twice. `store` reads
and writes, `claims` says who asks what, `schema` has the tables and `migrations` brings older ledgers up to them. It
knows no scores.
"""

from services.evaluator.ledger.entries import CaptionEntry, Entry, Leg
from services.evaluator.ledger.schema import SCHEMA_VERSION
from services.evaluator.ledger.store import BUSY, MINE, Claimed, Ledger

__all__ = ["BUSY", "MINE", "SCHEMA_VERSION", "CaptionEntry", "Claimed", "Entry", "Ledger", "Leg"]
