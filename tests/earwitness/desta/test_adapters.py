from dataclasses import replace
from typing import Any

import pytest
import torch

from earwitness.desta import adapters, checkpoint
from earwitness.desta.config import DestaConfig, LoraConfig
from earwitness.desta.connector import Connector
from earwitness.desta.model import Batch, DestaModel, Perception
from earwitness.desta.splice import Message
from earwitness.errors import InvalidInput
from tests.earwitness.desta.conftest import LLM_WIDTH, make_llm, noise

LORA = LoraConfig(rank=4)


@pytest.fixture
def adapted(config, encoder):
    torch.manual_seed(2)
    connector = Connector(config, encoder.encoder.config, LLM_WIDTH)
    return DestaModel(Perception(encoder, connector, torch.float32), make_llm("llama"), LORA)


@pytest.fixture
def batch(adapted, splicer):
    prompt = splicer.splice([Message(role="user", content="What do you hear? <|AUDIO|>", audios=("a",))], ["hello"])
    taps = adapted.perception.hear([noise(1)])
    return Batch(prompts=[prompt], targets=[splicer.target_ids("A dog.")], taps=taps)


def bend(model):
    torch.manual_seed(5)
    for parameter in adapters.tensors(model.llm).values():
        parameter.data.normal_(std=0.2)


def test_the_defaults_are_the_references():
    assert (LoraConfig().rank, LoraConfig().alpha, LoraConfig().dropout) == (16, 16, 0.1)
    assert LoraConfig().targets == ("q_proj", "k_proj", "v_proj")
    assert DestaConfig(encoder="e", llm="l").lora is None


def test_adapters_say_nothing_at_first_and_train_in_float32(adapted, config, encoder, batch):
    torch.manual_seed(2)
    connector = Connector(config, encoder.encoder.config, LLM_WIDTH)
    plain = DestaModel(Perception(encoder, connector, torch.float32), make_llm("llama")).eval()
    assert adapted.eval().loss(batch)[0].item() == pytest.approx(plain.loss(batch)[0].item(), abs=1e-6)
    names = adapters.tensors(adapted.llm)
    assert len(names) == 2 * 2 * 3
    assert {each.dtype for each in names.values()} == {torch.float32}


def test_connector_and_adapters_learn_and_nothing_else(adapted, batch):
    bend(adapted)
    adapted.train().loss(batch)[0].backward()
    learns = {name for name, parameter in adapted.named_parameters() if parameter.grad is not None}
    expected = {f"perception.connector.{name}" for name, _ in adapted.perception.connector.named_parameters()}
    assert learns == expected | {f"llm.{name}" for name in adapters.tensors(adapted.llm)}
    assert len(adapted.trainable()) == len(learns)


def test_only_the_adapters_dropout_works_in_training(adapted, batch):
    bend(adapted)
    adapted.train()
    assert adapted.loss(batch)[0].item() != adapted.loss(batch)[0].item()
    training = {name for name, module in adapted.llm.named_modules() if module.training}
    assert training and all(".lora_dropout" in name for name in training)
    adapted.eval()
    assert adapted.loss(batch)[0].item() == adapted.loss(batch)[0].item()


def test_merged_adapters_leave_the_plain_model_with_the_same_loss(adapted, batch):
    bend(adapted)
    expected = adapted.eval().loss(batch)[0].item()
    adapters.merge(adapted.llm)
    assert not adapters.tensors(adapted.llm)
    assert {name for name, _ in adapted.llm.named_parameters()} == {n for n, _ in make_llm("llama").named_parameters()}
    assert adapted.loss(batch)[0].item() == pytest.approx(expected, abs=1e-5)


def test_a_checkpoint_keeps_the_adapters(adapted, config, whisper, tmp_path):
    bend(adapted)
    settings = replace(config, lora=LORA)
    values = adapters.tensors(adapted.llm)
    digest = checkpoint.save(tmp_path / "c", adapted.perception.connector, settings, {}, adapter=values)
    connector, found = checkpoint.load(tmp_path / "c", whisper.config, LLM_WIDTH)
    assert checkpoint.fingerprint(connector, found) == digest != checkpoint.fingerprint(connector)
    fresh = make_llm("llama")
    adapters.adapt(fresh, LORA)
    adapters.fill(fresh, found)
    assert all(torch.equal(each, values[name]) for name, each in adapters.tensors(fresh).items())
    assert checkpoint.read_config(tmp_path / "c") == settings


def test_settings_and_adapters_must_agree(adapted, config, whisper, tmp_path):
    connector = adapted.perception.connector
    with pytest.raises(InvalidInput, match="lora"):
        checkpoint.save(tmp_path / "c", connector, config, {}, adapter=adapters.tensors(adapted.llm))
    with pytest.raises(InvalidInput, match="lora"):
        checkpoint.save(tmp_path / "c", connector, replace(config, lora=LORA), {})


def test_an_adapter_that_does_not_fit_is_named(adapted):
    values = dict(adapters.tensors(adapted.llm))
    name = sorted(values)[0]
    with pytest.raises(InvalidInput, match="is of shape"):
        adapters.fill(adapted.llm, values | {name: torch.zeros(3)})
    del values[name]
    with pytest.raises(InvalidInput, match="missing"):
        adapters.fill(adapted.llm, values)


def test_adapters_are_written_as_peft_reads_them_and_come_back(adapted, tmp_path):
    from peft import PeftModel

    bend(adapted.eval())
    values = adapters.tensors(adapted.llm)
    adapters.save(tmp_path / "adapter", values, LORA, "tiny")
    theirs: Any = PeftModel.from_pretrained(make_llm("llama"), tmp_path / "adapter").eval()
    ids = torch.tensor([[5, 6, 7]])
    assert torch.allclose(theirs(ids).logits, adapted.llm(ids).logits, atol=1e-5)
    back = adapters.read(tmp_path / "adapter")
    assert back.keys() == values.keys()
    assert all(torch.equal(each, values[name]) for name, each in back.items())


def test_a_map_that_the_llm_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(InvalidInput, match=r"no linear map w_qkv .*q_proj"):
        adapters.adapt(make_llm("llama"), LoraConfig(targets=("w_qkv",)))


@pytest.mark.parametrize("change", [{"rank": 0}, {"dropout": 1.0}, {"targets": ()}])
def test_a_setting_out_of_range_is_named(change):
    with pytest.raises(InvalidInput, match=f"lora.{next(iter(change))}"):
        LoraConfig(**change)
