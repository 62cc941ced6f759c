import json
from dataclasses import replace

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.trainer import card_page, provenance, rows
from services.trainer.card import card_of, distinct, tokenizer_of
from tests.services.trainer.conftest import row
from tests.services.trainer.test_provenance import MADE

SPOKEN = "[00:00-00:01] Hi. (Gender: {}, Pitch: Low)"
ROWS = [
    replace(
        row(number),
        prompt="Describe the audio." if number % 3 else "Sing!",
        seed_description=SPOKEN.format("Male" if number % 2 else "Female"),
        response="one two three " * (number + 1),
    )
    for number in range(10)
]


@pytest.fixture
def folder(tmp_path):
    provenance.begin(tmp_path, MADE)
    rows.append(tmp_path / "train.jsonl", ROWS[:8])
    rows.append(tmp_path / "held_out.jsonl", ROWS[8:])
    dropped = [
        rows.Dropped(id=str(number), reason=reason, max_tokens=16, response="...", prompt="Describe the audio.")
        for number, reason in enumerate(("empty", "refusal", "empty"))
    ]
    rows.append(tmp_path / "train.dropped.jsonl", dropped)
    return tmp_path


def test_everything_is_counted(folder):
    card = card_of(folder)
    assert card.rows == {"held_out.jsonl": 2, "train.jsonl": 8}
    assert card.dropped == {"empty": 2, "refusal": 1}
    assert card.datasets == {"noises": 10}
    assert card.kinds == {"description": 6, "other": 4}
    assert card.attributes["Gender"].values == {"Female": 5, "Male": 5}
    assert (card.attributes["Pitch"].rows, card.attributes["Pitch"].num_values) == (10, 1)
    assert (card.backbone, card.sampling) == (MADE.backbone, MADE.sampling)
    assert (card.pool_version, card.filters_version) == (MADE.pool.version, MADE.filters)


def test_lengths_are_in_words_and_where_there_is_a_tokenizer_in_tokens(folder):
    card = card_of(folder, len)
    response = card.words["response"]
    assert (response.mean, response.percentiles["0"], response.percentiles["50"]) == (16.5, 3, 16.5)
    assert list(response.percentiles) == ["0", "5", "25", "50", "75", "95", "100"]
    assert card.tokens.percentiles["100"] == len(ROWS[9].response)
    assert card_of(folder).tokens is None


def test_distinct_n_is_the_share_of_different_n_grams():
    assert distinct(["a b a b", "A c"], 1) == 0.5
    assert distinct(["a b a b", "a c"], 2) == 0.75
    assert distinct([], 1) == distinct(["a"], 2) == 0


def test_of_every_kind_and_reason_there_is_an_example(folder):
    examples = card_of(folder).examples
    assert [(each.kind, each.reason) for each in examples] == [
        ("description", ""),
        ("other", ""),
        ("description", "empty"),
        ("description", "refusal"),
    ]
    assert examples[0].prompt == "Describe the audio."


def test_the_order_of_rows_changes_nothing(folder, tmp_path):
    before = card_of(folder)
    (folder / "train.jsonl").unlink()
    rows.append(folder / "train.jsonl", reversed(ROWS[:8]))
    assert card_of(folder) == before


def test_rows_of_others_have_a_card_too(tmp_path):
    """In the form of kehanlu/DeSTA2.5-Audio, docs/train.md."""
    messages = [{"role": "user", "content": "<|AUDIO|>", "audios": [{"audio": "a.wav", "text": " "}]}]
    (tmp_path / "speech.0.jsonl").write_text(json.dumps({"messages": messages, "response": "A noise."}) + "\n")
    card = card_of(tmp_path)
    assert (card.rows, card.datasets, card.kinds) == ({"speech.0.jsonl": 1}, {"unnamed": 1}, {"other": 1})
    assert "Nothing in the folder says." in card_page.markdown(card)


def test_it_is_written_for_people_and_for_programs_always_the_same(folder):
    page = card_page.write(card_of(folder), folder)
    text = page.read_text()
    for said in (
        "10 targets in 2 files; 3 answers were dropped.",
        "| empty | 2 | 66.7% |",
        "| Gender | 10 | 2 | Female 5, Male 5 |",
        "greedy, at most 16 tokens, seed 0",
        "distinct-1 0.0182",
        "**description**, dropped: refusal",
    ):
        assert said in text
    machine = (folder / card_page.JSON).read_bytes()
    assert json.loads(machine)["kinds"] == {"description": 6, "other": 4}
    card_page.write(card_of(folder), folder)
    assert (page.read_text(), (folder / card_page.JSON).read_bytes()) == (text, machine)


def test_a_folder_without_rows_and_a_row_of_another_form_are_named(folder, tmp_path):
    with pytest.raises(NotFound, match="there are no rows"):
        card_of(tmp_path / "nowhere")
    (folder / "train.jsonl").write_text("{}\n")
    with pytest.raises(MalformedRow, match=r"train\.jsonl:1"):
        card_of(folder)


def test_a_tokenizer_is_a_folder_s_or_not_there(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_of(str(tmp_path), download=False)("What do you hear?") > 2
    for nobody in ("echo", str(tmp_path / "nowhere"), "no/such-model"):
        with pytest.raises(NotFound, match="there is no tokenizer"):
            tokenizer_of(nobody, download=False)
