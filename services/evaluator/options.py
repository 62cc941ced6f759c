"""The options of one question, in every form in which the extractors compare an answer with them.

They are made once for an answer, which is compared with them some thirty times. They know nothing of prose around an
option: that is the business of `services.evaluator.extract`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.evaluator.items import LETTERS

Candidates = frozenset[int]
"""Options that some evidence points to, by index; of options with the same text, the first stands for all."""
NONE: Candidates = frozenset()
QUOTES = "\"'“”‘’«»"

_OUTER = QUOTES + " "
_FINAL = ".,;!" + _OUTER
_ARTICLES = frozenset({"a", "an", "the"})
_SINGLE = tuple(frozenset({index}) for index in range(len(LETTERS)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """A question's options, in the order of their letters."""

    texts: Sequence[str]
    distinct: Sequence[int]
    """The options without those that repeat the text of an earlier one, by index."""
    lettered: Sequence[Candidates]
    """What each letter stands for."""
    plain: Sequence[str]
    """Without outer blanks and quotes, and without a full stop."""
    lower: Sequence[str]
    """`plain` in lower case."""
    folded: Sequence[str]
    """`plain` without case."""
    bare: Sequence[str]
    """`folded` without an article."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Options":
        """Returns the options with these texts: 26 at the most, none of them blank, as every `Item` has them."""
        first = [texts.index(text) for text in texts]
        plain = list(map(_plain, texts))
        folded = list(map(str.casefold, plain))
        return cls(
            texts=texts,
            distinct=[index for index, same in enumerate(first) if same == index],
            lettered=[_SINGLE[same] for same in first],
            plain=plain,
            lower=list(map(str.lower, plain)),
            folded=folded,
            bare=list(map(_bare, folded)),
        )

    @property
    def every(self) -> Candidates:
        """All of them, also those that repeat a text."""
        return frozenset(range(len(self.texts)))

    def of_letter(self, letter: str) -> Candidates:
        """Returns the option that a letter of either case stands for."""
        index = LETTERS.find(letter.upper())
        return self.lettered[index] if 0 <= index < len(self.lettered) else NONE

    def equal(self, text: str) -> Candidates:
        """Returns the options that a text equals: exactly, else without case, else without articles too."""
        if not text:
            return NONE
        plain = _plain(text)
        folded = plain.casefold()
        for form, forms in ((plain, self.plain), (folded, self.folded), (_bare(folded), self.bare)):
            if form in forms:
                return frozenset(index for index in self.distinct if forms[index] == form)
        return NONE

    def is_ambiguous(self, index: int) -> bool:
        """Returns whether another option differs from this one in case alone."""
        return sum(self.folded[other] == self.folded[index] for other in self.distinct) > 1


def lowered(text: str) -> str:
    """Returns a text in lower case, its places kept: as it is if that changes its length, as of the Turkish İ."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _plain(text: str) -> str:
    text = text.strip()
    return text.strip(_OUTER).rstrip(_FINAL) or text


def _bare(folded: str) -> str:
    words = folded.split(maxsplit=1)
    return words[1] if len(words) == 2 and words[0] in _ARTICLES else folded
