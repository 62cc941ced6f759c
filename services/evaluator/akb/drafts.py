"""What a model is asked for and what is read from its reply: the prompt, the schema, and the questions in the text."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from services.evaluator.akb.question import Question, fault_of_form
from services.evaluator.akb.taxonomy import Category, Subcategory

SHOWN = 12
"""Earlier questions that a prompt shows, so that they are not asked again."""
NUM_DISTRACTORS = 3
_BEGUN = re.compile(r'"questions"\s*:\s*\[')
_NEXT = re.compile(r"[\s,]*(\{)")
LONGEST_QUESTION, LONGEST_CHOICE, LONGEST_SOURCE = 300, 120, 200
"""Letters. A small model left to itself goes on until its tokens are spent, and the reply is lost."""
PROMPT = """\
Write {number} multiple-choice questions for a benchmark of what language models know about sound.

Category: {category}: {category_about}.
Subcategory: {subcategory}: {subcategory_about}.

Each question can be answered from its text alone, without hearing anything, by somebody who knows the field. It has
one answer that is right beyond doubt and {distractors} distractors that are wrong beyond doubt, yet plausible: of the
same kind, the same length and the same wording as the answer. Do not repeat words of the question in the answer alone.
Do not use "all of the above" or "none of the above". Vary difficulty and wording. Name in `source` the textbook,
standard or paper that settles the answer.
{asked}
Reply with JSON: {{"questions": [{{"question", "answer", "distractors", "source"}}, ...]}}."""


def schema(most: int) -> dict[str, Any]:
    """Returns the JSON schema of a reply with up to so many questions."""
    choice = _text(LONGEST_CHOICE)
    distractors = {"type": "array", "items": choice, "minItems": NUM_DISTRACTORS, "maxItems": NUM_DISTRACTORS}
    question = _object(
        {
            "question": _text(LONGEST_QUESTION),
            "answer": choice,
            "distractors": distractors,
            "source": _text(LONGEST_SOURCE),
        }
    )
    return _object({"questions": {"type": "array", "items": question, "minItems": 1, "maxItems": most}})


def prompt(category: Category, subcategory: Subcategory, number: int, asked: Sequence[str]) -> str:
    """Returns the words that ask for so many questions of a subcategory, unlike those already asked."""
    shown = [f"- {question}" for question in asked[-SHOWN:]]
    told = ["", "Ask nothing that these ask already:", *shown, ""] if shown else [""]
    return PROMPT.format(
        number=number,
        category=category.name,
        category_about=category.about,
        subcategory=subcategory.name,
        subcategory_about=subcategory.about,
        distractors=NUM_DISTRACTORS,
        asked="\n".join(told),
    )


class _Draft(msgspec.Struct):
    question: str
    answer: str
    distractors: list[str]
    source: str = ""


class _Reply(msgspec.Struct):
    questions: list[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with one draft of a reply, or with the reply."""

    text: str
    draft: str
    """What it is about, as the model wrote it."""


def questions_in(text: str, category: str, subcategory: str, model: str) -> tuple[list[Question], list[Fault]]:
    """Returns the well-formed questions of a reply, the answer first, and what is wrong with each of the others.

    Prose or a code fence around the JSON is passed over; of a reply that breaks off, the whole questions count.
    """
    rows, faults = _rows(text)
    questions: list[Question] = []
    for row in rows:
        try:
            draft = msgspec.convert(row, _Draft)
        except msgspec.ValidationError as error:
            faults.append(Fault(text=str(error), draft=json.dumps(row, ensure_ascii=False)))
            continue
        question = _question(draft, category, subcategory, model)
        if fault := _fault(draft, question):
            faults.append(Fault(text=fault, draft=question.question))
        else:
            questions.append(question)
    return questions, faults


def _fault(draft: _Draft, question: Question) -> str:
    if len(draft.distractors) != NUM_DISTRACTORS:
        return f"{len(draft.distractors)} distractors"
    if len(draft.question) >= LONGEST_QUESTION or max(map(len, question.choices)) >= LONGEST_CHOICE:
        return f"a choice of {LONGEST_CHOICE} letters or a question of {LONGEST_QUESTION}, where the schema cuts it off"
    return fault_of_form(question)


def _rows(text: str) -> tuple[list[Any], list[Fault]]:
    """Returns what stands for questions in a reply, and what is wrong with the reply as a whole."""
    decoder = json.JSONDecoder()
    try:
        found, _ = decoder.raw_decode(text, text.index("{"))
        return msgspec.convert(found, _Reply).questions, []
    except json.JSONDecodeError as error:
        problem = error.msg
    except (ValueError, msgspec.ValidationError) as error:
        return [], [Fault(text=f"the reply is no JSON of questions: {error}", draft=text.strip())]
    begun = _BEGUN.search(text)
    rows: list[Any] = []
    at = begun.end() if begun else 0
    while begun and (row := _NEXT.match(text, at)):
        try:
            found, at = decoder.raw_decode(text, row.start(1))
        except json.JSONDecodeError:
            break
        rows.append(found)
    told = f"the reply breaks off after {len(rows)} whole questions: {problem}"
    return rows, [Fault(text=told, draft=text[at:].strip(" ,\n"))]


def _question(draft: _Draft, category: str, subcategory: str, model: str) -> Question:
    choices = tuple(" ".join(choice.split()) for choice in (draft.answer, *draft.distractors))
    source = " ".join(draft.source.split())
    return Question(
        question=" ".join(draft.question.split()),
        choices=choices,
        answer=choices[0],
        category=category,
        subcategory=subcategory,
        evidence=f"drafted by {model}" + (f", which names: {source}" if source else ""),
    )


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
