"""Other harnesses call the OpenAI-compatible endpoints unchanged, each by its own command line: `make test-clients`.

They live in an environment of their own, `.venv-bench`, whose `bin` folder the variable names.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from earwitness.engines.options import VllmOptions
from services.llm.config import LlmConfig
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer

BIN = os.environ.get("EARWITNESS_CLIENTS_BIN", "")
HERE = Path(__file__).parent
MODEL = "smollm2-135m-instruct"
ROWS = [
    {"question": "Which animal barks?", "choices": ["dog", "a small cat", "fish", "cow"], "answer": 0},
    {"question": "Which instrument has strings?", "choices": ["drum", "guitar", "flute", "trumpet"], "answer": 1},
    {"question": "Which is the loudest?", "choices": ["a whisper", "rain", "a jet engine", "a clock"], "answer": 2},
]
pytestmark = [
    pytest.mark.models,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(not BIN, reason="EARWITNESS_CLIENTS_BIN names no environment with lm-eval and inspect-ai"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(smollm2_folder: Path):
    servicer = LlmServicer(LlmConfig(model=MODEL, vllm=VllmOptions(max_model_len=2048)))
    runner, port = await mounts.start(servicer.http)
    yield f"http://127.0.0.1:{port}/v1"
    await runner.cleanup()
    servicer.engine.stop()


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


async def call(folder: Path, *command: str) -> None:
    """Runs a command of the environment in a folder."""
    env = {**os.environ, "HOME": str(folder), "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    env |= {"SERVED_API_KEY": "none", "OPENAI_API_KEY": "none"}
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        f"{BIN}/{command[0]}", *command[1:], cwd=folder, env=env, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await started.communicate()
    assert started.returncode == 0, output.decode()[-4000:]


async def evaluated(folder: Path, task: str, items: Path, url: str, tokenizer: Path) -> list[dict[str, Any]]:
    """Runs a task of lm-eval in a folder, prompts as token ids; returns its samples."""
    (folder / "tasks").mkdir()
    text = (HERE / f"{task}.yaml").read_text().format(items=json.dumps(str(items)))
    (folder / "tasks" / "task.yaml").write_text(text)
    name = text.partition("task: ")[2].partition("\n")[0]
    model = f"model={MODEL},base_url={url}/completions,num_concurrent=4,tokenizer_backend=huggingface"
    model += f",tokenizer={tokenizer},tokenized_requests=True"
    arguments = ["run", "--model", "local-completions", "--model_args", model, "--batch_size", "2"]
    arguments += ["--tasks", name, "--include_path", "tasks", "--output_path", "out", "--log_samples"]
    await call(folder, "lm-eval", *arguments)
    (samples,) = (folder / "out").rglob("samples*.jsonl")
    found = [json.loads(line) for line in samples.read_text().splitlines()]
    assert len(found) == len(ROWS)
    return found


@pytest.fixture(scope="module")
def reference(smollm2_folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the model in transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(smollm2_folder)
    return tokenizer, AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32)


async def test_lm_evals_log_likelihoods_are_those_of_transformers(
    url: str, items: Path, tmp_path: Path, smollm2_folder: Path, reference: tuple[Any, Any]
) -> None:
    import torch

    tokenizer, model = reference
    for sample in await evaluated(tmp_path, "loglikelihood", items, url, smollm2_folder):
        row = ROWS[sample["doc_id"]]
        context = tokenizer.encode(f"Question: {row['question']}\nAnswer:")
        for choice, answered in zip(row["choices"], sample["filtered_resps"], strict=True):
            ids = tokenizer.encode(f"Question: {row['question']}\nAnswer: {choice}")
            with torch.no_grad():
                places = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            tail = range(len(context), len(ids))
            expected = sum(float(places[at - 1, ids[at]]) for at in tail)
            greedy = all(int(places[at - 1].argmax()) == ids[at] for at in tail)
            assert float(answered[0]) == pytest.approx(expected, abs=1e-3)
            assert str(answered[1]) == str(greedy)


async def test_lm_evals_generations_are_those_of_transformers(
    url: str, items: Path, tmp_path: Path, smollm2_folder: Path, reference: tuple[Any, Any]
) -> None:
    import torch

    tokenizer, model = reference
    for sample in await evaluated(tmp_path, "generate", items, url, smollm2_folder):
        ids = torch.tensor([tokenizer.encode(f"Question: {ROWS[sample['doc_id']]['question']}\nAnswer:")])
        grown = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected = tokenizer.decode(grown[0, ids.shape[1] :], skip_special_tokens=True).partition("\n")[0]
        assert sample["resps"][0][0].strip() == expected.strip() != ""


async def test_inspect_ai_runs_its_multiple_choice(url: str, items: Path, tmp_path: Path) -> None:
    shutil.copy(HERE / "inspect_task.py", tmp_path)
    arguments = ["eval", "inspect_task.py", "-T", f"items={items}", "--model", f"openai-api/served/{MODEL}"]
    arguments += ["--model-base-url", url, "--log-dir", "out", "--log-format", "json", "--display", "none"]
    arguments += ["--temperature", "0", "--max-tokens", "32", "--top-logprobs", "2", "--logprobs", "--seed", "1"]
    await call(tmp_path, "inspect", *arguments)
    (path,) = (tmp_path / "out").glob("*.json")
    log = json.loads(path.read_text())
    assert log["status"] == "success"
    assert log["results"]["completed_samples"] == len(ROWS)
    for sample in log["samples"]:
        answered = sample["output"]["choices"][0]
        assert answered["message"]["content"]
        assert len(answered["logprobs"]["content"]) >= 1
        assert sample["output"]["usage"]["input_tokens"] > 0
