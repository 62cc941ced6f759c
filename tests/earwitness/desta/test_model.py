from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import Gemma2Config, Gemma2ForCausalLM

from earwitness.desta.model import IGNORED, Batch, DestaModel, embed, lay_out
from earwitness.desta.splice import Message, Spliced
from earwitness.errors import InvalidInput, NotFound
from tests.earwitness.desta.conftest import LLM_WIDTH, noise

CONVERSATIONS = [
    ([Message(role="user", content="What do you hear? <|AUDIO|>", audios=("a",))], ["hello"], "A dog."),
    (
        [
            Message(role="system", content="Be brief."),
            Message(role="user", content="<|AUDIO|> <|AUDIO|> Same?", audios=("b", "c")),
        ],
        ["", "there"],
        "No, the second barks at the door.",
    ),
    ([Message(role="user", content="What barks?")], [], "A dog barks, hello."),
]


@pytest.fixture
def taps(model):
    return model.perception.hear([noise(1), noise(2, seed=1), noise(3, seed=2)])


@pytest.fixture
def batch(splicer, taps):
    return Batch(
        prompts=[splicer.splice(messages, transcripts) for messages, transcripts, _ in CONVERSATIONS],
        targets=[splicer.target_ids(response) for _, _, response in CONVERSATIONS],
        taps=taps,
    )


def singles(batch):
    """The batch, one example at a time."""
    first = 0
    for prompt, target in zip(batch.prompts, batch.targets, strict=True):
        last = first + len(prompt.slots)
        yield Batch(prompts=[prompt], targets=[target], taps=batch.taps[first:last])
        first = last


def naive_loss(model, batch):
    """Every position's logits, one example at a time, no padding."""
    terms = []
    for single in singles(batch):
        prompt, target = single.prompts[0], single.targets[0]
        ids = torch.tensor([[*prompt.ids, *target]])
        embeddings = list(model.llm.get_input_embeddings()(ids)[0])
        for slot, clip in zip(prompt.slots, single.taps, strict=True):
            embeddings[slot : slot + 64] = list(model.perception.connector(clip.unsqueeze(0))[0])
        logits = model.llm(inputs_embeds=torch.stack(embeddings).unsqueeze(0)).logits[0]
        answer = slice(len(prompt.ids) - 1, len(prompt.ids) + len(target) - 1)
        terms.append(cross_entropy(logits[answer], torch.tensor(target), reduction="none"))
    return torch.cat(terms).mean()


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.perception.connector.named_parameters()}


def test_labels_are_the_answer_where_it_stands():
    prompts = [Spliced(ids=(5, 6, 7), slots=(1,)), Spliced(ids=(8,), slots=())]
    right = lay_out(prompts, [(1, 2), (3,)])
    assert right.ids.tolist() == [[5, 6, 7, 1, 2], [8, 3, 0, 0, 0]]
    assert right.labels.tolist() == [[IGNORED] * 3 + [1, 2], [IGNORED, 3, IGNORED, IGNORED, IGNORED]]
    assert right.slots.tolist() == [[0, 1]]
    left = lay_out(prompts, left=True)
    assert left.ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert left.mask.tolist() == [[True] * 3, [False, False, True]]
    assert left.labels.unique().tolist() == [IGNORED]


@pytest.mark.parametrize("left", [False, True])
def test_vectors_stand_in_the_slots_and_nothing_else_changes(left):
    table = torch.nn.Embedding(10, 4)
    prompts = [Spliced(ids=(5, 6, 0, 0, 7), slots=(2,)), Spliced(ids=(8, 0, 0, 0, 0, 9), slots=(1, 3))]
    vectors = torch.arange(24.0).view(3, 2, 4) + 100
    embeddings = embed(table, lay_out(prompts, left=left), vectors)
    shift = 1 if left else 0
    assert torch.equal(embeddings[0, 2 + shift : 4 + shift], vectors[0])
    assert torch.equal(embeddings[1, 1:3], vectors[1])
    assert torch.equal(embeddings[1, 3:5], vectors[2])
    assert torch.equal(embeddings[0, [shift, shift + 1, shift + 4]], table(torch.tensor([5, 6, 7])))
    assert torch.equal(embeddings[1, [0, 5]], table(torch.tensor([8, 9])))


def test_clips_and_slots_must_agree_in_number():
    layout = lay_out([Spliced(ids=(5, 0, 0), slots=(1,))])
    with pytest.raises(InvalidInput, match="2 clips for 1 slots"):
        embed(torch.nn.Embedding(10, 4), layout, torch.zeros(2, 2, 4))
    with pytest.raises(InvalidInput, match="0 clips for 1 slots"):
        embed(torch.nn.Embedding(10, 4), layout, None)


