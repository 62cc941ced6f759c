"""The captioner's RPCs: decoding, admission and the wire; the engine does the listening."""

from typing import ClassVar

from google.rpc import status_pb2

from earwitness import audio, batch, edge
from earwitness.admission import Admission
from earwitness.errors import InvalidInput
from earwitness.hearing import Ears
from earwitness.metrics import Metrics
from earwitness.metrics.declared import CACHE_HITS
from earwitness.servicer import ModelServicer
from earwitness.v1 import captioner_pb2
from services.captioner.config import CaptionerConfig
from services.captioner.engine import AskedEngine, Batched, CaptionEngine, open_engine

MAX_BATCH = 64
MAX_PROMPT_CHARS = 4096
MAX_SECONDS = 600.0


class CaptionerServicer(ModelServicer):
    """earwitness.v1.CaptionerService."""

    service = "earwitness.v1.CaptionerService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.captioner_pb2_grpc.add_CaptionerServiceServicer_to_server",)

    def __init__(self, config: CaptionerConfig, engine: CaptionEngine | AskedEngine | None = None) -> None:
        """Opens the configured engine, unless one is given."""
        metrics = Metrics("captioner")
        with metrics.collecting():
            opened = engine or open_engine(config)
            self.engine = opened if isinstance(opened, AskedEngine) else Batched(opened)
            self.admission = Admission(config.max_in_flight)
        self.ears = Ears(
            config.sources, config.long_audio, max_seconds=MAX_SECONDS, window_seconds=config.window_seconds
        )
        metrics.watch(CACHE_HITS, lambda: self.ears.media.cache.num_hits, "clips")
        super().__init__(self.engine.identity, metrics)

    async def warm_up(self) -> None:
        """Captions a tenth of a second of silence."""
        import numpy as np

        await self.engine.describe(audio.from_samples(np.zeros(1600, np.float32)), "")

    @edge.unary
    async def Caption(
        self, request: captioner_pb2.CaptionRequest, grpc_context: edge.Context
    ) -> captioner_pb2.CaptionResponse:
        """Describes one clip."""
        with self.admission.slot():
            return await self._caption(request)

    @edge.unary
    async def CaptionBatch(
        self, request: captioner_pb2.CaptionBatchRequest, grpc_context: edge.Context
    ) -> captioner_pb2.CaptionBatchResponse:
        """Describes many clips; a bad clip fails alone."""
        results = await batch.gather(request.requests, self._caption, MAX_BATCH, self.admission)
        return captioner_pb2.CaptionBatchResponse(
            results=[
                captioner_pb2.CaptionResult(error=result)
                if isinstance(result, status_pb2.Status)
                else captioner_pb2.CaptionResult(response=result)
                for result in results
            ]
        )

    async def _caption(self, request: captioner_pb2.CaptionRequest) -> captioner_pb2.CaptionResponse:
        if len(request.prompt) > MAX_PROMPT_CHARS:
            limit = f"send at most {MAX_PROMPT_CHARS}"
            raise InvalidInput(f"{len(request.prompt)} characters", "prompt", limit)
        clip = await self.ears.hear(request.audio, "audio")
        self.metrics.heard(clip.seconds)
        caption = await self.engine.describe(clip, request.prompt)
        return captioner_pb2.CaptionResponse(
            caption=caption.text, transcript=caption.transcript, audio=self.ears.info(clip)
        )
