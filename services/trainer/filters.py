"""Filters: which answers of the backbone make no target, each rule by its name.

A target must read as if its author had heard the clip. The rules look at words alone: the author was shown a text, and
gives that away by repeating it, by speaking of it, or by refusing to hear. Words that are spoken in the clip are the
clip's own, and prove nothing. That refusals, copies and talk of the description spoil such data, and are worth
counting, is from kehanlu/interspeech-tutorial, prompt_search.py; the phrases are ours.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from earwitness.sampling import FinishReason
from services.trainer.description import attributes_of

VERSION = 1
"""Grows when an answer comes to be judged otherwise."""
TRUNCATED = "truncated"
_FEWEST_PROMPT_WORDS = 4
"""A shorter prompt may well be said by chance."""
_FEWEST_ATTRIBUTES = 2
"""One `Key: value` may be an answer; two are a list that was copied."""

_TEXT = r"(?:information|descriptions?|texts?|details|context|captions?|transcripts?|labels|tags|data|attributes)"
_HEARD = r"(?:audio|sounds?|recordings?|clips?|files?)"
_NOT_ABLE = (
    r"(?:can(?:no|')t|can not|couldn't|could not|"
    r"(?:am|'m) (?:unable|not able) to|(?:don't|do not) have the ability to)"
)
REFUSALS = (
    r"\bas an? (?:\w+[ -]){0,2}(?:ai|language model|assistant)\b",
    r"\bi(?:'m| am) (?:sorry|afraid),? (?:but )?(?:that )?i(?:'m| am)? ?(?:can|could|unable|not able|do not|don't)",
    rf"\bi ?{_NOT_ABLE} (?:\w+ )?(?:assist|help|fulfill?|comply|answer|provide|transcribe|analy[sz]e|process|access)\b",
    rf"\bi ?{_NOT_ABLE} (?:\w+ )?(?:hear|listen to|play|open) (?:(?:the|this|any|your|actual|an) )*{_HEARD}\b",
    rf"\bno {_HEARD}(?: \w+)? (?:(?:was|were|is|are|has been) )?(?:provided|attached|given|included|available)\b",
    rf"\bplease (?:provide|upload|attach|share|send)\b.{{0,30}}\b(?:{_HEARD}|{_TEXT})\b",
)
META_TALK = (
    r"\bmeta-?data\b",
    r"\btime ?stamps?\b",
    r"\b(?:textual|text|written) (?:descriptions?|representation|annotations?|format)\b",
    rf"\b(?:based on|according to|judging by|given|as per|from) (?:(?:the|this|that|your|only) )*(?:\w+ )?{_TEXT}\b",
    rf"\b(?:provided|given|above|following) (?:\w+ )?{_TEXT}\b",
    rf"\b{_TEXT} (?:(?:that|which|as|you|is|are|was|were) )*(?:provided|given|above)\b",
    rf"\b{_TEXT} (?:shows?|says?|states?|mentions?|indicates?)\b",
    rf"\b(?:described|mentioned|stated|indicated|noted|listed|specified) (?:in|by) the (?:\w+ )?{_TEXT}\b",
    rf"\bthe {_TEXT} (?:does|do|did)(?: not|n't)\b",
)
"""Phrases, in lower case, that tell of a text. They are looked for outside the words of the clip."""

_CLOCKS = re.compile(r"\[\d{1,3}:\d\d(?:\.\d+)? ?[-–] ?\d{1,3}:\d\d")
_MARKS = re.compile(r"<\|[^|<>]{1,40}\|>|</?(?:start_|end_)?audio>")
_REFUSAL, _META = (re.compile("|".join(phrases)) for phrases in (REFUSALS, META_TALK))
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was shown and asked, and what came back."""

    description: str
    prompt: str
    response: str
    transcript: str = ""
    finish_reason: FinishReason = "stop"


def truncated(answer: Answer) -> bool:
    """Cut at the limit of tokens: the model would learn to stop in mid-sentence."""
    return answer.finish_reason == "length"


def empty(answer: Answer) -> bool:
    """Without a letter or a digit."""
    return not _WORD.search(answer.response)


def marks(answer: Answer) -> bool:
    """With a mark that belongs around or in the place of a clip, or a special token spelled out."""
    return bool(_MARKS.search(answer.response))


def refusal(answer: Answer) -> bool:
    """Will not, or says that it cannot hear."""
    return bool(_REFUSAL.search(_own_words(answer)))


def prompt_echo(answer: Answer) -> bool:
    """Repeats the whole instruction."""
    asked, said = (f" {' '.join(_WORD.findall(text.lower()))} " for text in (answer.prompt, answer.response))
    return asked.count(" ") > _FEWEST_PROMPT_WORDS and asked in said


def description_echo(answer: Answer) -> bool:
    """Repeats the description's form: its clock, or two of its attributes as they stand there."""
    said = answer.response.lower()
    copied = {f"{key}: {value}".lower() for key, value in attributes_of(answer.description) if value}
    return bool(_CLOCKS.search(said)) or sum(each in said for each in copied) >= _FEWEST_ATTRIBUTES


def meta_talk(answer: Answer) -> bool:
    """Speaks of the text that it was shown."""
    return bool(_META.search(_own_words(answer)))


Rule = Callable[[Answer], bool]
RULES: Mapping[str, Rule] = {
    TRUNCATED: truncated,
    "empty": empty,
    "marks": marks,
    "refusal": refusal,
    "prompt-echo": prompt_echo,
    "description-echo": description_echo,
    "meta-talk": meta_talk,
}
"""In the order in which they are tried."""


def verdict(answer: Answer) -> str:
    """Returns the name of the first rule that the answer breaks, "" for one that may become a target."""
    return next((name for name, rule in RULES.items() if rule(answer)), "")


def _own_words(answer: Answer) -> str:
    """Returns the answer in lower case without what it quotes of the clip's words, with straight apostrophes."""
    said, spoken = (" ".join(text.lower().replace("’", "'").split()) for text in (answer.response, answer.transcript))
    spoken = spoken.strip(" .?!")
    return said.replace(spoken, " ") if spoken else said
