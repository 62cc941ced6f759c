import pytest
import torch

from earwitness.desta.model import Batch
from earwitness.desta.prefix import KEPT, Prefixes
from earwitness.desta.splice import Message
from tests.earwitness.desta.conftest import make_llm, noise

SYSTEM = Message(role="system", content="Be brief. What do you hear in the audio?")


@pytest.fixture
def batch(model, splicer):
    asked = [("What do you hear? <|AUDIO|>", "A dog."), ("<|AUDIO|> What barks?", "A dog barks at the door.")]
    prompts = [splicer.splice([SYSTEM, Message(role="user", content=text, audios=("a",))], ["x"]) for text, _ in asked]
    targets = [splicer.target_ids(answer) for _, answer in asked]
    return Batch(prompts=prompts, targets=targets, taps=model.perception.hear([noise(1), noise(2, seed=1)]))


def read(model, batch):
    """The loss, its gradient, and how many tokens the LLM's layers were given for it."""
    given: list[int] = []
    hook = model.llm.get_decoder().register_forward_pre_hook(
        lambda module, inputs, options: given.append(
            (options.get("inputs_embeds") if "inputs_embeds" in options else options["input_ids"]).shape[:2].numel()
        ),
        with_kwargs=True,
    )
    model.zero_grad()
    loss, _ = model.loss(batch)
    loss.backward()
    hook.remove()
    gradient = torch.cat([each.grad.flatten() for each in model.perception.connector.parameters()])
    return loss.item(), gradient, sum(given)


def test_what_all_prompts_begin_with_is_read_once_and_changes_nothing(model, batch):
    first, second = read(model, batch), read(model, batch)
    model.llm.gradient_checkpointing_enable()  # takes no cache
    loss, gradient, whole = read(model, batch)
    model.llm.gradient_checkpointing_disable()
    for other, expected in ((first, (loss, gradient)), (second, (loss, gradient))):
        assert other[0] == pytest.approx(expected[0], abs=1e-5)
        assert torch.allclose(other[1], expected[1], atol=1e-5)
    assert first[2] < whole
    assert second[2] < first[2]


def test_a_prefix_read_in_inference_mode_serves_training(model, batch):
    with torch.inference_mode():
        model.loss(batch)
    model.loss(batch)[0].backward()


def test_few_prefixes_are_kept_and_each_call_has_a_cache_of_its_own():
    prefixes = Prefixes(make_llm("llama"))
    for number in range(KEPT + 3):
        prefixes.after((number, 1, 2), 1)
    assert len(prefixes._kept) == KEPT
    one, other = prefixes.after((7, 1, 2), 2), prefixes.after((7, 1, 2), 3)
    assert one.layers[0].keys.shape[0] == 2 and other.layers[0].keys.shape[0] == 3
    one.layers[0].keys.zero_()
    assert prefixes.after((7, 1, 2), 1).layers[0].keys.abs().sum() > 0
