"""Which option an answer chooses: four small extractors over the text alone, and the order in which they are asked.

Each finds the options that its kind of evidence points to. One option is a reading; none or several is no reading,
since an option that the model did not choose must never be credited to it: no random letter, no default letter. An
extractor knows neither the right answer nor the model.

The cautions come from what goes wrong in other harnesses: "Answer:C" and "(b) Thunder" can be read; the "A" of "A dog
barks" and the "C" of "C major" are no letters; "one" in "twenty-one" is no mention; a model that repeats the whole list
of options, or says "(A) Thunder" where thunder is (B), has not chosen; nothing before `</think>` counts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from services.evaluator.items import LETTERS

Candidates = frozenset[int]
"""Options that some evidence points to, by index; of options with the same text, the first stands for all."""
_NONE: Candidates = frozenset()

_QUOTES = "\"'“”‘’«»"
_MARKED = re.compile(r"<answer>(.*?)(?:</answer>|$)|\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}", re.IGNORECASE | re.DOTALL)
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_BULLET = re.compile(r"^\s*[-*•]\s+")
_LABEL = re.compile(r"^\s*(?:[\(\[][A-Za-z][\)\]][.:]?|[A-Za-z][\).:](?!\S)|[A-Za-z]\))\s*")
_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)

_CUE = re.compile(
    r"\b(?:answer|option|choice)[\"']?\s*(?:(?:[:=]|\b(?:is|would be|should be|must be)\b)\s*)+"
    r"(?:(?:most )?(?:likely|probably|clearly|definitely)\s+)?(?:option\s+|choice\s+)?"
    r"|\b(?:answer|option|choice|choose|pick|select|go with)\s+(?=[\(\[]?[A-Za-z]\b)",
    re.IGNORECASE,
)
_VERDICT = re.compile(r"[\(\[]?\b(?P<letter>[A-Z])[\)\]]? is (?:the )?(?:correct|right|best|answer)\b")
_WRAPPER = re.compile(r"\b(?:the\s+)?(?:(?:correct|final|best|right)\s+)?answer\s*(?:is\b\s*:?|:)\s*", re.IGNORECASE)
_LETTER = re.compile(
    rf"[\s{_QUOTES}]*(?:[\(\[]\s*(?P<closed>[A-Za-z])\s*[\)\]]|(?P<open>[A-Za-z])(?![\w#♯♭]))"
    rf"[{_QUOTES}]*(?P<mark>\)|[.:](?!\S))?[\s{_QUOTES}.}}\]]*(?P<tail>.*)"
)
_REASON = r"\s*(?:$|,?\s*\b(?:because|since)\b|[-–—]\s"
_GOES_ON = re.compile(_REASON + ")")
_GOES_ON_CUED = re.compile(_REASON + r"|[,;!]|\b(?:as|is)\b)")
_ANOTHER = re.compile(r"\s*(?:,|/|&|\bor\b|\band\b)\s*[\(\[]?[A-Z][\)\]]?(?:$|[\s,./)])")
_STOP = re.compile(rf"[{_QUOTES}]*(?:[,;:!.](?=\s|$)|\s+(?:because|since)\b|$)", re.MULTILINE)
_WORD_BEGINS = re.compile(r"(?<![\w#+−-])(?<!\w[./:,'’])")
_WORD_ENDS = re.compile(r"(?![\w#♯♭]|[./:,'’-]\w)")
_LETTERED = re.compile(r"(?<!\w)([A-Za-z])[\).:\]]\s*$")
_DENIED = re.compile(
    r"(?:\b(?:not|no|never|nor|neither|without|unlike|except|than|instead of)|n['’]t)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
_COMMON = "a an and are as at be by for from he i in is it no not of on one or she so that the to yes"
_TOO_COMMON = frozenset(_COMMON.split())
"""Words that prose uses for other reasons: as options, they are read only where they stand alone or open the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read from an answer."""

    choice: int | None
    """The index of the one chosen option; None if there is none, or no telling which."""
    extractor: str
    """The first extractor that found evidence, even if for several options; "" if none did."""
    votes: Mapping[str, int] = field(default_factory=dict[str, int])
    """What each extractor chose for itself; those that chose nothing, or could not tell, are left out."""

    @property
    def disagrees(self) -> bool:
        """Whether two extractors chose different options."""
        return len(set(self.votes.values())) > 1


def read(text: str, choices: Sequence[str]) -> Reading:
    """Returns the option that an answer chooses.

    The extractors are asked in the order of `EXTRACTORS`, and the first with evidence decides. A letter and an option's
    text that stand in the answer as such have to agree.
    """
    said = final(text)
    found = {name: candidates for name, extract in EXTRACTORS.items() if (candidates := extract(said, choices))}
    votes = {name: min(candidates) for name, candidates in found.items() if len(candidates) == 1}
    decided = next(iter(found), "")
    if decided == "letter":
        found["letter"] |= found.get("text", _NONE)
    return Reading(choice=_only(found.get(decided, _NONE)), extractor=decided, votes=votes)


def final(text: str) -> str:
    """Returns the part of an answer that counts.

    That is what follows its reasoning, or within it what stands in `<answer>` or in LaTeX's `boxed`, without the marks
    of bold type and code. Of a reasoning that was not finished, nothing counts.
    """
    text = text.rpartition("</think>")[2].partition("<think>")[0]
    text = text.replace("**", "").replace("__", "").replace("`", "")
    if marked := [tagged or boxed for tagged, boxed in _MARKED.findall(text)]:
        text = "\n".join(_LATEX.sub(r"\1", span).strip(" $\n") for span in marked)
    return text.strip()


def unwrapped(text: str) -> str:
    """Returns `final(text)` without "The correct answer is:", whose words the official string match would trip over."""
    return _WRAPPER.sub("", final(text)).strip()


def by_phrase(text: str, choices: Sequence[str]) -> Candidates:
    """Options that follow "the answer is", "option", "I choose" and the like, or come before "is correct"."""
    found = _NONE
    for cue in _CUE.finditer(text):
        rest = text[cue.end() :].partition("\n")[0]
        strong = _letter(rest, choices, cued=True) | by_text(rest, choices)
        found |= strong or by_mention(rest, choices)
    for verdict in _VERDICT.finditer(text):
        if not _DENIED.search(text, 0, verdict.start()):
            found |= _of_letter(verdict["letter"], choices)
    return found


def by_letter(text: str, choices: Sequence[str]) -> Candidates:
    """Options whose letter opens a line: "B", "(B)", "b) Thunder", "B. It rolls."."""
    if len(_listed(text, choices)) > 1:
        return frozenset(range(len(choices)))
    if len(text) == 1:
        return _of_letter(text, choices)
    return _NONE.union(*(_letter(line, choices, cued=False) for line in _lines(text)))


def by_text(text: str, choices: Sequence[str]) -> Candidates:
    """Options whose text is the answer or a line of it, after a letter or not, or opens it: "Thunder, it rolls."."""
    found = _equal(text, choices)
    for line in _lines(text):
        found |= _equal(line, choices) or _equal(_LABEL.sub("", line), choices)
    return found or _opening(text, choices)


def by_mention(text: str, choices: Sequence[str]) -> Candidates:
    """Options whose text occurs in the answer as words, and not just within the text of another that occurs."""
    spans = {index: list(_occurrences(text, choices[index], choices)) for index in _distinct(choices)}
    every = [span for found in spans.values() for span in found]
    free = {
        index: [s for s in found if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in every)]
        for index, found in spans.items()
    }
    mentioned = frozenset(index for index, found in free.items() if found)
    if len(mentioned) == 1 and any(_DENIED.search(text, 0, start) for start, _ in free[min(mentioned)]):
        return _NONE
    return mentioned


EXTRACTORS: dict[str, Callable[[str, Sequence[str]], Candidates]] = {
    "phrase": by_phrase,
    "letter": by_letter,
    "text": by_text,
    "mention": by_mention,
}
"""From the strongest evidence to the weakest. Each takes what `final` returns."""


def _only(candidates: Candidates) -> int | None:
    return min(candidates) if len(candidates) == 1 else None


def _lines(text: str) -> Iterator[str]:
    return (_BULLET.sub("", line).strip() for line in text.splitlines() if line.strip())


def _distinct(choices: Sequence[str]) -> list[int]:
    return [index for index, choice in enumerate(choices) if choices.index(choice) == index]


def _of_letter(letter: str, choices: Sequence[str]) -> Candidates:
    index = LETTERS.find(letter.upper())
    return frozenset({choices.index(choices[index])}) if 0 <= index < len(choices) else _NONE


def _letter(line: str, choices: Sequence[str], *, cued: bool) -> Candidates:
    """Returns the option whose letter opens the line, if it is a letter and no word, note or label."""
    match = _LETTER.match(line)
    if not match:
        return _NONE
    letter, mark, tail = match["closed"] or match["open"], match["mark"] or "", match["tail"]
    chosen = _of_letter(letter, choices)
    marked = bool(match["closed"] or mark)
    if chosen and _equal(tail, choices) == chosen:
        return chosen
    if (letter, mark, cued) == ("A", ":", False):
        return _NONE  # "Q: ... A: ..." labels an answer.
    if not marked and (letter == "a" or (letter.islower() and not cued)):
        return _NONE
    if not (marked or (_GOES_ON_CUED if cued else _GOES_ON).match(tail)):
        return _NONE
    return frozenset(range(len(choices))) if _ANOTHER.match(tail) else chosen


def _listed(text: str, choices: Sequence[str]) -> Candidates:
    """Returns the options that stand in the text with their letter and in full, as in the question."""
    return frozenset(
        index
        for index, choice in enumerate(choices)
        for start, _ in _found(text, choice)
        if (label := _LETTERED.search(text[max(0, start - 5) : start])) and label[1].upper() == LETTERS[index]
    )


def _equal(text: str, choices: Sequence[str]) -> Candidates:
    """Returns the options that a text equals: exactly, else without case, else without articles too."""
    if not text:
        return _NONE
    for normalised, forms in zip(_STEPS, _forms(tuple(choices)), strict=True):
        if found := forms.get(normalised(text)):
            return found
    return _NONE


@lru_cache(maxsize=64)
def _forms(choices: tuple[str, ...]) -> tuple[dict[str, Candidates], ...]:
    """Returns, for each normalisation, which options have which form: an answer is compared with them many times."""
    tables: list[dict[str, Candidates]] = []
    for normalised in _STEPS:
        table: dict[str, Candidates] = {}
        for index in _distinct(choices):
            form = normalised(choices[index])
            table[form] = table.get(form, _NONE) | {index}
        tables.append(table)
    return tuple(tables)


def _plain(text: str) -> str:
    return text.strip().strip(_QUOTES + " ").rstrip(".,;!" + _QUOTES + " ") or text.strip()


def _folded(text: str) -> str:
    return _plain(text).casefold()


def _bare(text: str) -> str:
    return _ARTICLE.sub("", _folded(text))


_STEPS: tuple[Callable[[str], str], ...] = (_plain, _folded, _bare)


def _opening(text: str, choices: Sequence[str]) -> Candidates:
    """Returns the longest option that a text begins with, up to a stop, and the one that follows as in a list."""
    text = text.lstrip(_QUOTES + " ")
    for index in sorted(_distinct(choices), key=lambda index: len(choices[index]), reverse=True):
        choice = _plain(choices[index])
        if text[: len(choice)].casefold() == choice.casefold() and (stop := _STOP.match(text, len(choice))):
            return frozenset({index}) | _opening(text[stop.end() :], choices)
    return _NONE


def _occurrences(text: str, choice: str, choices: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yields where an option's text stands as words of its own; of a short or ambiguous one, only in the same case."""
    folded, choice = _folded(choice), _plain(choice)
    if folded in _TOO_COMMON or (len(choice) == 1 and choice.isalpha()):
        return
    strict = len(choice) < 3 or len(_forms(tuple(choices))[1][folded]) > 1
    for start, end in _found(text, choice):
        if strict and text[start:end] != choice:
            continue
        if _WORD_BEGINS.match(text, start) and _WORD_ENDS.match(text, end):
            yield start, end


def _found(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Yields where a part stands in a text, without regard to case; a pattern for each option is 10 times slower."""
    lower, part = text.lower(), part.lower()
    if len(lower) != len(text):
        lower = text
    start = lower.find(part)
    while start >= 0:
        yield start, start + len(part)
        start = lower.find(part, start + 1)
