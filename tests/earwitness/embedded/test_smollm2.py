import json

import numpy as np
import pytest

from earwitness.embedded.smollm2 import _bfloat16, _halves_apart, _shortest


def test_bfloat16_rounds_to_nearest_and_ties_to_even():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    values = (random.standard_normal(10_000) * 10.0 ** random.integers(-30, 30, 10_000)).astype(np.float32)
    ties = np.arange(0x3F80_8000, 0x3F90_8000, 0x1_0000, dtype=np.uint32).view(np.float32)
    every = np.concatenate([values, ties, np.float32([0.0, -0.0, np.inf, -np.inf])])
    expected = torch.from_numpy(every).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert np.array_equal(_bfloat16(every), expected)


def test_the_rows_of_a_rotated_pair_end_half_a_head_apart():
    side_by_side = np.float32([[0], [100], [1], [101], [2], [102], [3], [103]])
    assert _halves_apart(side_by_side, 1).ravel().tolist() == [0, 1, 2, 3, 100, 101, 102, 103]
    assert _halves_apart(side_by_side, 2).ravel().tolist() == [0, 1, 100, 101, 2, 3, 102, 103]


def test_a_float32_is_written_as_the_decimal_that_was_meant():
    assert _shortest(9.999999747378752e-06) == 1e-05


@pytest.mark.models
def test_the_configuration_is_that_of_the_published_model(smollm2_folder):
    config = json.loads((smollm2_folder / "config.json").read_text())
    published = {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-05,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
    }
    assert {key: config[key] for key in published} == published


@pytest.mark.models
def test_the_tokenizer_isolates_digits_and_gives_every_text_back(smollm2_folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(smollm2_folder / "tokenizer.json"))
    assert tokenizer.encode("Q:\n\n12").tokens == ["Q", ":", "ĊĊ", "1", "2"]
    assert tokenizer.encode("<|im_start|>user").ids[0] == 1
    for text in ["It's a dog's bark, isn't it?", "  two  spaces\tand 440 Hz\n\n", "Ünïcødé 😀 日本語", "½ and 12²"]:
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


@pytest.mark.models
def test_the_model_answers_a_chat_prompt(smollm2_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**prompt, max_new_tokens=16, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(output) == "The capital of France is Paris.<|im_end|>"
