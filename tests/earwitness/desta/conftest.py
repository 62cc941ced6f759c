"""Small models with random weights, of the real architectures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.desta.encoder import AudioEncoder
from earwitness.desta.model import DestaModel, Perception
from earwitness.desta.splice import Splicer

TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'system' and not loop.first %}"
    "{{ raise_exception('only the first turn may be of the system') }}{% endif %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
LLM_WIDTH = 48


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer():
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["What do you hear in the audio? A dog barks at the door, hello there."] * 20, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(scope="session")
def whisper():
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=60,
        d_model=32,
        encoder_layers=4,
        encoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=48,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
    )
    return WhisperForConditionalGeneration(config).eval()


@pytest.fixture(scope="session")
def whisper_folder(whisper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whisper")
    whisper.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


@pytest.fixture
def config(whisper_folder):
    return DestaConfig(encoder=str(whisper_folder), llm="tiny", qformer_layers=2, intermediate_width=40, dropout=0.0)


@pytest.fixture
def encoder(config):
    return AudioEncoder.load(config)


@pytest.fixture
def splicer(tokenizer, config):
    return Splicer(tokenizer, config)


def make_llm(kind):
    sizes = dict(
        vocab_size=400,
        hidden_size=LLM_WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=12,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=None,
        initializer_range=0.2,
    )
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(**sizes)) if kind == "llama" else Qwen3ForCausalLM(Qwen3Config(**sizes))


@pytest.fixture(params=["llama", "qwen3"])
def model(request, config, encoder):
    torch.manual_seed(2)
    connector = Connector(config, encoder.encoder.config, LLM_WIDTH)
    return DestaModel(Perception(encoder, connector, torch.float32), make_llm(request.param)).eval()


def noise(seconds, seed=0):
    """White noise at 16 kHz."""
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)


def large_v3():
    return WhisperConfig(d_model=1280, encoder_layers=32, encoder_attention_heads=20, num_mel_bins=128)


def released_config(config):
    """A config.json as kehanlu/DeSTA2.5-Audio writes it, with settings of `config`."""
    return json.dumps(
        {
            "architectures": ["DeSTA25AudioModel"],
            "audio_locator": "<|AUDIO|>",
            "connector_mode": "qformer_1",
            "encoder_model_id": config.encoder,
            "llm_model_id": config.llm,
            "model_type": "desta25",
            "placeholder_token": "<|reserved_special_token_87|>",
            "prompt_size": config.num_queries,
            "qformer_num_hidden_layers": config.qformer_layers,
            "torch_dtype": "float32",
            "use_lora": False,
        }
    )


def with_released_defaults(config):
    return replace(config, intermediate_width=3072)
