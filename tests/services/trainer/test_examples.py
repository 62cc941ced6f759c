from dataclasses import replace

import pytest
import torch

from earwitness import audio
from earwitness.desta.layout import IGNORED, lay_out
from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.trainer import rows
from services.trainer.ears import Ears
from services.trainer.examples import RowExamples, all_have_clips, batch_of, examples_from, lengths_of
from services.trainer.rows import RowMessage
from tests.services.trainer.conftest import row


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


@pytest.fixture
def file(tmp_path):
    """A file of rows, with a blank line among them."""
    path = tmp_path / "train.jsonl"
    rows.append(path, [row(number) for number in range(3)])
    with path.open("ab") as file:
        file.write(b"\n")
    rows.append(path, [row(3, clips=2), row(4, clips=0)])
    return path


def test_rows_of_a_file_are_tokenised_when_they_are_due_and_are_the_same(file, corpus, splicer):
    lazy, whole = RowExamples(file, corpus, splicer), examples_from(rows.read(file), corpus, splicer)
    assert len(lazy) == len(whole) == 5
    assert [lazy[at] for at in (4, 0, 3, 2, 1)] == [whole[at] for at in (4, 0, 3, 2, 1)]
    assert list(lazy) == whole
    assert lazy[1:4] == whole[1:4]
    assert len(lengths_of(lazy)) == 5
    assert [all_have_clips(each) for each in (lazy, whole, whole[:4])] == [False, False, True]


def test_a_row_that_breaks_the_format_is_found_before_anything_is_trained(file, corpus, splicer):
    with file.open("ab") as out:
        out.write(b'{"messages": [], "response": 3}\n')
    with pytest.raises(MalformedRow) as caught:
        RowExamples(file, corpus, splicer)
    assert caught.value.field.startswith("train.jsonl:7")


def test_marks_that_do_not_match_are_found_before_anything_is_trained(file, corpus, splicer):
    system, user = row(5).messages
    wrong = RowMessage(role="user", content="<|AUDIO|><|AUDIO|>", audios=user.audios)
    rows.append(file, [replace(row(5), messages=(system, wrong))])
    with pytest.raises(InvalidInput) as caught:
        RowExamples(file, corpus, splicer)
    assert caught.value.field == "row 5-0: messages[1].content"


def test_a_missing_file_is_named(corpus, splicer, tmp_path):
    with pytest.raises(NotFound, match=r"rows\.jsonl"):
        RowExamples(tmp_path / "rows.jsonl", corpus, splicer)
