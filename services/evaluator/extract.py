"""Which option an answer chooses: four small extractors over the text alone, and the order in which they are asked.

Each finds the options that its kind of evidence points to. One option is a reading; none or several is no reading,
since an option that the model did not choose must never be credited to it: no random letter, no default letter. An
extractor knows neither the right answer nor the model.

The cautions come from what goes wrong in other harnesses: "Answer:C" and "(b) Thunder" can be read; the "A" of "A dog
barks" and the "C" of "C major" are no letters; "one" in "twenty-one" is no mention; a model that repeats the whole list
of options, or says "(A) Thunder" where thunder is (B), has not chosen; nothing before `</think>` counts, and
nothing in an error message, whose "after 5 retries" would choose the option 5.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.evaluator.items import LETTERS
from services.evaluator.options import NONE, QUOTES, Candidates, Options, lowered

_FAILURE = re.compile(
    r"\[[^\]\n]*(?:fail|error)[^\]\n]*\]$|Traceback \(most recent call last\)"
    r"|(?:[\w.]*(?:Error|Exception)|Error code):|\{\s*[\"']error[\"']\s*:|(?:HTTP\S*\s+)?(?:[45]\d\d\s+)?"
    r"(?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out|Too Many Requests)\b",
    re.IGNORECASE,
)
"""Texts that clients leave in the place of an answer: the "5" of "after 5 retries" is no option."""
_MARKED = re.compile(r"<answer>(.*?)(?:</answer>|$)|\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}", re.IGNORECASE | re.DOTALL)
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_BULLET = re.compile(r"^\s*[-*•]\s+")
_LABEL = re.compile(r"^\s*(?:[\(\[][A-Za-z][\)\]][.:]?|[A-Za-z][\).:](?!\S)|[A-Za-z]\))\s*")

# The look at one letter ahead spares a pattern its alternatives at nearly every place of the text.
_CUE = re.compile(
    r"\b(?=[acgops])(?:"
    r"(?:answer|option|choice)[\"']?\s*(?:(?:[:=]|\b(?:is|would be|should be|must be)\b)\s*)+"
    r"(?:(?:most )?(?:likely|probably|clearly|definitely)\s+)?(?:option\s+|choice\s+)?"
    r"|(?:answer|option|choice|choose|pick|select|go with)\s+(?=[\(\[]?[A-Za-z]\b)"
    r")",
    re.IGNORECASE,
)
_VERDICT = re.compile(r"[\(\[]?\b(?P<letter>[A-Z])[\)\]]? is (?:the )?(?:correct|right|best|answer)\b")
_WRAPPER = re.compile(
    r"\b(?=[abcfrt])(?:the\s+)?(?:(?:correct|final|best|right)\s+)?answer\s*(?:is\b\s*:?|:)\s*", re.IGNORECASE
)
_LETTER = re.compile(
    rf"[\s{QUOTES}]*(?:[\(\[]\s*([A-Za-z])\s*[\)\]]|([A-Za-z])(?![\w#♯♭]))"
    rf"[{QUOTES}]*(\)|[.:](?!\S))?[\s{QUOTES}.}}\]]*(.*)"
)
_REASON = r"\s*(?:$|,?\s*\b(?:because|since)\b|[-–—]\s"
_GOES_ON = re.compile(_REASON + ")")
_GOES_ON_CUED = re.compile(_REASON + r"|[,;!]|\b(?:as|is)\b)")
_ANOTHER = re.compile(r"\s*(?:,|/|&|\bor\b|\band\b)\s*[\(\[]?[A-Z][\)\]]?(?:$|[\s,./)])")
_STOP = re.compile(rf"[{QUOTES}]*(?:[,;:!.](?=\s|$)|\s+(?:because|since)\b|$)", re.MULTILINE)
_WORD_BEGINS = re.compile(r"(?<![\w#+−-])(?<!\w[./:,'’])")
_WORD_ENDS = re.compile(r"(?![\w#♯♭]|[./:,'’-]\w)")
_LETTERED = re.compile(r"(?<!\w)([A-Za-z])[).:\]]\s{0,3}")
_DENIED = re.compile(
    r"(?=[einutw])(?:\b(?:not|no|never|nor|neither|without|unlike|except|than|instead of)|n['’]t)\s+(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_DENIAL_LENGTH = 100
"""Characters before an option in which its denial is looked for: a repetitive answer would take quadratic time."""
_COMMON = "a an and are as at be by for from he i in is it no not of on one or she so that the to yes"
_TOO_COMMON = frozenset(_COMMON.split())
"""Words that prose uses for other reasons: as options, they are read only where they stand alone or open the answer."""

Span = tuple[int, int]
"""From the first character to behind the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read from an answer."""

    said: str
    """The part of the answer that counts, as `final` returns it."""
    choice: int | None
    """The index of the one chosen option; None if there is none, or no telling which."""
    extractor: str
    """The first extractor that found evidence, even if for several options; "" if none did."""
    votes: dict[str, int]
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
    said, options = final(text), Options.of(choices)
    found: dict[str, Candidates] = {}
    votes: dict[str, int] = {}
    for name, extract in EXTRACTORS.items():
        if candidates := extract(said, options):
            found[name] = candidates
            if len(candidates) == 1:
                (votes[name],) = candidates
    decided = next(iter(found), "")
    agreed = found.get(decided, NONE)
    if decided == "letter":
        agreed |= found.get("text", NONE)
    return Reading(said=said, choice=min(agreed) if len(agreed) == 1 else None, extractor=decided, votes=votes)


def final(text: str) -> str:
    """Returns the part of an answer that counts.

    That is what follows its reasoning, or within it what stands in `<answer>` or in LaTeX's `boxed`, without the marks
    of bold type and code. Of a reasoning that was not finished, and of an error message, nothing counts.
    """
    if _FAILURE.match(text.lstrip()):
        return ""
    text = text.rpartition("</think>")[2].partition("<think>")[0]
    text = text.replace("**", "").replace("__", "").replace("`", "")
    if marked := [tagged or boxed for tagged, boxed in _MARKED.findall(text)]:
        text = "\n".join(_LATEX.sub(r"\1", span).strip(" $\n") for span in marked)
    return text.strip()


def unwrapped(said: str) -> str:
    """Returns an answer without "The correct answer is:", whose words the official string match would trip over."""
    return _WRAPPER.sub("", said).strip()


def by_phrase(said: str, options: Options) -> Candidates:
    """Options that follow "the answer is", "option", "I choose" and the like, or come before "is correct"."""
    chosen = NONE
    for cue in _CUE.finditer(said):
        rest = said[cue.end() :].partition("\n")[0]
        strong = _letter(rest, options, cued=True) | by_text(rest, options)
        chosen |= strong or by_mention(rest, options)
    for verdict in _VERDICT.finditer(said) if " is " in said else ():
        if not _is_denied(said, verdict.start()):
            chosen |= options.of_letter(verdict["letter"])
    return chosen


def by_letter(said: str, options: Options) -> Candidates:
    """Options whose letter opens a line: "B", "(B)", "b) Thunder", "B. It rolls."."""
    if len(said) == 1:
        return options.of_letter(said)
    if len(_listed(said, options)) > 1:
        return options.every
    chosen = NONE
    for line in _lines(said):
        chosen |= _letter(line, options, cued=False)
    return chosen


def by_text(said: str, options: Options) -> Candidates:
    """Options whose text is the answer or a line of it, after a letter or not, or opens it: "Thunder, it rolls."."""
    chosen = whole = options.equal(said)
    for line in _lines(said):
        equal = whole if line == said else options.equal(line)
        label = None if equal else _LABEL.match(line)
        chosen |= options.equal(line[label.end() :]) if label else equal
    return chosen or _opening(said, options)


def by_mention(said: str, options: Options) -> Candidates:
    """Options whose text occurs in the answer as words, and not just within the text of another that occurs."""
    lower = lowered(said)
    spans = {
        index: spans
        for index in options.distinct
        if options.lower[index] in lower and (spans := _occurrences(said, lower, index, options))
    }
    if len(spans) > 1:
        outermost = _outermost({span for spans in spans.values() for span in spans})
        spans = {index: free for index, spans in spans.items() if (free := [s for s in spans if s in outermost])}
    if len(spans) == 1 and any(_is_denied(said, start) for start, _ in next(iter(spans.values()))):
        return NONE
    return frozenset(spans)


EXTRACTORS: dict[str, Callable[[str, Options], Candidates]] = {
    "phrase": by_phrase,
    "letter": by_letter,
    "text": by_text,
    "mention": by_mention,
}
"""From the strongest evidence to the weakest. Each takes what `final` returns."""


def _lines(text: str) -> list[str]:
    return [_BULLET.sub("", line).strip() for line in text.splitlines() if line.strip()]


def _letter(line: str, options: Options, *, cued: bool) -> Candidates:
    """Returns the option whose letter opens the line, if it is a letter and no word, note or label."""
    match = _LETTER.match(line)
    if not match:
        return NONE
    closed, opened, mark, tail = match.groups()
    letter = closed or opened
    chosen = options.of_letter(letter)
    marked = closed or mark
    if chosen and options.equal(tail) == chosen:
        return chosen
    if (letter, mark, cued) == ("A", ":", False):
        return NONE  # "Q: ... A: ..." labels an answer.
    if not marked and (letter == "a" or (letter.islower() and not cued)):
        return NONE
    if not (marked or (_GOES_ON_CUED if cued else _GOES_ON).match(tail)):
        return NONE
    return options.every if _ANOTHER.match(tail) else chosen


def _listed(text: str, options: Options) -> Candidates:
    """Returns the options that stand in the text with their letter and in full, as in the question."""
    lower = lowered(text)
    labelled = ((LETTERS.find(label[1].upper()), label.end()) for label in _LETTERED.finditer(text))
    return frozenset(
        index
        for index, start in labelled
        if index < len(options.texts) and lower.startswith(options.texts[index].lstrip().lower(), start)
    )


def _opening(text: str, options: Options) -> Candidates:
    """Returns the longest option that a text begins with, up to a stop, and those that follow it as in a list."""
    opened = NONE
    while True:
        text = text.lstrip(QUOTES + " ")
        stops = {
            index: stop
            for index in options.distinct
            if text[: (end := len(options.plain[index]))].casefold() == options.folded[index]
            and (stop := _STOP.match(text, end))
        }
        if not stops:
            return opened
        longest = max(stops, key=lambda index: len(options.texts[index]))
        opened |= options.lettered[longest]
        text = text[stops[longest].end() :]


def _occurrences(text: str, lower: str, index: int, options: Options) -> list[Span]:
    """Returns where an option's text stands as words of its own; of a short or ambiguous one, only in the same case."""
    part, plain = options.lower[index], options.plain[index]
    if options.folded[index] in _TOO_COMMON or (len(plain) == 1 and plain.isalpha()):
        return []
    spans: list[Span] = []
    start = lower.find(part)
    while start >= 0:
        end = start + len(part)
        stands = _WORD_BEGINS.match(text, start) and _WORD_ENDS.match(text, end)
        if stands and (text[start:end] == plain or not (len(plain) < 3 or options.is_ambiguous(index))):
            spans.append((start, end))
        start = lower.find(part, start + 1)
    return spans


def _outermost(spans: set[Span]) -> set[Span]:
    """Returns the spans that do not lie within another."""
    outermost: set[Span] = set()
    reach = -1
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end > reach:
            outermost.add((start, end))
            reach = end
    return outermost


def _is_denied(text: str, place: int) -> bool:
    return bool(_DENIED.search(text, max(0, place - _DENIAL_LENGTH), place))
