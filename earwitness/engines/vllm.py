"""vLLM as an engine: prompts as token ids or embeddings in, text or log-probabilities out.

It knows nothing of chat templates, audio or the wire. vLLM runs in processes of its own; this module is their front.
Who calls, and so how urgently, it learns from `earwitness.calls`.
"""

import asyncio
import logging
import math
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from earwitness import calls, metrics
from earwitness.engines import environment, reading, stats
from earwitness.engines.adapters import MODULES, Adapter
from earwitness.engines.options import VllmOptions
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.sampling import PLAIN, Extras, Generation, Sampling, Token

if TYPE_CHECKING:
    import torch

    Prompt = Sequence[int] | torch.Tensor
    """Token ids, or embeddings of shape `(tokens, width)` in the model's dtype."""

log = logging.getLogger(__name__)
MAX_TOP_LOGPROBS = 20
PRIORITY = {"interactive": 0, "sweep": 1}
"""vLLM runs the lower first."""


class VllmEngine:
    """One model in vLLM. Every coroutine may be cancelled, which frees its place in the running batch.

    Several GPUs (`tensor_parallel_size`) take vLLM's own processes in one pod, not Ray's placement groups.
    """

    def __init__(
        self,
        folder: Path,
        options: VllmOptions,
        *,
        prompt_embeds: bool = False,
        adapters: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        """Loads the model, in seconds to minutes; `adapters` makes room for LoRA adapters.

        Raises EngineFailure, with vLLM's reason, where vLLM refuses the model.
        """
        environment.prepare(options)
        from vllm import AsyncEngineArgs, __version__
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        on_cpu = current_platform.is_cpu()
        self.dtype = ("float32" if on_cpu else "auto") if options.dtype == "auto" else options.dtype
        self.version = f"vllm {__version__}"
        self.max_model_len = min(options.max_model_len, _context_of(folder) or options.max_model_len)
        self._shares_prefixes = options.prefix_caching and not prompt_embeds
        self._prioritises = options.priorities
        self._adapters: dict[int, asyncio.Future[bool]] = {}
        arguments = AsyncEngineArgs(
            **_arguments(options, adapters=adapters),
            model=str(folder),
            dtype=cast(Any, self.dtype),
            max_model_len=self.max_model_len,
            enforce_eager=on_cpu if options.enforce_eager is None else options.enforce_eager,
            # In pieces, a prompt with a seed would end the engine: a CPU's generator cannot go back over a draw.
            enable_chunked_prefill=not on_cpu,
            enable_prompt_embeds=prompt_embeds,
            enable_prefix_caching=self._shares_prefixes,
            trust_remote_code=trust_remote_code,
        )
        try:
            self._engine = AsyncLLM.from_engine_args(arguments, stat_loggers=[stats.logger(metrics.current())])
        except Exception as error:
            raise EngineFailure(f"vLLM could not load the model: {error}", str(folder)) from error

    async def generate(
        self, prompt: "Prompt", sampling: Sampling, extras: Extras = PLAIN, adapter: Adapter | None = None
    ) -> Generation:
        """Generates one text, of no token where `max_tokens` is 0.

        Raises InvalidInput for a prompt that leaves no room in the context, a schema that cannot be kept to, and an
        adapter that vLLM cannot use.
        """
        parameters, last = self._parameters(prompt, sampling, extras), None
        async for output in self._outputs(prompt, parameters, adapter):
            last = output
        prompt_tokens = self._prompt_tokens(prompt, last, extras)
        if not sampling.max_tokens:
            return reading.nothing(len(prompt), prompt_tokens)
        return reading.generation(last, len(prompt), num_top=extras.top_logprobs, prompt=prompt_tokens)

    async def stream(
        self, prompt: "Prompt", sampling: Sampling, extras: Extras = PLAIN, adapter: Adapter | None = None
    ) -> AsyncIterator[tuple[str, Generation]]:
        """Yields the text's growth: what is new, and the whole so far. The prompt is not echoed."""
        from vllm.sampling_params import RequestOutputKind

        parameters, seen = self._parameters(prompt, sampling, extras), ""
        parameters.output_kind = RequestOutputKind.CUMULATIVE
        async for output in self._outputs(prompt, parameters, adapter):
            generation = reading.generation(output, len(prompt), num_top=extras.top_logprobs)
            yield generation.text[len(seen) :], generation
            seen = generation.text

    async def logprob(
        self, prompt: Sequence[int], continuation: Sequence[int], adapter: Adapter | None = None
    ) -> float:
        """Returns the natural log-probability of `continuation` after `prompt`, summed over its tokens."""
        (total,) = await self.logprobs(prompt, [continuation], adapter)
        return total

    async def logprobs(
        self, prompt: Sequence[int], continuations: Sequence[Sequence[int]], adapter: Adapter | None = None
    ) -> list[float]:
        """Returns the natural log-probability of each continuation after one prompt, summed over its tokens.

        One pass over the prompt gives the first token of them all. Longer ones then take a pass each, which finds the
        prompt in the prefix cache as far as it fills blocks (of 128 tokens on a CPU).
        """
        self._check_length(len(prompt) + max(map(len, continuations)), "messages and choices")
        if not all(continuations):
            raise InvalidInput("has no tokens", "choices", "send a text")
        if len(continuations) == 1 or not self._shares_prefixes:
            passes = [self._logprob(prompt, each, adapter) for each in continuations]
            return [math.fsum(logprobs) for logprobs in await asyncio.gather(*passes)]
        firsts = await self._first_logprobs(prompt, [each[0] for each in continuations], adapter)
        rests = await asyncio.gather(
            *[self._logprob(prompt, each, adapter, cached=True) for each in continuations if len(each) > 1]
        )
        remaining = iter(rests)
        return [
            first if len(each) == 1 else math.fsum(next(remaining))
            for each, first in zip(continuations, firsts, strict=True)
        ]

    @property
    def num_running(self) -> int:
        """How many requests the engine holds, waiting ones included."""
        return self._engine.output_processor.get_num_unfinished_requests()

    def stop(self) -> None:
        """Ends vLLM's processes; the engine is of no use afterwards."""
        self._engine.shutdown()
        del self._engine  # vLLM's finalizer fails if it runs while the interpreter shuts down

    async def _first_logprobs(self, prompt: Sequence[int], ids: Sequence[int], adapter: Adapter | None) -> list[float]:
        """Returns the log-probability of each of some tokens as the first after a prompt, by one pass."""
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=0, max_tokens=1, logprob_token_ids=list(dict.fromkeys(ids)), detokenize=False
        )
        place: dict[int, Any] = {}
        async for output in self._outputs(prompt, parameters, adapter):
            place = output.outputs[0].logprobs[0]
        return _finite([place[at].logprob for at in ids])

    async def _logprob(
        self, prompt: Sequence[int], continuation: Sequence[int], adapter: Adapter | None, *, cached: bool = False
    ) -> list[float]:
        """Returns the log-probability of each token of a continuation.

        `cached` reads the prompt from the prefix cache, from which vLLM keeps such requests, since it has nothing to
        say of cached tokens. Of these only the prompt's are of no interest, so what reaches further is asked again.
        """
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=0,
            max_tokens=1,
            prompt_logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            skip_reading_prefix_cache=not cached,
        )
        last: Any = None
        async for output in self._outputs([*prompt, *continuation], parameters, adapter):
            last = output
        if cached and (last.num_cached_tokens or 0) >= len(prompt):
            return await self._logprob(prompt, continuation, adapter)
        return _finite(last.prompt_logprobs.logprobs[-len(continuation) :])

    def _parameters(self, prompt: "Prompt", sampling: Sampling, extras: Extras) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        room = self._check_length(len(prompt), "messages")
        schema = extras.json_schema
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop=list(sampling.stop),
            max_tokens=max(1, min(sampling.max_tokens, room)),
            logprobs=extras.top_logprobs if sampling.max_tokens else None,
            prompt_logprobs=extras.top_logprobs if extras.echo else None,
            structured_outputs=StructuredOutputsParams(json=schema) if schema else None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _prompt_tokens(self, prompt: "Prompt", output: Any, extras: Extras) -> tuple[Token, ...]:
        if not extras.echo or not isinstance(prompt, Sequence):
            return ()
        decode = self._engine.get_tokenizer().decode
        return reading.read_prompt(prompt, output.prompt_logprobs, extras.top_logprobs, lambda at: decode([at]))

    def _check_length(self, num_tokens: int, field: str) -> int:
        """Returns how many tokens the context has left after a prompt."""
        room = self.max_model_len - num_tokens
        if not num_tokens or room < 1:
            remedy = "shorten the conversation, or serve the model with a larger max_model_len"
            raise InvalidInput(f"{num_tokens} tokens leave no room in a context of {self.max_model_len}", field, remedy)
        return room

    async def _outputs(
        self, prompt: "Prompt", parameters: Any, adapter: Adapter | None = None
    ) -> AsyncGenerator[Any, None]:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        request = {"prompt_token_ids": list(prompt)} if isinstance(prompt, Sequence) else {"prompt_embeds": prompt}
        priority = PRIORITY[calls.current().priority]
        outputs = self._engine.generate(
            cast(Any, request),
            parameters,
            uuid.uuid4().hex,
            lora_request=await self._loaded(adapter) if adapter else None,
            priority=priority if self._prioritises else 0,
        )
        try:
            async for output in outputs:
                yield output
        except EngineDeadError as error:
            raise EngineFailure("the engine is dead", remedy="restart the replica") from error
        except VLLMClientError as error:
            field = "json_schema" if parameters.structured_outputs else "sampling"
            raise InvalidInput(_first_line(error), field) from error
        finally:
            await cast(AsyncGenerator[Any, None], outputs).aclose()

    async def _loaded(self, adapter: Adapter) -> Any:
        """Loads an adapter at its first use; else one that cannot be loaded would end the engine, in a later step."""
        from vllm.lora.request import LoRARequest

        request = LoRARequest(adapter.name, adapter.number, str(adapter.folder))
        if adapter.number not in self._adapters:
            self._adapters[adapter.number] = asyncio.ensure_future(self._engine.add_lora(request))
        try:
            await asyncio.shield(self._adapters[adapter.number])
        except Exception as error:
            log.error("adapter %s: %s", adapter.name, _first_line(error))
            raise InvalidInput(f"{adapter.name} cannot be loaded", "adapter", "was it made for this model?") from error
        return request


