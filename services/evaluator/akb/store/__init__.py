"""The store of annotations: who accepted, edited or rejected which question, when, and how long it took.

`Annotations` is all that a page or a terminal needs; it works on SQLite and PostgreSQL, as the ledger does.
"""

from services.evaluator.akb.store.annotations import Annotations
from services.evaluator.akb.store.entries import Annotation, Standing, Verdict

__all__ = ["Annotation", "Annotations", "Standing", "Verdict"]
