"""Each family of the paper's LALMs trains, tiny and random, with its own tokens and template; and Whisper of every size
is tapped and connected, at full size without memory for weights.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from earwitness.desta.config import DestaConfig, LoraConfig
from earwitness.desta.splice import MARK, Message, Splicer
from tests.catalogue import families, hearing, shapes, tiny

pytestmark = pytest.mark.catalogue

SYSTEM = "You are a helpful assistant. The audio clips appear between <start_audio> and <end_audio> tags."
ROWS = [
    ("What sound is it?", "A dog barks.", "hello"),
    ("Which instrument is it?", "The guitar.", ""),
    ("Is it loud?", "It is the lion, which roars.", "come back"),
]
# Layers, width, heads, mel bins of openai/whisper-*, and where DeSTA2.5-Audio taps them; it has no base.
WHISPER = {
    "tiny": (4, 384, 6, 80, (0, 1, 2, 3)),
    "base": (6, 512, 8, 80, (1, 2, 4, 5)),
    "small": (12, 768, 12, 80, (2, 5, 8, 11)),
    "medium": (24, 1024, 16, 80, (5, 11, 17, 23)),
    "large-v3": (32, 1280, 20, 128, (7, 15, 23, 31)),
}


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("encoder")
    hearing.whisper(folder)
    return folder


@pytest.fixture(scope="module", params=families.FAMILIES)
def made(request: pytest.FixtureRequest, encoder_folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("llm")
    families.model(request.param, folder)
    config = DestaConfig(
        encoder=str(encoder_folder),
        llm=str(folder),
        num_queries=8,
        qformer_layers=1,
        intermediate_width=64,
        dropout=0.0,
    )
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    return families.FAMILIES[request.param], config, tokenizer


def prompts(splicer: Splicer) -> Any:
    conversations = [
        [
            Message(role="system", content=SYSTEM),
            Message(role="user", content=f"{MARK}\n\n{question}", audios=("clip",)),
        ]
        for question, _, _ in ROWS
    ]
    return [splicer.splice(each, [words]) for each, (_, _, words) in zip(conversations, ROWS, strict=True)]


def test_slots_hold_the_family_s_placeholder_and_the_answer_begins_where_its_template_says(made: Any) -> None:
    family, config, tokenizer = made
    splicer = Splicer(tokenizer, config)
    filler = tokenizer.convert_tokens_to_ids(family.placeholder)
    for prompt, (question, answer, words) in zip(prompts(splicer), ROWS, strict=True):
        (slot,) = prompt.slots
        assert prompt.ids[slot : slot + 8] == (filler,) * 8
        assert prompt.ids.count(filler) == 8
        said = tokenizer.decode([*prompt.ids[:slot], *prompt.ids[slot + 8 :]])
        assert f"<start_audio>{words or ' '}<end_audio>\n\n{question}" in said
        assert said.endswith(family.opening)
        *spoken, end = splicer.target_ids(answer)
        assert end == tokenizer.convert_tokens_to_ids(family.eos)
        assert tokenizer.decode(spoken) == answer


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=4)], ids=["connector", "with adapters"])
def test_a_few_steps_teach(made: Any, lora: LoraConfig | None) -> None:
    import torch

    from earwitness.desta.model import Batch, DestaModel

    _, config, tokenizer = made
    torch.manual_seed(0)
    model = DestaModel.load(replace(config, lora=lora))
    splicer = Splicer(tokenizer, config)
    rng = np.random.default_rng(0)
    batch = Batch(
        prompts=prompts(splicer),
        targets=[splicer.target_ids(answer) for _, answer, _ in ROWS],
        taps=model.perception.hear([rng.normal(0, 0.1, 8000).astype(np.float32) for _ in ROWS]),
    )
    before = {name: each.clone() for name, each in model.named_parameters() if not each.requires_grad}
    optimizer = torch.optim.AdamW(model.trainable(), lr=3e-3)
    losses: list[float] = []
    model.train()
    for _ in range(12):
        loss, tokens = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.trainable())
        optimizer.step()
        losses.append(loss.item())
    assert tokens == sum(map(len, batch.targets))
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.equal(each, before[name]) for name, each in model.named_parameters() if name in before)
    (alone,) = [
        model.eval().loss(replace(batch, prompts=batch.prompts[:1], targets=batch.targets[:1], taps=batch.taps[:1]))
    ]
    full = _naive(model, batch.prompts[0], batch.targets[0], batch.taps[:1])
    assert alone[0].item() == pytest.approx(full, abs=1e-4)


def _naive(model: Any, prompt: Any, target: Any, taps: Any) -> float:
    """The loss from all logits of one row."""
    import torch

    with torch.no_grad():
        embeddings = model.llm.get_input_embeddings()(torch.tensor([[*prompt.ids, *target]]))
        vectors = model.perception(taps)
        embeddings[0, prompt.slots[0] : prompt.slots[0] + vectors.shape[1]] = vectors[0]
        logits = model.llm(inputs_embeds=embeddings).logits[0, len(prompt.ids) - 1 : -1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(target)).item()


@pytest.mark.parametrize("size", WHISPER)
def test_whisper_of_every_size_gives_sixty_four_vectors_of_the_llm_s_width(size: str) -> None:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    from earwitness.desta.connector import Connector
    from earwitness.desta.encoder import AudioEncoder

    layers, width, heads, mels, tapped = WHISPER[size]
    settings = WhisperConfig(
        d_model=width,
        encoder_layers=layers,
        encoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        num_mel_bins=mels,
    )
    config = DestaConfig(encoder=f"openai/whisper-{size}", llm="Qwen/Qwen3-8B")
    assert config.resolve_tapped_layers(layers) == tapped
    with FakeTensorMode():  # shapes without memory
        encoder = AudioEncoder(WhisperEncoder(settings), WhisperFeatureExtractor(feature_size=mels), tapped)
        connector = Connector(config, settings, shapes.TEXT["Qwen3-8B"][1]["hidden_size"]).eval()
        taps = encoder(torch.empty(1, mels, 3000))
        vectors = connector(taps)
    assert taps.shape == (1, 4, 1500, width)
    assert connector.layer_prompts[0].shape == (1, 64, width)
    assert connector.layer_weights.shape == (64, 4)
    assert vectors.shape == (1, 64, 4096)


def test_every_family_of_the_paper_is_here() -> None:
    assert {shapes.TEXT[name][0] for name in families.FAMILIES} == {
        "Qwen3Config",
        "Qwen2Config",
        "Phi3Config",
        "Olmo3Config",
        "LlamaConfig",
    }
    assert tiny.SMALL["hidden_size"] == 128
