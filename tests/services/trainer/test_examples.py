from dataclasses import replace
from itertools import chain, islice

import pytest
import soundfile
import torch

from earwitness import audio
from earwitness.desta.model import IGNORED, lay_out
from earwitness.errors import InvalidInput, NotFound
from services.trainer.examples import Ears, batch_of, examples_from, order
from services.trainer.rows import RowMessage
from tests.earwitness.desta.conftest import noise
from tests.services.trainer.conftest import row

GIB = 2**30
BYTES = 4 * 100 * 32 * 4
"""Of a clip's four tapped layers of the tiny encoder in float32."""


@pytest.fixture
def encoded(encoder):
    """The numbers of clips that the encoder was given, call by call."""
    sizes: list[int] = []
    hook = encoder.register_forward_hook(lambda _, features, __: sizes.append(len(features[0])))
    yield sizes
    hook.remove()


def paths(corpus, *numbers):
    return [corpus / f"{number}.wav" for number in numbers]


def test_labels_are_the_response_and_then_the_end_of_sequence(corpus, splicer, tokenizer):
    examples = examples_from([row(0), row(1, clips=2)], corpus, splicer)
    labels = lay_out([each.prompt for each in examples], [each.target for each in examples]).labels
    for line, response in zip(labels, ("A dog barks.", "A bell."), strict=True):
        learned = line[line != IGNORED].tolist()
        assert tokenizer.decode(learned) == f"{response}{tokenizer.eos_token}"
        assert learned[-1] == tokenizer.eos_token_id


def test_a_prompt_holds_the_instruction_the_transcript_and_a_slot_for_each_clip(corpus, splicer, tokenizer):
    (example,) = examples_from([row(1, clips=2)], corpus, splicer)
    assert example.clips == tuple(paths(corpus, 1, 2))
    assert len(example.prompt.slots) == 2
    text = tokenizer.decode(example.prompt.ids)
    assert "What do you hear?" in text
    assert text.count("hello<end_audio>") == 2


@pytest.mark.parametrize("content", ["No mark.", "<|AUDIO|><|AUDIO|>"])
def test_marks_that_do_not_match_the_clips_are_an_error_that_names_the_row(corpus, splicer, content):
    system, user = row(3).messages
    wrong = RowMessage(role="user", content=content, audios=user.audios)
    with pytest.raises(InvalidInput) as caught:
        examples_from([row(2), replace(row(3), messages=(system, wrong))], corpus, splicer)
    assert caught.value.field == "row 3-0: messages[1].content"


def test_a_clip_is_encoded_once_within_the_budget(encoder, corpus, encoded):
    ears = Ears(encoder, 1.0)
    first = ears.hear(paths(corpus, 0, 1, 2))
    again = ears.hear(paths(corpus, 2, 0, 1, 3, 3))
    assert sum(encoded) == 4
    assert torch.equal(again[:3], first[[2, 0, 1]])
    assert torch.equal(again[3], again[4])


def test_beyond_the_budget_it_is_encoded_again_with_an_equal_result(encoder, corpus, encoded):
    clips = paths(corpus, 0, 1, 2, 1)
    kept = [Ears(encoder, 1.0).hear(clips) for _ in range(2)][-1]
    encoded.clear()
    forgetful = Ears(encoder, 0.0)
    assert all(torch.equal(forgetful.hear(clips), kept) for _ in range(2))
    assert sum(encoded) == 6
    encoded.clear()
    short = Ears(encoder, 2.5 * BYTES / GIB)
    assert all(torch.equal(short.hear(clips), kept) for _ in range(3))
    assert sum(encoded) == 3 + 1 + 1


def test_a_clip_sounds_the_same_whatever_it_is_heard_with(encoder, corpus):
    alone = Ears(encoder, 0.0).hear(paths(corpus, 3))
    assert torch.equal(Ears(encoder, 0.0).hear(paths(corpus, *range(10)))[3], alone[0])


def test_a_clip_that_is_missing_or_too_long_is_an_error_with_its_path(encoder, corpus, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(2.5), 16_000)
    with pytest.raises(InvalidInput, match=r"2\.5 s") as caught:
        Ears(encoder, 1.0).hear([*paths(corpus, 0), tmp_path / "long.wav"])
    assert caught.value.field == str(tmp_path / "long.wav")
    with pytest.raises(NotFound) as caught:
        Ears(encoder, 1.0).hear(paths(corpus, 99))
    assert caught.value.field == str(corpus / "99.wav")


def test_a_batch_has_the_sound_of_its_clips_in_their_order(encoder, corpus, splicer):
    batch = batch_of(examples_from([row(1, clips=2), row(0)], corpus, splicer), Ears(encoder, 1.0))
    heard = [encoder(encoder.features([audio.read(clip).samples]))[0] for clip in paths(corpus, 1, 2, 0)]
    assert torch.equal(batch.taps, torch.stack(heard))


def test_rows_without_clips_are_learned_from_too(model, corpus, splicer):
    whole = model()
    examples = examples_from([row(0, clips=0), row(1, clips=0)], corpus, splicer)
    loss, tokens = whole.loss(batch_of(examples, Ears(whole.perception.encoder, 1.0)))
    assert torch.isfinite(loss)
    assert tokens == sum(len(example.target) for example in examples)


@pytest.mark.parametrize(("num", "size"), [(8, 4), (9, 4), (5, 5), (1, 1), (7, 2)])
def test_an_epoch_is_a_permutation_in_whole_batches(num, size):
    whole = num // size
    batches = list(islice(order(num, size, 0), 3 * whole))
    assert {len(batch) for batch in batches} == {size}
    for epoch in range(3):
        seen = list(chain.from_iterable(batches[epoch * whole : (epoch + 1) * whole]))
        assert len(set(seen)) == len(seen) == whole * size
        assert set(seen) <= set(range(num))


def test_fewer_examples_than_a_batch_are_one_batch():
    assert [sorted(batch) for batch in islice(order(3, 8, 0), 2)] == [[0, 1, 2]] * 2


def test_the_order_is_repeatable_and_new_for_every_epoch_and_seed():
    first, again, other = (list(islice(order(32, 32, seed), 2)) for seed in (0, 0, 1))
    assert first == again
    assert len({tuple(epoch) for epoch in (*first, *other)}) == 4
