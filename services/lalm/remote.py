"""The openai engine: audio language models behind an OpenAI-compatible API, such as Gemini."""

import asyncio
from collections.abc import Sequence

from earwitness import wav
from earwitness.clients import SpokenTurn
from earwitness.conversation import Turn
from earwitness.desta.splice import Message
from earwitness.errors import InvalidInput
from earwitness.openai import OpenAiClient
from earwitness.sampling import Generation, Sampling
from services.lalm.config import LalmConfig
from services.lalm.engine import ChoiceScore, ClipIn


class OpenAiListenEngine:
    """One endpoint of the catalogue. It is sent the sound alone: a supplied transcript is handed back."""

    def __init__(self, config: LalmConfig) -> None:
        """Raises NotFound for an endpoint that is in no catalogue, NotReady without its key, InvalidInput if deaf."""
        self._client = OpenAiClient.at(config.model, config.endpoints_file)
        endpoint = self._client.endpoint
        if not endpoint.audio:
            raise InvalidInput(f"{endpoint.model} takes no audio", "model", "name an endpoint that hears")
        self.identity = endpoint.identity()

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """See ListenEngine. Errors of the API arrive as they are: Overloaded, Unavailable, DeadlineExceeded, ..."""
        turns = await asyncio.to_thread(_turns, messages, clips)
        heard = await self._client.listen(turns, sampling, thinking=thinking)
        return heard.generation, [clip.transcript or "" for clip in clips]

    async def score(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], choices: Sequence[str]
    ) -> tuple[list[ChoiceScore], list[str]]:
        """Raises InvalidInput: an API scores no text that it is given."""
        raise InvalidInput(f"{self.identity.model} scores no options", "choices", "let it answer with Listen instead")

    def stop(self) -> None:
        """See ListenEngine."""
        self._client.stop()


def _turns(messages: Sequence[Message], clips: Sequence[ClipIn]) -> list[SpokenTurn]:
    """Returns the conversation with a WAV file for each clip."""
    files = iter([wav.encode(clip.clip) for clip in clips])
    return [
        SpokenTurn(
            turn=Turn(role=message.role, content=message.content), clips=tuple(next(files) for _ in message.audios)
        )
        for message in messages
    ]