def test_the_loss_and_its_gradients_are_those_of_all_logits_without_padding(model, batch):
    loss, num_tokens = model.loss(batch)
    naive = naive_loss(model, batch)
    assert num_tokens == sum(len(target) for target in batch.targets)
    assert loss.dtype == torch.float32
    assert abs(loss.item() - naive.item()) < 1e-5
    expected = gradients(model, naive)
    for name, gradient in gradients(model, loss).items():
        assert torch.allclose(gradient, expected[name], atol=1e-5), name


def test_a_padded_batch_loses_what_its_examples_lose_weighted_by_tokens(model, batch):
    loss, num_tokens = model.loss(batch)
    parts = [model.loss(single) for single in singles(batch)]
    assert abs(loss.item() - sum(part.item() * count for part, count in parts) / num_tokens) < 1e-5


def test_only_the_connector_learns(model, batch):
    model.train()
    model.loss(batch)[0].backward()
    for name, parameter in model.named_parameters():
        learns = name.startswith("perception.connector.")
        assert parameter.requires_grad == learns, name
        assert (parameter.grad is not None) == learns, name
    assert all(prompt.grad.abs().sum() > 0 for prompt in model.perception.connector.layer_prompts)


def test_training_mode_is_for_the_connector_alone(model):
    model.train()
    assert model.perception.connector.training
    assert not any(module.training for module in model.llm.modules())
    assert not any(module.training for module in model.perception.encoder.modules())
    model.eval()
    assert not model.perception.connector.training


def test_a_connector_can_learn_to_say_something(model, batch):
    optimizer = torch.optim.Adam(model.perception.connector.parameters(), lr=3e-3)
    first = next(iter(singles(batch)))
    start = model.loss(first)[0].item()
    for _ in range(15):
        optimizer.zero_grad()
        model.loss(first)[0].backward()
        optimizer.step()
    assert model.loss(first)[0].item() < 0.8 * start


def test_a_batch_is_answered_as_its_prompts_are(model, batch):
    together = model.generate(batch.prompts, batch.taps, eos=1, max_new_tokens=6)
    alone = [model.generate(one.prompts, one.taps, eos=1, max_new_tokens=6)[0] for one in singles(batch)]
    assert together == alone


@torch.no_grad()
def test_the_answer_is_the_likeliest_token_again_and_again(model, batch):
    first = next(iter(singles(batch)))
    answer = model.generate(first.prompts, first.taps, eos=1, max_new_tokens=5)[0]
    said = []
    for _ in range(5):
        layout = lay_out(first.prompts, [said])
        token = model.llm(inputs_embeds=model.embed(layout, first.taps)).logits[0, -1].argmax().item()
        if token == 1:
            break
        said.append(token)
    assert answer == said


def test_an_answer_stops_before_an_end_token(model, batch):
    first = next(iter(singles(batch)))
    answer = model.generate(first.prompts, first.taps, eos=1, max_new_tokens=5)[0]
    stop = answer[-1]
    shorter = model.generate(first.prompts, first.taps, eos=stop, max_new_tokens=5)[0]
    assert shorter == answer[: answer.index(stop)]


def test_the_llms_own_settings_do_not_bend_the_greedy_answer(model, batch):
    plain = model.generate(batch.prompts, batch.taps, eos=1, max_new_tokens=6)
    model.llm.generation_config.repetition_penalty = 0.01  # below 1, it rewards what was said
    assert model.generate(batch.prompts, batch.taps, eos=1, max_new_tokens=6) == plain


def test_a_model_loads_from_folders_in_its_dtype(model, config, batch, tmp_path):
    model.llm.save_pretrained(tmp_path / "llm")
    loaded = DestaModel.load(replace(config, llm=str(tmp_path / "llm")), model.perception.connector)
    assert torch.equal(loaded.loss(batch)[0], model.loss(batch)[0])
    half = DestaModel.load(replace(config, llm=str(tmp_path / "llm"), dtype="bfloat16"))
    assert half.embed(lay_out(batch.prompts), batch.taps.bfloat16()).dtype == torch.bfloat16
    assert {parameter.dtype for parameter in half.perception.connector.parameters()} == {torch.float32}


def test_bfloat16_loses_nearly_what_float32_does(model, config, batch, tmp_path):
    model.llm.save_pretrained(tmp_path / "llm")
    settings = replace(config, llm=str(tmp_path / "llm"), dtype="bfloat16")
    half = DestaModel.load(settings, model.perception.connector).eval()
    assert half.loss(batch)[0].item() == pytest.approx(model.loss(batch)[0].item(), rel=0.05)


def test_an_llm_that_does_not_exist_is_not_found(config, tmp_path):
    with pytest.raises(NotFound, match="nothing"):
        DestaModel.load(replace(config, llm=str(tmp_path / "nothing")))


def test_an_llm_that_bends_its_logits_is_refused(model):
    bent = Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=400,
            hidden_size=LLM_WIDTH,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,
            final_logit_softcapping=0.5,
        )
    )
    with pytest.raises(InvalidInput, match="Gemma2"):
        DestaModel(model.perception, bent)
