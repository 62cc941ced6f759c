"""vLLM with the adapters of one DeSTA model in its every call. It knows nothing of clips."""

import contextlib
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.desta.config import DestaConfig
from earwitness.engines.adapters import Adapter, Adapters
from earwitness.engines.options import VllmOptions
from earwitness.engines.vllm_audio import VllmAudioEngine

if TYPE_CHECKING:
    from torch import Tensor

NAME = "checkpoint"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Those that vLLM 0.32 makes room for (`MaxLoRARanks` in vllm/config/lora.py)."""


class AdaptedEngine(VllmAudioEngine):
    """The LLM of a DeSTA model, asked with embeddings; with its adapters where it has some."""

    def __init__(self, llm: Path, desta: DestaConfig, options: VllmOptions) -> None:
        """Loads the LLM, with room for the adapters that `adapt` gives it; raises what VllmEngine raises."""
        self._config = desta
        least = desta.lora.rank if desta.lora else 0
        self._rank = next((rank for rank in RANKS if rank >= least), RANKS[-1])
        self._own: Adapters | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="earwitness-adapter-")
        options = replace(options, dtype=desta.dtype, max_adapters=1, max_adapter_rank=self._rank)
        super().__init__(llm, options, prompt_embeds=True, adapters=desta.lora is not None)

    def adapt(self, values: "Mapping[str, Tensor]") -> None:
        """Takes the adapters, as `earwitness.desta.checkpoint.load` gives them.

        Raises InvalidInput for those that vLLM cannot apply, which an export puts into the LLM's weights.
        """
        from earwitness.desta import adapters

        assert self._config.lora is not None  # else there is no room
        folder = Path(self._folder.name) / NAME
        adapters.save(folder, values, self._config.lora, self._config.llm)
        self._own = Adapters({NAME: folder}, None, max_rank=self._rank)

    def stop(self) -> None:
        """See VllmEngine."""
        super().stop()
        self._folder.cleanup()

    async def _outputs(self, prompt: Any, parameters: Any, adapter: Adapter | None = None) -> AsyncGenerator[Any, None]:
        own = await self._own.find(NAME) if self._own else adapter
        async with contextlib.aclosing(super()._outputs(prompt, parameters, own)) as outputs:
            async for output in outputs:
                yield output
