"""The other side of text: vLLM's offline engine, `vllm.LLM`, as a process that is told what to generate and to score.

It is used as whoever wants the most of it uses it: everything is handed over at once. Templates and token ids are made
within the time that is taken, as the service makes them within its own.
"""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

from earwitness.chat import ChatTemplate
from earwitness.config import convert
from earwitness.engines import environment
from earwitness.engines.options import VllmOptions
from earwitness.models import ModelRef, resolve
from earwitness.sampling import Sampling
from tools.bench.served.questions import Asked
from tools.serving import child

Score = tuple[float, int]


class Offline:
    """A model in `vllm.LLM`."""

    def __init__(self, model: str, options: VllmOptions) -> None:
        """Loads it with the settings that the service's engine has from the same options, and else vLLM's own."""
        environment.prepare(options)
        import vllm

        folder = resolve(ModelRef.parse(model))
        self._chat = ChatTemplate(folder)
        self._engine: Any = vllm.LLM(
            str(folder),
            dtype=cast(Any, "float32" if options.dtype == "auto" else options.dtype),
            max_model_len=options.max_model_len,
            max_num_seqs=options.max_num_seqs,
            enable_prefix_caching=options.prefix_caching,
            enforce_eager=True,
            disable_log_stats=True,
            seed=0,
        )

    def generate(self, asked: Sequence[Asked], sampling: Sampling) -> list[str]:
        """Returns the answers."""
        from vllm import SamplingParams

        parameters = SamplingParams(temperature=0, max_tokens=sampling.max_tokens, seed=sampling.seed)
        return [output.outputs[0].text for output in self._run([self._ids(each) for each in asked], parameters)]

    def score(self, asked: Sequence[Asked]) -> list[list[Score]]:
        """Returns the log-probability of every option and its number of tokens, each by a pass over the whole.

        So does lm-evaluation-harness with this engine (`lm_eval/models/vllm_causallms.py`, `_loglikelihood_tokens`).
        """
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=0, max_tokens=1, prompt_logprobs=0, flat_logprobs=True, detokenize=False
        )
        options = [[self._chat.encode_answer(choice) for choice in each.choices] for each in asked]
        prompts = [self._ids(each) for each in asked]
        wholes = [prompt + option for prompt, own in zip(prompts, options, strict=True) for option in own]
        outputs = iter(self._run(wholes, parameters))
        return [[(sum(_tail(next(outputs), len(option))), len(option)) for option in own] for own in options]

    def _ids(self, asked: Asked) -> list[int]:
        return self._chat.encode(asked.turns)

    def _run(self, prompts: Sequence[Sequence[int]], parameters: Any) -> list[Any]:
        return self._engine.generate([{"prompt_token_ids": ids} for ids in prompts], parameters, use_tqdm=False)


def _tail(output: Any, count: int) -> list[float]:
    return output.prompt_logprobs.logprobs[-count:]


def main(model: str, options: dict[str, Any]) -> None:
    """Answers until the input ends: `{"task": "generate" | "score", "asked": [...], "max_tokens": 32}`."""
    offline = Offline(model, convert(VllmOptions, options))

    def tell(command: child.Answer) -> child.Answer:
        asked = [Asked.from_tree(tree) for tree in command["asked"]]
        started = time.perf_counter()
        if command["task"] == "generate":
            results: Any = offline.generate(asked, Sampling(max_tokens=command["max_tokens"]))
        else:
            results = offline.score(asked)
        return {"seconds": time.perf_counter() - started, "results": results}

    child.answer({}, tell)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
