import json

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.evaluator.akb.contamination import contamination, texts
from tests.services.evaluator.akb.questions import question

ASKED = "Which of these animals makes its song by rubbing one forewing against the other?"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (ASKED, True),
        (f"Q: {ASKED.upper()} A: the cricket", True),
        ("Which of these animals makes its song by singing out loud in the woods?", False),
        ("", False),
    ],
)
def test_a_question_is_known_by_its_word_runs(text, known):
    one = question(0, question=ASKED)
    assert bool(contamination([one], "other", [("other:1", text)])) is known


def test_a_short_question_is_known_as_a_whole_and_three_words_tell_nothing():
    other = [("other:1", "Question: what makes thunder rumble? Answer: hot air."), ("other:2", "What is it?")]
    short, tiny = question(0, question="What makes thunder rumble"), question(1, question="What is it?")
    (found,) = contamination([short, tiny], "other", other)
    assert found.place == short.place and found.text == "1 of its 1 word runs stand in other, first at other:1"


def test_every_text_of_another_set_is_read_whatever_its_keys(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"q": "one", "more": {"choices": ["two", 3]}}) + "\n\n" + '["three"]\n')
    assert list(texts(path)) == [("other.jsonl:1", "one"), ("other.jsonl:1", "two"), ("other.jsonl:3", "three")]
    path.write_text(json.dumps([{"q": "one"}, {"q": "two"}], indent=1))
    assert list(texts(path)) == [("other.jsonl:row 0", "one"), ("other.jsonl:row 1", "two")]
    path.write_text("{")
    with pytest.raises(MalformedRow, match=r"other\.jsonl:1"):
        list(texts(path))
    with pytest.raises(NotFound):
        list(texts(tmp_path / "nowhere"))
