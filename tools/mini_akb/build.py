"""Checks the authored questions and writes mini-akb.

    python -m tools.mini_akb.build [--check] [--categories phonetic,sound]

Every question that is verified by rule is judged again: the rule has to accept the answer and to reject each
distractor. The place of the answer and the order of the distractors follow hashes of the question with a fixed seed,
so that the file is the same, byte for byte, wherever it is built, and every letter is the answer to a quarter of each
category.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import EarwitnessError, MalformedRow
from tools.mini_akb.rules import fault, load_rules
from tools.mini_akb.sources import CATEGORIES, Category, Question, read

OUTPUT = Path(__file__).parents[2] / "services/evaluator/data/mini-akb/mini-akb.jsonl"
SEED = "mini-akb 1"
LETTERS = "ABCD"

Row = dict[str, str | list[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A question with its place in the taxonomy."""

    category: str
    subcategory: str
    content: Question

    @property
    def place(self) -> str:
        """Where an author finds the question."""
        return f"{self.category.lower()}.yaml: {self.content.question!r}"


def entries(categories: Iterable[Category]) -> list[Entry]:
    """Returns every question of the categories in the order of the files."""
    return [
        Entry(category=category.category, subcategory=subcategory.name, content=question)
        for category in categories
        for subcategory in category.subcategories
        for question in subcategory.questions
    ]


def verify(found: Sequence[Entry]) -> None:
    """Judges every question that is verified by rule; raises `MalformedRow` on the first that fails."""
    load_rules()
    for entry in found:
        content = entry.content
        if isinstance(content.evidence, dict):
            wrong = fault(content.evidence, content.answer, content.distractors)
            if wrong:
                raise MalformedRow(wrong, entry.place, "correct the question or its evidence")


def refuse_duplicates(found: Sequence[Entry]) -> None:
    """Raises `MalformedRow` on a question that is asked twice.

    Case, punctuation and blanks make no difference, nor do quoted words if the options and the answer are the same too.
    """
    seen: dict[object, Entry] = {}
    for entry in found:
        content = entry.content
        frame = normalised(re.sub(r'"[^"]*"', "", content.question))
        options = frozenset(map(normalised, content.choices))
        for key in (normalised(content.question), (entry.subcategory, frame, options, normalised(content.answer))):
            if key in seen:
                raise MalformedRow(f"it repeats {seen[key].place}", entry.place, "ask something else")
            seen[key] = entry


def normalised(text: str) -> str:
    """Returns a text in lower case with its words parted by single blanks, without punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def rows(found: Sequence[Entry]) -> Iterator[Row]:
    """Yields the rows of the file, in the order of the questions."""
    letters = answer_letters(found)
    for number, (entry, letter) in enumerate(zip(found, letters, strict=True), start=1):
        content = entry.content
        choices = sorted(content.distractors, key=lambda text: _digest(content.question, text))
        choices.insert(LETTERS.index(letter), content.answer)
        yield {
            "id": f"mini-akb-{number:04d}",
            "question": content.question,
            "choices": choices,
            "answer": content.answer,
            "category": entry.category,
            "subcategory": entry.subcategory,
            "verified_by": content.verified_by,
            "evidence": evidence_text(content.evidence),
        }


def answer_letters(found: Sequence[Entry]) -> list[str]:
    """Returns each answer's letter: within a category they take turns over the questions in the order of a hash."""
    letters: dict[str, str] = {}
    for category in dict.fromkeys(entry.category for entry in found):
        questions = [entry.content.question for entry in found if entry.category == category]
        for turn, question in enumerate(sorted(questions, key=_digest)):
            letters[question] = LETTERS[turn % len(LETTERS)]
    return [letters[entry.content.question] for entry in found]


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join((SEED, *parts)).encode()).digest()


def evidence_text(evidence: str | dict[str, object]) -> str:
    """Returns the evidence as one string; a rule's reads as a call, `syllable_count(word="caterpillar")`."""
    if isinstance(evidence, str):
        return evidence
    arguments = (f"{key}={json.dumps(value)}" for key, value in evidence.items() if key != "rule")
    return f"{evidence['rule']}({', '.join(arguments)})"


def render(made: Iterable[Row]) -> bytes:
    """Returns the file's bytes: one JSON object a line, in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made).encode()


def length_bias(found: Sequence[Entry]) -> tuple[float, float]:
    """Returns how often one would be right by always taking the longest and the shortest option, ties broken by lot."""

    def share(extreme: int, content: Question) -> float:
        lengths = [len(choice) for choice in content.choices]
        return (len(content.answer) == extreme) / lengths.count(extreme)

    contents = [entry.content for entry in found]
    longest = sum(share(max(map(len, content.choices)), content) for content in contents)
    shortest = sum(share(min(map(len, content.choices)), content) for content in contents)
    return longest / len(contents), shortest / len(contents)


def checked(names: Iterable[str] = CATEGORIES) -> list[Entry]:
    """Returns the questions of these categories once all checks have passed."""
    found = entries([read(name) for name in names])
    refuse_duplicates(found)
    verify(found)
    return found


def summary(found: Sequence[Entry]) -> str:
    """Returns what the builder reports: counts, and how far an option's length gives the answer away."""
    lines: list[str] = []
    for name in (*dict.fromkeys(entry.category for entry in found), "all"):
        group = [entry for entry in found if name in (entry.category, "all")]
        ways = Counter(entry.content.verified_by for entry in group)
        longest, shortest = length_bias(group)
        counts = ", ".join(f"{ways[way]} by {way}" for way in ("rule", "source", "author"))
        lines.append(f"{name}: {len(group)} ({counts}); answer longest {longest:.0%}, shortest {shortest:.0%}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the builder; returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.mini_akb.build", description="Check and write mini-akb.")
    parser.add_argument("--check", action="store_true", help="verify the questions and the file, write nothing")
    parser.add_argument("--categories", help="verify these only, such as phonetic,sound; write nothing")
    options = parser.parse_args(arguments)
    try:
        found = checked(str(options.categories).title().split(",") if options.categories else CATEGORIES)
    except EarwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(summary(found) + "\n")
    if options.categories:
        return 0
    content = render(rows(found))
    if options.check:
        same = OUTPUT.is_file() and OUTPUT.read_bytes() == content
        sys.stdout.write("the file is up to date\n" if same else "the file differs: build it again\n")
        return 0 if same else 1
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
