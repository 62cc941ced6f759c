"""What changed from one version of a benchmark to the next, question by question."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.evaluator.akb.question import Question

FIELDS = ("question", "choices", "answer", "category", "subcategory", "verified_by", "evidence")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A question that is another in the new version, and in which fields."""

    old: Question
    new: Question
    fields: tuple[str, ...]

    @property
    def asks_anew(self) -> bool:
        """Whether models are asked something else, so that their old answers do not count."""
        return bool({"question", "choices"} & set(self.fields))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What one version has that the other has not."""

    same: int
    added: tuple[Question, ...]
    removed: tuple[Question, ...]
    changed: tuple[Change, ...]

    @property
    def to_ask(self) -> int:
        """How many questions of the new version no answer to the old one can serve."""
        return len(self.added) + sum(change.asks_anew for change in self.changed)


def difference(old: Sequence[Question], new: Sequence[Question]) -> Difference:
    """Returns what changed. Questions are the same by id, else by content; a mere change of id is none."""
    by_id = {question.id: question for question in old if question.id}
    by_content = {question.content: question for question in old}
    same, seen = 0, set[int]()
    added: list[Question] = []
    changed: list[Change] = []
    for question in new:
        before = by_id.get(question.id) or by_content.get(question.content)
        if before is None:
            added.append(question)
            continue
        seen.add(id(before))
        fields = tuple(name for name in FIELDS if getattr(before, name) != getattr(question, name))
        if fields:
            changed.append(Change(old=before, new=question, fields=fields))
        else:
            same += 1
    removed = tuple(question for question in old if id(question) not in seen)
    return Difference(same=same, added=tuple(added), removed=removed, changed=tuple(changed))
