"""The caller of an audio language model."""

from collections.abc import Sequence

from earwitness.channel import Endpoint
from earwitness.clients import heard
from earwitness.clients.model import (
    BYTES_PER_CHAR,
    GREEDY,
    MOST_CLIPS,
    TIMEOUT_S,
    Fields,
    Method,
    ModelClient,
    made,
    sampled,
)
from earwitness.clients.scores import scores
from earwitness.clients.values import Heard, HeardChoices, SpokenTurn
from earwitness.errors import EarwitnessError, InvalidInput
from earwitness.sampling import Sampling
from earwitness.v1 import lalm_pb2, lalm_pb2_grpc
from earwitness.wire import generation_from


class LalmClient(ModelClient):
    """Calls an audio language model."""

    application = "lalm"

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._listen = Method(
            self,
            lalm_pb2_grpc.LalmServiceStub,
            (lalm_pb2.ListenRequest, lalm_pb2.ListenResponse),
            (lalm_pb2.ListenBatchRequest, lalm_pb2.ListenBatchResponse),
            MOST_CLIPS,
        )

    async def listen(
        self, turns: Sequence[SpokenTurn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Heard:
        """Answers a conversation that holds clips."""
        return _heard(await self._listen(*_asked(turns, sampling, thinking)))

    async def listen_batch(
        self, conversations: Sequence[Sequence[SpokenTurn]], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> list[Heard | EarwitnessError]:
        """Answers many conversations that hold clips; returns an answer or an error for each, in order."""
        results = await self._listen.batch([_asked(turns, sampling, thinking) for turns in conversations])
        return [result if isinstance(result, EarwitnessError) else _heard(result) for result in results]

    async def score(self, turns: Sequence[SpokenTurn], choices: Sequence[str]) -> list[tuple[float, int]]:
        """Returns each option's summed log-probability as the answer, and its number of tokens."""
        response = await self._score(turns, choices)
        return [(score.logprob, score.num_tokens) for score in response.scores]

    async def score_choices(self, turns: Sequence[SpokenTurn], choices: Sequence[str]) -> HeardChoices:
        """Scores each option as the whole answer, sum and mean over its tokens; says how the clips were heard."""
        response = await self._score(turns, choices)
        return HeardChoices(scores=tuple(scores(response.scores)), clips=heard.clips(response.clips))

    async def _score(self, turns: Sequence[SpokenTurn], choices: Sequence[str]) -> lalm_pb2.ScoreChoicesAudioResponse:
        request = made(lalm_pb2.ScoreChoicesAudioRequest, {"messages": _messages(turns), "choices": choices})
        stub, answer = lalm_pb2_grpc.LalmServiceStub, lalm_pb2.ScoreChoicesAudioResponse
        return await self.endpoint.call(stub, "ScoreChoicesAudio", request, answer, self.timeout_s)


def _heard(response: lalm_pb2.ListenResponse) -> Heard:
    clips = heard.clips(response.clips)
    transcripts = tuple(clip.transcript for clip in clips)
    return Heard(generation=generation_from(response.generation), transcripts=transcripts, clips=clips)


def _asked(turns: Sequence[SpokenTurn], sampling: Sampling, thinking: bool) -> tuple[Fields, int]:
    fields = {"messages": _messages(turns), "sampling": sampled(sampling), "thinking": thinking}
    return fields, sum([_size(spoken) for spoken in turns])


def _messages(turns: Sequence[SpokenTurn]) -> list[Fields]:
    return [
        {"role": spoken.turn.role, "content": spoken.turn.content, "clips": _clips(spoken, f"messages[{index}]")}
        for index, spoken in enumerate(turns)
    ]


def _clips(spoken: SpokenTurn, field: str) -> list[Fields]:
    transcripts = spoken.transcripts or (None,) * len(spoken.clips)
    if len(transcripts) != len(spoken.clips):
        problem = f"{len(transcripts)} transcripts for {len(spoken.clips)} clips"
        raise InvalidInput(problem, f"{field}.transcripts", "give one for each clip, None to have it transcribed")
    return [
        {"audio": heard.source(clip), "transcript": transcript}
        for clip, transcript in zip(spoken.clips, transcripts, strict=True)
    ]


def _size(spoken: SpokenTurn) -> int:
    words = len(spoken.turn.content) + sum([len(words or "") for words in spoken.transcripts])
    return BYTES_PER_CHAR * words + sum([heard.size(clip) for clip in spoken.clips])