def _arguments(options: VllmOptions, *, adapters: bool) -> dict[str, Any]:
    """Returns those of vLLM's arguments that say the same of every model."""
    from vllm.config import StructuredOutputsConfig

    return {
        "max_num_seqs": options.max_num_seqs,
        "tensor_parallel_size": options.tensor_parallel_size,
        "quantization": options.quantization,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "scheduling_policy": "priority" if options.priorities else "fcfs",
        "enable_lora": adapters,
        "max_loras": options.max_adapters,
        "max_lora_rank": options.max_adapter_rank,
        "lora_target_modules": list(MODULES) if adapters else None,
        # Guidance knows more of JSON Schema than xgrammar; a small model that may write white space goes on and on.
        "structured_outputs_config": StructuredOutputsConfig(backend="guidance", disable_any_whitespace=True),
        "max_logprobs": MAX_TOP_LOGPROBS,
        "disable_log_stats": True,
        "seed": 0,
    }


def _finite(logprobs: list[float]) -> list[float]:
    if not all(map(math.isfinite, logprobs)):
        raise EngineFailure("the model gave no finite log-probability")
    return logprobs


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _context_of(folder: Path) -> int | None:
    """Returns the context that the model's configuration states, in tokens."""
    import msgspec

    config = msgspec.json.decode((folder / "config.json").read_bytes())
    return config.get("text_config", config).get("max_position_embeddings")
