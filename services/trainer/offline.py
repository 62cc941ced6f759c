"""The backbone in this process, by vLLM: no server, no wire, the same answers.

It is identified as the LLM service identifies the model, so that targets of either are one data set.
"""

from collections.abc import Sequence

from earwitness.conversation import Turn
from earwitness.engines.options import VllmOptions
from earwitness.identity import Identity, identify
from earwitness.sampling import Generation, Sampling
from services.trainer.backbone import IN_FLIGHT, OneBackbone


class OfflineChat:
    """See services.trainer.backbone.Chat."""

    def __init__(self, model: str, options: VllmOptions) -> None:
        """Loads a model by hub id, folder or embedded name; raises what resolving it and vLLM raise."""
        from earwitness.chat import ChatTemplate
        from earwitness.engines.vllm import VllmEngine
        from earwitness.models import ModelRef, resolve

        folder = resolve(ModelRef.parse(model))
        self._template = ChatTemplate(folder)
        self._engine = VllmEngine(folder, options)
        self._identity = identify(
            model,
            folder,
            engine=self._engine.version,
            dtype=self._engine.dtype,
            context_tokens=self._engine.max_model_len,
            quantization=options.quantization or "",
        )

    async def identity(self) -> Identity:
        """See Chat."""
        return self._identity

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool = False) -> Generation:
        """See Chat."""
        return await self._engine.generate(self._template.encode(turns, thinking=thinking), sampling)

    async def close(self) -> None:
        """See Chat. Ends vLLM's processes."""
        self._engine.stop()


def at_hand(model: str, options: VllmOptions, *, in_flight: int = IN_FLIGHT) -> OneBackbone:
    """Returns the model in this process; it has to be made on the event loop that asks it."""
    chat = OfflineChat(model, options)
    return OneBackbone(chat=chat, target=model, in_flight=in_flight, first_in_flight=in_flight)
