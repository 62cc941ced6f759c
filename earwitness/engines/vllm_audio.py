"""vLLM with ears: audio language models that vLLM serves whole, and log-probabilities after embeddings.

It knows nothing of chat templates or the wire.
"""

import contextlib
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from earwitness import calls
from earwitness.engines import reading
from earwitness.engines.adapters import Adapter
from earwitness.engines.vllm import PRIORITY, VllmEngine
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.sampling import PLAIN, Generation, Sampling

if TYPE_CHECKING:
    from earwitness.engines.vllm import Prompt

SAMPLE_RATE = 16_000
ATTEMPTS = 3
"""vLLM 0.32 sends a clip to its engine once and then only its hash. The clip of a request that was refused in between
never got there: the next request that holds it ends without a text, with the reason "error", and must be sent again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardPrompt:
    """Token ids in which the model's word for a clip stands as often as there are clips."""

    ids: Sequence[int]
    clips: Sequence[NDArray[np.float32]]
    """Mono samples at 16 kHz, each of shape `(samples,)`; vLLM resamples for models that hear at another rate."""

    def __len__(self) -> int:
        """The number of ids; vLLM puts more in their place, and knows only then how many."""
        return len(self.ids)


class VllmAudioEngine(VllmEngine):
    """One model in vLLM, asked with clips or embeddings."""

    async def listen(self, prompt: HeardPrompt, sampling: Sampling) -> Generation:
        """Generates one text.

        Raises InvalidInput for a prompt that leaves no room, whose clips vLLM refuses, or to a model that takes none.
        """
        last: Any = None
        async for output in self._outputs(prompt, self._parameters(cast("Prompt", prompt), sampling, PLAIN)):
            last = output
        return reading.generation(last, len(last.prompt_token_ids), num_top=None)

    async def next_logprobs(self, prompt: "Prompt | HeardPrompt", ids: Sequence[int]) -> dict[int, float]:
        """Returns the natural log-probability of each of `ids` as the token after the prompt.

        vLLM 0.32 gives no `prompt_logprobs` after embeddings, so there a text is scored token by token.
        """
        from vllm import SamplingParams

        self._check_length(len(prompt), "messages and choices")
        parameters = SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=list(ids), detokenize=False)
        place: dict[int, Any] = {}
        async for output in self._outputs(prompt, parameters):
            place = output.outputs[0].logprobs[0]
        return {token: float(place[token].logprob) for token in ids}

    async def _outputs(
        self, prompt: "Prompt | HeardPrompt", parameters: Any, adapter: Adapter | None = None
    ) -> AsyncGenerator[Any, None]:
        if not isinstance(prompt, HeardPrompt):
            async for output in super()._outputs(prompt, parameters, adapter):
                yield output
            return
        for _ in range(ATTEMPTS):
            async with contextlib.aclosing(self._heard(prompt, parameters)) as outputs:
                async for output in outputs:
                    if output.outputs[0].finish_reason == "error":
                        break
                    yield output
                else:
                    return
        raise EngineFailure("the model gave up on the clips", "messages", "try again")

    async def _heard(self, prompt: HeardPrompt, parameters: Any) -> AsyncGenerator[Any, None]:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        if prompt.clips and not self._engine.model_config.is_multimodal_model:
            raise InvalidInput("the model takes text alone", "messages", "serve one that hears")
        clips = [(clip, SAMPLE_RATE) for clip in prompt.clips]
        request = {"prompt_token_ids": list(prompt.ids)} | ({"multi_modal_data": {"audio": clips}} if clips else {})
        priority = PRIORITY[calls.current().priority] if self._prioritises else 0
        outputs = self._engine.generate(cast(Any, request), parameters, uuid.uuid4().hex, priority=priority)
        try:
            async for output in outputs:
                yield output
        except EngineDeadError as error:
            raise EngineFailure("the engine is dead", remedy="restart the replica") from error
        except (VLLMClientError, ValueError) as error:
            raise InvalidInput(str(error).splitlines()[0], "messages") from None
        except EngineGenerateError as error:
            cause = error.__cause__
            if isinstance(cause, ValueError) and str(cause):  # of clips that the model's processor refuses
                raise InvalidInput(str(cause).splitlines()[0], "messages") from None
            raise EngineFailure("the engine failed on the request", "messages", "try again") from error
        finally:
            await cast("AsyncGenerator[Any, None]", outputs).aclose()
