"""The caller of a captioner."""

from collections.abc import Sequence

from earwitness.channel import Endpoint
from earwitness.clients.heard import facts, size, source
from earwitness.clients.model import BYTES_PER_CHAR, MOST_CLIPS, TIMEOUT_S, Fields, Method, ModelClient
from earwitness.clients.values import Caption, Sound
from earwitness.errors import EarwitnessError
from earwitness.v1 import captioner_pb2, captioner_pb2_grpc


class CaptionerClient(ModelClient):
    """Calls a captioner."""

    application = "captioner"

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._caption = Method(
            self,
            captioner_pb2_grpc.CaptionerServiceStub,
            (captioner_pb2.CaptionRequest, captioner_pb2.CaptionResponse),
            (captioner_pb2.CaptionBatchRequest, captioner_pb2.CaptionBatchResponse),
            MOST_CLIPS,
        )

    async def caption(self, clip: Sound, prompt: str = "") -> Caption:
        """Describes a clip."""
        return _caption(await self._caption(*_request(clip, prompt)))

    async def caption_batch(self, clips: Sequence[Sound], prompt: str = "") -> list[Caption | EarwitnessError]:
        """Describes many clips; returns a caption or an error for each, in order."""
        results = await self._caption.batch([_request(clip, prompt) for clip in clips])
        return [result if isinstance(result, EarwitnessError) else _caption(result) for result in results]


def _request(clip: Sound, prompt: str) -> tuple[Fields, int]:
    return {"audio": source(clip), "prompt": prompt}, size(clip) + BYTES_PER_CHAR * len(prompt)


def _caption(response: captioner_pb2.CaptionResponse) -> Caption:
    return Caption(text=response.caption, transcript=response.transcript, **facts(response.audio))
