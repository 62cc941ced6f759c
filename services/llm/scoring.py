"""ScoreChoices on the wire: which texts a request wants scored, and what is said of each option."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.sampling import Extras
from earwitness.v1 import llm_pb2
from earwitness.wire import check_extras, turns_from
from services.llm.engine import ChoiceScore

MAX_CHOICES = 26
MAX_CHOICE_CHARS = 4096
TEXTS = (llm_pb2.SCORE_BY_UNSPECIFIED, llm_pb2.SCORE_BY_TEXT, llm_pb2.SCORE_BY_BOTH)
LETTERS = (llm_pb2.SCORE_BY_LETTER, llm_pb2.SCORE_BY_BOTH)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A conversation, and the texts to score as its answer: the options', then their letters, as far as asked for."""

    turns: tuple[Turn, ...]
    choices: tuple[str, ...]
    letters: tuple[str, ...]
    num_options: int
    adapter: str

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is scored: in one call, since it all shares the conversation."""
        return self.choices + self.letters

    @property
    def num_scored(self) -> int:
        """How much work it is."""
        return len(self.texts)


def asked_from(request: llm_pb2.ScoreChoicesRequest) -> Asked:
    """Reads and checks a request; raises InvalidInput that names the field."""
    turns, choices = turns_from(request.messages), tuple(request.choices)
    if not 2 <= len(choices) <= MAX_CHOICES:
        raise InvalidInput(f"{len(choices)} options", "choices", f"send 2 to {MAX_CHOICES}")
    for index, choice in enumerate(choices):
        if not 0 < len(choice) <= MAX_CHOICE_CHARS:
            limit = f"send 1 to {MAX_CHOICE_CHARS} characters"
            raise InvalidInput(f"{len(choice)} characters", f"choices[{index}]", limit)
    if request.by not in {*TEXTS, *LETTERS}:
        raise InvalidInput(f"{request.by} is unknown", "by", "see ScoreBy")
    check_extras(Extras(adapter=request.adapter))
    return Asked(
        turns=turns,
        choices=choices if request.by in TEXTS else (),
        letters=tuple(ascii_uppercase[: len(choices)]) if request.by in LETTERS else (),
        num_options=len(choices),
        adapter=request.adapter,
    )


def response_to(asked: Asked, scores: Sequence[ChoiceScore]) -> llm_pb2.ScoreChoicesResponse:
    """Writes what the texts scored, option by option."""
    found = [llm_pb2.ChoiceScore() for _ in range(asked.num_options)]
    for option, (logprob, num_tokens) in zip(found, scores[: len(asked.choices)], strict=False):
        option.logprob, option.num_tokens, option.mean_logprob = logprob, num_tokens, logprob / max(num_tokens, 1)
    by_letter = zip(found, asked.letters, scores[len(asked.choices) :], strict=False)
    for option, letter, (logprob, num_tokens) in by_letter:
        mean = logprob / max(num_tokens, 1)
        option.letter.MergeFrom(
            llm_pb2.LetterScore(letter=letter, logprob=logprob, num_tokens=num_tokens, mean_logprob=mean)
        )
    return llm_pb2.ScoreChoicesResponse(scores=found)
