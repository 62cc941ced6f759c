"""One model over two processes of vLLM on a CPU: a tiny random Llama, since SmolLM2's nine heads cannot be halved."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from earwitness.engines.options import VllmOptions
from earwitness.engines.vllm import VllmEngine
from earwitness.sampling import Sampling

pytestmark = [pytest.mark.models, pytest.mark.catalogue]
PROMPTS = ([1, 2, 3, 4, 5], [900, 20, 7])


@pytest.fixture
def tiny(tmp_path: Path, smollm2_folder: Path) -> Path:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer: Any = AutoTokenizer.from_pretrained(smollm2_folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
    )
    model: Any = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "tiny")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(smollm2_folder / name, tmp_path / "tiny")
    return tmp_path / "tiny"


async def test_two_processes_say_what_transformers_says(tiny: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(tiny)
    reference: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    options = VllmOptions(max_model_len=128, max_num_seqs=4, tensor_parallel_size=2, cpu_threads=1)
    engine = VllmEngine(tiny, options)
    try:
        answers = await asyncio.gather(*[engine.generate(prompt, Sampling(max_tokens=12)) for prompt in PROMPTS])
        logprob = await engine.logprob(PROMPTS[0], PROMPTS[1])
    finally:
        engine.stop()
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = torch.tensor([prompt])
        grown = reference.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        assert answer.text == tokenizer.decode(grown[0, len(prompt) :], skip_special_tokens=True)
    ids = [*PROMPTS[0], *PROMPTS[1]]
    with torch.no_grad():
        places = reference(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = sum(float(places[at - 1, ids[at]]) for at in range(len(PROMPTS[0]), len(ids)))
    assert logprob == pytest.approx(expected, abs=1e-3)
