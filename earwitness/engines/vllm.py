"""vLLM as an engine: prompts as token ids or embeddings in, text or log-probabilities out.

It knows nothing of chat templates, audio or the wire. vLLM runs in processes of its own; this module is their front.
"""

import math
import os
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from earwitness.engines.options import VllmOptions
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.sampling import Generation, Sampling

if TYPE_CHECKING:
    import torch

    Prompt = Sequence[int] | torch.Tensor
    """Token ids, or embeddings of shape `(tokens, width)` in the model's dtype."""


class VllmEngine:
    """One model in vLLM. Every coroutine may be cancelled, which frees its place in the running batch."""

    def __init__(
        self, folder: Path, options: VllmOptions, *, prompt_embeds: bool = False, trust_remote_code: bool = False
    ) -> None:
        """Loads the model, in seconds to minutes. Raises EngineFailure, with vLLM's reason, where vLLM refuses it."""
        _prepare_environment(options)
        from vllm import AsyncEngineArgs, __version__
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        on_cpu = current_platform.is_cpu()
        self.dtype = ("float32" if on_cpu else "auto") if options.dtype == "auto" else options.dtype
        self.version = f"vllm {__version__}"
        self.max_model_len = min(options.max_model_len, _context_of(folder) or options.max_model_len)
        arguments = AsyncEngineArgs(
            model=str(folder),
            dtype=cast(Any, self.dtype),
            max_model_len=self.max_model_len,
            max_num_seqs=options.max_num_seqs,
            tensor_parallel_size=options.tensor_parallel_size,
            quantization=cast(Any, options.quantization),
            gpu_memory_utilization=options.gpu_memory_utilization,
            enforce_eager=on_cpu if options.enforce_eager is None else options.enforce_eager,
            enable_prompt_embeds=prompt_embeds,
            enable_prefix_caching=not prompt_embeds,
            trust_remote_code=trust_remote_code,
            disable_log_stats=True,
            seed=0,
        )
        try:
            self._engine = AsyncLLM.from_engine_args(arguments)
        except Exception as error:
            raise EngineFailure(f"vLLM could not load the model: {error}", str(folder)) from error

    async def generate(self, prompt: "Prompt", sampling: Sampling) -> Generation:
        """Generates one text. Raises InvalidInput for a prompt that leaves no room in the context."""
        last = None
        async for output in self._outputs(prompt, self._parameters(prompt, sampling)):
            last = output
        return self._generation(last, len(prompt))

    async def stream(self, prompt: "Prompt", sampling: Sampling) -> AsyncIterator[tuple[str, Generation]]:
        """Yields the text's growth: what is new, and the whole so far."""
        seen = ""
        async for output in self._outputs(prompt, self._parameters(prompt, sampling)):
            generation = self._generation(output, len(prompt))
            yield generation.text[len(seen) :], generation
            seen = generation.text

    async def logprob(self, prompt: Sequence[int], continuation: Sequence[int]) -> float:
        """Returns the natural log-probability of `continuation` after `prompt`, summed over its tokens."""
        from vllm import SamplingParams

        ids = [*prompt, *continuation]
        self._check_length(len(ids), "messages and choices")
        parameters = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        table: list[Any] = []
        async for output in self._outputs(ids, parameters):
            table = output.prompt_logprobs
        total = math.fsum(table[at][ids[at]].logprob for at in range(len(prompt), len(ids)))
        if not math.isfinite(total):
            raise EngineFailure("the model gave no finite log-probability")
        return total

    @property
    def num_running(self) -> int:
        """How many requests the engine holds, waiting ones included."""
        return self._engine.output_processor.get_num_unfinished_requests()

    def stop(self) -> None:
        """Ends vLLM's processes; the engine is of no use afterwards."""
        self._engine.shutdown()
        del self._engine  # vLLM's finalizer fails if it runs while the interpreter shuts down

    def _parameters(self, prompt: "Prompt", sampling: Sampling) -> Any:
        from vllm import SamplingParams

        room = self._check_length(len(prompt), "messages")
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop=list(sampling.stop),
            max_tokens=min(sampling.max_tokens, room),
        )

    def _check_length(self, num_tokens: int, field: str) -> int:
        """Returns how many tokens the context has left after a prompt."""
        room = self.max_model_len - num_tokens
        if not num_tokens or room < 1:
            remedy = "shorten the conversation, or serve the model with a larger max_model_len"
            raise InvalidInput(f"{num_tokens} tokens leave no room in a context of {self.max_model_len}", field, remedy)
        return room

    async def _outputs(self, prompt: "Prompt", parameters: Any) -> AsyncGenerator[Any, None]:
        from vllm.v1.engine.exceptions import EngineDeadError

        request = {"prompt_token_ids": list(prompt)} if isinstance(prompt, Sequence) else {"prompt_embeds": prompt}
        outputs = self._engine.generate(cast(Any, request), parameters, uuid.uuid4().hex)
        try:
            async for output in outputs:
                yield output
        except EngineDeadError as error:
            raise EngineFailure("the engine is dead", remedy="restart the replica") from error
        finally:
            await cast(AsyncGenerator[Any, None], outputs).aclose()

    @staticmethod
    def _generation(output: Any, prompt_tokens: int) -> Generation:
        completion = output.outputs[0]
        return Generation(
            text=completion.text,
            finish_reason="length" if completion.finish_reason == "length" else "stop",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(completion.token_ids),
        )


def _prepare_environment(options: VllmOptions) -> None:
    """Sets what vLLM reads from the environment at import, and leaves alone what the user has set."""
    threads = options.cpu_threads or len(os.sched_getaffinity(0))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(options.cpu_kv_cache_gib))
    # By default vLLM pins its threads to the first cores and keeps one idle: two engines would share the first.
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if sys.version_info < (3, 12):
        # In a process of Ray's, setuptools, which vLLM imports, fails to put its own distutils in place of Python's.
        os.environ.setdefault("SETUPTOOLS_USE_DISTUTILS", "stdlib")


def _context_of(folder: Path) -> int | None:
    """Returns the context that the model's configuration states, in tokens."""
    import msgspec

    config = msgspec.json.decode((folder / "config.json").read_bytes())
    return config.get("text_config", config).get("max_position_embeddings")
