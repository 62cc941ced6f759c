"""The LLM service with a real vLLM and a real LoRA adapter, over gRPC and HTTP, beside transformers and peft."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio

from earwitness.channel import error_of
from earwitness.chat import ChatTemplate
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.engines.options import VllmOptions
from earwitness.errors import InvalidInput, NotFound
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2, model_pb2_grpc
from services.llm.config import LlmConfig
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer
from services.llm.vllm_engine import VllmTextEngine
from tests.serving import channel, serving

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
MODEL = "smollm2-135m-instruct"
QUESTION = "What sound does a dog make?"
CHOICES = ["It barks.", "meow", "A loud, deep and rather frightening noise", "moo"]
LONG = "A dog barks at the mailman, who is not impressed. " * 20 + QUESTION


@pytest.fixture(scope="module")
def tuned(smollm2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An adapter with random weights under a root, and the model with it in peft."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    root = tmp_path_factory.mktemp("adapters")
    base: Any = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32)
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"]
    config = LoraConfig(r=8, lora_alpha=16, target_modules=projections, init_lora_weights=False)
    model = get_peft_model(base, config).eval()
    model.save_pretrained(root / "parrot")
    return root, model


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tuned: tuple[Path, Any]):
    root, _ = tuned
    servicer = LlmServicer(LlmConfig(model=MODEL, vllm=VllmOptions(max_model_len=1024), adapter_root=root))
    runner, port = await mounts.start(servicer.http)
    session = aiohttp.ClientSession(f"http://127.0.0.1:{port}")
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare, session as http:
        yield servicer, llm_pb2_grpc.LlmServiceStub(bare), http, bare
    await runner.cleanup()
    servicer.engine.stop()


@pytest.fixture(scope="module")
def chat(smollm2_folder: Path) -> ChatTemplate:
    return ChatTemplate(smollm2_folder)


def asked(content: str = QUESTION, **fields: Any) -> dict[str, Any]:
    return {"messages": [llm_pb2.ChatMessage(role="user", content=content)], **fields}


def generate(content: str = QUESTION, max_tokens: int = 16, **fields: Any) -> llm_pb2.GenerateRequest:
    sampling = model_pb2.Sampling(max_tokens=max_tokens, temperature=fields.pop("temperature", 0))
    return llm_pb2.GenerateRequest(sampling=sampling, **asked(content, **fields))


def prompt_of(chat: ChatTemplate, content: str = QUESTION) -> list[int]:
    return chat.encode([Turn(role="user", content=content)])


def log_softmax(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].log_softmax(-1)


def greedy(model: Any, chat: ChatTemplate, num_tokens: int) -> str:
    import torch

    prompt = prompt_of(chat)
    ids = torch.tensor([prompt])
    grown = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=num_tokens, do_sample=False
    )
    return chat.tokenizer.decode(grown[0, len(prompt) :], skip_special_tokens=True)


async def error(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value, "")


async def idle(servicer: LlmServicer) -> None:
    assert isinstance(servicer.engine, VllmTextEngine)
    async with asyncio.timeout(20):
        while servicer.engine.num_running or servicer.admission.in_flight:
            await asyncio.sleep(0.01)


async def test_an_adapter_answers_as_peft_does_and_not_as_the_model_without_it(served, tuned, chat) -> None:
    _, stub, _, _ = served
    with_it, without = await asyncio.gather(stub.Generate(generate(adapter="parrot")), stub.Generate(generate()))
    assert with_it.generation.text == greedy(tuned[1], chat, 16)
    with tuned[1].disable_adapter():
        assert without.generation.text == greedy(tuned[1], chat, 16)
    assert with_it.generation.text != without.generation.text


async def test_an_adapter_is_another_identity_over_the_same_weights(served) -> None:
    stub = model_pb2_grpc.ModelServiceStub(served[3])
    own = await stub.GetModelInfo(model_pb2.GetModelInfoRequest())
    adapted = await stub.GetModelInfo(model_pb2.GetModelInfoRequest(adapter="parrot"))
    assert own.adapters == ["parrot"]
    assert (own.model, adapted.model) == (MODEL, f"{MODEL}+parrot")
    assert own.fingerprint != adapted.fingerprint
    assert own.weights_fingerprint == adapted.weights_fingerprint


async def test_an_unknown_adapter_is_not_found_and_the_known_are_named(served) -> None:
    found = await error(served[1].Generate(generate(adapter="../parrot")))
    assert isinstance(found, NotFound)
    assert "parrot" in found.remedy


async def test_log_probabilities_of_an_answer_are_those_of_transformers(served, tuned, chat) -> None:
    answer = (await served[1].Generate(generate(max_tokens=6, top_logprobs=3))).generation
    assert "".join(token.text for token in answer.tokens) == answer.text
    prompt = prompt_of(chat)
    grown = [*prompt, *chat.encode_answer(answer.text)]
    with tuned[1].disable_adapter():
        places = log_softmax(tuned[1], grown)
    for at, token in enumerate(answer.tokens, start=len(prompt)):
        expected = places[at - 1].topk(3)
        assert token.logprob == pytest.approx(float(places[at - 1, grown[at]]), abs=1e-3)
        assert [likely.logprob for likely in token.top] == pytest.approx(expected.values.tolist(), abs=1e-3)
        assert [likely.text for likely in token.top] == [chat.tokenizer.decode([at]) for at in expected.indices]


async def test_the_answers_of_one_call_are_those_of_calls_with_the_next_seeds(served) -> None:
    request = generate(n=3, temperature=1.5)
    request.sampling.seed = 7
    together = await served[1].Generate(request)
    texts = [together.generation.text, *[more.text for more in together.more]]
    assert len({*texts}) == 3
    for number, text in enumerate(texts):
        alone = generate(temperature=1.5)
        alone.sampling.seed = 7 + number
        assert (await served[1].Generate(alone)).generation.text == text


async def test_an_answer_fits_its_schema(served) -> None:
    name = {"type": "string", "maxLength": 12}
    properties = {"animal": name, "loud": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": ["animal", "loud"], "additionalProperties": False}
    answer = await served[1].Generate(generate(max_tokens=64, json_schema=json.dumps(schema)))
    found = json.loads(answer.generation.text)
    assert found.keys() == properties.keys()
    assert len(found["animal"]) <= 12 and isinstance(found["loud"], bool)


@pytest.mark.parametrize("schema", ['{"type": "nonsense"}', '{"$ref": "#/x"}', "[]", "{", '{"a":' * 2000])
async def test_a_schema_that_nothing_fits_is_refused_and_the_engine_lives(served, schema: str) -> None:
    found = await error(served[1].Generate(generate(json_schema=schema)))
    assert isinstance(found, InvalidInput)
    assert found.field == "json_schema"
    assert (await served[1].Generate(generate(max_tokens=1))).generation.text


@pytest.mark.parametrize("content", [QUESTION, LONG])
@pytest.mark.parametrize("adapter", ["", "parrot"])
async def test_options_score_as_in_transformers_by_text_and_by_letter(served, tuned, chat, content, adapter) -> None:
    request = llm_pb2.ScoreChoicesRequest(**asked(content, choices=CHOICES, adapter=adapter), by=llm_pb2.SCORE_BY_BOTH)
    first, again = await served[1].ScoreChoices(request), await served[1].ScoreChoices(request)
    prompt = prompt_of(chat, content)
    for index, choice in enumerate(CHOICES):
        for text, told in ((choice, first.scores[index]), ("ABCD"[index], first.scores[index].letter)):
            ids = [*prompt, *chat.encode_answer(text)]
            if adapter:
                places = log_softmax(tuned[1], ids)
            else:
                with tuned[1].disable_adapter():
                    places = log_softmax(tuned[1], ids)
            tail = range(len(prompt), len(ids))
            expected = sum(float(places[at - 1, ids[at]]) for at in tail)
            assert told.num_tokens == len(tail)
            assert told.logprob == pytest.approx(expected, abs=1e-3)
            assert told.mean_logprob == pytest.approx(expected / len(tail), abs=1e-3)
        assert first.scores[index].letter.letter == "ABCD"[index]
        assert again.scores[index].logprob == pytest.approx(first.scores[index].logprob, abs=1e-4)


async def test_a_batch_of_scores_is_what_its_calls_are_and_a_bad_one_fails_alone(served) -> None:
    good = llm_pb2.ScoreChoicesRequest(**asked(choices=CHOICES))
    bad = llm_pb2.ScoreChoicesRequest(**asked(choices=["one"]))
    batch = await served[1].ScoreChoicesBatch(llm_pb2.ScoreChoicesBatchRequest(requests=[good, bad, good]))
    alone = [score.logprob for score in (await served[1].ScoreChoices(good)).scores]
    for index in (0, 2):
        scores = [score.logprob for score in batch.results[index].response.scores]
        assert scores == pytest.approx(alone, abs=1e-4)
    assert batch.results[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_a_cancelled_call_and_one_beyond_its_deadline_free_their_places_in_vllm(served) -> None:
    servicer, stub, http, _ = served
    endless = generate("Tell a very long story about the sea.", max_tokens=900)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Tell a story."}], "max_tokens": 900}
    calls = [
        asyncio.ensure_future(stub.Generate(endless)),
        asyncio.ensure_future(stub.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[endless, endless]))),
        asyncio.ensure_future(stub.GenerateStream(llm_pb2.GenerateStreamRequest(request=endless)).read()),
        asyncio.ensure_future(http.post("/v1/chat/completions", json=body)),
        asyncio.ensure_future(http.post("/v1/chat/completions", json=body | {"stream": True})),
    ]
    async with asyncio.timeout(20):
        while servicer.engine.num_running < 6:
            await asyncio.sleep(0.01)
    for call in calls:
        if call.done() and not call.cancelled() and hasattr(call.result(), "close"):
            call.result().close()
        call.cancel()
    await idle(servicer)
    await asyncio.gather(*calls, return_exceptions=True)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Generate(endless, timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await idle(servicer)


async def test_a_prompt_beyond_the_context_is_refused_with_its_number_of_tokens(served, chat) -> None:
    content = LONG * 5
    found = await error(served[1].Generate(generate(content)))
    assert isinstance(found, InvalidInput)
    assert str(len(prompt_of(chat, content))) in found.message and "1024" in found.message


async def test_an_echoed_prompt_has_the_log_probabilities_of_transformers(served, tuned, chat) -> None:
    text = "A dog barks at the mailman"
    ids = chat.tokenizer.encode(text)
    with tuned[1].disable_adapter():
        places = log_softmax(tuned[1], ids)
    expected = [float(places[at - 1, ids[at]]) for at in range(1, len(ids))]
    for prompt, max_tokens in ((text, 0), (ids, 0), (ids, 1)):
        body = {"model": MODEL, "prompt": prompt, "max_tokens": max_tokens, "echo": True, "logprobs": 1}
        async with served[2].post("/v1/completions", json=body | {"temperature": 0}) as response:
            assert response.status == 200
            (choice,) = (await response.json())["choices"]
        told = choice["logprobs"]
        assert len(told["tokens"]) == len(ids) + max_tokens
        assert told["token_logprobs"][0] is None
        assert told["token_logprobs"][1 : len(ids)] == pytest.approx(expected, abs=1e-3)
        assert choice["text"] == "".join(told["tokens"])
        assert choice["text"].startswith(text)
        for logprob, top in zip(told["token_logprobs"][1:], told["top_logprobs"][1:], strict=True):
            assert logprob <= max(top.values())


async def test_http_and_grpc_are_one_model(served) -> None:
    body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 16, "temperature": 0}
    for model, adapter in ((MODEL, ""), ("parrot", "parrot")):
        expected = (await served[1].Generate(generate(adapter=adapter))).generation
        async with served[2].post("/v1/chat/completions", json=body | {"model": model}) as response:
            answer = await response.json()
        assert answer["choices"][0]["message"]["content"] == expected.text
        assert answer["usage"]["prompt_tokens"] == expected.prompt_tokens
        async with served[2].post("/v1/chat/completions", json=body | {"model": model, "stream": True}) as response:
            lines = [line.removeprefix("data: ") for line in (await response.text()).split("\n\n") if line]
        assert lines[-1] == "[DONE]"
        deltas = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
        assert "".join(deltas) == expected.text
