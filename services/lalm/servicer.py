"""The LALM's RPCs: checks, decoding, admission and the wire; the engine does the listening."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from google.rpc import status_pb2

from earwitness import batch, edge
from earwitness.admission import Admission
from earwitness.audio import Clip
from earwitness.desta.splice import MARK, Message
from earwitness.errors import InvalidInput
from earwitness.hearing import WINDOW_SECONDS, Ears
from earwitness.metrics import Metrics
from earwitness.metrics.declared import CACHE_HITS
from earwitness.sampling import Sampling
from earwitness.servicer import ModelServicer
from earwitness.v1 import lalm_pb2, llm_pb2
from earwitness.wire import generation_to, sampling_from, turns_from
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, ListenEngine, open_engine

MAX_BATCH = 64
MAX_CLIPS = 8
MAX_TRANSCRIPT_CHARS = 4096
MIN_CHOICES, MAX_CHOICES = 2, 26
MAX_CHOICE_CHARS = 256
"""Each token of an option is a question of its own to the model."""


class LalmServicer(ModelServicer):
    """earwitness.v1.LalmService."""

    service = "earwitness.v1.LalmService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.lalm_pb2_grpc.add_LalmServiceServicer_to_server",)

    def __init__(self, config: LalmConfig, engine: ListenEngine | None = None) -> None:
        """Opens the configured engine, unless one is given."""
        metrics = Metrics("lalm")
        with metrics.collecting():
            self.engine = engine or open_engine(config)
            self.admission = Admission(config.max_in_flight)
        self.ears = Ears(config.sources, config.long_audio, max_seconds=MAX_CLIPS * WINDOW_SECONDS)
        metrics.watch(CACHE_HITS, lambda: self.ears.media.cache.num_hits, "clips")
        super().__init__(self.engine.identity, metrics)

    async def warm_up(self) -> None:
        """Listens to a tenth of a second of silence."""
        import numpy as np

        from earwitness.audio import from_samples

        clip = ClipIn(clip=from_samples(np.zeros(1600, np.float32)))
        message = Message(role="user", content=f"{MARK}\nWhat is this?", audios=("silence",))
        await self.engine.listen([message], [clip], Sampling(max_tokens=1), thinking=False)

    @edge.unary
    async def Listen(self, request: lalm_pb2.ListenRequest, grpc_context: edge.Context) -> lalm_pb2.ListenResponse:
        """Answers one conversation."""
        with self.admission.slot():
            return await self._listen(request)

    @edge.unary
    async def ListenBatch(
        self, request: lalm_pb2.ListenBatchRequest, grpc_context: edge.Context
    ) -> lalm_pb2.ListenBatchResponse:
        """Answers many conversations; a bad one fails alone."""
        results = await batch.gather(request.requests, self._listen, MAX_BATCH, self.admission)
        return lalm_pb2.ListenBatchResponse(
            results=[
                lalm_pb2.ListenResult(error=result)
                if isinstance(result, status_pb2.Status)
                else lalm_pb2.ListenResult(response=result)
                for result in results
            ]
        )

    @edge.unary
    async def ScoreChoicesAudio(
        self, request: lalm_pb2.ScoreChoicesAudioRequest, grpc_context: edge.Context
    ) -> lalm_pb2.ScoreChoicesAudioResponse:
        """Scores each option as the answer to one conversation."""
        choices = list(request.choices)
        if not MIN_CHOICES <= len(choices) <= MAX_CHOICES:
            raise InvalidInput(f"{len(choices)} options", "choices", f"send {MIN_CHOICES} to {MAX_CHOICES}")
        for index, choice in enumerate(choices):
            if not 0 < len(choice) <= MAX_CHOICE_CHARS:
                limit = f"send 1 to {MAX_CHOICE_CHARS} characters"
                raise InvalidInput(f"{len(choice)} characters", f"choices[{index}]", limit)
        with self.admission.slot(len(choices)):
            heard = await self._hear(request.messages)
            scores, transcripts = await self.engine.score(heard.messages, heard.clips, choices)
        return lalm_pb2.ScoreChoicesAudioResponse(
            scores=[
                llm_pb2.ChoiceScore(logprob=logprob, num_tokens=tokens, mean_logprob=logprob / max(tokens, 1))
                for logprob, tokens in scores
            ],
            clips=self._heard(heard, transcripts),
        )

    async def _listen(self, request: lalm_pb2.ListenRequest) -> lalm_pb2.ListenResponse:
        sampling = sampling_from(request.sampling)
        heard = await self._hear(request.messages)
        generation, transcripts = await self.engine.listen(
            heard.messages, heard.clips, sampling, thinking=request.thinking
        )
        self.metrics.generated(generation.prompt_tokens, generation.completion_tokens)
        return lalm_pb2.ListenResponse(generation=generation_to(generation), clips=self._heard(heard, transcripts))

    async def _hear(self, messages: Sequence[lalm_pb2.ListenMessage]) -> "Conversation":
        """Checks a conversation, then decodes its clips, and puts a mark for each part in the place of a clip's."""
        turns = _turns(messages)
        sent = [
            (clip, f"messages[{at}].clips[{index}]")
            for at, message in enumerate(messages)
            for index, clip in enumerate(message.clips)
        ]
        for clip, field in sent:
            if len(clip.transcript) > MAX_TRANSCRIPT_CHARS:
                remedy = f"send at most {MAX_TRANSCRIPT_CHARS}"
                raise InvalidInput(f"{len(clip.transcript)} characters", f"{field}.transcript", remedy)
        wholes = await asyncio.gather(*[self.ears.hear(clip.audio, f"{field}.audio") for clip, field in sent])
        for whole in wholes:
            self.metrics.heard(whole.seconds)
        counts = [self.ears.num_parts(whole) for whole in wholes]
        _require_few(sum(counts))
        supplied = [clip.transcript if clip.HasField("transcript") else None for clip, _ in sent]
        clips = [
            ClipIn(clip=part, transcript=words if words is None or number == 0 else "")
            for whole, words in zip(wholes, supplied, strict=True)
            for number, part in enumerate(self.ears.parts(whole))
        ]
        return Conversation(messages=_in_parts(turns, counts), clips=clips, wholes=wholes)

    def _heard(self, heard: "Conversation", transcripts: Sequence[str]) -> list[lalm_pb2.HeardClip]:
        """Returns each clip with the transcripts of its parts, joined."""
        left = iter(transcripts)
        found: list[lalm_pb2.HeardClip] = []
        for whole in heard.wholes:
            words = [next(left) for _ in range(self.ears.num_parts(whole))]
            found.append(lalm_pb2.HeardClip(audio=self.ears.info(whole), transcript=" ".join(filter(None, words))))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """What the engine is asked about."""

    messages: Sequence[Message]
    clips: Sequence[ClipIn]
    """The parts of all clips, in order."""
    wholes: Sequence[Clip]
    """The clips as they were sent."""


