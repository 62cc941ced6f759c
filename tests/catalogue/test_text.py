"""Each open LLM's architecture, tiny and random, served by the real engine on a CPU: its greedy text in float32 is that
of transformers.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from earwitness.chat import ChatTemplate
from earwitness.conversation import Turn
from earwitness.engines.options import VllmOptions
from earwitness.sampling import Sampling
from services.llm.config import LlmConfig
from services.llm.engine import TextEngine, open_engine
from tests.catalogue import tiny

pytestmark = [pytest.mark.catalogue, pytest.mark.asyncio(loop_scope="module")]

# One of each shape: rows that differ in size or training alone would serve the same again.
NAMES = ("Qwen3-8B", "Qwen2.5-7B", "Phi-4-14B", "Phi-4-mini-4B", "OLMo-3-7B", "Llama-3.1-8B", "Llama-2-7B")
TURNS = [
    [Turn(role="user", content=question)]
    for question in ("What sound does a dog make?", "Name a loud animal.", "Which instrument has six strings?")
]
TOKENS = 24


class Served(NamedTuple):
    """A tiny model in transformers and in the service's engine."""

    name: str
    folder: Path
    model: Any
    engine: TextEngine


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=NAMES)
async def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("checkpoint")
    model = tiny.text_model(request.param, folder)
    # Within the original context of Phi-4-mini: vLLM chooses the factors of positions by what it may have to serve.
    options = VllmOptions(max_model_len=tiny.CONTEXT // 2, max_num_seqs=8)
    engine = open_engine(LlmConfig(model=str(folder), vllm=options))
    yield Served(request.param, folder, model, engine)
    engine.stop()


def prompts(served: Served) -> list[list[int]]:
    chat = ChatTemplate(served.folder)
    return [chat.encode(turns) for turns in TURNS]


async def test_greedy_text_is_that_of_transformers(served: Served) -> None:
    import torch

    answers = await asyncio.gather(
        *[served.engine.generate(turns, Sampling(max_tokens=TOKENS), thinking=False) for turns in TURNS]
    )
    tokenizer = ChatTemplate(served.folder).tokenizer
    for prompt, answer in zip(prompts(served), answers, strict=True):
        ids = torch.tensor([prompt])
        expected = served.model.generate(ids, attention_mask=ids > -1, max_new_tokens=TOKENS, do_sample=False)
        assert answer.text == tokenizer.decode(expected[0, len(prompt) :], skip_special_tokens=True)
        assert answer.prompt_tokens == len(prompt)
    assert len({answer.text for answer in answers}) == len(TURNS)


async def test_log_probabilities_are_those_of_transformers(served: Served) -> None:
    import torch

    chat = ChatTemplate(served.folder)
    options = ["(A) the violin", "rain"]
    scores = await served.engine.score(TURNS[0], options)
    prompt = prompts(served)[0]
    for option, (logprob, num_tokens) in zip(options, scores, strict=True):
        answer = chat.encode_answer(option)
        with torch.no_grad():
            logits = served.model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        picked = torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)]
        assert logprob == pytest.approx(picked.sum().item(), abs=1e-3)
        assert num_tokens == len(answer)


async def test_thinking_changes_the_prompt_and_so_the_answer(served: Served) -> None:
    on, off = [
        await served.engine.generate(TURNS[0], Sampling(max_tokens=TOKENS), thinking=thinking)
        for thinking in (True, False)
    ]
    assert on.prompt_tokens < off.prompt_tokens
    assert on.text != off.text
