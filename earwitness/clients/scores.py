"""Scores of options on the wire."""

from collections.abc import Sequence

from earwitness.clients.values import ChoiceScore, LetterScore, Score, ScoreBy
from earwitness.v1 import llm_pb2

BY: dict[ScoreBy, llm_pb2.ScoreBy] = {
    "text": llm_pb2.SCORE_BY_TEXT,
    "letter": llm_pb2.SCORE_BY_LETTER,
    "both": llm_pb2.SCORE_BY_BOTH,
}


def scores(found: Sequence[llm_pb2.ChoiceScore], by: ScoreBy = "text") -> list[ChoiceScore]:
    """Reads the scores of an answer, as far as they were asked for."""
    return [
        ChoiceScore(text=None if by == "letter" else _text(each), letter=None if by == "text" else _letter(each.letter))
        for each in found
    ]


def _text(score: llm_pb2.ChoiceScore) -> Score:
    return Score(logprob=score.logprob, num_tokens=score.num_tokens, mean_logprob=score.mean_logprob)


def _letter(score: llm_pb2.LetterScore) -> LetterScore:
    return LetterScore(
        letter=score.letter, logprob=score.logprob, num_tokens=score.num_tokens, mean_logprob=score.mean_logprob
    )