def _turns(messages: Sequence[lalm_pb2.ListenMessage]) -> list[Message]:
    """Reads the turns; clips of a turn without a mark come first, a line each."""
    _require_few(sum(len(message.clips) for message in messages))
    found: list[Message] = []
    for index, (turn, message) in enumerate(zip(turns_from(messages), messages, strict=True)):
        num_marks = turn.content.count(MARK)
        if num_marks not in (0, len(message.clips)):
            problem = f"{num_marks} {MARK} for {len(message.clips)} clips"
            raise InvalidInput(problem, f"messages[{index}].content", f"write one {MARK} for each, or none")
        marks = "" if num_marks else f"{MARK}\n" * len(message.clips)
        names = tuple(str(number) for number in range(len(message.clips)))
        found.append(Message(role=turn.role, content=marks + turn.content, audios=names))
    return found


def _in_parts(messages: Sequence[Message], counts: Sequence[int]) -> list[Message]:
    """Returns the turns with as many marks for each clip as it has parts."""
    if all(count == 1 for count in counts):
        return list(messages)
    left = iter(counts)
    found: list[Message] = []
    for message in messages:
        first, *texts = message.content.split(MARK)
        marks = [MARK * next(left) for _ in texts]
        content = first + "".join(mark + text for mark, text in zip(marks, texts, strict=True))
        names = tuple(str(number) for number in range(content.count(MARK)))
        found.append(Message(role=message.role, content=content, audios=names))
    return found


def _require_few(num_clips: int) -> None:
    if num_clips > MAX_CLIPS:
        raise InvalidInput(f"{num_clips} clips", "messages", f"send at most {MAX_CLIPS} in one conversation")
