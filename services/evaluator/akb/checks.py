"""Checks that need nothing but the questions: form, cues that give an answer away, and the balance of letters.

Each is a pure function from questions to findings. What needs a model or another set is in `guessing` and
`contamination`, what compares questions with each other in `duplicates`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.evaluator.akb.duplicates import near_duplicates
from services.evaluator.akb.question import Question, fault_of_form, repeated, words
from services.evaluator.akb.taxonomy import Taxonomy

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SURPRISE = 3.0
"""Standard deviations from which a share is no accident: chance is beyond them once in 370 times."""
OUTSTANDING = 2.0
"""How many times as long as the longest distractor an answer may be before its length tells, or as short."""
SHORT = 12
"""An answer of fewer letters is never called outstanding."""
STEM = 5
"""Words are compared by so many letters, so that "vibrate" and "vibration" count as one."""
_NUMBER = re.compile(r"(-?\d[\d,]*(?:\.\d+)?)(\D*)")
_ARTICLE = re.compile(r"^(the|an?)\s+")
_LEFTOVER = re.compile(r'[{}]|"?\b(answer|distractors|source)"?:')
CATCH_ALLS = ("all of the above", "none of the above", "both a and b", "all of these", "none of these")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a check objects to, in one question or in all."""

    check: str
    place: str
    """The question's, or what all of them have in common."""
    text: str


Check = Callable[[Sequence[Question]], list[Finding]]


def form(questions: Sequence[Question]) -> list[Finding]:
    """Finds questions without an answer among their choices, with a choice twice, or with outer blanks."""
    faults = ((question, fault_of_form(question)) for question in questions)
    return [Finding(check="form", place=question.place, text=fault) for question, fault in faults if fault]


def repeats(questions: Sequence[Question]) -> list[Finding]:
    """Finds questions that ask what an earlier one asked."""
    return [
        Finding(check="repeats", place=again.place, text=f"asks what {first.place} asks")
        for first, again in repeated(questions)
    ]


def likenesses(questions: Sequence[Question]) -> list[Finding]:
    """Finds questions that are nearly the same as an earlier one, by MinHash; raises NotReady without datasketch."""
    return [
        Finding(
            check="near-duplicates",
            place=pair.second.place,
            text=f"shares {pair.likeness:.0%} of its wording with {pair.first.place}",
        )
        for pair in near_duplicates(questions)
    ]


def letter_balance(questions: Sequence[Question]) -> list[Finding]:
    """Finds letters that are the answer too often or too seldom for chance, among questions of as many choices."""
    found: list[Finding] = []
    for number in sorted({len(question.choices) for question in questions}):
        group = [question for question in questions if len(question.choices) == number]
        counts = Counter(question.choices.index(question.answer) for question in group)
        for at in range(number):
            if abs(surprise(counts[at], len(group), 1 / number)) > SURPRISE:
                text = f"is the answer to {counts[at]} of {len(group)} questions with {number} choices"
                found.append(Finding(check="letter-balance", place=LETTERS[at], text=text))
    return found


def length_cue(questions: Sequence[Question]) -> list[Finding]:
    """Finds categories in which always taking the longest, or the shortest, choice is right too often for chance."""
    found: list[Finding] = []
    for category in dict.fromkeys(question.category for question in questions):
        group = [question for question in questions if question.category == category]
        chance = sum(1 / len(question.choices) for question in group) / len(group)
        for name, right in zip(("longest", "shortest"), length_shares(group), strict=True):
            if surprise(right * len(group), len(group), chance) > SURPRISE:
                text = f"the {name} choice is right {right:.0%} of the time, chance is {chance:.0%}"
                found.append(Finding(check="length-cue", place=category, text=text))
    return found


def number_cue(questions: Sequence[Question]) -> list[Finding]:
    """Finds that the answer among numbers stands too often at one place in their order: authors like to surround it."""
    found: list[Finding] = []
    ranked = [(len(values), sorted(values).index(values[0])) for values in map(_numbers, questions) if values]
    for (number, rank), times in sorted(Counter(ranked).items()):
        among = sum(size == number for size, _ in ranked)
        if surprise(times, among, 1 / number) > SURPRISE:
            text = f"{times} of {among} answers among {number} numbers are number {rank + 1} from the smallest"
            found.append(Finding(check="number-cue", place=f"rank {rank + 1}", text=text))
    return found


