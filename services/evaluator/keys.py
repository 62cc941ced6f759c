"""The ledger's keys: a hash of all that can change an answer.

It is over JSON as `json.dumps` writes it, put together by hand: it is made for every item of a run.
"""

import hashlib
import json
from dataclasses import asdict
from json.encoder import encode_basestring as quote

from earwitness.identity import Identity
from services.evaluator.items import Item, Setting
from services.evaluator.plan import Plan
from services.evaluator.settings import Question


class AnswerKeys:
    """The keys of one run's answers.

    The rendered prompt holds the template's wording and, in the cascade, the caption; the fingerprint stands for
    weights, tokenizer, chat template, dtype and engine, and in the audio setting for the connector too.
    """

    def __init__(self, identity: Identity, setting: Setting, plan: Plan) -> None:
        asked = [plan.answering] if plan.answering != "generate" else []
        thought = ["thinking"] if plan.thinking else []
        self._middle = json.dumps([identity.fingerprint, setting])[1:-1]
        self._end = json.dumps([asdict(plan.sampling), plan.sample, *asked, *thought], ensure_ascii=False)[1:-1]

    def of(self, item: Item, question: Question) -> str:
        """Returns the key of the answer to an item, put as a question: SHA-256, hex."""
        turns = ", ".join([f"[{quote(turn.role)}, {quote(turn.content)}]" for turn in question.turns])
        digest = item.digest(question.audio_sha256)
        text = f'["answer", "{digest}", {self._middle}, [{turns}], {self._end}]'
        return hashlib.sha256(text.encode()).hexdigest()
