"""One real vLLM engine with SmolLM2 in float32, beside transformers on the same weights."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from earwitness.chat import ChatTemplate
from earwitness.conversation import Turn
from earwitness.engines.options import VllmOptions
from earwitness.engines.vllm import VllmEngine
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

QUESTIONS = [
    "What sound does a dog make?",
    "Which instrument has six strings?",
    "Name a loud animal.",
    "What is an echo?",
]


@pytest.fixture(scope="module")
def chat(smollm2_folder: Path) -> ChatTemplate:
    return ChatTemplate(smollm2_folder)


@pytest.fixture(scope="module")
def reference(smollm2_folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(smollm2_folder: Path) -> AsyncIterator[VllmEngine]:
    opened = VllmEngine(smollm2_folder, VllmOptions(max_model_len=1024), prompt_embeds=True)
    yield opened
    opened.stop()


async def test_greedy_text_is_that_of_transformers(engine: VllmEngine, chat: ChatTemplate, reference: Any) -> None:
    import torch

    prompts = [chat.encode([Turn(role="user", content=question)]) for question in QUESTIONS]
    answers = await asyncio.gather(*[engine.generate(prompt, Sampling(max_tokens=24)) for prompt in prompts])
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = torch.tensor([prompt])
        expected = reference.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
        assert answer.text == chat.tokenizer.decode(expected[0, len(prompt) :], skip_special_tokens=True)
        assert answer.prompt_tokens == len(prompt)


async def test_embeddings_say_what_their_ids_say(engine: VllmEngine, chat: ChatTemplate, reference: Any) -> None:
    import torch

    prompt = chat.encode([Turn(role="user", content=QUESTIONS[0])])
    with torch.no_grad():
        embedded = reference.get_input_embeddings()(torch.tensor(prompt))
    by_ids = await engine.generate(prompt, Sampling(max_tokens=24))
    assert (await engine.generate(embedded, Sampling(max_tokens=24))).text == by_ids.text


async def test_log_probabilities_are_those_of_transformers(
    engine: VllmEngine, chat: ChatTemplate, reference: Any
) -> None:
    import torch

    prompt = chat.encode([Turn(role="user", content="Does a dog bark or meow?")])
    for option in ("bark", "It meows.", "(A) A long answer about dogs"):
        answer = chat.encode_answer(option)
        with torch.no_grad():
            logits = reference(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)].sum().item()
        assert await engine.logprob(prompt, answer) == pytest.approx(expected, abs=1e-3)


async def test_a_stream_grows_to_the_whole(engine: VllmEngine, chat: ChatTemplate) -> None:
    prompt = chat.encode([Turn(role="user", content=QUESTIONS[3])])
    pieces = [piece async for piece in engine.stream(prompt, Sampling(max_tokens=16))]
    assert "".join(delta for delta, _ in pieces) == pieces[-1][1].text
    assert pieces[-1][1].completion_tokens <= 16


async def test_an_answer_cut_at_the_limit_says_so(engine: VllmEngine, chat: ChatTemplate) -> None:
    prompt = chat.encode([Turn(role="user", content="Tell a long story.")])
    cut = await engine.generate(prompt, Sampling(max_tokens=5))
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 5)


async def test_a_prompt_beyond_the_context_is_refused_with_the_remedy(engine: VllmEngine) -> None:
    with pytest.raises(InvalidInput, match="max_model_len"):
        await engine.generate([1] * 1024, Sampling(max_tokens=1))


async def test_a_cancelled_call_frees_its_place(engine: VllmEngine, chat: ChatTemplate) -> None:
    prompt = chat.encode([Turn(role="user", content="Tell a very long story about the sea.")])
    call = asyncio.create_task(engine.generate(prompt, Sampling(max_tokens=900)))
    await asyncio.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert engine.num_running == 0


async def test_a_seed_says_the_same_however_many_prompts_come_at_once(engine: VllmEngine, chat: ChatTemplate) -> None:
    """As many as one step cannot take, so that vLLM would take prompts in pieces."""
    prompts = [chat.encode([Turn(role="user", content=f"{number}. " + "Hark! " * 300)]) for number in range(16)]
    drawn = Sampling(max_tokens=4, temperature=0.9, seed=5)
    together = await asyncio.gather(*[engine.generate(prompt, drawn) for prompt in prompts])
    assert sum(map(len, prompts)) > 8192
    assert [each.text for each in together[-2:]] == [
        (await engine.generate(prompt, drawn)).text for prompt in prompts[-2:]
    ]
