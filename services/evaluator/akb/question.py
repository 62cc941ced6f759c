"""One question of a text benchmark, and the JSONL file of many: the form in which every step of the builder meets.

It is the AKB format of `services.evaluator.benchmarks.akb` with who verified an answer and by what evidence.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from earwitness.errors import MalformedRow, NotFound

_ARGUMENT = re.compile(r"\s*(?:,\s*)?(\w+)=")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A multiple-choice question with one right answer. The fields are the keys of a line, in their order."""

    id: str = ""
    question: str
    choices: tuple[str, ...]
    answer: str
    """The text of the right choice."""
    category: str
    subcategory: str
    verified_by: str = ""
    """What vouches for the answer: "rule", "source" or "author", or "people"; "" for a draft."""
    evidence: str = ""
    """The rule as a call, the citation, the reason, or which model drafted it."""

    @property
    def distractors(self) -> tuple[str, ...]:
        """The wrong choices, in the order of all."""
        return tuple(choice for choice in self.choices if choice != self.answer)

    @property
    def place(self) -> str:
        """Where a reader finds it: its id, or its words."""
        return self.id or repr(self.question)

    @property
    def content(self) -> str:
        """What makes it the same question, whatever its id and the order of its choices: SHA-256, hex."""
        parts = [self.question, sorted(self.choices), self.answer]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def fault_of_form(question: Question) -> str:
    """Says what is wrong with a question's form, "" if nothing is."""
    texts = [question.question, *question.choices, question.category, question.subcategory]
    if any(text != text.strip() or not text or "\n" in text for text in texts):
        return "a text is blank, has outer blanks or a line break"
    if len(question.choices) < 2:
        return f"{len(question.choices)} choices"
    if len({choice.casefold() for choice in question.choices}) != len(question.choices):
        return "two choices are the same"
    if question.answer not in question.choices:
        return "the answer is none of the choices"
    return ""


def read(path: Path) -> list[Question]:
    """Returns the questions of a file; raises `NotFound`, and `MalformedRow` with file and line for a wrong row."""
    decoder = msgspec.json.Decoder(Question)
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        raise NotFound(f"there is no file {path}", "questions", "check the path") from None
    found: list[Question] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            question = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise MalformedRow(str(error), f"{path.name}:{number}", "correct the row") from None
        if fault := fault_of_form(question):
            raise MalformedRow(fault, f"{path.name}:{number}", "correct the row")
        found.append(question)
    return found


def render(questions: Iterable[Question]) -> bytes:
    """Returns the file's bytes: one JSON object a line, in UTF-8."""
    return "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in questions).encode()


def write(path: Path, questions: Iterable[Question]) -> None:
    """Writes a file, whole or not at all, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.partial")
    scratch.write_bytes(render(questions))
    scratch.replace(path)


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, without punctuation."""
    return re.findall(r"\w+", text.casefold())


def normalised(text: str) -> str:
    """Returns a text in lower case with its words parted by single blanks, without punctuation."""
    return " ".join(words(text))


def repeated(questions: Sequence[Question]) -> list[tuple[Question, Question]]:
    """Returns each question that asks what an earlier one asked, after that one.

    Case, punctuation and blanks make no difference, nor do quoted words if the choices and the answer are the same too.
    """
    first: dict[object, int] = {}
    found: list[tuple[Question, Question]] = []
    for at, question in enumerate(questions):
        frame = normalised(re.sub(r'"[^"]*"', "", question.question))
        options = frozenset(map(normalised, question.choices))
        for key in (normalised(question.question), (question.subcategory, frame, options, normalised(question.answer))):
            if (before := first.setdefault(key, at)) != at:
                found.append((questions[before], question))
                break
    return found


def to_call(evidence: dict[str, object]) -> str:
    """Returns a rule with its arguments as a call: `syllable_count(word="caterpillar")`."""
    arguments = (f"{key}={json.dumps(value)}" for key, value in evidence.items() if key != "rule")
    return f"{evidence['rule']}({', '.join(arguments)})"


def from_call(text: str) -> dict[str, object]:
    """Returns the rule and its arguments that `to_call` wrote; raises `ValueError` for any other text."""
    name, opened, rest = text.partition("(")
    if not opened or not rest.endswith(")") or not name.isidentifier():
        raise ValueError(f"{text!r} is no call of a rule")
    evidence: dict[str, object] = {"rule": name}
    rest, decoder = rest[:-1], json.JSONDecoder()
    at = 0
    while at < len(rest):
        match = _ARGUMENT.match(rest, at)
        if not match:
            raise ValueError(f"{text!r} is no call of a rule")
        evidence[match[1]], at = decoder.raw_decode(rest, match.end())
    return evidence
