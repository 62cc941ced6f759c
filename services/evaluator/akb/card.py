"""The data card of a release, in Markdown: what it holds, who verified it, and how far its form gives answers away.

The head is that of a dataset card (https://huggingface.co/docs/hub/datasets-cards).
"""

from collections import Counter
from collections.abc import Sequence

from services.evaluator.akb.checks import LETTERS, length_shares
from services.evaluator.akb.question import Question

WAYS = {
    "rule": "a function of `earwitness akb verify --by-rule` computes the answer: it accepts it and rejects every other"
    " choice",
    "source": "the author names the standard, textbook or paper in which the fact stands; no second person has compared"
    " them",
    "author": "the author gives the reason in one sentence",
    "people": "annotators accepted it independently, or an adjudicator decided",
}


def card(name: str, version: str, licence: str, questions: Sequence[Question], notes: str = "") -> str:
    """Returns the card."""
    parts = [
        _head(name, version, licence),
        f"# {name} {version}",
        f"{len(questions)} multiple-choice questions about sound, in text alone, each with one right answer.",
        notes.strip(),
        "## Contents",
        _contents(questions),
        "## How the answers were verified",
        _verified(questions),
        "## Form",
        _form(questions),
        "## Files",
        f"`{name}.jsonl` has one JSON object a line: `id`, `question`, `choices`, `answer` (the text of the right"
        " choice), `category`, `subcategory`, `verified_by` and `evidence`. `SHA256SUMS` has the checksums.",
        f"Licence: {licence}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(name: str, version: str, licence: str) -> str:
    fields = {"pretty_name": name, "version": version, "license": licence.lower(), "language": "en"}
    lines = [f"{key}: {value}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "task_categories:", "- multiple-choice", "---"])


def _contents(questions: Sequence[Question]) -> str:
    ways = [way for way in WAYS if any(each.verified_by == way for each in questions)]
    head = ["Category", "Subcategories", "Questions", *ways]
    rows = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for category in (*dict.fromkeys(each.category for each in questions), "All"):
        group = [each for each in questions if category in (each.category, "All")]
        counts = Counter(each.verified_by for each in group)
        subs = Counter(each.subcategory for each in group)
        named = (
            f"{len(subs)} subcategories" if category == "All" else "; ".join(f"{sub} {n}" for sub, n in subs.items())
        )
        rows.append([category, named, str(len(group)), *(str(counts[way]) for way in ways)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _verified(questions: Sequence[Question]) -> str:
    used = [way for way in WAYS if any(each.verified_by == way for each in questions)]
    lines = [f"- **{way}**: {WAYS[way]}." for way in used]
    if "people" not in used:
        lines.append("\nNo answer has been verified by an independent annotator.")
    return "\n".join(lines)


def _form(questions: Sequence[Question]) -> str:
    longest, shortest = length_shares(questions)
    chance = sum(1 / len(each.choices) for each in questions) / len(questions)
    letters = Counter(LETTERS[each.choices.index(each.answer)] for each in questions)
    counted = ", ".join(f"{letter} {letters[letter]}" for letter in sorted(letters))
    return (
        f"The answer stands at {counted}. Always taking the longest choice is right {longest:.0%} of the time, always"
        f" taking the shortest {shortest:.0%}; chance is {chance:.0%}."
    )