def length_shares(questions: Sequence[Question]) -> tuple[float, float]:
    """Returns how often one would be right by always taking the longest and the shortest choice, ties by lot."""

    def share(question: Question, extreme: Callable[[list[int]], int]) -> float:
        lengths = [len(choice) for choice in question.choices]
        return (len(question.answer) == extreme(lengths)) / lengths.count(extreme(lengths))

    longest = sum(share(question, max) for question in questions)
    shortest = sum(share(question, min) for question in questions)
    return longest / len(questions), shortest / len(questions)


def outstanding_length(questions: Sequence[Question]) -> list[Finding]:
    """Finds answers that are far longer, or far shorter, than every distractor."""
    found: list[Finding] = []
    for question in questions:
        own = len(question.answer)
        others = [len(choice) for choice in question.distractors]
        if own >= SHORT and own > OUTSTANDING * max(others):
            found.append(_of_length(question, "longer than", own, max(others)))
        elif min(others) >= SHORT and own * OUTSTANDING < min(others):
            found.append(_of_length(question, "shorter than", own, min(others)))
    return found


def copied_words(questions: Sequence[Question]) -> list[Finding]:
    """Finds answers that share a content word with the question which no distractor shares.

    Where a distractor shares as many, as in "steel or rubber?", whoever follows the words learns nothing.
    """
    found: list[Finding] = []
    for question in questions:
        asked = _stems(question.question)
        own, *others = (asked & _stems(choice) for choice in (question.answer, *question.distractors))
        told = sorted(own - set[str]().union(*others))
        if told and len(own) > max(map(len, others)):
            text = f"the answer alone repeats {', '.join(f'{stem}…' for stem in told)} of the question"
            found.append(Finding(check="copied-words", place=question.place, text=text))
    return found


def alike_choices(questions: Sequence[Question]) -> list[Finding]:
    """Finds choices that differ in nothing but case, an article, or the punctuation around them."""
    found: list[Finding] = []
    for question in questions:
        first: dict[str, str] = {}
        for choice in question.choices:
            if (before := first.setdefault(_bare(choice), choice)) != choice:
                text = f"has the choices {before!r} and {choice!r}"
                found.append(Finding(check="alike-choices", place=question.place, text=text))
    return found


def leftovers(questions: Sequence[Question]) -> list[Finding]:
    """Finds texts with what is left of a reply's form: braces, or the JSON keys of a draft."""
    return [
        Finding(check="leftovers", place=question.place, text=f"has the text {text!r}")
        for question in questions
        for text in (question.question, *question.choices)
        if _LEFTOVER.search(text)
    ]


def catch_alls(questions: Sequence[Question]) -> list[Finding]:
    """Finds choices such as "all of the above", whose meaning depends on the order."""
    return [
        Finding(check="catch-alls", place=question.place, text=f"has the choice {choice!r}")
        for question in questions
        for choice in question.choices
        if choice.casefold().strip(". ") in CATCH_ALLS
    ]


def outside(taxonomy: Taxonomy) -> Check:
    """Returns the check that finds questions whose subcategory the taxonomy does not have."""

    def check(questions: Sequence[Question]) -> list[Finding]:
        return [
            Finding(check="taxonomy", place=each.place, text=f"there is no {each.category} / {each.subcategory}")
            for each in questions
            if not taxonomy.has(each.category, each.subcategory)
        ]

    return check


def surprise(hits: float, number: int, chance: float) -> float:
    """Returns by how many standard deviations a count of hits lies above what chance alone would give."""
    spread = math.sqrt(number * chance * (1 - chance))
    return (hits - number * chance) / spread if spread else 0.0


ALWAYS: tuple[Check, ...] = (
    form,
    repeats,
    likenesses,
    letter_balance,
    length_cue,
    number_cue,
    outstanding_length,
    copied_words,
    alike_choices,
    leftovers,
    catch_alls,
)
"""The checks that need nothing else."""


def _of_length(question: Question, than: str, own: int, other: int) -> Finding:
    text = f"the answer has {own} letters and is far {than} any distractor ({other})"
    return Finding(check="outstanding-length", place=question.place, text=text)


def _numbers(question: Question) -> list[float]:
    """Returns the choices as numbers, the answer first, if all are different ones in one unit; else nothing."""
    read = [_NUMBER.fullmatch(choice) for choice in (question.answer, *question.distractors)]
    if len({match[2] if match else None for match in read}) > 1 or None in read:
        return []
    values = [float(match[1].replace(",", "")) for match in read if match]
    return values if len(set(values)) == len(values) else []


def _bare(choice: str) -> str:
    return _ARTICLE.sub("", choice.casefold().strip(" .,;:!?'\""))


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in words(text) if len(word) >= STEM}
