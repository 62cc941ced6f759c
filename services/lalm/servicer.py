"""The LALM's RPCs: checks, decoding, admission and the wire; the engine does the listening."""

import asyncio
from typing import ClassVar

from google.rpc import status_pb2

from earwitness import batch, edge
from earwitness.admission import Admission
from earwitness.desta.splice import MARK, Message
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from earwitness.servicer import ModelServicer
from earwitness.v1 import lalm_pb2
from earwitness.wire import clip_from, generation_to, info_to, sampling_from, turns_from
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, DestaEngine, ListenEngine

MAX_BATCH = 64
MAX_CLIPS = 8
MAX_SECONDS = 30.0
MAX_TRANSCRIPT_CHARS = 4096


class LalmServicer(ModelServicer):
    """earwitness.v1.LalmService."""

    service = "earwitness.v1.LalmService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.lalm_pb2_grpc.add_LalmServiceServicer_to_server",)

    def __init__(self, config: LalmConfig, engine: ListenEngine | None = None) -> None:
        """Opens the configured engine, unless one is given."""
        self.engine = engine or DestaEngine(config)
        self.admission = Admission(config.max_in_flight)
        super().__init__(self.engine.identity)

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

    async def _listen(self, request: lalm_pb2.ListenRequest) -> lalm_pb2.ListenResponse:
        sampling = sampling_from(request.sampling)
        messages = _messages(request)
        clips = await asyncio.to_thread(_clips, request)
        generation, transcripts = await self.engine.listen(messages, clips, sampling, thinking=request.thinking)
        heard = [
            lalm_pb2.HeardClip(audio=info_to(clip.clip), transcript=transcript)
            for clip, transcript in zip(clips, transcripts, strict=True)
        ]
        return lalm_pb2.ListenResponse(generation=generation_to(generation), clips=heard)


def _messages(request: lalm_pb2.ListenRequest) -> list[Message]:
    """Reads the turns; clips of a turn without a mark come first, a line each."""
    num_clips = sum(len(message.clips) for message in request.messages)
    if num_clips > MAX_CLIPS:
        raise InvalidInput(f"{num_clips} clips", "messages", f"send at most {MAX_CLIPS} in one conversation")
    messages: list[Message] = []
    for index, (turn, message) in enumerate(zip(turns_from(request.messages), request.messages, strict=True)):
        num_marks = turn.content.count(MARK)
        if num_marks not in (0, len(message.clips)):
            problem = f"{num_marks} {MARK} for {len(message.clips)} clips"
            raise InvalidInput(problem, f"messages[{index}].content", f"write one {MARK} for each, or none")
        marks = "" if num_marks else f"{MARK}\n" * len(message.clips)
        names = tuple(str(number) for number in range(len(message.clips)))
        messages.append(Message(role=turn.role, content=marks + turn.content, audios=names))
    return messages


def _clips(request: lalm_pb2.ListenRequest) -> list[ClipIn]:
    """Checks and decodes every clip, in order."""
    return [
        _clip(clip, f"messages[{at}].clips[{index}]")
        for at, message in enumerate(request.messages)
        for index, clip in enumerate(message.clips)
    ]


def _clip(message: lalm_pb2.Clip, field: str) -> ClipIn:
    if len(message.transcript) > MAX_TRANSCRIPT_CHARS:
        remedy = f"send at most {MAX_TRANSCRIPT_CHARS}"
        raise InvalidInput(f"{len(message.transcript)} characters", f"{field}.transcript", remedy)
    clip = clip_from(message.audio, MAX_SECONDS, f"{field}.audio")
    return ClipIn(clip=clip, transcript=message.transcript if message.HasField("transcript") else None)
